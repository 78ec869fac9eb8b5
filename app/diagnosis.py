"""What an examination finds."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is; larger is worse."""

    WELL = 0
    UNKNOWN = 1
    WARNING = 2
    ILL = 3

    @property
    def mark(self) -> str:
        """The sign in front of a line."""
        return "✓?!✗"[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One finding in words, and what to do about it. Holds no personal data and no key."""

    level: Level
    zh: str
    en: str
    remedy: str = ""


def well(zh: str, en: str) -> Diagnosis:
    """All is as it should be."""
    return Diagnosis(level=Level.WELL, zh=zh, en=en)


def unknown(zh: str, en: str, remedy: str = "") -> Diagnosis:
    """It cannot be told from here."""
    return Diagnosis(level=Level.UNKNOWN, zh=zh, en=en, remedy=remedy)


def warning(zh: str, en: str, remedy: str = "") -> Diagnosis:
    """It works, and somebody should do something."""
    return Diagnosis(level=Level.WARNING, zh=zh, en=en, remedy=remedy)


def ill(zh: str, en: str, remedy: str = "") -> Diagnosis:
    """It does not work, or not for long, or it is not safe."""
    return Diagnosis(level=Level.ILL, zh=zh, en=en, remedy=remedy)
