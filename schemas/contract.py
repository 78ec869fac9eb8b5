"""A contract: what one department delivers in one dataset, and what it vouches for.

Open Data Contract Standard v3.1 YAML (https://bitol.io), one dataset and one schema object a contract. `odcs` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from schemas.property import NUMBERS, Property, PropertyType, Sensitivity
from schemas.rows import RowType
from schemas.settings import DEFAULTS, SchemaSettings
from schemas.title import Title

__all__ = [
    "NUMBERS",
    "Check",
    "Contract",
    "IdentityAliases",
    "Property",
    "PropertyType",
    "Rule",
    "Sensitivity",
    "Server",
    "ServerKind",
    "SubjectKey",
    "Tombstone",
]


class ServerKind(StrEnum):
    """The form in which a registry delivers."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"
    SQL = "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """How a registry that keeps deleted records marks them: the property, and the texts in it that say "deleted"."""

    property: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a delivery is read.

    `path` is relative to the delivery root; for SQL `url` is an SQLAlchemy URL in which `{root}` stands for that root,
    and `table` is read. `as_of` is the property whose greatest value is the data's `data_as_of`, where there is one.
    In a workbook `sheet` and `header_row` count from 1, and `fill_merged` repeats a merged cell's value in every cell.

    `connection` is the id under which the hub finds the credentials; no contract holds any.

    `cursor` is the property whose value only grows when a record changes; empty: every delivery is the whole registry.
    Where it is set, changes are read from `overlap` (of instants and days) or `overlap_count` (of integers) before the
    last one seen, since a transaction may commit later than its records say; and at least every `full_every` the whole
    registry is read, which alone finds records that are gone without a trace. A record whose `tombstone` property has
    one of its values is deleted, in either form.
    """

    kind: ServerKind
    path: str = ""
    url: str = ""
    table: str = ""
    encoding: str = "UTF-8"
    sheet: int = 1
    header_row: int = 1
    fill_merged: bool = False
    as_of: str = ""
    connection: str = ""
    cursor: str = ""
    overlap: timedelta = timedelta(0)
    overlap_count: int = 0
    tombstone: Tombstone | None = None
    full_every: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """A property whose value names a subject of the row, and the property with that subject's name, if there is one."""

    property: str
    name_property: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAliases:
    """The properties that hold two numbers of one person, the former and the current."""

    former: str
    current: str


class Check(StrEnum):
    """What a quality rule checks.

    `ROW_COUNT` and nothing else judges the delivery as a whole; every other one judges rows, which it quarantines.
    """

    ROW_COUNT = "row_count"
    PRESENT = "present"
    TYPED = "typed"
    VALUES = "values"
    PATTERN = "pattern"
    RANGE = "range"
    UNIQUE = "unique"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One quality rule, written in the contract or following from a property's type, `required` or the primary key.

    PRESENT: the property has a value. TYPED: the text is a value of the property's type. VALUES: one of `values`.
    PATTERN: the whole text matches `pattern` (the common part of RE2 and ECMA-262). RANGE: from `minimum` to `maximum`,
    both included, empty is open, `today` is the day of the check in Asia/Shanghai. UNIQUE: no other row has the same
    `properties`. HOLDS: `predicate`, a SQL condition over property names, is not false. ROW_COUNT: more than `minimum`
    rows. Absent values pass every check but PRESENT. `tolerance` is the share of rows that may fail before the delivery
    is held.
    """

    id: str
    check: Check
    properties: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    pattern: str = ""
    minimum: str = ""
    maximum: str = ""
    predicate: str = ""
    tolerance: float = 0.0
    dimension: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One dataset's contract.

    `complete_for` names the scope for which an empty look-up is an answer; empty where there is none. More than
    `unattributable_bound` (share of rows) quarantined rows that nobody can be named for, and absence proves nothing;
    more than `tolerance` bad rows, and the delivery is held. `digest` is SHA-256 of the file's bytes.
    `schedule` is a cron line in Asia/Shanghai; `latency` is how long after it a delivery must be in force, `freshness`
    the greatest age of data that counts as fresh. `deciders` are the department's members, by the names that they log
    in with, who decide about held deliveries; none: whoever may.
    """

    id: str
    version: str
    digest: bytes
    title: Title
    department: str
    department_title: Title
    deciders: tuple[str, ...]
    properties: tuple[Property, ...]
    primary_key: tuple[str, ...]
    subject_keys: tuple[SubjectKey, ...]
    complete_for: str
    unattributable_bound: float
    tolerance: float
    rules: tuple[Rule, ...]
    server: Server
    schedule: str
    freshness: timedelta
    latency: timedelta
    retention_days: int
    name_register: str | None
    identity_aliases: IdentityAliases | None
    raw_path: Path
    settings: SchemaSettings = field(default=DEFAULTS, repr=False, compare=False)

    @cached_property
    def row(self) -> RowType:
        """The type of the dataset's rows."""
        return RowType(self.id, self.properties, self.settings)

    @cached_property
    def by_name(self) -> Mapping[str, Property]:
        """The properties by name."""
        return {each.name: each for each in self.properties}
