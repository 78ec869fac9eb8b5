"""Build a snapshot's files from a validated delivery: the data, the serving index derived from it, their digests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.database import database, literal, one_row, quoted, raw_column, script
from exchange.index import IndexEntry, write_index
from exchange.keys import IndexKeys
from exchange.layout import DATA, FILES, INDEX
from exchange.manifest import FileDigest
from exchange.settings import ExchangeSettings
from exchange.taint import IDENTITY
from kernel.digest import digest_file
from kernel.durable import PRIVATE, flush_file
from schemas.contract import Contract, PropertyType

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build: what is built from which staging file into which folder."""

    contract: Contract
    staged: Path
    folder: Path
    keys: IndexKeys
    data_key: bytes
    settings: ExchangeSettings

    def write(self) -> tuple[int, int]:
        """Write data and index; returns how many subjects have rows, and how many identities and names are tainted."""
        path = self.folder / DATA
        columns = ", ".join(quoted(name) for name in self.contract.by_name)
        raw = ", ".join(f"{raw_column(name)} as {quoted(name)}" for name in self.contract.by_name)
        with database(path, self.settings, spill=self.staged.with_name("spill")) as connection:
            connection.execute(f"attach {literal(str(self.staged))} as run (read_only)")
            connection.execute(script("data", columns=columns, raw=raw))
            connection.execute("detach run")
            tainted = self._tainted(connection)
            self._key_subjects(connection)
            entries = _merge(self._entries(connection), sorted(tainted))
            write_index(self.folder / INDEX, entries, self.data_key, map_bytes=self.settings.index_map_bytes)
            (subjects,) = one_row(connection, "select count(*) from index_keys")
            connection.execute("checkpoint")
        for name in (DATA, INDEX):
            (self.folder / name).chmod(PRIVATE)
            flush_file(self.folder / name)
        return int(str(subjects)), len(tainted)

    def _tainted(self, connection: "DuckDBPyConnection") -> set[bytes]:
        """The index keys of everyone whom a held-back row may be about."""
        rows = connection.execute("select kind, form from taints").fetchall()
        return {self.keys.subject(form) if kind == IDENTITY else self.keys.name(form) for kind, form in rows}

    def _key_subjects(self, connection: "DuckDBPyConnection") -> None:
        """Give every subject its index key, in the table `index_keys`."""
        every = " union all ".join(
            f"select {self._canonical(key.property)} as form, _record from records"  # noqa: S608 (names are quoted)
            for key in self.contract.subject_keys
        )
        connection.execute(script("subjects", every=every))
        last, batch = 0, self.settings.batch_rows
        page = "select form from subjects where place > $1 and place <= $2"
        while rows := connection.execute(page, [last, last + batch]).fetchall():
            last += batch
            forms = [form for (form,) in rows]
            keys = [self.keys.subject(form) for form in forms]
            connection.execute("insert into index_keys select unnest($1::varchar[]), unnest($2::blob[])", [forms, keys])

    def _canonical(self, name: str) -> str:
        organisation = self.contract.by_name[name].type is PropertyType.ORGANISATION
        return f"{'canonical_organisation' if organisation else 'canonical_person'}({quoted(name)})"

    def _entries(self, connection: "DuckDBPyConnection") -> Iterator[tuple[bytes, IndexEntry]]:
        """Every subject's rows, in the order of index keys."""
        names = tuple(self.contract.by_name)
        to_bytes = self.contract.row.to_bytes
        found = connection.execute(script("index_rows", columns=", ".join(f"records.{quoted(name)}" for name in names)))
        most = self.settings.subject_rows_max

        def rows() -> Iterator[tuple[bytes, bytes]]:
            while batch := found.fetchmany(self.settings.batch_rows):
                for key, *values in batch:
                    record: Mapping[str, Any] = dict(zip(names, values, strict=True))
                    yield key, to_bytes(record)

        for key, grouped in groupby(rows(), key=itemgetter(0)):
            held = tuple(row for _, row in grouped)
            # More rows than a person can have are a placeholder number's; nothing is said about it.
            yield key, IndexEntry(rows=held) if len(held) <= most else IndexEntry(tainted=True)


def _merge(entries: Iterator[tuple[bytes, IndexEntry]], tainted: list[bytes]) -> Iterator[tuple[bytes, IndexEntry]]:
    """The entries with the tainted keys among them, all in ascending order."""
    waiting = iter(tainted)
    next_tainted = next(waiting, None)
    for key, entry in entries:
        while next_tainted is not None and next_tainted < key:
            yield next_tainted, IndexEntry(tainted=True)
            next_tainted = next(waiting, None)
        if next_tainted == key:
            yield key, IndexEntry(rows=entry.rows, tainted=True)
            next_tainted = next(waiting, None)
        else:
            yield key, entry
    while next_tainted is not None:
        yield next_tainted, IndexEntry(tainted=True)
        next_tainted = next(waiting, None)


def file_digests(folder: Path) -> dict[str, FileDigest]:
    """Size and digest of each file that a manifest lists."""
    return {name: FileDigest(size=(folder / name).stat().st_size, sha256=digest_file(folder / name)) for name in FILES}
