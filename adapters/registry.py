"""Which adapter reads which form of delivery."""

from pathlib import Path
from typing import TYPE_CHECKING

from adapters.port import Adapter, AdapterSettings, Delivery, Source
from schemas.contract import Contract, ServerKind

if TYPE_CHECKING:
    from adapters.sql_database import Connect

DEFAULTS = AdapterSettings()


def open_delivery(
    contract: Contract,
    delivery_root: Path,
    *,
    settings: AdapterSettings = DEFAULTS,
    connect: "Connect | None" = None,
    since: str = "",
) -> Delivery:
    """Open what a contract's registry has delivered, or what changed in it `since`; raises Malformed, Unavailable."""
    return adapter(contract.server.kind, settings, connect).extract(Source.of(contract, since=since), delivery_root)


def adapter(kind: ServerKind, settings: AdapterSettings = DEFAULTS, connect: "Connect | None" = None) -> Adapter:
    """The adapter for a form of delivery; `connect` reaches a database server."""
    # Each form's library is loaded only where a delivery of that form is read.
    match kind:
        case ServerKind.CSV:
            from adapters.csv_file import CsvFile  # noqa: PLC0415

            return CsvFile(settings)
        case ServerKind.JSONL:
            from adapters.json_lines import JsonLines  # noqa: PLC0415

            return JsonLines(settings)
        case ServerKind.PARQUET:
            from adapters.parquet_file import ParquetFile  # noqa: PLC0415

            return ParquetFile(settings)
        case ServerKind.XLSX:
            from adapters.workbook import Workbook  # noqa: PLC0415

            return Workbook(settings)
        case ServerKind.SQL:
            from adapters.sql_database import SqlDatabase  # noqa: PLC0415

            return SqlDatabase(settings, connect)
