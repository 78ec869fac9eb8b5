"""Delimited text with a header row."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from adapters.decoding import as_file, encoding_of, utf8
from adapters.delivered import DeliveredFile, data_as_of, find, state_of
from adapters.port import AdapterSettings, Delivery, Plain, Row, Source, batched, places
from kernel.errors import Malformed


class CsvFile:
    """Reads a delimited file in GB18030 (which holds GBK and GB2312) or UTF-8."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file and read its header; raises Malformed."""
        file = find(source, delivery_root, self._settings)
        source = source.at(file.name)
        as_of = data_as_of(file.path, self._settings)
        unread = Plain(
            path=file.path,
            encoding=encoding_of(source),
            delimiter=source.server.delimiter,
            header=(),
            places=(),
            compression=file.compression,
            state=file.state,
            name=file.name,
        )
        with _records(unread, self._settings) as records:
            header = next(records, [])
        names = [cell.strip() for cell in header]
        wanted = places(source, names)
        plain = replace(unread, header=tuple(header), places=tuple(wanted))
        batches = batched(_rows(source, plain, self._settings), self._settings)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=file.whole(batches, self._settings),
            plain=plain,
            header=tuple(names),
        )


def decoded(plain: Plain, settings: AdapterSettings) -> Iterator[bytes]:
    """The whole text in UTF-8, some MB at a time, without its byte order mark; records are as the registry wrote them.

    Raises Malformed, at the latest at the end, where the text is not in its encoding, holds a null character, is packed
    in a way that is not read, or was changed since the delivery was opened; Unavailable where reading fails.
    """
    file = DeliveredFile(
        path=plain.path,
        name=plain.name or plain.path.name,
        compression=plain.compression,
        state=plain.state or state_of(plain.path),
    )
    return utf8(file, plain.encoding, settings)


@contextmanager
def _records(plain: Plain, settings: AdapterSettings) -> Iterator[Iterator[list[str]]]:
    """The header and the records that are not empty; raises Malformed."""
    parts = decoded(plain, settings)
    with io.TextIOWrapper(as_file(parts), encoding="utf-8", newline="") as text:
        yield _parsed(plain, text, settings)


def _parsed(plain: Plain, text: TextIO, settings: AdapterSettings) -> Iterator[list[str]]:
    # The bound is the library's own, one for the whole process; ours is always the same.
    csv.field_size_limit(settings.line_chars_max)
    number = 0
    try:
        reader = csv.reader(_bounded(text, settings.line_chars_max), delimiter=plain.delimiter, strict=True)
        for number, record in enumerate(reader):
            if record or not number:
                yield record
    except csv.Error as error:
        what = f"is no delimited text after record {number}: {error}"
        raise Malformed(what, field=plain.name, remedy="quote what holds a delimiter") from None


def _rows(source: Source, plain: Plain, settings: AdapterSettings) -> Iterator[Row]:
    width = len(plain.header)
    with _records(plain, settings) as records:
        next(records, None)
        for number, record in enumerate(records, 1):
            if len(record) != width:
                raise Malformed(
                    f"record {number} has {len(record)} fields where the header has {width}",
                    field=source.where,
                    remedy="write every record with every field, quoted where it holds a delimiter",
                )
            yield tuple([record[place] for place in plain.places])


def _bounded(text: TextIO, chars_max: int) -> Iterator[str]:
    while line := text.readline(chars_max + 1):
        if len(line) > chars_max:
            raise csv.Error("a line is longer than a line may be")
        yield line
