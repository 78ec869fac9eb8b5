"""What the adapters' tests share: three columns of one registry, to be delivered in every form."""

from dataclasses import replace
from pathlib import Path

from adapters.port import AdapterSettings, Delivery, Row, Source
from adapters.registry import adapter
from schemas.contract import Server, ServerKind

SMALL = AdapterSettings(batch_rows=2, rows_max=100, line_chars_max=1000, workbook_bytes_max=1 << 20)
COLUMNS = ("证件号码", "姓名", "面积")


def source(kind: ServerKind, path: str, **server: object) -> Source:
    """A source of the three columns; the first is required and the key."""
    return Source(
        server=replace(Server(kind=kind, path=path), **server),  # type: ignore[arg-type]
        columns=COLUMNS,
        required=frozenset(COLUMNS[:1]),
        key=COLUMNS[:1],
    )


def opened(what: Source, root: Path, settings: AdapterSettings = SMALL) -> Delivery:
    """The delivery, opened by the adapter for its form."""
    return adapter(what.server.kind, settings).extract(what, root)


def read(what: Source, root: Path, settings: AdapterSettings = SMALL) -> list[Row]:
    """Every row of a delivery."""
    return [row for batch in opened(what, root, settings).batches for row in batch]
