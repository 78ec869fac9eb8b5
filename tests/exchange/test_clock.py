"""A clock that jumps: versions keep their order, what is vouched for in the future is held, and nothing is lost."""

from datetime import timedelta

import pytest

from exchange.freshness import State
from exchange.publish import HeldBack
from exchange.status import dataset_status
from kernel.clock import FixedClock
from kernel.ids import new_version
from tests.exchange.registry import TODAY, Record, Registry, alias, number

DATASET = "person_aliases"
NOW = FixedClock.on(TODAY).now()


def aliases(count: int) -> list[Record]:
    return [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]


@pytest.mark.parametrize("back", [timedelta(0), timedelta(seconds=1), timedelta(hours=5), timedelta(days=4000)])
def test_a_version_sorts_behind_the_one_in_force_whatever_the_clock_says(back: timedelta) -> None:
    before = new_version(NOW)
    for _ in range(20):
        after = new_version(NOW - back, after=before)
        assert after > before
        before = after


def test_a_version_that_is_none_of_ours_orders_nothing() -> None:
    for other in ("", "zzz", "99999999T999999Z-000000"):
        assert new_version(NOW, after=other).startswith(f"{NOW:%Y%m%dT%H%M%SZ}-")


def test_a_clock_put_back_a_little_publishes_in_order(registry: Registry) -> None:
    first = registry.publish(DATASET, aliases(3))
    registry.clock.advance(-timedelta(hours=20))
    registry.deliver(DATASET, aliases(4), as_of="2026-11-24T03:00:00+08:00")
    second = registry.publish(DATASET)
    assert second.version > first.version
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    assert (manifest.version, manifest.built_at) == (second.version, registry.clock.now())
    assert registry.layout(DATASET).version(first.version).is_dir()
    layout, contract = registry.layout(DATASET), registry.contracts[DATASET]
    found = dataset_status(layout, contract, now=registry.clock.now(), bytes_max=1 << 20)
    assert found.freshness.state is State.FRESH
    assert found.freshness.age is not None
    assert found.freshness.age < timedelta(0)


def test_a_clock_put_back_far_holds_what_it_takes_for_the_future(registry: Registry) -> None:
    first = registry.publish(DATASET, aliases(3))
    registry.clock.advance(-timedelta(days=30))
    registry.deliver(DATASET, aliases(4), as_of="2026-11-24T03:00:00+08:00")
    held = registry.run(DATASET)
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:hours_ahead",)
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    assert manifest.version == first.version
    registry.clock.advance(timedelta(days=30))
    assert registry.publish(DATASET).version > first.version


def test_data_older_than_what_is_in_force_never_comes_into_force_by_a_jump(registry: Registry) -> None:
    registry.deliver(DATASET, aliases(4), as_of="2026-11-24T03:00:00+08:00")
    first = registry.publish(DATASET)
    registry.clock.advance(-timedelta(hours=12))
    registry.deliver(DATASET, aliases(5), as_of="2026-11-23T03:00:00+08:00")
    held = registry.run(DATASET)
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:seconds_older",)
    assert registry.publish(DATASET, force=True).version > first.version
