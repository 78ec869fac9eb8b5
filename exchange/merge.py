"""Build a snapshot from the one in force and a delivery of what changed since.

Rows are replaced by primary key, rows that the registry marks as deleted go, and rows that were held back stay held
back until the registry delivers them again. The index is the former one's copy under the same data key, in which only
the entries of those subjects are written anew whose rows or taint changed. It ends as a full delivery would have ended:
a test holds the two to the same rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.build import Built, absence_allowed, settle
from exchange.cleaning import cleaned, written
from exchange.database import database, literal, one_row, published_data, quoted, raw_column, script
from exchange.encryption import attach
from exchange.index import Entries, IndexChanges
from exchange.index_rows import canonical, index_rows
from exchange.keys import IndexKeys
from exchange.layout import DATA, INDEX
from exchange.manifest import Counts, Manifest
from exchange.rules import key_rule
from exchange.settings import ExchangeSettings
from exchange.taint import Taints, write_taints
from kernel.digest import copy_file
from kernel.durable import PRIVATE, flush_file
from kernel.errors import Damaged
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One merge: the changes in a staging file, the snapshot that they change, and the folder of the new one."""

    contract: Contract
    staged: Path
    base: Manifest
    base_folder: Path
    folder: Path
    keys: IndexKeys
    data_key: bytes
    settings: ExchangeSettings

    def write(self) -> Built:
        """Write data and index. Raises Damaged where the snapshot in force is not as it was published."""
        with database(self.staged, self.settings) as connection:
            settle(connection, self.contract, changes=True)
        for name in (DATA, INDEX):
            self._copy(name)
        path, spill = self.folder / DATA, self.staged.with_name("spill")
        with published_data(path, self.data_key, self.settings, spill=spill, read_only=False) as connection:
            built = self._merge(connection)
            connection.execute("detach run")
            connection.execute("checkpoint")
        for name in (DATA, INDEX):
            flush_file(self.folder / name)
        return built

    def _copy(self, name: str) -> None:
        if copy_file(self.base_folder / name, self.folder / name, mode=PRIVATE) != self.base.files[name].sha256:
            raise Damaged(
                "is not the file that was published",
                field=f"{self.base.dataset}/{self.base.version}/{name}",
                remedy="publish with --force: the whole registry is read again",
            )

    def _merge(self, connection: "DuckDBPyConnection") -> Built:
        connection.execute(f"attach {literal(str(self.staged))} as run (read_only)")
        self._replace_rows(connection)
        taints = self._taints(connection)
        connection.execute(script("touched"))
        rows = index_rows(connection, self.contract, self.keys, self.settings.batch_rows, only="touched")
        entries = Entries(rows, self.settings.subject_rows_max)
        with IndexChanges(self.folder / INDEX, self.data_key, map_bytes=self.settings.index_map_bytes) as index:
            more_subjects = index.change(entries.changes())
        return self._built(connection, taints, more_subjects=more_subjects)

    def _replace_rows(self, connection: "DuckDBPyConnection") -> None:
        """Put the changed rows in the place of those with their keys, and say whose rows came or went."""
        names = self.contract.by_name
        key = self.contract.primary_key
        subjects = [each.property for each in self.contract.subject_keys]
        keys = [self.contract.by_name[name] for name in key]
        parts = {
            "columns": ", ".join(quoted(name) for name in names),
            "same_key": _each_equal("records.{0} = changed.{0}", key),
            "same_new_key": _each_equal("records.{0} = contested.{0}", key),
            "same_row": _each_equal("quarantine.{0} is not distinct from come.{0}", names),
            "written_key": ", ".join(raw_column(name) for name in key),
            "same_written": " and ".join(f"held.{quoted(name)} = changed.{raw_column(name)}" for name in key),
            "cleaned": ", ".join(f"{cleaned(each)} as {quoted(each.name)}" for each in keys),
            "raw": ", ".join(f"{quoted(name)} as {raw_column(name)}" for name in key),
            "same_cleaned": _each_equal("held.{0} = changed.{0}", key),
            "delivered": ", ".join(f"{written(each)} as {quoted(each.name)}" for each in names.values()),
            "rule": literal(key_rule(self.contract)),
            "subjects": " union all ".join(
                f"select {canonical(self.contract, name)} as form from {table} where {quoted(name)} is not null"  # noqa: S608 (names are quoted)
                for name in subjects
                for table in ("replaced", "come_rows")
            ),
        }
        connection.execute(script("merge", **parts))

    def _taints(self, connection: "DuckDBPyConnection") -> Taints:
        """Whom the rows that are held back now may be about, worked out from the rows as they were delivered."""
        written = ", ".join(
            f"null::varchar as {quoted(name)}, {quoted(name)} as {raw_column(name)}" for name in self.contract.by_name
        )
        connection.execute(
            f"create temp table held_back as select row_number() over () as _record, {written} from quarantine"  # noqa: S608 (names are quoted)
        )
        return write_taints(connection, self.contract, self.settings.batch_rows, table="held_back")

    def _built(self, connection: "DuckDBPyConnection", taints: Taints, *, more_subjects: int) -> Built:
        published, quarantined, tainted, deleted = (
            int(str(each)) for each in one_row(connection, script("merged_counts"))
        )
        rows = published + quarantined
        counts = Counts(
            delivered=rows,
            published=published,
            duplicates=0,
            quarantined=quarantined,
            unattributable=taints.unattributable,
            subjects=self.base.counts.subjects + more_subjects,
            tainted=tainted,
            deleted=deleted,
        )
        return Built(
            counts=counts,
            absence_allowed=absence_allowed(self.contract, counts),
            name_tainted=taints.named,
        )


def _each_equal(form: str, names: Iterable[str]) -> str:
    return " and ".join(form.format(quoted(name)) for name in names)


def rows_after(staged: Path, contract: Contract, base: Path, data_key: bytes, settings: ExchangeSettings) -> int:
    """How many rows a snapshot would have after a merge, held-back ones left out; raises nothing for bad rows."""
    key = contract.primary_key
    with database(staged, settings) as connection:
        connection.execute(attach(base / DATA, "base", data_key))
        same = " and ".join(f"records.{quoted(name)} = staged.{quoted(name)}" for name in key)
        kept, changed = one_row(
            connection,
            f"select (select count(*) from base.records as records anti join staged on {same}), count(*) from staged",  # noqa: S608 (names are quoted)
        )
    return int(str(kept)) + int(str(changed))
