"""Whom a held-back row may be about: the taint that keeps quarantine from creating facts.

A row that is held back might be the one that says the opposite. So everyone whom it may be about is tainted: under a
readable number, that number; under a bad one, every valid number one edit away, and the name; without a number, the
name. A row that names somebody whom nothing tells is counted as unattributable.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exchange.database import one_row, quoted, raw_column, script
from kernel.errors import MalformedIdentity
from kernel.identity import near, parse_organisation, parse_person
from kernel.names import match_name
from schemas.contract import Contract, PropertyType, SubjectKey

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IDENTITY = "identity"
NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taints:
    """What the table `taints` came to: whether it holds names, and how many held-back rows are nobody's."""

    named: bool
    unattributable: int


@dataclass(slots=True, kw_only=True)
class _Found:
    """Whom some held-back rows may be about: canonical identities, match forms of names, and rows that name nobody."""

    identities: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    nobody: set[int] = field(default_factory=set)

    def add(self, record: int, number: str | None, name: str | None, *, organisation: bool) -> None:
        """Taint whom one subject key of one row, as delivered, may be about."""
        usable = False
        text = (number or "").strip()
        if text:
            try:
                parse = parse_organisation if organisation else parse_person
                self.identities.add(parse(text).canonical)
            except MalformedIdentity:
                candidates = frozenset() if organisation else near(text)
                self.identities.update(each.canonical for each in candidates)
                usable = bool(candidates)
            else:
                return
        form = match_name(name or "")
        if form:
            self.names.add(form)
        elif not usable:
            self.nobody.add(record)


def write_taints(
    connection: "DuckDBPyConnection", contract: Contract, batch: int, *, table: str = "quarantine"
) -> Taints:
    """Work out the taints of the held-back rows in a table, and keep them in the table `taints`.

    A bad number has a dozen near ones, so what is found goes into the database batch by batch.
    """
    connection.execute(script("taints"))
    for key in contract.subject_keys:
        _add_key(connection, contract, key, batch, table)
    connection.execute(script("taints_kept"))
    named, nobody = one_row(
        connection,
        "select (select count(*) from taints where kind = $1), (select count(distinct record) from tainted_nobody)",
        [NAME],
    )
    return Taints(named=bool(named), unattributable=int(str(nobody)))


def _add_key(connection: "DuckDBPyConnection", contract: Contract, key: SubjectKey, batch: int, table: str) -> None:
    organisation = contract.by_name[key.property].type is PropertyType.ORGANISATION
    number, text = quoted(key.property), raw_column(key.property)
    name = raw_column(key.name_property) if key.name_property else "null"
    # A number that was folded is taken as folded, and needs no second look; one that could not be, as it was delivered.
    canonical = f"{'canonical_organisation' if organisation else 'canonical_person'}({number})"
    connection.execute(
        f"insert into tainted_found select distinct $1, {canonical} from {table} where {number} is not null",  # noqa: S608 (names are quoted)
        [IDENTITY],
    )
    unreadable = f"""
        select _record, {text}, {name} from {table} where {number} is null and _record > $1 order by _record limit $2
    """  # noqa: S608 (names are quoted)
    last = 0
    while rows := connection.execute(unreadable, [last, batch]).fetchall():
        found = _Found()
        for record, delivered, written in rows:
            found.add(record, delivered, written, organisation=organisation)
        _keep(connection, found)
        last = rows[-1][0]


def _keep(connection: "DuckDBPyConnection", found: _Found) -> None:
    for kind, forms in ((IDENTITY, found.identities), (NAME, found.names)):
        connection.execute("insert into tainted_found select $1, unnest($2::varchar[])", [kind, list(forms)])
    connection.execute("insert into tainted_nobody select unnest($1::bigint[])", [list(found.nobody)])
