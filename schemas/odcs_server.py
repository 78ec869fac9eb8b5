"""Reads a contract's server section: where and how the registry is read."""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qsl, quote, urlsplit

from schemas.columns import custom_values
from schemas.document import Document, Place
from schemas.odcs_file import check_file, delimiter_of
from schemas.odcs_shape import ContractShape
from schemas.property import Property, PropertyType
from schemas.server import Api, Auth, Paging, Server, ServerKind, Tombstone
from schemas.server_shape import ApiShape, ServerExtras, ServerShape

AT: Place = ("servers", 0)
CUSTOM: Place = (*AT, "customProperties")

DATABASES = {"postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql", "oracle": "oracle"}
"""The standard's own types of database servers, by the name that their URLs begin with."""

PLACEHOLDERS = frozenset({"page", "offset", "size", "token", "since"})
"""What an API's location may ask for, each in braces in a value of its query."""

_COUNTED = {Paging.PAGE: "{page}", Paging.OFFSET: "{offset}", Paging.TOKEN: "{token}"}
_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
_SECRET = re.compile(r"pass|pwd|secret|token|key|sign|auth|credential", re.IGNORECASE)
_SQL_OPTIONS = frozenset({"service_name"})
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_INSTANTS = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP})
_CURSORS = _INSTANTS | {PropertyType.INTEGER}


def read_server(document: Document, shape: ContractShape) -> Server:
    """The server, alone; notes what is wrong with it. `check_server` follows once the properties are known."""
    served = document.shaped(ServerShape, shape.servers[0], AT)
    if served is None:
        return Server(kind=ServerKind.CSV)
    extras = custom_values(document, served.custom, CUSTOM, ServerExtras) or ServerExtras()
    kind = _kind(document, served)
    _check_place(document, served, kind)
    check_file(document, served, extras, kind, AT, partial(_place, document))
    if (extras.api is None) is (kind is ServerKind.API):
        what = "does not say how its pages follow each other" if kind is ServerKind.API else "is no API"
        document.fault(f"the server {what}", "say type: api and the custom property api", *AT)
    wants = kind is ServerKind.SQL and not _url(served).startswith("sqlite:")
    wants = wants or (extras.api is not None and extras.api.auth != "none")
    if wants and not extras.connection:
        document.fault("the server names no connection", "name the connection whose credentials open it", *AT)
    return Server(
        kind=kind,
        path=served.path or "",
        url=_url(served),
        schema=served.schema_name or "",
        table=shape.objects[0].physical_name if kind is ServerKind.SQL else "",
        api=_api(document, served, extras.api) if extras.api else None,
        encoding=served.encoding,
        compression=extras.compression or "",
        delimiter=delimiter_of(served, extras),
        marker=extras.marker or "",
        records=extras.records or "",
        sheet=extras.sheet,
        header_row=extras.header_row,
        fill_merged=extras.merged_cells == "fill",
        as_of=extras.as_of or "",
        connection=extras.connection or "",
        cursor=extras.cursor or "",
        overlap=span(extras.overlap) if isinstance(extras.overlap, str) else timedelta(0),
        overlap_count=extras.overlap if isinstance(extras.overlap, int) else 0,
        tombstone=_tombstone(extras),
        full_every=span(extras.full_every) if extras.full_every else timedelta(0),
    )


def check_server(document: Document, server: Server, properties: Mapping[str, Property]) -> None:
    """Notes where the server names what is no property, or none of the right type."""
    _check_named(document, "asOf", server.as_of, properties, _INSTANTS)
    _check_named(document, "cursor", server.cursor, properties, _CURSORS)
    if server.tombstone is not None:
        _check_named(document, "tombstone", server.tombstone.property, properties, frozenset(PropertyType))
    if not server.cursor:
        for where, said in (("fullEvery", server.full_every), ("overlap", server.overlap or server.overlap_count)):
            if said:
                document.fault(f"says {where} but has no cursor", "name the cursor", *_place(document, where))
        return
    if server.kind not in {ServerKind.SQL, ServerKind.API}:
        document.fault("a file is delivered whole: it has no cursor", "remove the cursor", *_place(document, "cursor"))
    if server.kind is ServerKind.API and "{since}" not in server.url:
        remedy = "write it into the location's query, like changedSince={since}"
        document.fault("the location does not say where {since} goes", remedy, *AT, "location")
    if not server.full_every:
        what, remedy = "has a cursor but no fullEvery", "say fullEvery: 7d; it finds what is gone without a trace"
        document.fault(what, remedy, *_place(document, "cursor"))
    if server.kind is ServerKind.SQL and server.cursor in properties:
        _check_sorts(document, properties[server.cursor])
    counted = server.cursor in properties and properties[server.cursor].type is PropertyType.INTEGER
    if server.overlap if counted else server.overlap_count:
        remedy = "say a number, like 1000" if counted else "say a length of time, like 15m"
        document.fault("the overlap is not of the cursor's kind", remedy, *_place(document, "overlap"))


def _check_sorts(document: Document, cursor: Property) -> None:
    """A database compares texts sign by sign: only from the year down do they sort as the instants that they say."""
    letters = "".join(re.findall("%([YmdHMS])", cursor.strptime))
    if not "YmdHMS".startswith(letters):
        what = f"cursor names {cursor.name}, whose format does not sort as instants do"
        document.fault(
            what, "name a property that begins with the year, or cast it in a view", *_place(document, "cursor")
        )


def _kind(document: Document, served: ServerShape) -> ServerKind:
    if served.type == "api":
        return ServerKind.API
    if served.type in DATABASES:
        return ServerKind.SQL
    if served.format == "tsv":
        return ServerKind.CSV
    try:
        return ServerKind(served.format or "")
    except ValueError:
        document.fault("does not say in which form it delivers", "say format", *AT)
        return ServerKind.CSV


def _url(served: ServerShape) -> str:
    """The URL of a database that is described by the standard's own keys, else the location."""
    if served.type not in DATABASES:
        return served.location or ""
    port = f":{served.port}" if served.port else ""
    name = (
        f"?service_name={quote(served.service, safe='')}" if served.service else quote(served.database or "", safe="")
    )
    return f"{DATABASES[served.type]}://{served.host or ''}{port}/{name}"


def _check_place(document: Document, served: ServerShape, kind: ServerKind) -> None:
    if kind in {ServerKind.SQL, ServerKind.API}:
        if not _url(served):
            document.fault("a SQL server has no location", "write an SQLAlchemy URL", *AT)
        elif served.location:
            _check_location(document, served.location, kind)


def _check_location(document: Document, location: str, kind: ServerKind) -> None:
    """A location holds no secret, and an API's placeholders stand in values of its query only."""
    at: Place = (*AT, "location")
    try:
        parts = urlsplit(location)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        document.fault("the location is no URL", "mend it", *at)
        return
    if "@" in parts.netloc or any(_SECRET.search(name) and not _PLACEHOLDER.fullmatch(value) for name, value in query):
        document.fault("the location holds credentials", "name a connection instead", *at)
    if kind is ServerKind.SQL:
        if parts.netloc and any(name not in _SQL_OPTIONS for name, _ in query):
            document.fault("the location holds a driver's options", "write them into the connection's entry", *at)
        return
    if parts.scheme not in {"https", "http"} or not parts.netloc or parts.fragment:
        document.fault("an API's location is no https URL", "write https://host/path?query", *at)
    if "{" in parts.netloc + parts.path or any("{" in name for name, _ in query):
        document.fault("a placeholder stands outside a value of the query", "write it behind a name and =", *at)
    for name in sorted({each for _, value in query for each in re.findall(r"\{(.*?)\}", value)} - PLACEHOLDERS):
        remedy = f"one of {', '.join(sorted(PLACEHOLDERS))}"
        document.fault(f"{{{name}}} stands for nothing", remedy, *at)


def _api(document: Document, served: ServerShape, said: ApiShape) -> Api:
    paging, auth = Paging(said.paging), Auth(said.auth)
    location = served.location or ""
    at = _place(document, "api")
    place = _COUNTED.get(paging, "")
    if place and place not in location:
        document.fault(f"the location does not say where {place} goes", "write it into the query", *AT, "location")
    if paging in {Paging.PAGE, Paging.OFFSET} and not said.total:
        remedy = "say total; what is deleted between two pages moves others past the reader, and total tells"
        document.fault("counted pages without a total", remedy, *at)
    if (paging in {Paging.TOKEN, Paging.NEXT}) is not bool(said.next):
        document.fault("next goes with the paging token or next", "say where the next one stands in a page", *at)
    if (auth is Auth.HEADER) is not bool(said.header):
        document.fault("header goes with auth: header", "name the header that holds the token", *at)
    return Api(
        records=said.records or "",
        paging=paging,
        page_size=said.page_size,
        first_page=said.first_page,
        next=said.next or "",
        total=said.total or "",
        auth=auth,
        header=said.header or "",
        requests_per_second=said.requests_per_second or 0.0,
    )


def span(text: str) -> timedelta:
    """A length of time as contracts write it: `90s`, `15m`, `36h`, `7d`."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _tombstone(extras: ServerExtras) -> Tombstone | None:
    said = extras.tombstone
    return Tombstone(property=said.property, values=tuple(said.values)) if said else None


def _check_named(
    document: Document, where: str, name: str, properties: Mapping[str, Property], kinds: frozenset[PropertyType]
) -> None:
    if not name:
        return
    if name not in properties:
        document.fault(f"{where} names {name}, which is no property", "name a property", *_place(document, where))
    elif properties[name].type not in kinds:
        what = f"{where} names {name}, no {' or '.join(sorted(kinds))}"
        document.fault(what, "name another property", *_place(document, where))


def _place(document: Document, name: str) -> Place:
    """Where the server's custom property stands."""
    written = document.data["servers"][0].get("customProperties", [])
    return (*CUSTOM, next(at for at, each in enumerate(written) if each.get("property") == name))
