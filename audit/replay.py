"""Reading a journal that may have been damaged: every record that can still be had, each with its index."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from audit.finding import Fault, Findings
from audit.journal import BrokenFrame, Frame, parse_records, read_frames
from audit.place import LogPlace
from audit.record import Prepared
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain

PLACE = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the journal holds for an index: a record, or None where it has been lost. `sure`: its frame held."""

    index: int
    record: Prepared | None
    sure: bool = True


class Replay:
    """One reading of a log's journal. `unfinished` counts the bytes of a frame that was being written at its end."""

    def __init__(self, place: LogPlace, findings: Findings, reach: int) -> None:
        """Note damage in `findings`; entries below `reach` are known to have existed."""
        self._place = place
        self._findings = findings
        self._reach = reach
        self.unfinished = 0
        self.size = 0

    def records(self) -> Iterator[Replayed]:
        """Every index in order, up to the journal's end."""
        try:
            file = open_plain(self._place.journal)
        except FileNotFoundError:
            self._findings.add(Fault.JOURNAL_MISSING, PLACE)
            return
        except Damaged:
            self._findings.add(Fault.JOURNAL_FOREIGN, PLACE)
            return
        with file:
            for frame, sure in self._frames(file):
                yield from self._fill(frame.first, sure)
                for at, record in enumerate(frame.records, frame.first):
                    if at == self.size:
                        self.size += 1
                        yield Replayed(index=at, record=record, sure=sure)

    def _fill(self, first: int, sure: bool) -> Iterator[Replayed]:  # noqa: FBT001 - one word with one meaning
        """Account for what is missing before a frame, as far as it is known to have existed."""
        if first == self.size:
            return
        if sure:
            self._findings.add(Fault.JOURNAL_GAP, f"{PLACE}: {self.size}–{first}")
        while self.size < min(first, self._reach):
            self.size += 1
            yield Replayed(index=self.size - 1, record=None)

    def _frames(self, file: BinaryIO) -> Iterator[tuple[Frame, bool]]:
        """Every frame that holds, and what can be saved of those that do not; the flag tells which."""
        at = 0
        while True:
            try:
                for frame in read_frames(file, self._place.origin, start=at):
                    at = frame.end
                    yield frame, True
            except BrokenFrame as broken:
                # Nobody was told of a torn frame; but below what was published there are none.
                if broken.torn and self.size >= self._reach:
                    self.unfinished = file.seek(0, 2) - broken.start
                    return
                self._findings.add(Fault.JOURNAL_BROKEN, broken.field)
                at = broken.resume
                if (saved := _save(broken)) is not None:
                    yield saved, False
            except Damaged:
                self._findings.add(Fault.JOURNAL_FOREIGN, PLACE)
                return
            else:
                return


def _save(broken: BrokenFrame) -> Frame | None:
    """The records of a broken frame whose parts can still be told apart."""
    if broken.header is None:
        return None
    try:
        records = parse_records(broken.body, broken.header.count)
    except Malformed:
        return None
    return Frame(start=broken.start, end=broken.resume, first=broken.header.first, records=records)
