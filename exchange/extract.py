"""Extract a delivery: what an adapter reads, written down whole as one UTF-8 file, with its digest."""

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.port import Batch, Delivery
from kernel.durable import flush_file
from kernel.errors import Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What a delivery brought. `digest` is SHA-256 of the extracted text; `in_force` is what `current` held then."""

    rows: int
    digest: bytes
    data_as_of: datetime
    watermark: str
    in_force: bytes | None

    def to_data(self) -> dict[str, Any]:
        """As plain values, for the run's folder."""
        return {
            "rows": self.rows,
            "digest": self.digest.hex(),
            "data_as_of": self.data_as_of.isoformat(),
            "watermark": self.watermark,
            "in_force": self.in_force.decode("ascii", "replace") if self.in_force is not None else None,
        }

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> "Extracted":
        """What `to_data` gave."""
        return cls(
            rows=data["rows"],
            digest=bytes.fromhex(data["digest"]),
            data_as_of=datetime.fromisoformat(data["data_as_of"]),
            watermark=data["watermark"],
            in_force=data["in_force"].encode("ascii") if data["in_force"] is not None else None,
        )


def write_delivery(delivery: Delivery, path: Path, *, in_force: bytes | None) -> Extracted:
    """Write every record, its number (from 1, after the header) in front; raises Malformed, and then leaves no file."""
    hashed = hashlib.sha256()
    rows = 0
    try:
        with path.open("wb") as file:
            for part, count in _encoded(delivery.batches, delivery.columns):
                hashed.update(part)
                file.write(part)
                rows += count
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    flush_file(path)
    return Extracted(
        rows=rows,
        digest=hashed.digest(),
        data_as_of=delivery.data_as_of,
        watermark=delivery.watermark,
        in_force=in_force,
    )


def _encoded(batches: Iterator[Batch], columns: tuple[str, ...]) -> Iterator[tuple[bytes, int]]:
    number = 0
    for batch in batches:
        text = io.StringIO(newline="")
        # Both characters of the line's end are quoted wherever they stand in a value.
        csv.writer(text, lineterminator="\r\n").writerows((number + at, *row) for at, row in enumerate(batch, 1))
        number += len(batch)
        written = text.getvalue()
        remedy = "deliver plain text"
        if "\0" in written:
            raise Malformed(_place("a null character", batch, columns, number), remedy=remedy)
        try:
            yield written.encode("utf-8"), len(batch)
        except UnicodeEncodeError:
            raise Malformed(_place("half a character", batch, columns, number), remedy=remedy) from None


def _place(what: str, batch: Batch, columns: tuple[str, ...], last: int) -> str:
    """Which record and column hold what cannot be written down; never the value."""
    for at, row in enumerate(batch):
        for column, value in zip(columns, row, strict=True):
            if value and ("\0" in value or any("\ud800" <= each <= "\udfff" for each in value)):
                return f"record {last - len(batch) + at + 1} holds {what} in {column}"
    return f"holds {what}"
