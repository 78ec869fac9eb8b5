"""Records in JSON, as registries write them: numbers keep the text in which they were written."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.port import MissingColumns, Row, Source
from kernel.errors import Malformed

HEADER_RECORDS = 1000
"""Records that are looked at for columns which the contract does not know."""

Numbered = tuple[str, Mapping[str, Any]]
"""A record, and how messages name its place."""


def decoder() -> json.JSONDecoder:
    """Reads JSON; an object that has a key twice is a ValueError, since nobody knows which value is meant."""
    return json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse)


def plain_text(value: Any, source: Source, column: str, place: str) -> str | None:
    """A value as text; raises Malformed, which names the `place` of the record, where it is a list or an object."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise Malformed(f"{place} holds a list or an object", field=source.field(column), remedy="deliver plain values")


def unseen_column(source: Source, unseen: set[str], header: Sequence[str] = ()) -> Malformed:
    """The complaint about required columns that no record has."""
    return MissingColumns(source, header, sorted(unseen), " from every record")


def rows_of(source: Source, records: Iterator[Numbered], header: list[str] | None = None) -> Iterator[Row]:
    """Records as rows; raises MissingColumns where required ones are in none of them, unless there is none at all.

    `header` is filled with the columns of the first records, in the order in which they come up.
    """
    unseen = set(source.required)
    place = ""
    header = [] if header is None else header
    for count, (place, record) in enumerate(records):
        if unseen:
            unseen -= record.keys()
        if count < HEADER_RECORDS:
            header.extend(name for name in record if name not in header)
        yield tuple([plain_text(record.get(column), source, column, place) for column in source.columns])
    if place and unseen:
        raise unseen_column(source, unseen, header)


def explained(source: Source, error: ValueError | RecursionError, place: str) -> Malformed:
    """The complaint about a record that cannot be decoded; it shows nothing of the record."""
    what = "is no JSON object"
    if isinstance(error, RecursionError):
        what = "is nested too deeply"
    elif not isinstance(error, json.JSONDecodeError):
        # Such an error is one of the decoder's own hooks', below.
        what = str(error)
    return Malformed(f"{place} {what}", field=source.where, remedy="deliver one object a record, of plain values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("has a key twice")
    return found


def _refuse(name: str) -> str:
    raise ValueError(f"holds {name}, which is no JSON")
