"""Receipts and checkpoints in other people's hands, as files on the command line."""

from collections.abc import Iterable
from pathlib import Path

from audit.note import NOTE_SIZE_MAX
from audit.witness import Promise
from cli.given import read_given
from verifier.evidence import FILE_SIZE_MAX, Evidence


def read_promises(evidence: Iterable[Path], checkpoints: Iterable[Path]) -> list[tuple[str, Promise]]:
    """What evidence files and checkpoints promise, each with its file's name; raises Malformed."""
    found = []
    for path in evidence:
        held = Evidence.parse(read_given(path, FILE_SIZE_MAX))
        found.append((path.name, Promise.of_receipt(held.receipt, held.entry)))
    found.extend((path.name, Promise(note=read_given(path, NOTE_SIZE_MAX))) for path in checkpoints)
    return found
