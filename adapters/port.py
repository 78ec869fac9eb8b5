"""The port: what a registry brings in one delivery, as batches of text.

An adapter reads; it judges nothing but whether the delivery can be read at all. Every value is handed over as the text
that the registry wrote (an absent one as None), under the registry's own column names, in the contract's order. What
cannot be read is one Malformed that names the field and the remedy, and never shows a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.cursor import Cursor
from kernel.errors import Malformed
from kernel.settings import setting
from schemas.contract import Contract, Server

Row = tuple[str | None, ...]
Batch = list[Row]

State = tuple[int, int, int, int]
"""Of a file: its inode, its size, and when its content and its entry changed last (ns)."""


class Readable(Protocol):
    """What a file holds, to be read once."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end. Raises Malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSettings:
    """Bounds of one delivery."""

    batch_rows: int = setting(5_000, "Rows read before they are handed on")
    rows_max: int = setting(50_000_000, "Rows of the largest delivery")
    line_chars_max: int = setting(1 << 20, "Characters of the longest line or value")
    file_bytes_max: int = setting(64 << 30, "Bytes of the largest file")
    expansion_max: int = setting(200, "Times its own size that a packed file or a workbook may hold")
    expansion_free_bytes: int = setting(64 << 20, "Bytes that a packed file or a workbook may hold however small it is")
    zip_directory_bytes_max: int = setting(16 << 20, "Bytes that are read at a time of a zip, its directory among them")
    workbook_parts_max: int = setting(10_000, "Files within a workbook")
    folder_entries_max: int = setting(20_000, "Files and folders that are looked through for one delivery")
    workbook_bytes_max: int = setting(256 << 20, "Bytes of the largest workbook, which is read into memory")
    workbook_memory_bytes: int = setting(2 << 30, "Bytes of memory that reading a workbook may take")
    workbook_seconds: int = setting(600, "Seconds of computing that reading a workbook may take")
    parquet_memory_bytes: int = setting(512 << 20, "Bytes of memory that reading a Parquet file may take")
    chunk_bytes: int = setting(1 << 20, "Bytes of a delimited text that are decoded at a time")
    sidecar_bytes_max: int = setting(64 << 10, "Bytes of the largest sidecar file")
    connect_seconds: float = setting(10.0, "Seconds within which a server must take a connection")
    statement_seconds: float = setting(900.0, "Seconds that a database may take over a statement, or be silent in one")
    silent_seconds: float = setting(90.0, "Seconds after which a database server that answers nothing is given up")
    page_seconds: float = setting(60.0, "Seconds within which a page of an API must have come")
    page_bytes_max: int = setting(16 << 20, "Bytes of the largest page of an API")
    pages_max: int = setting(1_000_000, "Pages of the longest delivery by an API")
    empty_pages_max: int = setting(100, "Pages without a record that an API may send one after another")
    requests_per_second: float = setting(20.0, "Requests a second to an API whose contract names no rate")
    attempts: int = setting(5, "How often a page of an API is asked for before it is given up")
    retry_seconds: float = setting(0.5, "Seconds before an API is asked again; doubled for each further time")
    retry_seconds_max: float = setting(60.0, "Seconds before an API is asked again at most")
    retry_after_seconds_max: float = setting(300.0, "Seconds that an API may ask to be left alone (Retry-After)")
    batch_chars: int = setting(32 << 20, "Characters that rows read at a time come to, about")


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

    def at(self, path: str) -> "Source":
        """The same at another path: the file that its pattern found."""
        return replace(self, server=replace(self.server, path=path))

    def field(self, column: str) -> str:
        """A column, as messages name it."""
        return f"{self.where}:{column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A delivery that is one delimited text with a header row: it may be decoded as a stream and parsed as a whole.

    `header` is as the file writes it, and `places` says where each of the delivery's columns stands in it. Values that
    hold the delimiter, a quotation mark or a line end are quoted with `"`, which is doubled inside. `compression` is
    what the text is packed in; empty: nothing. `state` is the file's when it was found: it must not change. `name` is
    what messages call it.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    places: tuple[int, ...]
    compression: str = ""
    state: State | None = None
    name: str = ""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """What one run brings. `batches` can be read once; reading it may raise Malformed or Unavailable.

    `data_as_of` is the instant that the registry vouches for; `watermark` is how the source says how far it goes: where
    there is a cursor, the greatest one seen, as `adapters.cursor.since` takes it (empty: none was, the former stays).
    Both are final once the batches have been read: a source that comes in pages learns them on the way. `changes`: only
    what changed since `Source.since`, to be merged by primary key into the snapshot in force. `plain` is the same
    records as `batches`, to be read faster. `header` is every column that the registry brings, in its order: a form
    that says so nowhere fills it in while batches are read, or leaves it empty.
    """

    columns: tuple[str, ...]
    data_as_of: datetime
    watermark: str
    batches: Iterator[Batch]
    changes: bool = False
    plain: Plain | None = None
    header: Sequence[str] = ()


class MissingColumns(Malformed):
    """Columns of the contract are not in the delivery; `header` is what is there, `missing` all that is not."""

    code = "missing_columns"

    def __init__(self, source: Source, header: Sequence[str], missing: Sequence[str], where: str = "") -> None:
        """Name the first missing column as the field, and all of them; `where` is more than the header."""
        rest = f", as are {', '.join(missing[1:])}" if len(missing) > 1 else ""
        super().__init__(
            f"the column is missing{where}{rest}",
            field=source.field(missing[0]),
            remedy="deliver it, or mend the contract",
        )
        self.header = tuple(header)
        self.missing = tuple(missing)


class Adapter(Protocol):
    """Reads one form of delivery."""

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the delivery; raises Malformed. Memory stays bounded while its batches are read."""


def places(source: Source, header: list[str]) -> list[int]:
    """Where each asked-for column stands in a header; raises MissingColumns, or Malformed for the first doubled one."""
    missing = [column for column in source.columns if column not in header]
    if missing:
        raise MissingColumns(source, header, missing)
    for column in source.columns:
        if header.count(column) > 1:
            raise Malformed("the column is there twice", field=source.field(column), remedy="deliver it once")
    return [header.index(column) for column in source.columns]


def batched(rows: Iterator[Row], settings: AdapterSettings) -> Iterator[Batch]:
    """Rows in lists: no more than a batch may have, and no more text than is handed on at a time."""
    batch: Batch = []
    chars = 0
    for row in rows:
        batch.append(row)
        chars += sum(map(len, filter(None, row)))
        if len(batch) >= settings.batch_rows or chars >= settings.batch_chars:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
