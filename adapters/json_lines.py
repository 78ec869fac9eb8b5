"""JSON lines: one object a line. Numbers keep the text in which they were written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.decoding import as_file, encoding_of, utf8
from adapters.delivered import DeliveredFile
from adapters.json_file import read_file
from adapters.json_records import Numbered, decoder, explained
from adapters.port import AdapterSettings, Delivery, Source
from kernel.errors import Malformed


class JsonLines:
    """Reads a JSON lines file. A key that one record lacks is an absent value; one that all lack is an error."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file; raises Malformed."""
        return read_file(source, delivery_root, self._settings, self._records)

    def _records(self, source: Source, file: DeliveredFile) -> Iterator[Numbered]:
        return _records(source, file, encoding_of(source), self._settings)


def _records(source: Source, file: DeliveredFile, encoding: str, settings: AdapterSettings) -> Iterator[Numbered]:
    longest = settings.line_chars_max
    read = decoder()
    with as_file(utf8(file, encoding, settings)) as text:
        number = 0
        while line := text.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise Malformed("a line is longer than a line may be", field=source.where, remedy="one record a line")
            written = line.decode().strip()
            if written:
                yield f"line {number}", _record(source, read.decode, written, f"line {number}")


def _record(source: Source, decode: Any, written: str, place: str) -> dict[str, Any]:
    try:
        record = decode(written)
    except (ValueError, RecursionError) as error:
        raise explained(source, error, place) from None
    if not isinstance(record, dict):
        raise Malformed(f"{place} is no JSON object", field=source.where, remedy="one object a line")
    return record
