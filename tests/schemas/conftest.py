"""A copy of the agreements that a test may break, and a person whose rows it may write."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernel.errors import Fault
from schemas.catalogue import ROOT, Catalogue, load_catalogue
from schemas.check import check

FOLDERS = ("datasets", "claims", "items", "grants", "clients")


@dataclass(frozen=True, slots=True)
class Agreements:
    """The real agreements in a place of their own."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text("utf-8")
        assert old in text, f"{file} no longer says {old}"
        path.write_text(text.replace(old, new, 1), "utf-8")

    def line(self, file: str, text: str) -> int:
        """The first line of a file that holds a text, or that is it where the text begins with =."""
        lines = (self.root / file).read_text("utf-8").splitlines()
        if text.startswith("="):
            return lines.index(text[1:]) + 1
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def faults(self) -> list[Fault]:
        return check(self.root)


@pytest.fixture
def contract(tmp_path: Path) -> Callable[[str], Agreements]:
    """One contract in a place of its own."""

    def alone(file: str) -> Agreements:
        (tmp_path / file).parent.mkdir(parents=True)
        shutil.copy(ROOT / file, tmp_path / file)
        return Agreements(tmp_path)

    return alone


@pytest.fixture
def agreements(tmp_path: Path) -> Agreements:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return Agreements(tmp_path)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
