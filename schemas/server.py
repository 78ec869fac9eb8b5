"""Where a contract's registry is read, and how: a file, a table, an API; whole, or what has changed."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Paging(StrEnum):
    """How the pages of an API follow each other.

    NONE: there is one. PAGE and OFFSET: they are counted, until one is empty. TOKEN: each names the next one's token.
    NEXT: each names the next one's URL. LINK: the same, in the header of RFC 8288.
    """

    NONE = "none"
    PAGE = "page"
    OFFSET = "offset"
    TOKEN = "token"  # noqa: S105 (a token of pages, no secret)
    NEXT = "next"
    LINK = "link"


class Auth(StrEnum):
    """How an API is told who asks. HEADER: the connection's token in a header of the API's choice."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A paged JSON API. `records`, `next` and `total` are dotted paths in a page.

    `records` leads to the list of records (empty: the page is that list), `next` to the next page's token or URL,
    `total` to the number of all records, which is then checked; counted pages have one. `page_size` is what `{size}`
    stands for, `first_page` the number of the first one. No more than `requests_per_second` are sent; 0: as fast as
    answers come.
    """

    records: str = ""
    paging: Paging = Paging.NONE
    page_size: int = 500
    first_page: int = 1
    next: str = ""
    total: str = ""
    auth: Auth = Auth.NONE
    header: str = ""
    requests_per_second: float = 0.0


class ServerKind(StrEnum):
    """The form in which a registry delivers."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"
    SQL = "sql"
    API = "api"


ENCODINGS = {
    "gb18030": "GB18030",
    "gbk": "GB18030",
    "gb2312": "GB18030",
    "cp936": "GB18030",
    "utf-8": "UTF-8",
    "utf8": "UTF-8",
}
"""In what text may be delivered, in small letters → how it is decoded: GB18030 holds GBK and GB2312."""

WILD = "*?"
"""What stands for signs of a file's or a folder's name in a path."""

SIDECAR_SUFFIX = ".meta.json"
"""`<file>.meta.json` beside a delivered file says of when its data is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """How a registry that keeps deleted records marks them: the property, and the texts in it that say "deleted"."""

    property: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a delivery is read.

    `path` is relative to the delivery root. It may be a pattern, in which `*` and `?` stand for signs of a file's or
    a folder's name; of the files that fit, the newest whole one is read. `marker` is the name of the file that says
    that a file beside it is whole; where it begins with a dot, what is put behind that file's name. `compression` is
    what a file is packed in: none, gzip or zip; empty: what its name says. `delimiter` parts the values of a line,
    `records` is the key of the list of records in a JSON file that is no list itself. In a workbook `sheet` and
    `header_row` count from 1, and `fill_merged` repeats a merged cell's value in every cell.

    For SQL `url` is an SQLAlchemy URL in which `{root}` stands for the delivery root, and `table` is read. `as_of` is
    the property whose greatest value is the data's `data_as_of`, where there is one.

    For an API `url` is a template, and `api` says how its pages follow each other. `schema` is the table's.

    `connection` is the id under which the hub finds the credentials; no contract holds any.

    `cursor` is the property whose value only grows when a record changes; empty: every delivery is the whole registry.
    Where it is set, changes are read from `overlap` (of instants and days) or `overlap_count` (of integers) before the
    last one seen, since a transaction may commit later than its records say; and at least every `full_every` the whole
    registry is read, which alone finds records that are gone without a trace. A record whose `tombstone` property has
    one of its values is deleted, in either form.
    """

    kind: ServerKind
    path: str = ""
    url: str = ""
    schema: str = ""
    table: str = ""
    api: Api | None = None
    encoding: str = "UTF-8"
    compression: str = ""
    delimiter: str = ","
    marker: str = ""
    records: str = ""
    sheet: int = 1
    header_row: int = 1
    fill_merged: bool = False
    as_of: str = ""
    connection: str = ""
    cursor: str = ""
    overlap: timedelta = timedelta(0)
    overlap_count: int = 0
    tombstone: Tombstone | None = None
    full_every: timedelta = timedelta(0)
