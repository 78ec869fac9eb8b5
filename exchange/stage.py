"""Stage a delivery: all of its columns as text in a DuckDB file, the cleaned values beside them."""

from pathlib import Path

from exchange.cleaning import cleaned, fold_numbers
from exchange.database import database, literal, one_row, quoted, raw_column, script
from exchange.settings import ExchangeSettings
from kernel.errors import Damaged
from schemas.contract import Contract


def stage_delivery(contract: Contract, delivery: Path, staged: Path, *, rows: int, settings: ExchangeSettings) -> None:
    """Make the staging file from an extracted delivery of so many rows; raises Damaged where they are not all there."""
    staged.unlink(missing_ok=True)
    columns = {"_record": "BIGINT", **{f"raw_{each.name}": "VARCHAR" for each in contract.properties}}
    declared = ", ".join(f"{literal(name)}: '{kind}'" for name, kind in columns.items())
    with database(staged, settings) as connection:
        read = script("read_delivery", columns=declared, line_bytes_max=str(settings.record_bytes_max))
        connection.execute(read, [str(delivery)])
        (count,) = one_row(connection, "select count(*) from staged_text")
        if count != rows:
            raise Damaged("the extracted delivery is not whole", field=delivery.name, remedy="run the extraction again")
        fold_numbers(connection, contract, settings.batch_rows)
        values = ", ".join(f"{cleaned(each)} as {quoted(each.name)}" for each in contract.properties)
        connection.execute(f"create table staged as select *, {values} from staged_text")  # noqa: S608 (names are quoted)
        connection.execute(_doubles(contract))


def _doubles(contract: Contract) -> str:
    """Rows that share a primary key. An unreadable value counts as what was written, so that it is never lost."""
    said = {name: f"coalesce({quoted(name)}::varchar, {raw_column(name)})" for name in contract.by_name}
    return script(
        "doubles",
        key=", ".join(said[name] for name in contract.primary_key),
        content=", ".join(said.values()),
        key_present=" and ".join(f"{said[name]} is not null" for name in contract.primary_key),
    )
