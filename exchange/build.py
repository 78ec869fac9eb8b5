"""Build a snapshot's files from a validated delivery: the data, the serving index derived from it, their digests."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.database import database, one_row, quoted, raw_column, script
from exchange.index import Entries, write_index
from exchange.index_rows import index_rows
from exchange.keys import IndexKeys
from exchange.layout import DATA, FILES, INDEX
from exchange.manifest import FileDigest
from exchange.settings import ExchangeSettings
from exchange.taint import IDENTITY
from kernel.digest import digest_file
from kernel.durable import PRIVATE, flush_file
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build: what is built from which staging file into which folder.

    The staging file becomes the snapshot's data, without a copy; a build that was killed goes on with what it finds.
    """

    contract: Contract
    staged: Path
    folder: Path
    keys: IndexKeys
    data_key: bytes
    settings: ExchangeSettings

    def write(self) -> tuple[int, int]:
        """Write data and index; returns how many subjects have rows, and how many identities and names are tainted."""
        path = self.folder / DATA
        with database(self.staged, self.settings) as connection:
            self._settle(connection)
        self.staged.rename(path)
        with database(path, self.settings, spill=self.staged.with_name("spill"), read_only=True) as connection:
            tainted = self._tainted(connection)
            rows = index_rows(connection, self.contract, self.keys, self.settings.batch_rows)
            entries = Entries(rows, tainted, self.settings.subject_rows_max)
            write_index(self.folder / INDEX, entries, self.data_key, map_bytes=self.settings.index_map_bytes)
        for name in (DATA, INDEX):
            (self.folder / name).chmod(PRIVATE)
            flush_file(self.folder / name)
        return entries.subjects, len(tainted)

    def _settle(self, connection: "DuckDBPyConnection") -> None:
        """Make what was staged and judged into what a snapshot holds, if that was not done before."""
        (done,) = one_row(connection, "select count(*) from duckdb_tables() where table_name = 'records'")
        if not done:
            names = self.contract.by_name
            raw = ", ".join(f"{raw_column(name)} as {quoted(name)}" for name in names)
            drops = "\n".join(f"alter table staged drop column {raw_column(name)};" for name in names)
            connection.execute(script("data", raw=raw, drop_delivered=drops))
        connection.execute("checkpoint")

    def _tainted(self, connection: "DuckDBPyConnection") -> set[bytes]:
        """The index keys of everyone whom a held-back row may be about."""
        rows = connection.execute("select kind, form from taints").fetchall()
        return {self.keys.subject(form) if kind == IDENTITY else self.keys.name(form) for kind, form in rows}


def file_digests(folder: Path) -> dict[str, FileDigest]:
    """Size and digest of each file that a manifest lists."""
    return {name: FileDigest(size=(folder / name).stat().st_size, sha256=digest_file(folder / name)) for name in FILES}
