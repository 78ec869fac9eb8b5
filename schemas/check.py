"""Checks every agreement: files, cross-references, expressions."""

from pathlib import Path

from kernel.errors import Fault
from schemas.catalogue import faults_of


def check(root: Path | None = None) -> list[Fault]:
    """Every fault in the agreements under `root` (default: those shipped), in the order of files and lines."""
    return list(faults_of(root))
