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
from schemas.contract import Contract, Property

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def stage_delivery(contract: Contract, text: Text, staged: Path, settings: ExchangeSettings) -> int:
    """Make the staging file from an extracted delivery; returns how many rows it has.

    Raises Malformed where DuckDB cannot read the text or finds too many rows, and Damaged where not all of it is there
    any more.
    """
    staged.unlink(missing_ok=True)
    with database(staged, settings) as connection:
        _read(connection, contract, text, settings)
        (count,) = one_row(connection, "select count(*) from staged")
        if int(str(count)) > settings.rows_max:
            raise Malformed(
                "has more rows than a delivery may have", field=contract.id, remedy="split it, or raise rows_max"
            )
        if text.rows is not None and count != text.rows:
            raise Damaged("the extracted text is not whole", field=text.path.name, remedy="run the extraction again")
        fold_numbers(connection, contract, settings.batch_rows)
        find_doubles(connection, contract)
    return int(str(count))


def _read(connection: "DuckDBPyConnection", contract: Contract, text: Text, settings: ExchangeSettings) -> None:
    """Read the text into typed values, and keep the delivered text of those that would not write it."""
    import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

    columns = zip(contract.by_name, text.places, strict=True)
    parts = {
        "declared": ", ".join(f"'column_{place}': 'VARCHAR'" for place in range(text.width)),
        "delimiter": literal(text.delimiter),
        "line_bytes_max": str(text.line_bytes_max(settings)),
        # By default a buffer takes 16 of the longest lines, which is a gigabyte.
        "buffer_bytes": str(2 * text.line_bytes_max(settings)),
        "delivered": ", ".join(f"column_{place} as {raw_column(name)}" for name, place in columns),
        "values": ", ".join(f"{cleaned(each)} as {quoted(each.name)}" for each in contract.properties),
        "columns": ", ".join(quoted(name) for name in contract.by_name),
        "others": ", ".join(f"{_written_otherwise(each)} as {raw_column(each.name)}" for each in contract.properties),
    }
    try:
        try:
            connection.execute(script("staged", **parts, parallel="true"), [str(text.path)])
        except duckdb.InvalidInputException:
            # Reading in parallel guesses where lines begin, and may guess wrong within quoted values.
            connection.execute(script("staged", **parts, parallel="false"), [str(text.path)])
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException) as error:
        raise Malformed(
            f"cannot be read as delimited text ({type(error).__name__})",
            field=text.path.name,
            remedy="quote what holds a delimiter, and write every record with every field",
        ) from None


def _written_otherwise(each: Property) -> str:
    raw = raw_column(each.name)
    return f"case when {raw} is distinct from {written(each)} then {raw} end"


def find_doubles(connection: "DuckDBPyConnection", contract: Contract) -> None:
    """Find rows that share a primary key. An unreadable value counts as what was written, so that it is never lost."""
    said = {name: f"coalesce({quoted(name)}::varchar, {raw_column(name)})" for name in contract.by_name}
    parts = {
        "key": ", ".join(said[name] for name in contract.primary_key),
        "content": ", ".join(said.values()),
        "key_present": " and ".join(f"{said[name]} is not null" for name in contract.primary_key),
    }
    connection.execute(script("doubles", **parts))
