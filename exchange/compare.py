"""Two versions of a dataset beside each other: how many rows came, went and changed, and in which properties.

Counts only: what a comparison tells says nothing about anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from exchange.database import database, literal, one_row, quoted, script
from exchange.encryption import attach_clause, is_encrypted
from exchange.keys import IndexKeys
from exchange.layout import DATA, Layout
from exchange.manifest import Manifest, Shape
from exchange.settings import ExchangeSettings
from exchange.snapshot import check_file, read_data_key
from kernel.errors import Invalid
from schemas.contract import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Rows of the later version that are new, rows of the earlier one that are gone, and rows of both that changed.

    `changes` counts, by property, the rows of both in which it changed, where any did. `apart` are properties that only
    one of the versions has, or that are of another type in each: they are not compared.
    """

    added: int
    removed: int
    changed: int
    unchanged: int
    changes: Mapping[str, int]
    apart: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version, and the contract that it was made under."""

    manifest: Manifest
    contract: Contract


def compare(layout: Layout, before: Side, after: Side, keys: IndexKeys, settings: ExchangeSettings) -> Comparison:
    """Compare two versions of a dataset by their primary key.

    Raises Invalid where the key is another one in each, and Damaged where the data is not as it was published.
    """
    pairs = _pairs(before.manifest.shape, after.manifest.shape)
    key = _key(before, after, pairs)
    values = [(old, new) for old, new in pairs if new not in key]
    different = {new: f"b.{quoted(old)} is distinct from a.{quoted(new)}" for old, new in values}
    statement = script(
        "compare",
        different=" or ".join(different.values()) or "false",
        each="".join(
            f", count(*) filter (where before_there and after_there and {each})" for each in different.values()
        ),
        same_key=" and ".join(f"b.{quoted(old)} = a.{quoted(new)}" for old, new in pairs if new in key),
    )
    # DuckDB opens the snapshots read-only, beside a database of its own that holds nothing and spills what is large.
    with (
        TemporaryDirectory(prefix=".compare-", dir=layout.folder) as folder,
        database(Path(folder) / "compare.duckdb", settings) as connection,
    ):
        for name, side in (("before_version", before), ("after_version", after)):
            connection.execute(_attached(layout, name, side.manifest, keys))
        added, removed, changed, both, *counts = (int(str(each)) for each in one_row(connection, statement))
    return Comparison(
        added=added,
        removed=removed,
        changed=changed,
        unchanged=both - changed,
        changes={name: count for name, count in zip(different, counts, strict=True) if count},
        apart=_apart(before.manifest.shape, after.manifest.shape, pairs),
    )


def _pairs(before: Shape, after: Shape) -> list[tuple[str, str]]:
    """The names of each property in both versions: the same number and type are the same property."""
    numbers = {number: (name, kind) for name, (number, kind) in before.fields.items()}
    return [
        (numbers[number][0], name)
        for name, (number, kind) in after.fields.items()
        if number in numbers and numbers[number][1] == kind
    ]


def _key(before: Side, after: Side, pairs: list[tuple[str, str]]) -> frozenset[str]:
    """The primary key by its names in the later version; raises Invalid where the versions have not the same."""
    renamed = dict(pairs)
    old = {renamed.get(name) for name in before.contract.primary_key}
    if old != set(after.contract.primary_key):
        raise Invalid(
            "the versions have not the same primary key, so that no row can be found again",
            field="version",
            remedy="compare versions made under contracts with one key",
        )
    return frozenset(after.contract.primary_key)


def _apart(before: Shape, after: Shape, pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    old, new = {name for name, _ in pairs}, {name for _, name in pairs}
    return tuple(sorted((before.fields.keys() - old) | (after.fields.keys() - new)))


def _attached(layout: Layout, name: str, manifest: Manifest, keys: IndexKeys) -> str:
    """The statement that attaches a version's data read-only; it may hold a key."""
    path = layout.version(manifest.version) / DATA
    check_file(manifest, path, DATA)
    clause = "(read_only)"
    if is_encrypted(path):
        clause = attach_clause(read_data_key(layout, manifest, keys), read_only=True)
    return f"attach {literal(str(path))} as {name} {clause}"
