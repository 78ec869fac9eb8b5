"""JSON lines: one object a line, UTF-8. Numbers keep the text in which they were written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.port import AdapterSettings, Delivery, Row, Source, batched, data_as_of, delivered, whole
from kernel.errors import Malformed


class JsonLines:
    """Reads a JSON lines file. A key that one record lacks is an absent value; one that all lack is an error."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file; raises Malformed."""
        path = delivered(delivery_root, source.server.path, bytes_max=self._settings.file_bytes_max)
        as_of = data_as_of(path, self._settings)
        batches = batched(self._rows(source, path), self._settings.batch_rows)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=whole(path, batches, self._settings),
        )

    def _rows(self, source: Source, path: Path) -> Iterator[Row]:
        unseen = set(source.required)
        decoder = json.JSONDecoder(
            object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse_constant
        )
        number = 0
        for number, line in enumerate(self._lines(source, path), 1):
            record = _record(decoder, line, source, number)
            if record is None:
                continue
            if unseen:
                unseen -= record.keys()
            yield tuple([_text(record.get(column), source, column, number) for column in source.columns])
        if number and unseen:
            raise Malformed(
                "the column is missing from every record",
                field=source.field(min(unseen)),
                remedy="deliver it, or mend the contract",
            )

    def _lines(self, source: Source, path: Path) -> Iterator[bytes]:
        longest = self._settings.line_chars_max
        with path.open("rb") as file:
            while line := file.readline(longest + 1):
                if len(line) > longest:
                    raise Malformed(
                        "a line is longer than a line may be", field=source.where, remedy="one record a line"
                    )
                yield line


def _record(decoder: json.JSONDecoder, line: bytes, source: Source, number: int) -> dict[str, Any] | None:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            return None
        record = decoder.decode(text)
    except UnicodeDecodeError:
        raise Malformed(
            f"line {number} holds bytes that are no UTF-8", field=source.where, remedy="deliver UTF-8"
        ) from None
    except (ValueError, RecursionError):
        raise Malformed(f"line {number} is no JSON object", field=source.where, remedy="one object a line") from None
    if not isinstance(record, dict):
        raise Malformed(f"line {number} is no JSON object", field=source.where, remedy="one object a line")
    return record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one with a key twice is refused, since nobody knows which value is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(name: str) -> str:
    raise ValueError(name)


def _text(value: Any, source: Source, column: str, number: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise Malformed(
        f"line {number} holds a list or an object", field=source.field(column), remedy="deliver plain values"
    )
