"""Paged JSON APIs: every page is read as it comes, and one page is in memory at a time."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from adapters.api_client import ApiClient, Reply
from adapters.credentials import Connections, Credentials, credentials_of
from adapters.cursor import Cursor, instant
from adapters.json_records import HEADER_RECORDS, decoder, plain_text, unseen_column
from adapters.port import AdapterSettings, Batch, Delivery, Row, Source
from kernel.digest import digest
from kernel.errors import Malformed, Unavailable
from schemas.server import Api, Paging

_TOTAL_DIGITS_MAX = 18
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


class Rest:
    """Reads an API. Records that lack a key lack the value; a key that all lack is an error."""

    def __init__(self, settings: AdapterSettings, connections: Connections | None = None) -> None:
        """Take the bounds, and who knows credentials; without, only what asks for none can be read."""
        self._settings = settings
        self._connections = connections

    def extract(self, source: Source, delivery_root: Path) -> Delivery:  # noqa: ARG002 (nothing is delivered there)
        """Read the first page; raises Malformed, Unavailable."""
        server = source.server
        if server.api is None:
            raise Malformed("says not how its pages follow each other", field=source.where, remedy="say api")
        credentials = credentials_of(server.connection, self._connections) if server.connection else Credentials()
        stack = ExitStack()
        try:
            base = urlsplit(server.url)._replace(query="").geturl()
            client = stack.enter_context(ApiClient(source.where, base, server.api, credentials, self._settings))
            pages = _Pages(source=source, api=server.api, client=client, settings=self._settings)
            began = pages.began
            first = pages.read(client.first(pages.parameters(number=server.api.first_page)))
        except (ValueError, httpx.InvalidURL):
            stack.close()
            raise Malformed("cannot be asked for", field=source.where, remedy="mend location or cursor") from None
        except BaseException:
            stack.close()
            raise

        def batches() -> Iterator[Batch]:
            with stack:
                yield from pages.batches(first)
                # Only now is known how far the data goes.
                delivery.data_as_of = pages.data_as_of or began
                delivery.watermark = pages.watermark if source.cursor else delivery.data_as_of.isoformat()

        delivery = Delivery(
            columns=source.columns,
            data_as_of=began,
            watermark="",
            batches=batches(),
            changes=bool(source.since),
            header=pages.header,
        )
        return delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page's rows, what it says about the next one, and how many records it says there are (None: nothing)."""

    url: httpx.URL
    rows: list[Row]
    link: str
    total: int | None


@dataclass(slots=True, kw_only=True)
class _Pages:
    """The pages of one delivery, from the first to the last."""

    source: Source
    api: Api
    client: ApiClient
    settings: AdapterSettings
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    data_as_of: datetime | None = None
    watermark: str = ""
    greatest: Any = None
    count: int = 0
    total: int = 0
    empty: int = 0
    header: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    seen: set[bytes] = field(default_factory=set)
    asked: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.unseen = set(self.source.required)

    def parameters(self, *, number: int = 0, offset: int = 0, token: str = "") -> dict[str, str]:
        """The query of a page. A parameter that would be empty is left out."""
        since = self.source.since
        values = {
            "page": str(number),
            "offset": str(offset),
            "size": str(self.api.page_size),
            "token": token,
            "since": self.source.cursor.text(since) if since and self.source.cursor else "",
        }
        said = {}
        for name, value in parse_qsl(urlsplit(self.source.server.url).query, keep_blank_values=True):
            filled = _PLACEHOLDER.sub(lambda match: values[match[1]], value)
            if filled or not _PLACEHOLDER.search(value):
                said[name] = filled
        return said

    def batches(self, page: _Page) -> Iterator[Batch]:
        """The rows of a page and of all that follow it; raises Malformed, Unavailable."""
        size = self.settings.batch_rows
        number = self.api.first_page
        for _ in range(self.settings.pages_max):
            for at in range(0, len(page.rows), size):
                yield page.rows[at : at + size]
            number += 1
            following = self._following(page, number)
            if following is None:
                self._check_end(page)
                return
            page = self.read(following)
        raise Malformed(
            "has more pages than a delivery may have", field=self.source.where, remedy="ask for larger ones"
        )

    def _following(self, page: _Page, number: int) -> httpx.URL | None:
        """The next page's URL; None after the last one."""
        match self.api.paging:
            case Paging.PAGE | Paging.OFFSET:
                if not page.rows or (page.total is not None and self.count >= page.total):
                    return None
                return self.client.first(self.parameters(number=number, offset=self.count))
            case Paging.TOKEN:
                return self._by_token(page.link) if page.link else None
            case Paging.NEXT | Paging.LINK:
                return self.client.following(page.url, page.link) if page.link else None
            case Paging.NONE:
                return None

    def _by_token(self, token: str) -> httpx.URL:
        try:
            return self.client.first(self.parameters(token=token))
        except (ValueError, httpx.InvalidURL):
            remedy = "mend next in the contract, or the API"
            raise Malformed("names a token that no URL can hold", field=self.source.where, remedy=remedy) from None

    def _check_end(self, page: _Page) -> None:
        if page.total is not None and page.total != self.count:
            what = f"announced {page.total} records, and {self.count} came"
            raise Unavailable(what, field=self.source.where, remedy="try again while nobody writes, or page by token")
        if self.count and self.unseen:
            raise unseen_column(self.source, self.unseen, self.header)

    def read(self, url: httpx.URL) -> _Page:
        """One page; raises Malformed, Unavailable."""
        self._check_new(str(url), self.asked)
        reply = self.client.get(url)
        try:
            data = decoder().decode(reply.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise Malformed("a page is no JSON", field=self.source.where, remedy="check the location") from None
        records = _at(data, self.api.records)
        if not isinstance(records, list):
            what = f"a page holds no list at {self.api.records or 'its top'}"
            raise Malformed(what, field=self.source.where, remedy="mend records in the contract, or the API")
        rows = [self._row(record, number) for number, record in enumerate(records, self.count + 1)]
        self.count += len(rows)
        if self.count > self.settings.rows_max:
            raise Malformed("has more rows than a delivery may have", field=self.source.where, remedy="raise the bound")
        if rows:
            self._check_new(repr(rows), self.seen)
        self.empty = 0 if rows else self.empty + 1
        if self.empty > self.settings.empty_pages_max:
            raise Malformed("sends empty pages one after another", field=self.source.where, remedy="mend the API")
        return _Page(url=reply.url, rows=rows, link=self._link(reply, data), total=self._total(data))

    def _row(self, record: Any, number: int) -> Row:
        source = self.source
        if not isinstance(record, dict):
            raise Malformed(f"record {number} is no object", field=source.where, remedy="mend records in the contract")
        if self.unseen:
            self.unseen -= record.keys()
        if number <= HEADER_RECORDS:
            self.header.extend(name for name in record if name not in self.header)
        place = f"record {number}"
        row = tuple([plain_text(record.get(column), source, column, place) for column in source.columns])
        if sum(map(len, filter(None, row))) > self.settings.line_chars_max:
            raise Malformed(f"{place} is longer than a line may be", field=source.where, remedy="raise the bound")
        if source.as_of:
            self._note_instant(record.get(source.as_of), number)
        if source.cursor is not None:
            self._note_cursor(source.cursor, record.get(source.cursor.column))
        return row

    def _note_instant(self, value: Any, number: int) -> None:
        if not value:
            return
        try:
            at = instant(str(value))
        except ValueError:
            field_ = self.source.field(self.source.as_of)
            raise Malformed(f"record {number} holds no instant", field=field_, remedy="write ISO 8601") from None
        self.data_as_of = max(at, self.data_as_of or at)

    def _note_cursor(self, cursor: Cursor, value: Any) -> None:
        """Keep the greatest cursor. What is none of the cursor's type is left to the quality rules of its column."""
        if not value:
            return
        try:
            watermark = cursor.watermark(value)
        except ValueError:
            return
        rank = cursor.rank(watermark)
        if (self.greatest is None or rank > self.greatest) and not cursor.ahead(watermark, self.began):
            self.greatest, self.watermark = rank, watermark

    def _check_new(self, page: str, seen: set[bytes]) -> None:
        """Refuse a page that came before: the API goes round in a circle, or does not heed what it is asked."""
        mark = digest(page.encode("utf-8", "surrogatepass"))
        if mark in seen:
            raise Malformed("sends the same page again", field=self.source.where, remedy="mend paging in the contract")
        seen.add(mark)

    def _link(self, reply: Reply, data: Any) -> str:
        if self.api.paging is Paging.LINK:
            return reply.link
        found = _at(data, self.api.next) if self.api.next else None
        if found is None or found is False:
            return ""
        if not isinstance(found, str):
            what = f"a page's {self.api.next} is neither text nor number"
            raise Malformed(what, field=self.source.where, remedy="mend next in the contract")
        return found

    def _total(self, data: Any) -> int | None:
        if not self.api.total:
            return None
        found = _at(data, self.api.total)
        if not isinstance(found, str) or not found.isdecimal() or len(found) > _TOTAL_DIGITS_MAX:
            what = f"a page's {self.api.total} is no number of records"
            raise Malformed(what, field=self.source.where, remedy="mend total in the contract")
        total = int(found)
        if total < self.total:
            # What followed a deleted record has moved up, across the end of a page: nobody has seen it.
            what = f"announced {self.total} records, then {total}: some were deleted between pages"
            raise Unavailable(what, field=self.source.where, remedy="try again while nobody writes, or page by token")
        self.total = total
        return total


def _at(data: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for key in path.split(".") if path else ():
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data
