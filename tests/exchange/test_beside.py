"""Two versions of a contract side by side: each reads the snapshots that it can, and no others."""

from dataclasses import replace

from exchange.reader import Exchange
from schemas.contract import Contract
from tests.exchange.registry import Registry, person, resident


def renamed(contract: Contract) -> Contract:
    """The same contract, but for one property's name: it breaks with the former."""
    held = [replace(each, name="state") if each.name == "status" else each for each in contract.properties]
    rules = tuple(each for each in contract.rules if "status" not in each.properties)
    return replace(contract, version="2.0.0", digest=b"2" * 32, properties=tuple(held), rules=rules)


def beside(registry: Registry, *, in_force: Contract, other: Contract) -> Exchange:
    contracts = {**registry.contracts, "population": in_force, f"population@{other.version[0]}": other}
    return Exchange(registry.store, registry.keys, contracts)


def test_until_the_new_version_is_delivered_the_former_is_read(published: Registry) -> None:
    first = published.contracts["population"]
    second = renamed(first)
    exchange = beside(published, in_force=second, other=first)
    pinned = exchange.pin(["population", "population@1"])
    assert "population" not in pinned.snapshots
    assert pinned.snapshots["population@1"].dataset == "population"
    (row,) = pinned.held("population@1", person(1)).rows
    assert row.status == "户籍"  # type: ignore[attr-defined]
    # Nobody may ask what is in force by the new contract, and that is said; that the other may be asked is no news.
    assert "population" in exchange.refresh()
    assert "population@1" not in exchange.refresh()


def test_once_it_is_delivered_the_new_version_is_read(published: Registry) -> None:
    first = published.contracts["population"]
    second = renamed(first)
    published.contracts["population"] = second
    rows = [
        {("state" if name == "status" else name): value for name, value in resident(each).items()} for each in range(9)
    ]
    published.publish("population", rows, force=True)
    pinned = beside(published, in_force=second, other=first).pin(["population", "population@1"])
    (row,) = pinned.held("population", person(1)).rows
    assert row.state == "户籍"  # type: ignore[attr-defined]
    assert "population@1" not in pinned.snapshots


def test_a_version_that_both_can_read_serves_both(published: Registry) -> None:
    first = published.contracts["population"]
    second = replace(first, version="2.0.0", digest=b"2" * 32, tolerance=0.5)
    pinned = beside(published, in_force=second, other=first).pin(["population", "population@1"])
    assert pinned.snapshots["population"] == pinned.snapshots["population@1"]
    rows = [pinned.held(name, person(1)).rows[0].SerializeToString() for name in ("population", "population@1")]
    assert rows[0] == rows[1]
