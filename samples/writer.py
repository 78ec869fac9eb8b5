"""How a delivery comes to stand in its place: written beside it, renamed in whole, with the sidecar that dates it."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from kernel.durable import replace_file
from samples.tables import Table

Value = str | int | float | None
Values = Mapping[str, Value]


class Writer(Protocol):
    """Writes one delivery, in as many portions as it comes; it stands when the block is left without an error."""

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows: values by column name."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, or remove what was begun."""


def partial(path: Path) -> Path:
    """Where a delivery is written before it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    return beside


def settle(beside: Path, path: Path, error: BaseException | None) -> None:
    """Rename a delivery in, or remove what was begun."""
    if error is None:
        beside.replace(path)
    else:
        beside.unlink(missing_ok=True)


def in_order(table: Table, row: Values) -> list[Value]:
    """A row's values in the order of the headers."""
    return [row[name] for name in table.columns]


def data_as_of(day: date) -> str:
    """The instant that a day's deliveries vouch for: the midnight with which it begins."""
    return f"{day.isoformat()}T00:00:00+08:00"


def write_sidecar(path: Path, day: date) -> None:
    """Date a delivered file."""
    replace_file(path.with_name(f"{path.name}.meta.json"), json.dumps({"data_as_of": data_as_of(day)}).encode() + b"\n")
