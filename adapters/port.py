"""The port: what a registry brings in one delivery, as batches of text.

An adapter reads; it judges nothing but whether the delivery can be read at all. Every value is handed over as the text
that the registry wrote (an absent one as None), under the registry's own column names, in the contract's order. What
cannot be read is one Malformed that names the field and the remedy, and never shows a value.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from adapters.cursor import Cursor, instant
from kernel.errors import Malformed
from kernel.settings import setting
from schemas.contract import Contract, Server

Row = tuple[str | None, ...]
Batch = list[Row]

SIDECAR_SUFFIX = ".meta.json"
"""`<file>.meta.json` beside a file says `{"data_as_of": …}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSettings:
    """Bounds of one delivery."""

    batch_rows: int = setting(5_000, "Rows read before they are handed on")
    rows_max: int = setting(50_000_000, "Rows of the largest delivery")
    line_chars_max: int = setting(1 << 20, "Characters of the longest line or value")
    file_bytes_max: int = setting(64 << 30, "Bytes of the largest file")
    workbook_bytes_max: int = setting(512 << 20, "Bytes of the largest workbook, which is read into memory")
    chunk_bytes: int = setting(1 << 20, "Bytes of a delimited text that are decoded at a time")
    sidecar_bytes_max: int = setting(64 << 10, "Bytes of the largest sidecar file")
    connect_seconds: float = setting(10.0, "Seconds within which a server must take a connection")
    statement_seconds: float = setting(900.0, "Seconds that a database may take over a statement, or be silent in one")
    silent_seconds: float = setting(90.0, "Seconds after which a database server that answers nothing is given up")
    page_seconds: float = setting(60.0, "Seconds within which a page of an API must have come")
    page_bytes_max: int = setting(16 << 20, "Bytes of the largest page of an API")
    pages_max: int = setting(1_000_000, "Pages of the longest delivery by an API")
    requests_per_second: float = setting(20.0, "Requests a second to an API whose contract names no rate")
    attempts: int = setting(5, "How often a page of an API is asked for before it is given up")
    retry_seconds: float = setting(0.5, "Seconds before an API is asked again; doubled for each further time")
    retry_seconds_max: float = setting(60.0, "Seconds before an API is asked again at most")
    retry_after_seconds_max: float = setting(300.0, "Seconds that an API may ask to be left alone (Retry-After)")
    batch_chars: int = setting(32 << 20, "Characters that rows read from a database at a time come to, about")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What to read: the contract's server, and which of the registry's columns are asked for.

    Names are physical ones. The columns in `required` must be there in some record; `key` orders an unordered source;
    `as_of` is the column whose greatest value is the data's instant, empty where there is none.

    `since` is what `adapters.cursor.since` gave: with it only what changed from there on is read; empty: everything.
    `cursor` is the column that it is about.
    """

    server: Server
    columns: tuple[str, ...]
    required: frozenset[str]
    key: tuple[str, ...]
    as_of: str = ""
    cursor: Cursor | None = None
    since: str = ""

    @classmethod
    def of(cls, contract: Contract, *, since: str = "") -> "Source":
        """The source that a contract names."""
        physical = {each.name: each.physical_name for each in contract.properties}
        return cls(
            server=contract.server,
            columns=tuple(physical.values()),
            required=frozenset(each.physical_name for each in contract.properties if each.required),
            key=tuple(physical[name] for name in contract.primary_key),
            as_of=physical.get(contract.server.as_of, ""),
            cursor=Cursor.of(contract),
            since=since,
        )

    @property
    def where(self) -> str:
        """The path, table or address, as messages name it."""
        return self.server.path or self.server.table or self.server.url.partition("?")[0]

    def field(self, column: str) -> str:
        """A column, as messages name it."""
        return f"{self.where}:{column}"


def delivered(root: Path, name: str, *, bytes_max: int) -> Path:
    """A delivered file under the delivery root; raises Malformed where none may be read there."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise Malformed("lies outside the deliveries", field=name, remedy="mend the contract's server section")
    if not path.is_file():
        raise Malformed("is not there", field=name, remedy="deliver the file, or mend the contract's server section")
    if path.stat().st_size > bytes_max:
        raise Malformed("is larger than a delivery may be", field=name, remedy="split it, or raise the bound")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A delivery that is one delimited text with a header row: it may be decoded as a stream and parsed as a whole.

    `header` is as the file writes it, and `places` says where each of the delivery's columns stands in it. Values that
    hold the delimiter, a quotation mark or a line end are quoted with `"`, which is doubled inside. `compression` is
    what the text is packed in; empty: nothing. `state` is the file's when it was opened: it must not change.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    places: tuple[int, ...]
    compression: str = ""
    state: tuple[int, int, int] | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """What one run brings. `batches` can be read once; reading it may raise Malformed or Unavailable.

    `data_as_of` is the instant that the registry vouches for; `watermark` is how the source says how far it goes: where
    there is a cursor, the greatest one seen, as `adapters.cursor.since` takes it (empty: none was, the former stays).
    Both are final once the batches have been read: a source that comes in pages learns them on the way. `changes`: only
    what changed since `Source.since`, to be merged by primary key into the snapshot in force. `plain` is the same
    records as `batches`, to be read faster.
    """

    columns: tuple[str, ...]
    data_as_of: datetime
    watermark: str
    batches: Iterator[Batch]
    changes: bool = False
    plain: Plain | None = None


class Adapter(Protocol):
    """Reads one form of delivery."""

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the delivery; raises Malformed. Memory stays bounded while its batches are read."""


def places(source: Source, header: list[str]) -> list[int]:
    """Where each asked-for column stands in a header; raises Malformed naming the first missing or doubled one."""
    found = []
    for column in source.columns:
        count = header.count(column)
        if count == 0:
            raise Malformed(
                "the column is missing", field=source.field(column), remedy="deliver it, or mend the contract"
            )
        if count > 1:
            raise Malformed("the column is there twice", field=source.field(column), remedy="deliver it once")
        found.append(header.index(column))
    return found


def data_as_of(path: Path, settings: AdapterSettings) -> datetime:
    """The instant that a file's sidecar vouches for, else the file's own time; raises Malformed."""
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    if not sidecar.is_file():
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    remedy = 'write {"data_as_of": "<ISO 8601 instant>"}'
    try:
        with sidecar.open("rb") as file:
            raw = file.read(settings.sidecar_bytes_max)
        return instant(str(json.loads(raw)["data_as_of"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("names no instant in data_as_of", field=sidecar.name, remedy=remedy) from error


def whole(path: Path, batches: Iterator[Batch], settings: AdapterSettings) -> Iterator[Batch]:
    """Pass the batches on; raises Malformed at the end where the file was changed while it was read, or is too long."""
    before = state_of(path)
    rows = 0
    for batch in batches:
        rows += len(batch)
        if rows > settings.rows_max:
            raise Malformed(
                "has more rows than a delivery may have", field=path.name, remedy="split it or raise the bound"
            )
        yield batch
    if state_of(path) != before:
        raise Malformed("was changed while it was read", field=path.name, remedy="deliver by renaming a whole file in")


def state_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file is: its inode, size and time."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return found.st_ino, found.st_size, found.st_mtime_ns


def batched(rows: Iterator[Row], size: int) -> Iterator[Batch]:
    """Rows in lists of at most `size`."""
    batch: Batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
