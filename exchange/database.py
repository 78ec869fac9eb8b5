"""DuckDB as publishing uses it: one file a run, bounded, without anything from the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from exchange.encryption import attach, is_encrypted
from exchange.settings import ExchangeSettings
from kernel.errors import Malformed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def database(
    path: Path, settings: ExchangeSettings, *, spill: Path | None = None, read_only: bool = False
) -> Iterator["DuckDBPyConnection"]:
    """Open a database file for one step; what does not fit in memory goes to the folder `spill`."""
    import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": settings.database_memory,
        "threads": settings.database_threads,
        "temp_directory": str(spill or path.with_name("spill")),
    }
    with duckdb.connect(str(path), read_only=read_only, config=config) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(script("person"))
        yield connection


@contextmanager
def published_data(
    path: Path, data_key: bytes, settings: ExchangeSettings, *, spill: Path, read_only: bool = True
) -> Iterator["DuckDBPyConnection"]:
    """Open a snapshot's data, encrypted or in clear: its tables are found under their own names."""
    if not is_encrypted(path):
        with database(path, settings, spill=spill, read_only=read_only) as connection:
            yield connection
        return
    with database(Path(":memory:"), settings, spill=spill) as connection:
        connection.execute(attach(path, "data", data_key, read_only=read_only))
        connection.execute("use data")
        yield connection


def script(name: str, **parts: str) -> str:
    """A named SQL file, with SQL of ours put in its `$` places."""
    text = resources.files("exchange").joinpath("sql", f"{name}.sql").read_text("utf-8")
    return Template(text).substitute(parts) if parts else text


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def raw_column(name: str) -> str:
    """The column that holds a property as it was delivered, as an SQL identifier."""
    return quoted(f"raw_{name}")


def one_row(connection: "DuckDBPyConnection", statement: str, values: list[object] | None = None) -> tuple[object, ...]:
    """The only row of an answer."""
    found: tuple[object, ...] | None = connection.execute(statement, values).fetchone()
    if found is None:
        raise Malformed("has no row", field="statement")
    return found
