"""Changes merged into a snapshot leave what a whole delivery of the same registry would have left."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from exchange.layout import INDEX
from exchange.publish import Published
from kernel.errors import Damaged
from schemas.contract import Contract, Tombstone
from tests.exchange.registry import CONTRACTS, Record, Registry, marriage, person

DATASET = "marriages"
PEOPLE = 40
BAD = "33108119900101000"
"""No number: one digit is missing, so that everyone near it is tainted."""


def changing(contract: Contract) -> Contract:
    """The contract of a registry that tells what changed, and marks what it deletes."""
    server = replace(
        contract.server,
        cursor="updated_at",
        overlap=timedelta(hours=1),
        full_every=timedelta(days=7),
        tombstone=Tombstone(property="status", values=("丧偶",)),
    )
    return replace(contract, server=server)


class Marriages:
    """A register of marriages that changes, hour by hour."""

    def __init__(self, registry: Registry, seed: int) -> None:
        self.registry = registry
        self.random = Random(seed)
        self.hour = 0
        self.rows: dict[int, Record] = {}
        for place in range(30):
            self.set(place)

    def set(self, place: int, **changes: str | None) -> None:
        husband, wife = self.random.sample(range(PEOPLE), 2)
        moment = f"2026-11-2{1 + self.hour // 24}T{self.hour % 24:02d}:30:00+08:00"
        self.rows[place] = marriage(place, husband, wife, **{"updated_at": moment, **changes})

    def change(self) -> None:
        """Some rows change, some are marked as deleted, some come, some are spoilt and some mended."""
        self.hour += 2
        for place in self.random.sample(sorted(self.rows), 6):
            kind = self.random.randrange(5)
            changes: dict[str, str | None] = [
                {},
                {"status": "离婚", "divorced_on": "2026-01-01"},
                {"status": "丧偶"},
                {"husband_id": BAD},
                {"wife_id": None, "wife_name": None},
            ][kind]
            self.set(place, **changes)
        self.set(len(self.rows))

    def publish(self, registry: Registry, **changes: bool) -> Published:
        return registry.publish(DATASET, list(self.rows.values()), **changes)


def new_registry(folder: Path) -> Registry:
    registry = Registry(root=folder)
    registry.contracts[DATASET] = changing(CONTRACTS[DATASET])
    registry.bear(DATASET)
    registry.publish("person_aliases", []) if False else None
    return registry


def known(registry: Registry) -> dict[int, tuple[list[bytes], bool, bool]]:
    """What the snapshot in force says about everyone: their rows, and whether their number or their name is tainted."""
    exchange = registry.exchange()
    exchange.aliases = None
    pinned = exchange.pin([DATASET])
    found = {}
    for place in range(PEOPLE):
        named = marriage(0, place, place)["husband_name"]
        held = pinned.held(DATASET, person(place), ["无此人"])
        by_name = pinned.held(DATASET, person(place), [str(named)])
        found[place] = (sorted(row.SerializeToString() for row in held.rows), held.tainted, by_name.tainted)
    return found


def test_merged_changes_leave_what_a_whole_delivery_leaves(tmp_path: Path) -> None:
    for seed in range(1):
        registry = new_registry(tmp_path / f"merged-{seed}")
        marriages = Marriages(registry, seed)
        first = marriages.publish(registry)
        for step in range(3):
            marriages.change()
            marriages.publish(registry)
            manifest = registry.manifest(DATASET)
            assert manifest is not None
            assert manifest.base, "the second delivery is one of changes"
            whole = new_registry(tmp_path / f"whole-{seed}-{step}")
            marriages.publish(whole)
            expected = whole.manifest(DATASET)
            assert expected is not None
            assert not expected.base
            assert known(registry) == known(whole)
            counts, others = manifest.counts, expected.counts
            assert (counts.published, counts.quarantined, counts.subjects, counts.tainted, counts.unattributable) == (
                others.published,
                others.quarantined,
                others.subjects,
                others.tainted,
                others.unattributable,
            )
            assert (manifest.absence_allowed, manifest.name_tainted) == (
                expected.absence_allowed,
                expected.name_tainted,
            )
        assert first.counts.published > 0


def test_the_whole_registry_is_read_again_from_time_to_time_and_when_it_is_asked_for(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    marriages = Marriages(registry, 7)
    marriages.publish(registry)
    marriages.change()
    marriages.publish(registry)
    assert merged(registry)
    marriages.change()
    marriages.publish(registry, force=True)
    assert not merged(registry)
    marriages.change()
    marriages.publish(registry)
    assert merged(registry)
    registry.clock.advance(timedelta(days=7))
    marriages.change()
    marriages.publish(registry)
    assert not merged(registry)


def test_a_changed_contract_reads_the_whole_registry(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    marriages = Marriages(registry, 7)
    marriages.publish(registry)
    registry.contracts[DATASET] = replace(registry.contracts[DATASET], digest=b"\1" * 32)
    marriages.change()
    marriages.publish(registry)
    assert not merged(registry)


def test_changes_of_a_damaged_snapshot_are_not_merged_and_the_whole_can_be_read_instead(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    marriages = Marriages(registry, 7)
    marriages.publish(registry)
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    path = registry.layout(DATASET).version(manifest.version) / INDEX
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    marriages.change()
    with pytest.raises(Damaged, match="--force"):
        marriages.publish(registry)
    marriages.publish(registry, force=True)
    assert not merged(registry)


def test_nothing_new_changes_nothing(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    marriages = Marriages(registry, 7)
    marriages.publish(registry)
    marriages.change()
    assert not marriages.publish(registry).unchanged
    marriages.publish(registry)
    before = registry.manifest(DATASET)
    # The overlap brings the last changes again and again; that they are the same is seen by their digest.
    assert marriages.publish(registry).unchanged
    assert registry.manifest(DATASET) == before


def test_a_merge_leaves_no_data_of_its_run_behind(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    marriages = Marriages(registry, 7)
    marriages.publish(registry)
    marriages.change()
    marriages.publish(registry)
    left = {path.suffix for path in registry.layout(DATASET).runs.rglob("*") if path.is_file()}
    assert left == {".json", ".html"}


def merged(registry: Registry) -> bool:
    """Whether the snapshot in force is one that changes were merged into."""
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    return bool(manifest.base)
