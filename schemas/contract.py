"""A contract: what one department delivers in one dataset, and what it vouches for.

Open Data Contract Standard v3.1 YAML (https://bitol.io), one dataset and one schema object a contract. `odcs` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from schemas.property import NUMBERS, Property, PropertyType, Sensitivity
from schemas.rows import RowType
from schemas.rule import Check, Rule
from schemas.server import Server, ServerKind, Tombstone
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
