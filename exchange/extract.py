"""Extract a delivery: what a registry brings, written down whole as one UTF-8 text, with its digest.

A registry's own delimited text is taken over as it is where that cannot be read in two ways, and DuckDB reads it at
once. Whatever else is delivered passes through its adapter, row by row.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.csv_file import decoded
from adapters.port import AdapterSettings, Batch, Delivery, Plain
from exchange.text import Text
from kernel.clock import parse_instant
from kernel.durable import flush_file
from kernel.errors import Malformed

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CHARACTER_BYTES_MAX = 4
"""Bytes of one character in UTF-8, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What a delivery brought. `digest` is SHA-256 of the extracted text; `in_force` is what `current` held then.

    `changes` says that it brings only what changed since the snapshot in force. `source` is the state of the file that
    was read, where it was one.
    """

    text: Text
    digest: bytes
    data_as_of: datetime
    watermark: str
    changes: bool
    in_force: bytes | None
    source: tuple[int, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """As plain values, for the run's folder."""
        return {
            "text": self.text.to_data(),
            "digest": self.digest.hex(),
            "data_as_of": self.data_as_of.isoformat(),
            "watermark": self.watermark,
            "changes": self.changes,
            "source": list(self.source),
            "in_force": self.in_force.decode("ascii", "replace") if self.in_force is not None else None,
        }

    @classmethod
    def of_data(cls, path: Path, data: dict[str, Any]) -> "Extracted":
        """What `to_data` gave, of a text at a path."""
        return cls(
            text=Text.of_data(path, data["text"]),
            digest=bytes.fromhex(data["digest"]),
            data_as_of=parse_instant(data["data_as_of"]),
            watermark=data["watermark"],
            changes=data["changes"],
            source=tuple(data.get("source", ())),
            in_force=data["in_force"].encode("ascii") if data["in_force"] is not None else None,
        )


class _Ambiguous(Exception):
    """A registry's own text could be read in two ways, so its adapter must read it."""


def write_delivery(
    delivery: Delivery, path: Path, *, in_force: bytes | None, settings: AdapterSettings, by_row: bool = False
) -> Extracted:
    """Write a delivery down; raises Malformed, and then leaves no file. `by_row`: through its adapter in any case."""
    try:
        written = None if by_row or delivery.plain is None else _as_delivered(delivery.plain, path, settings)
        text, hashed = written or _row_by_row(delivery, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    flush_file(path)
    return Extracted(
        text=text,
        digest=hashed,
        data_as_of=delivery.data_as_of,
        watermark=delivery.watermark,
        changes=delivery.changes,
        in_force=in_force,
        source=(delivery.plain.state or ()) if delivery.plain is not None else (),
    )


def _as_delivered(plain: Plain, path: Path, settings: AdapterSettings) -> tuple[Text, bytes] | None:
    """Take over a registry's own text, behind its header; None where it could be read in two ways."""
    # Which column is which is part of what was delivered.
    about = json.dumps([plain.delimiter, plain.header], ensure_ascii=False).encode()
    if len(plain.header) == 1:
        # An empty line is an empty value to one reader, and nothing to the other.
        return None
    try:
        hashed = _write(_unambiguous(decoded(plain, settings), plain.delimiter.encode(), settings), path, about)
    except _Ambiguous:
        return None
    text = Text(path=path, delimiter=plain.delimiter, width=len(plain.header), places=plain.places, rows=None)
    return text, hashed


def _unambiguous(parts: Iterable[bytes], delimiter: bytes, settings: AdapterSettings) -> Iterator[bytes]:
    """The text behind its first line, every line end a line feed; raises _Ambiguous.

    Carriage returns of their own, and blanks before a quotation mark, are read differently by different programs; a
    second byte order mark and overlong lines are left to the adapter.
    """
    held = b""
    begun = False
    for part in parts:
        whole = (held + part).replace(b"\r\n", b"\n")
        # A carriage return may be half of a line end, and the last line may begin what only the next part shows.
        cut = whole.rfind(b"\n") + 1
        whole, held = whole[:cut], whole[cut:]
        if len(held) > _CHARACTER_BYTES_MAX * settings.line_chars_max:
            raise _Ambiguous
        if not begun and whole:
            begun = True
            whole = _behind_header(whole)
        yield _checked(whole, delimiter)
    held = held.removesuffix(b"\r")
    yield _checked(held if begun else _behind_header(held + b"\n"), delimiter)


def _behind_header(whole: bytes) -> bytes:
    header, _, rest = whole.partition(b"\n")
    if header.count(b'"') % 2 or b"\r" in header or rest.startswith(_BYTE_ORDER_MARK):
        raise _Ambiguous
    return rest


def _checked(whole: bytes, delimiter: bytes) -> bytes:
    """Whole lines; raises _Ambiguous."""
    if b"\r" in whole:
        raise _Ambiguous
    if b'"' in whole and (whole.startswith(b' "') or any(before + b' "' in whole for before in (b"\n", delimiter))):
        raise _Ambiguous
    return whole


def _row_by_row(delivery: Delivery, path: Path) -> tuple[Text, bytes]:
    """Write down what an adapter reads, in the contract's columns."""
    columns = delivery.columns
    rows = 0

    def parts() -> Iterator[bytes]:
        nonlocal rows
        for batch in delivery.batches:
            yield _encoded(batch, columns, rows)
            rows += len(batch)

    hashed = _write(parts(), path, b"")
    text = Text(path=path, delimiter=",", width=len(columns), places=tuple(range(len(columns))), rows=rows)
    return text, hashed


def _write(parts: Iterable[bytes], path: Path, about: bytes) -> bytes:
    """Write the parts down; returns the digest of what is said about them and of them.

    One is hashed and written while the next is being made.
    """
    hashed = hashlib.sha256(about)

    def keep(part: bytes) -> None:
        hashed.update(part)
        file.write(part)

    with path.open("wb") as file, ThreadPoolExecutor(max_workers=1) as beside:
        kept: Future[None] | None = None
        for part in parts:
            if kept is not None:
                kept.result()
            kept = beside.submit(keep, part)
        if kept is not None:
            kept.result()
    return hashed.digest()


def _encoded(batch: Batch, columns: tuple[str, ...], before: int) -> bytes:
    """A batch as text. Every value is quoted, so that nothing in it can end a line or a value."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(batch)
    written = text.getvalue()
    remedy = "deliver plain text"
    if "\0" in written:
        raise Malformed(_place("a null character", batch, columns, before), remedy=remedy)
    try:
        return written.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed(_place("half a character", batch, columns, before), remedy=remedy) from None


def _place(what: str, batch: Batch, columns: tuple[str, ...], before: int) -> str:
    """Which record and column hold what cannot be written down; never the value."""
    for at, row in enumerate(batch, before + 1):
        for column, value in zip(columns, row, strict=True):
            if value and ("\0" in value or any("\ud800" <= each <= "\udfff" for each in value)):
                return f"record {at} holds {what} in {column}"
    return f"holds {what}"
