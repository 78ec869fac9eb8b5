"""Copying the logs of a hub that goes on writing them: from each a prefix that was signed, without taking any lock.

A journal only grows, and what its published checkpoint covers was flushed before that was signed. So the frames up to
there can be copied at any time; beyond them stand at most entries of the last second, of which a crash might still take
some away. The newest root log is copied first: so each log has at least the size that the copied root log says.
"""

from collections.abc import Iterator
from pathlib import Path

from app.backup_contents import StoredLog
from app.backup_writer import BackupWriter
from audit.checkpoint import open_checkpoint
from audit.detail import OPEN, detail_bytes, parse_detail, sealing_key_id
from audit.generation import generation_of, log_name
from audit.journal import encode_frame, preamble, read_frames
from audit.logs import origin_of
from audit.merkle import CompactRange, leaf_hash
from audit.note import NOTE_SIZE_MAX
from audit.place import LogPlace
from audit.record import Prepared
from audit.root_log import ROOT, Milestone
from kernel.errors import Damaged
from kernel.plain_file import open_plain, read_bounded
from kernel.trust import Trust

CHECKPOINT = "checkpoint"
JOURNAL = "journal"


def copy_logs(directory: Path, trust: Trust, writer: BackupWriter) -> tuple[StoredLog, ...]:
    """Copy every log below a hub's `audit` directory; raises Damaged where one is not what was signed."""
    newest = log_name(ROOT, generation_of(trust))
    names = sorted(each.name for each in directory.iterdir() if (each / "journal").exists())
    if newest not in names:
        raise Damaged("is missing", field=newest, remedy="run `mianzheng audit verify`")
    recorded: dict[str, int] = {}
    stored = []
    for name in (newest, *(each for each in names if each != newest)):
        place = LogPlace(directory=directory / name, origin=origin_of(trust.hub, name))
        copying = _Copying(place, recorded if name == newest else {})
        stored.append(copying.copy(trust, writer, at_least=recorded.get(name, 0) if name != newest else 0))
    if gone := sorted(recorded.keys() - set(names)):
        raise Damaged("is missing, and the root log records it", field=gone[0], remedy="run `mianzheng audit verify`")
    return tuple(stored)


def recorded_sizes(journal: Path, origin: str) -> dict[str, int]:
    """The largest size of each log, by name, that the journal of a root log records; raises Damaged or Malformed."""
    sizes: dict[str, int] = {}
    with open_plain(journal) as file:
        for frame in read_frames(file, origin):
            for record in frame.records:
                _note_sizes(record, sizes)
    return sizes


def _note_sizes(record: Prepared, sizes: dict[str, int]) -> None:
    if sealing_key_id(record.sealed) != OPEN.id:
        return
    milestone = Milestone.of(parse_detail(detail_bytes(record.sealed, OPEN)))
    if milestone is not None:
        sizes[milestone.name] = max(milestone.checkpoint.size, sizes.get(milestone.name, 0))


class _Copying:
    """One log on its way into a backup; notes in `recorded` which sizes it says that logs had."""

    def __init__(self, place: LogPlace, recorded: dict[str, int]) -> None:
        self._place = place
        self._recorded = recorded
        self._tree = CompactRange()

    def copy(self, trust: Trust, writer: BackupWriter, *, at_least: int) -> StoredLog:
        name = self._place.directory.name
        note, size, root = self._published(trust)
        target = max(size, at_least)
        writer.put(f"audit/{name}/{JOURNAL}", self._frames(size, root, target))
        if self._tree.size != target:
            raise self._damaged(f"ends at {self._tree.size} entries, and {target} were signed")
        if note is not None:
            writer.put(f"audit/{name}/{CHECKPOINT}", [note])
        return StoredLog(name=name, size=target, root=self._tree.root().hex())

    def _published(self, trust: Trust) -> tuple[bytes | None, int, bytes]:
        try:
            note = read_bounded(self._place.checkpoint, NOTE_SIZE_MAX)
        except FileNotFoundError:
            return None, 0, b""
        checkpoint = open_checkpoint(note, self._place.origin, trust.log_keys(self._place.origin))
        return note, checkpoint.size, checkpoint.root

    def _frames(self, size: int, root: bytes, target: int) -> Iterator[bytes]:
        """The journal's bytes up to the frame that ends with entry `target`, checked against the checkpoint."""
        yield preamble(self._place.origin)
        if target == 0:
            return
        with open_plain(self._place.journal) as file:
            for frame in read_frames(file, self._place.origin):
                if frame.first != self._tree.size:
                    raise self._damaged(f"holds entry {frame.first} where {self._tree.size} belongs")
                for record in frame.records:
                    self._tree.append(leaf_hash(record.entry))
                    _note_sizes(record, self._recorded)
                if self._tree.size == size and self._tree.root() != root:
                    raise self._damaged("does not hold the entries that were published")
                yield encode_frame(frame.first, frame.records)
                if self._tree.size >= target:
                    return

    def _damaged(self, what: str) -> Damaged:
        name = self._place.directory.name
        return Damaged(what, field=f"{name}/journal", remedy="run `mianzheng audit verify`")
