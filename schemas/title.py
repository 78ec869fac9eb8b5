"""What people read: Chinese first, English beside it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """One title in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        """Chinese, then English."""
        return f"{self.zh} {self.en}"


class Shape(BaseModel):
    """What a part of an agreement's file must look like; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class TitleShape(Shape):
    """A title as files carry it."""

    zh: Words
    en: Words

    def value(self) -> Title:
        """The title."""
        return Title(zh=self.zh, en=self.en)
