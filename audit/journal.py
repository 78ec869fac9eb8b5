"""The journal: the durable truth of a log, frame after frame, one a commit group. Format: docs/specs/log.md.

A group is written with one write and made durable with one flush, and the next is written only after that. So a crash
can tear the last frame only, which nobody was told of; a frame that does not hold anywhere else has been damaged.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from audit.detail import KEY_ID_SIZE
from audit.files import Files, put
from audit.record import Prepared
from kernel.digest import DIGEST_SIZE, digest
from kernel.durable import PRIVATE
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain

JOURNAL_FILE = "journal"
FRAME_SIZE_MAX = 64 << 20
"""No frame is longer, whatever its header says."""

_MAGIC = b"MZJ1"
_FIELDS = struct.Struct(">4sIQI")  # magic, bytes of the body, index of the first entry, number of entries
_CHECK_SIZE = 8
_HEADER_SIZE = _FIELDS.size + _CHECK_SIZE
_SIZES = struct.Struct(">HI")  # bytes of the entry, of the sealed detail
_SEALED_SIZE_MIN = KEY_ID_SIZE
_PREAMBLE_LINE_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One commit group in the journal: where it stands, the index of its first entry, and its records."""

    start: int
    end: int
    first: int
    records: tuple[Prepared, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The head of a frame, its check passed."""

    body_size: int
    first: int
    count: int

    @property
    def frame_size(self) -> int:
        """The bytes of the whole frame."""
        return _HEADER_SIZE + self.body_size + DIGEST_SIZE


class BrokenFrame(Damaged):
    """The bytes at a place in the journal are no whole frame.

    `torn` says that a crash can have left them: no frame was finished behind them. `resume` is where the next frame
    may begin, `header` the frame's head if that holds, and `body` its body as found.
    """

    code = "broken_frame"

    def __init__(
        self, message: str, *, start: int, resume: int, header: Header | None = None, body: bytes = b""
    ) -> None:
        """Say what is wrong at which byte."""
        super().__init__(message, field=f"{JOURNAL_FILE} at byte {start}")
        self.start = start
        self.resume = resume
        self.header = header
        self.body = body
        self.torn = False


def preamble(origin: str) -> bytes:
    """The journal's first bytes: whose it is."""
    return f"mianzheng journal 1\n{origin}\n".encode()


def encode_frame(first: int, records: Sequence[Prepared]) -> bytes:
    """The bytes of a frame; raises Malformed where nobody would read so long a one back."""
    parts = [b""]
    for each in records:
        parts += (_SIZES.pack(len(each.entry), len(each.sealed)), each.entry, each.sealed)
    fields = _FIELDS.pack(_MAGIC, sum(map(len, parts)), first, len(records))
    parts[0] = fields + digest(fields)[:_CHECK_SIZE]
    whole = b"".join(parts)
    if len(whole) + DIGEST_SIZE > FRAME_SIZE_MAX:
        raise Malformed(f"has more than {FRAME_SIZE_MAX} bytes", field="frame")
    return whole + digest(whole)


def parse_records(body: bytes, count: int) -> tuple[Prepared, ...]:
    """The records of a frame's body; raises Malformed."""
    records: list[Prepared] = []
    at = 0
    while at < len(body) and len(records) < count:
        begin = at + _SIZES.size
        if begin > len(body):
            break
        entry_size, sealed_size = _SIZES.unpack_from(body, at)
        middle = begin + entry_size
        at = middle + sealed_size
        if sealed_size < _SEALED_SIZE_MIN:
            break
        records.append(Prepared(entry=body[begin:middle], sealed=body[middle:at]))
    if at != len(body) or len(records) != count:
        raise Malformed(f"is no body of {count} records", field="frame")
    return tuple(records)


def parse_header(raw: bytes) -> Header:
    """The head of a frame; raises Malformed."""
    if len(raw) < _HEADER_SIZE:
        raise Malformed("is too short for a frame", field="frame")
    fields, check = raw[: _FIELDS.size], raw[_FIELDS.size : _HEADER_SIZE]
    magic, body_size, first, count = _FIELDS.unpack(fields)
    if magic != _MAGIC or digest(fields)[:_CHECK_SIZE] != check:
        raise Malformed("is no head of a frame", field="frame")
    header = Header(body_size=body_size, first=first, count=count)
    if header.frame_size > FRAME_SIZE_MAX or not 0 < count <= body_size:
        raise Malformed("has an impossible size", field="frame")
    return header


def parse_frame(raw: bytes) -> tuple[int, tuple[Prepared, ...]]:
    """The first index and the records of a whole frame; raises Malformed."""
    header = parse_header(raw)
    whole, check = raw[:-DIGEST_SIZE], raw[-DIGEST_SIZE:]
    if len(raw) != header.frame_size or digest(whole) != check:
        raise Malformed("does not hold its digest", field="frame")
    return header.first, parse_records(whole[_HEADER_SIZE:], header.count)


def read_frames(file: BinaryIO, origin: str, *, start: int = 0, end: int | None = None) -> Iterator[Frame]:
    """The frames of an open journal from a byte on; raises BrokenFrame at the first that does not hold."""
    stop = os.fstat(file.fileno()).st_size if end is None else end
    at = max(start, check_preamble(file, origin))
    while at < stop:
        frame = _read_frame(file, at, stop)
        yield frame
        at = frame.end


def check_preamble(file: BinaryIO, origin: str) -> int:
    """Where the first frame begins; raises Damaged where the journal is not this log's."""
    expected = preamble(origin)
    file.seek(0)
    if file.read(len(expected)) != expected:
        raise Damaged("is not this log's journal", field=JOURNAL_FILE)
    return len(expected)


def has_frames(path: Path) -> bool:
    """Whether a journal, whosever it is, holds more than its preamble."""
    try:
        with open_plain(path) as file:
            file.readline(_PREAMBLE_LINE_MAX)
            file.readline(_PREAMBLE_LINE_MAX)
            return bool(file.read(1))
    except FileNotFoundError:
        return False
    except Damaged:
        return True


def _read_frame(file: BinaryIO, start: int, stop: int) -> Frame:
    file.seek(start)
    head = file.read(min(_HEADER_SIZE, stop - start))
    try:
        header = parse_header(head)
    except Malformed as error:
        resume, found = _next_header(file, start + 1, stop)
        broken = BrokenFrame(error.message, start=start, resume=resume)
        broken.torn = not found
        raise broken from error
    end = start + header.frame_size
    rest = file.read(min(end, stop) - start - len(head))
    try:
        first, records = parse_frame(head + rest)
    except Malformed as error:
        body = rest[: header.body_size]
        broken = BrokenFrame(error.message, start=start, resume=min(end, stop), header=header, body=body)
        broken.torn = end >= stop
        raise broken from error
    return Frame(start=start, end=end, first=first, records=records)


def _next_header(file: BinaryIO, start: int, stop: int) -> tuple[int, bool]:
    """Where the next head of a frame that holds begins, and whether there is one before `stop`."""
    file.seek(start)
    window = file.read(min(stop - start, FRAME_SIZE_MAX))
    at = window.find(_MAGIC)
    while at >= 0:
        try:
            parse_header(window[at : at + _HEADER_SIZE])
        except Malformed:
            at = window.find(_MAGIC, at + 1)
            continue
        return start + at, True
    # Bytes that no single torn frame could have left count as damage too.
    return stop, len(window) < stop - start


class Journal:
    """The journal of one log, open for appending. Whoever holds it holds the log's lock."""

    __slots__ = ("_files", "_handle", "end", "path")

    def __init__(self, path: Path, files: Files, end: int) -> None:
        """Open an existing journal whose frames end at byte `end`."""
        self.path = path
        self.end = end
        self._files = files
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, frame: bytes) -> None:
        """Make a frame durable: one write, one flush. Raises OSError; then nothing may be written any more."""
        self._files.write(self._handle, frame)
        self._files.flush(self._handle)
        self.end += len(frame)

    def settle(self, last_frame: Frame | None) -> int:
        """Cut a torn tail off, and make the last frame durable once more; returns the bytes cut off.

        After a flush that failed the system may hold pages that look clean and never reached the disk. Only the last
        frame can be such a one; writing it again makes its pages dirty, and the flush mean what it says.
        """
        size = os.fstat(self._handle).st_size
        torn = size - self.end
        if torn:
            with self.path.open("rb") as file:
                file.seek(self.end)
                put(self._files, self.path.with_name(f"torn-{self.end}"), file.read(FRAME_SIZE_MAX), mode=PRIVATE)
            os.ftruncate(self._handle, self.end)
        if last_frame is not None:
            again = encode_frame(last_frame.first, last_frame.records)
            handle = os.open(self.path, os.O_WRONLY)
            try:
                os.pwrite(handle, again, last_frame.start)
            finally:
                os.close(handle)
        self._files.flush(self._handle)
        if torn:
            self._files.flush_names(self.path.parent)
        return torn

    def close(self) -> None:
        """Let the file go."""
        os.close(self._handle)
