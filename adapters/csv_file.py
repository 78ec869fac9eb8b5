"""Delimited text, decoded as a stream: GB18030 as old registries write it, or UTF-8."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from adapters.port import AdapterSettings, Delivery, Row, Source, batched, data_as_of, delivered, places, whole
from kernel.errors import Malformed

_ENCODINGS = {"gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8", "utf8": "utf-8"}
_BYTE_ORDER_MARK = "\ufeff"


class CsvFile:
    """Reads a CSV file with a header row, in GB18030 (which holds GBK and GB2312) or UTF-8."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file and read its header; raises Malformed."""
        path = delivered(delivery_root, source.server.path, bytes_max=self._settings.file_bytes_max)
        as_of = data_as_of(path, self._settings)
        rows = self._rows(source, path)
        next(rows)
        batches = batched(rows, self._settings.batch_rows)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=whole(path, batches, self._settings),
        )

    def _rows(self, source: Source, path: Path) -> Iterator[Row]:
        """One empty row for the header, which is checked at once, then the records."""
        encoding = _ENCODINGS.get(source.server.encoding.lower())
        if encoding is None:
            raise Malformed(
                f"{source.server.encoding} is no encoding that is read",
                field=source.where,
                remedy="mend the contract's server section",
            )
        with path.open(encoding=encoding, newline="") as file:
            yield from self._records(source, file)

    def _records(self, source: Source, file: TextIO) -> Iterator[Row]:
        number = 0
        try:
            reader = csv.reader(_bounded(file, self._settings.line_chars_max), strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            if header:
                header[0] = header[0].lstrip(_BYTE_ORDER_MARK)
            wanted = places(source, header)
            yield ()
            width = len(header)
            for number, record in enumerate(reader, 1):
                if len(record) != width:
                    if not record:
                        continue
                    raise Malformed(
                        f"record {number} has {len(record)} fields where the header has {width}",
                        field=source.where,
                        remedy="write every record with every field, quoted where it holds a delimiter",
                    )
                yield tuple([record[place] for place in wanted])
        except UnicodeDecodeError as error:
            raise Malformed(
                f"holds bytes that are no {error.encoding}, after record {number}",
                field=source.where,
                remedy="deliver it in the encoding that the contract names",
            ) from None
        except csv.Error as error:
            raise Malformed(
                f"is no CSV after record {number}: {error}", field=source.where, remedy="quote what holds a delimiter"
            ) from None


def _bounded(file: TextIO, chars_max: int) -> Iterator[str]:
    while line := file.readline(chars_max + 1):
        if len(line) > chars_max:
            raise csv.Error("a line is longer than a line may be")
        yield line
