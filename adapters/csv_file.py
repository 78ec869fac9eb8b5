"""Delimited text, decoded as a stream: GB18030 as old registries write it, or UTF-8."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from adapters.gb18030 import Gb18030, Utf8
from adapters.port import (
    AdapterSettings,
    Delivery,
    Plain,
    Row,
    Source,
    batched,
    data_as_of,
    delivered,
    places,
    state_of,
    whole,
)
from kernel.errors import Malformed

_DECODERS: dict[str, type[Gb18030 | Utf8]] = {"GB18030": Gb18030, "UTF-8": Utf8}
_ENCODINGS = {"gb18030": "GB18030", "gbk": "GB18030", "gb2312": "GB18030", "utf-8": "UTF-8", "utf8": "UTF-8"}
_BYTE_ORDER_MARK = "\ufeff".encode()


class CsvFile:
    """Reads a delimited file with a header row, in GB18030 (which holds GBK and GB2312) or UTF-8."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file and read its header; raises Malformed."""
        path = delivered(delivery_root, source.server.path, bytes_max=self._settings.file_bytes_max)
        as_of = data_as_of(path, self._settings)
        unread = Plain(path=path, encoding=_encoding(source), delimiter=",", header=(), places=(), state=state_of(path))
        header = next(_records(unread, self._settings), [])
        wanted = places(source, [cell.strip() for cell in header])
        plain = replace(unread, header=tuple(header), places=tuple(wanted))
        batches = batched(_rows(source, plain, self._settings), self._settings.batch_rows)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=whole(path, batches, self._settings),
            plain=plain,
        )


def decoded(plain: Plain, settings: AdapterSettings) -> Iterator[bytes]:
    """The whole text in UTF-8, some MB at a time, without its byte order mark; records are as the registry wrote them.

    Raises Malformed, at the latest at the end, where the text is not in its encoding, holds a null character, or was
    changed since the delivery was opened.
    """
    decoder = _DECODERS[plain.encoding]()
    line = 1
    begun = False
    with plain.path.open("rb") as file:
        _check_same(plain)
        while raw := file.read(settings.chunk_bytes):
            part = _decode(plain, decoder, raw, line)
            line += raw.count(b"\n")
            if part and not begun:
                begun = True
                part = part.removeprefix(_BYTE_ORDER_MARK)
            if part:
                yield part
        _decode(plain, decoder, b"", line, final=True)
    _check_same(plain)


def _decode(plain: Plain, decoder: Gb18030 | Utf8, raw: bytes, line: int, *, final: bool = False) -> bytes:
    """The next part; `line` is the one that it begins in."""
    null = raw.find(b"\0")
    if null >= 0:
        where = line + raw.count(b"\n", 0, null)
        raise Malformed(
            f"holds a null character in line {where}", field=plain.path.name, remedy="deliver text without it"
        )
    try:
        return decoder.decode(raw, final=final)
    except UnicodeDecodeError as error:
        where = line + error.object[: error.start].count(b"\n")
    raise Malformed(
        f"holds bytes that are no {plain.encoding}, in line {where}",
        field=plain.path.name,
        remedy="deliver it in the encoding that the contract names",
    )


def _check_same(plain: Plain) -> None:
    if plain.state is not None and state_of(plain.path) != plain.state:
        raise Malformed(
            "was changed while it was read", field=plain.path.name, remedy="deliver by renaming a whole file in"
        )


class _Decoded(io.RawIOBase):
    """The decoded parts as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._held = memoryview(part)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


def _records(plain: Plain, settings: AdapterSettings) -> Iterator[list[str]]:
    """The header and the records that are not empty; raises Malformed."""
    number = 0
    stream = io.BufferedReader(_Decoded(decoded(plain, settings)))
    with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
        reader = csv.reader(_bounded(text, settings.line_chars_max), delimiter=plain.delimiter, strict=True)
        try:
            for number, record in enumerate(reader):
                if record or not number:
                    yield record
        except csv.Error as error:
            what = f"is no CSV after record {number}: {error}"
            raise Malformed(what, field=plain.path.name, remedy="quote what holds a delimiter") from None


def _rows(source: Source, plain: Plain, settings: AdapterSettings) -> Iterator[Row]:
    records = _records(plain, settings)
    next(records)
    width = len(plain.header)
    for number, record in enumerate(records, 1):
        if len(record) != width:
            raise Malformed(
                f"record {number} has {len(record)} fields where the header has {width}",
                field=source.where,
                remedy="write every record with every field, quoted where it holds a delimiter",
            )
        yield tuple([record[place] for place in plain.places])


def _encoding(source: Source) -> str:
    encoding = _ENCODINGS.get(source.server.encoding.lower())
    if encoding is None:
        raise Malformed(
            f"{source.server.encoding} is no encoding that is read",
            field=source.where,
            remedy="mend the contract's server section",
        )
    return encoding


def _bounded(file: TextIO, chars_max: int) -> Iterator[str]:
    while line := file.readline(chars_max + 1):
        if len(line) > chars_max:
            raise csv.Error("a line is longer than a line may be")
        yield line
