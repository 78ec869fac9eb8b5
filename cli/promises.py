"""Receipts and checkpoints in other people's hands, as files on the command line."""

from collections.abc import Iterable
from pathlib import Path

from audit.note import NOTE_SIZE_MAX
from audit.witness import Promise
from kernel.errors import Malformed
from verifier.evidence import FILE_SIZE_MAX, Evidence


def read_promises(evidence: Iterable[Path], checkpoints: Iterable[Path]) -> list[tuple[str, Promise]]:
    """What evidence files and checkpoints promise, each with its file's name; raises Malformed."""
    found = []
    for path in evidence:
        held = Evidence.parse(_read(path, FILE_SIZE_MAX))
        found.append((path.name, Promise.of_receipt(held.receipt, held.entry)))
    found.extend((path.name, Promise(note=_read(path, NOTE_SIZE_MAX))) for path in checkpoints)
    return found


def _read(path: Path, size_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size_max + 1)
    except OSError as error:
        raise Malformed(f"cannot be read: {error.strerror}", field=str(path)) from error
