"""Two versions beside each other: how many rows came, went and changed, and no value of them."""

from dataclasses import replace

import pytest

from exchange.compare import Comparison, Side, compare
from exchange.history import read_version
from exchange.layout import DATA
from kernel.errors import Damaged, Invalid
from tests.exchange.registry import Registry, resident


def side(registry: Registry, version: str) -> Side:
    manifest = read_version(registry.layout("population"), version, bytes_max=1 << 20)
    return Side(manifest=manifest, contract=registry.contracts["population"])


def compared(registry: Registry, before: Side, after: Side) -> Comparison:
    job = registry.job("population")
    return compare(registry.layout("population"), before, after, registry.keys, job.settings)


def test_rows_are_counted_by_what_became_of_them(published: Registry) -> None:
    first = published.publish("population", [resident(place) for place in range(20)], force=True).version
    rows = [resident(place) for place in range(3, 22)]
    rows[0] |= {"status": "迁出"}
    rows[1] |= {"status": "死亡", "household_no": None}
    second = published.publish("population", rows, force=True).version
    before, after = side(published, first), side(published, second)
    found = compared(published, before, after)
    assert (found.added, found.removed, found.changed, found.unchanged) == (2, 3, 2, 15)
    assert found.changes == {"status": 2, "household_no": 1}
    assert found.apart == ()
    # The way back is the same the other way round.
    back = compared(published, after, before)
    assert (back.added, back.removed, back.changed) == (3, 2, 2)
    same = compared(published, before, before)
    assert (same.added, same.removed, same.changed, same.unchanged, same.changes) == (0, 0, 0, 20, {})


def test_properties_that_only_one_version_has_are_not_compared(published: Registry) -> None:
    contract = published.contracts["population"]
    first = published.publish("population", [resident(place) for place in range(9)], force=True).version
    before = side(published, first)
    slim = replace(contract, properties=tuple(each for each in contract.properties if each.name != "ethnicity"))
    slim = replace(slim, version="2.0.0", rules=tuple(r for r in slim.rules if "ethnicity" not in r.properties))
    published.contracts["population"] = replace(slim, digest=b"d" * 32)
    second = published.publish("population", [resident(place) for place in range(9)], force=True).version
    found = compared(published, before, side(published, second))
    assert (found.apart, found.changed, found.unchanged) == (("ethnicity",), 0, 9)


def test_versions_with_other_primary_keys_are_not_compared(published: Registry) -> None:
    first = published.publish("population", [resident(place) for place in range(9)], force=True).version
    before = side(published, first)
    other = replace(before, contract=replace(before.contract, primary_key=("person_id", "name")))
    with pytest.raises(Invalid, match="primary key"):
        compared(published, before, other)


def test_data_that_was_changed_is_not_compared(published: Registry) -> None:
    first = published.publish("population", [resident(place) for place in range(9)], force=True).version
    path = published.layout("population").version(first) / DATA
    raw = bytearray(path.read_bytes())
    raw[-40] ^= 1
    path.write_bytes(raw)
    before = side(published, first)
    with pytest.raises(Damaged):
        compared(published, before, before)


def test_a_comparison_leaves_nothing_behind(published: Registry) -> None:
    first = published.publish("population", [resident(place) for place in range(9)], force=True).version
    layout = published.layout("population")
    before = sorted(path.relative_to(layout.folder) for path in layout.folder.rglob("*"))
    data = (layout.version(first) / DATA).read_bytes()
    compared(published, side(published, first), side(published, first))
    assert sorted(path.relative_to(layout.folder) for path in layout.folder.rglob("*")) == before
    assert (layout.version(first) / DATA).read_bytes() == data
