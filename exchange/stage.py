"""Stage a delivery: the registry's text, as it was extracted, becomes typed values in one DuckDB file.

Where a typed value would not write the very text that was delivered, that text is kept beside it, so that nothing is
lost and a clean column costs nothing twice.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cleaning import cleaned, fold_numbers, written
from exchange.database import database, literal, one_row, quoted, raw_column, script
from exchange.settings import ExchangeSettings
from exchange.text import Text
from kernel.errors import Damaged, Malformed
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DELIVERED = "delivery.duckdb"


def stage_delivery(contract: Contract, text: Text, staged: Path, settings: ExchangeSettings) -> int:
    """Make the staging file from an extracted delivery; returns how many rows it has.

    Raises Malformed where DuckDB cannot read the text, and Damaged where not all of it is there any more.
    """
    source = staged.with_name(_DELIVERED)
    for path in (staged, source):
        path.unlink(missing_ok=True)
    with database(staged, settings) as connection:
        connection.execute(f"attach {literal(str(source))} as delivery")
        rows = _read(connection, contract, text, settings)
        if text.rows is not None and rows != text.rows:
            raise Damaged(
                "the extracted delivery is not whole", field=text.path.name, remedy="run the extraction again"
            )
        fold_numbers(connection, contract, "delivery.delivered", settings.batch_rows)
        connection.execute(_typed(contract))
        connection.execute("detach delivery")
        find_doubles(connection, contract)
    source.unlink()
    return rows


def _read(connection: "DuckDBPyConnection", contract: Contract, text: Text, settings: ExchangeSettings) -> int:
    """Load the text as it is, every column text and empty text absent, into a file that only this step needs."""
    import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

    declared = ", ".join(f"'column_{place}': 'VARCHAR'" for place in range(text.width))
    columns = ", ".join(
        f"column_{place} as {raw_column(name)}" for name, place in zip(contract.by_name, text.places, strict=True)
    )
    read = script(
        "read_delivery",
        columns=columns,
        declared=declared,
        delimiter=literal(text.delimiter),
        line_bytes_max=str(text.line_bytes_max(settings)),
    )
    try:
        connection.execute(read, [str(text.path)])
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise Malformed(
            f"cannot be read as delimited text ({type(error).__name__})",
            field=text.path.name,
            remedy="quote what holds a delimiter, and write every record with every field",
        ) from None
    (count,) = one_row(connection, "select count(*) from delivery.delivered")
    return int(str(count))


def _typed(contract: Contract) -> str:
    """Typed values, and the delivered text of those that would not write it."""
    return script(
        "staged",
        values=", ".join(f"{cleaned(each)} as {quoted(each.name)}" for each in contract.properties),
        columns=", ".join(quoted(name) for name in contract.by_name),
        others=", ".join(
            f"case when {raw_column(each.name)} is distinct from {written(each)} then {raw_column(each.name)} end "
            f"as {raw_column(each.name)}"
            for each in contract.properties
        ),
    )


def find_doubles(connection: "DuckDBPyConnection", contract: Contract) -> None:
    """Find rows that share a primary key. An unreadable value counts as what was written, so that it is never lost."""
    said = {name: f"coalesce({quoted(name)}::varchar, {raw_column(name)})" for name in contract.by_name}
    parts = {
        "key": ", ".join(said[name] for name in contract.primary_key),
        "content": ", ".join(said.values()),
        "key_present": " and ".join(f"{said[name]} is not null" for name in contract.primary_key),
    }
    connection.execute(script("doubles", **parts))
