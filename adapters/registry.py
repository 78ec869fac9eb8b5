"""Which adapter reads which form of delivery."""

from pathlib import Path

from adapters.credentials import Connections
from adapters.port import Adapter, AdapterSettings, Delivery, Source
from schemas.contract import Contract, ServerKind

DEFAULTS = AdapterSettings()


def open_delivery(
    contract: Contract,
    delivery_root: Path,
    *,
    settings: AdapterSettings = DEFAULTS,
    connections: Connections | None = None,
    since: str = "",
) -> Delivery:
    """Open what a contract's registry has delivered, or what changed in it `since`; raises Malformed, Unavailable."""
    return adapter(contract.server.kind, settings, connections).extract(Source.of(contract, since=since), delivery_root)


def adapter(kind: ServerKind, settings: AdapterSettings = DEFAULTS, connections: Connections | None = None) -> Adapter:
    """The adapter for a form of delivery; `connections` has the credentials of servers."""
    # Each form's library is loaded only where a delivery of that form is read.
    if kind is ServerKind.SQL:
        from adapters.sql_database import SqlDatabase  # noqa: PLC0415

        return SqlDatabase(settings, connections)
    if kind is ServerKind.API:
        from adapters.rest import Rest  # noqa: PLC0415

        return Rest(settings, connections)
    return _file_adapter(kind, settings)


def _file_adapter(kind: ServerKind, settings: AdapterSettings) -> Adapter:
    match kind:
        case ServerKind.JSON:
            from adapters.json_array import JsonArray  # noqa: PLC0415

            return JsonArray(settings)
        case ServerKind.JSONL:
            from adapters.json_lines import JsonLines  # noqa: PLC0415

            return JsonLines(settings)
        case ServerKind.PARQUET:
            from adapters.parquet_file import ParquetFile  # noqa: PLC0415

            return ParquetFile(settings)
        case ServerKind.XLSX:
            from adapters.workbook import Workbook  # noqa: PLC0415

            return Workbook(settings)
        case _:
            from adapters.csv_file import CsvFile  # noqa: PLC0415

            return CsvFile(settings)
