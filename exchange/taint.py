"""Whom a held-back row may be about: the taint that keeps quarantine from creating facts.

A row that is held back might be the one that says the opposite. So everyone whom it may be about is tainted: under a
readable number, that number; under a bad one, every valid number one edit away, and the name; without a number, the
name. A row that names somebody whom nothing tells is counted as unattributable.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exchange.database import quoted, raw_column
from kernel.errors import MalformedIdentity
from kernel.identity import near, parse_organisation, parse_person
from kernel.names import match_name
from schemas.contract import Contract, PropertyType, SubjectKey

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IDENTITY = "identity"
NAME = "name"


@dataclass(slots=True, kw_only=True)
class Taints:
    """Canonical identities and match forms of names that held-back rows may be about."""

    identities: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    unattributable: set[int] = field(default_factory=set)

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
            self.unattributable.add(record)


def write_taints(
    connection: "DuckDBPyConnection", contract: Contract, batch: int, *, table: str = "quarantine"
) -> Taints:
    """Work out the taints of the held-back rows in a table, and keep them in the table `taints`."""
    taints = Taints()
    for key in contract.subject_keys:
        _add_key(connection, contract, key, taints, batch, table)
    forms = [(IDENTITY, each) for each in sorted(taints.identities)] + [(NAME, each) for each in sorted(taints.names)]
    connection.execute("create or replace table taints (kind varchar, form varchar)")
    connection.execute(
        "insert into taints select unnest($1::varchar[]), unnest($2::varchar[])",
        [[kind for kind, _ in forms], [form for _, form in forms]],
    )
    return taints


def _add_key(
    connection: "DuckDBPyConnection", contract: Contract, key: SubjectKey, taints: Taints, batch: int, table: str
) -> None:
    organisation = contract.by_name[key.property].type is PropertyType.ORGANISATION
    number, text = quoted(key.property), raw_column(key.property)
    name = raw_column(key.name_property) if key.name_property else "null"
    # A number that was folded is taken as folded, and needs no second look; one that could not be, as it was delivered.
    canonical = f"{'canonical_organisation' if organisation else 'canonical_person'}({number})"
    readable = f"select distinct {canonical} from {table} where {number} is not null"  # noqa: S608 (names are quoted)
    unreadable = f"select _record, {text}, {name} from {table} where {number} is null"  # noqa: S608 (the same)
    found = connection.execute(readable)
    while rows := found.fetchmany(batch):
        taints.identities.update(form for (form,) in rows)
    found = connection.execute(unreadable)
    while rows := found.fetchmany(batch):
        for record, delivered, written in rows:
            taints.add(record, delivered, written, organisation=organisation)
