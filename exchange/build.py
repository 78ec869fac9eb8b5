"""Build a snapshot's files from a validated delivery: the data, the serving index derived from it, their digests."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cleaning import delivered
from exchange.database import database, literal, one_row, published_data, quoted, raw_column, script
from exchange.encryption import attach_clause, can_encrypt
from exchange.index import Entries, write_index
from exchange.index_rows import index_rows
from exchange.keys import IndexKeys
from exchange.layout import DATA, FILES, INDEX
from exchange.manifest import Counts, FileDigest
from exchange.settings import ExchangeSettings
from exchange.verdict import Verdict
from kernel.digest import digest_file
from kernel.durable import PRIVATE, flush_file
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built: the snapshot's counts, and what its manifest says of held-back rows."""

    counts: Counts
    absence_allowed: bool
    name_tainted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build: what is built from which staging file into which folder.

    The staging file becomes the snapshot's data, without a copy unless it is encrypted; a build that was killed goes on
    with what it finds.
    """

    contract: Contract
    staged: Path
    verdict: Verdict
    folder: Path
    keys: IndexKeys
    data_key: bytes
    settings: ExchangeSettings

    def write(self) -> Built:
        """Write data and index."""
        path = self.folder / DATA
        with database(self.staged, self.settings) as connection:
            published, deleted = settle(connection, self.contract)
            encrypted = self._encrypted(connection, path)
        if not encrypted:
            self.staged.rename(path)
        spill = self.staged.with_name("spill")
        with published_data(path, self.data_key, self.settings, spill=spill) as connection:
            tainted = int(str(one_row(connection, "select count(*) from taints")[0]))
            rows = index_rows(connection, self.contract, self.keys, self.settings.batch_rows)
            entries = Entries(rows, self.settings.subject_rows_max)
            write_index(self.folder / INDEX, entries, self.data_key, map_bytes=self.settings.index_map_bytes)
        for name in (DATA, INDEX):
            (self.folder / name).chmod(PRIVATE)
            flush_file(self.folder / name)
        counts = replace(
            self.verdict.counts,
            published=published,
            deleted=deleted,
            subjects=entries.subjects,
            tainted=tainted,
        )
        return Built(
            counts=counts,
            absence_allowed=absence_allowed(self.contract, counts),
            name_tainted=self.verdict.name_tainted,
        )

    def _encrypted(self, connection: "DuckDBPyConnection", path: Path) -> bool:
        """Write the data encrypted, where this machine's DuckDB can: only then is it copied."""
        if not can_encrypt(connection):
            return False
        (name,) = one_row(connection, "select current_database()")
        connection.execute(f"attach {literal(str(path))} as sealed {attach_clause(self.data_key)}")
        connection.execute(f"copy from database {quoted(str(name))} to sealed")
        connection.execute("detach sealed")
        return True


def absence_allowed(contract: Contract, counts: Counts) -> bool:
    """Whether the absence of a row may be answered from: so few of those held, published or not, are nobody's."""
    return counts.unattributable <= Fraction(str(contract.unattributable_bound)) * (
        counts.published + counts.quarantined
    )


def settle(connection: "DuckDBPyConnection", contract: Contract, *, changes: bool = False) -> tuple[int, int]:
    """Make what was staged and judged into what a snapshot holds, if that was not done before.

    Returns how many rows are left and how many the registry marks as deleted. For a delivery of changes the keys of all
    its rows are kept in the table `changed`.
    """
    (done,) = one_row(connection, "select count(*) from duckdb_tables() where table_name = 'records'")
    if not done:
        names = contract.by_name
        raw = ", ".join(f"{raw_column(name)} as {quoted(name)}" for name in names)
        drops = "\n".join(f"alter table staged drop column {raw_column(name)};" for name in names)
        changed = _changed(contract) if changes else ""
        connection.execute(
            script("data", raw=raw, drop_delivered=drops, changed=changed, deleted=_marked_deleted(contract))
        )
    connection.execute("checkpoint")
    rows, deleted = one_row(connection, "select (select count(*) from records), deleted from settled")
    return int(str(rows)), int(str(deleted))


def _changed(contract: Contract) -> str:
    """The table of the keys of all delivered rows, also of those that are held back or deleted."""
    keys = [contract.by_name[name] for name in contract.primary_key]
    columns = ", ".join(f"{quoted(each.name)}, {delivered(each)} as {raw_column(each.name)}" for each in keys)
    return f"create table changed as select {columns}, count(*) as rows from staged group by all;"  # noqa: S608 (names are quoted)


def _marked_deleted(contract: Contract) -> str:
    """Whether a staged row is marked as deleted by its registry, in SQL."""
    tombstone = contract.server.tombstone
    if tombstone is None:
        return "false"
    text = f"trimmed({delivered(contract.by_name[tombstone.property])})"
    return f"coalesce({text} in ({', '.join(literal(each) for each in tombstone.values)}), false)"


def file_digests(folder: Path) -> dict[str, FileDigest]:
    """Size and digest of each file that a manifest lists."""
    return {name: FileDigest(size=(folder / name).stat().st_size, sha256=digest_file(folder / name)) for name in FILES}
