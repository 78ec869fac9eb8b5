"""The snapshots in force that a delivery refers to: a value of one dataset that must be found in another.

A dataset that is not in force, or whose snapshot is damaged or was made without the property, cannot be referred to:
the delivery is held, unless somebody publishes it by force. Only published rows count: what the other department has
held back is not vouched for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exchange.database import literal, quoted
from exchange.encryption import attach_clause, is_encrypted
from exchange.keys import IndexKeys
from exchange.layout import DATA, Layout
from exchange.manifest import Manifest
from exchange.settings import ExchangeSettings
from exchange.snapshot import check_file, manifest_in_force, read_data_key
from kernel.errors import Damaged
from schemas.contract import Check, Contract, Rule

STAGED = "staged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Referenced:
    """A snapshot in force that is referred to. `clause` opens its data where that is encrypted, and is a secret."""

    dataset: str
    version: str
    path: Path
    clause: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What a delivery can be compared with, and the rules that can be compared with nothing."""

    found: tuple[Referenced, ...] = ()
    unjudged: tuple[str, ...] = ()

    def attach(self) -> Iterator[str]:
        """The statements that attach the snapshots, read-only; they may hold keys."""
        for place, each in enumerate(self.found):
            yield f"attach {literal(str(each.path))} as {_database(place)} {each.clause or '(read_only)'}"

    def tables(self, contract: Contract) -> dict[str, str]:
        """The table, once attached, that holds the rows of each dataset; a contract's own are the staged ones."""
        named = {each.dataset: f"{_database(place)}.records" for place, each in enumerate(self.found)}
        return {contract.id: STAGED, **named}


NO_REFERENCES = References()
"""Of a contract that refers to nothing."""


def references_of(contract: Contract, *, store: Path, keys: IndexKeys, settings: ExchangeSettings) -> References:
    """Find the snapshots in force that a contract's rules refer to, their data checked against its digest."""
    found: dict[str, Referenced] = {}
    unjudged = []
    for rule in contract.rules:
        if rule.check is not Check.REFERS or rule.reference is None or rule.reference.dataset == contract.id:
            continue
        layout = Layout.of(store, rule.reference.dataset)
        try:
            manifest = manifest_in_force(layout, bytes_max=settings.manifest_bytes_max)
            if manifest is None or not _holds(manifest, contract, rule):
                unjudged.append(rule.id)
            elif rule.reference.dataset not in found:
                found[rule.reference.dataset] = _opened(layout, manifest, keys)
        except Damaged:
            unjudged.append(rule.id)
    return References(found=tuple(found.values()), unjudged=tuple(unjudged))


def _holds(manifest: Manifest, contract: Contract, rule: Rule) -> bool:
    """Whether the snapshot has every property that the rule refers to, of the same type."""
    if rule.reference is None:
        return False
    return all(
        name in manifest.shape.fields and manifest.shape.fields[name][1] == contract.by_name[own].type
        for own, name in zip(rule.properties, rule.reference.properties, strict=True)
    )


def _opened(layout: Layout, manifest: Manifest, keys: IndexKeys) -> Referenced:
    path = layout.version(manifest.version) / DATA
    check_file(manifest, path, DATA)
    clause = ""
    if is_encrypted(path):
        clause = attach_clause(read_data_key(layout, manifest, keys), read_only=True)
    return Referenced(dataset=manifest.dataset, version=manifest.version, path=path, clause=clause)


def _database(place: int) -> str:
    return quoted(f"referenced_{place}")
