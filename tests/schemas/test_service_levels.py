"""What a contract says of how soon it is delivered, and of who decides about held deliveries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kernel.errors import Faulty
from schemas.catalogue import load_contracts
from schemas.settings import SchemaSettings

MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
RETENTION = "  - {property: retention"
TEAM = "team:\n"


def test_a_contract_says_how_long_after_its_schedule_it_is_in_force(contract: Callable[[str], Any]) -> None:
    alone = contract(MARRIAGES)
    alone.change(MARRIAGES, RETENTION, "  - {property: latency, value: 90, unit: min}\n" + RETENTION)
    assert load_contracts(alone.root)["marriages"].latency == timedelta(minutes=90)


def test_where_a_contract_does_not_say_the_settings_do(contract: Callable[[str], Any]) -> None:
    alone = contract(MARRIAGES)
    assert load_contracts(alone.root)["marriages"].latency == timedelta(hours=4)
    settings = SchemaSettings(latency_minutes=30)
    assert load_contracts(alone.root, settings)["marriages"].latency == timedelta(minutes=30)


@pytest.mark.parametrize("said", ["value: 0, unit: h", "value: 2, unit: weeks", "value: soon, unit: h"])
def test_a_latency_that_is_none_is_a_fault(contract: Callable[[str], Any], said: str) -> None:
    alone = contract(MARRIAGES)
    alone.change(MARRIAGES, RETENTION, f"  - {{property: latency, {said}}}\n" + RETENTION)
    with pytest.raises(Faulty, match="latency is no whole number of min or h or d"):
        load_contracts(alone.root)


def test_the_departments_members_decide_but_nobody_who_left(contract: Callable[[str], Any]) -> None:
    alone = contract(MARRIAGES)
    assert load_contracts(alone.root)["marriages"].deciders == ()
    members = "  members: [{username: ying.mz}, {username: gone.mz, dateOut: '2026-01-31'}]\n"
    alone.change(MARRIAGES, TEAM, TEAM + members)
    assert load_contracts(alone.root)["marriages"].deciders == ("ying.mz",)
