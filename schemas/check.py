"""Checks every agreement: files, cross-references, expressions."""

from pathlib import Path

from kernel.errors import Fault, Faulty
from schemas.catalogue import load_catalogue


def check(root: Path | None = None) -> list[Fault]:
    """Every fault in the agreements under `root` (default: those shipped), in the order of files and lines."""
    try:
        load_catalogue(root)
    except Faulty as error:
        return list(error.faults)
    return []
