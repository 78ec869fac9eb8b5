"""Reads a contract's server section: where and how the registry is read."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePosixPath

from schemas.columns import custom_values
from schemas.contract import Server, ServerKind, Tombstone
from schemas.document import Document, Place
from schemas.odcs_shape import ContractShape, ServerExtras
from schemas.property import Property, PropertyType

AT: Place = ("servers", 0)
CUSTOM: Place = (*AT, "customProperties")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_INSTANTS = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP})
_CURSORS = _INSTANTS | {PropertyType.INTEGER}


def read_server(document: Document, shape: ContractShape) -> Server:
    """The server, alone; notes what is wrong with it. `check_server` follows once the properties are known."""
    served = shape.servers[0]
    extras = custom_values(document, served.custom, CUSTOM, ServerExtras) or ServerExtras()
    kind = ServerKind(served.format)
    if kind is ServerKind.SQL:
        if not served.location:
            document.fault("a SQL server has no location", "write an SQLAlchemy URL", *AT)
    elif not served.path or ".." in PurePosixPath(served.path).parts or served.path.startswith("/"):
        document.fault("the path is not inside the delivery root", "write a relative path", *AT)
    try:
        "".encode(served.encoding)
    except LookupError:
        document.fault(f"{served.encoding} is no encoding", "name it as Python does", *AT, "encoding")
    return Server(
        kind=kind,
        path=served.path or "",
        url=served.location or "",
        table=shape.objects[0].physical_name if kind is ServerKind.SQL else "",
        encoding=served.encoding,
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
    if server.kind is not ServerKind.SQL:
        document.fault("a file is delivered whole: it has no cursor", "remove the cursor", *_place(document, "cursor"))
    if not server.full_every:
        what, remedy = "has a cursor but no fullEvery", "say fullEvery: 7d; it finds what is gone without a trace"
        document.fault(what, remedy, *_place(document, "cursor"))
    counted = server.cursor in properties and properties[server.cursor].type is PropertyType.INTEGER
    if server.overlap if counted else server.overlap_count:
        remedy = "say a number, like 1000" if counted else "say a length of time, like 15m"
        document.fault("the overlap is not of the cursor's kind", remedy, *_place(document, "overlap"))


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
