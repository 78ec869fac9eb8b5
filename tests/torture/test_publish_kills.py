"""A publisher killed in every step and between them: what is in force is whole and recorded, and the rerun finishes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest

from exchange.publish import STEPS
from tests.torture.kinds import KINDS, Kind
from tests.torture.publisher import APPEND, DECIDE, ROLL_BACK, after
from tests.torture.registers import ALIASES, MARRIAGES
from tests.torture.trial import KILLED, Trial

FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
KILLS = 100 if FULL else 10
"""The issue's count in `make torture`; elsewhere a seeded share."""
DUELS = 6 if FULL else 1
PLACES = {*STEPS, *map(after, STEPS), DECIDE, after(DECIDE), ROLL_BACK}
"""Where a publisher must have been killed at least once when all are counted."""
SEED = int(os.environ.get("MIANZHENG_TORTURE_SEED", "20261124"))
"""Another seed kills at other places; what is killed at any instant differs from run to run in any case."""


@contextmanager
def trial_in(home: Path) -> Iterator[Trial]:
    trial = Trial.begin(home, Random(SEED))
    try:
        yield trial
    finally:
        trial.close()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trial_in(tmp_path_factory.mktemp("torture") / "home") as begun:
        yield begun


def plan(kills: int) -> list[tuple[Kind, str]]:
    """Which kind of run is killed where: every place of every kind in turn, in an order that the seed gives.

    First comes every step once, in some kind of run, so that a share meets them all.
    """
    everywhere = [(kind, place) for kind in KINDS for place in kind.places]
    Random(SEED).shuffle(everywhere)
    first = {place: (kind, place) for kind, place in everywhere if not place.startswith("after")}
    return list(islice(cycle([*first.values(), *everywhere]), kills))


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
def test_what_is_in_force_survives_every_kill_of_a_publisher(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, place in plan(KILLS):
        trial.kill(kind, place)
    for dataset in (ALIASES, MARRIAGES):
        trial.deliver(dataset)
        trial.publish_anew(dataset)
        trial.assert_nothing_left(dataset)
    trial.assert_recorded_once()
    with capsys.disabled():
        sys.stdout.write(f"\n{trial.report()}\n")
    assert sum(trial.hits.values()) == KILLS
    if FULL:
        assert {place for _, place in trial.hits} >= PLACES, "a step was never hit"


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
def test_of_two_publishers_the_one_that_is_left_gets_the_lock_and_finishes(trial: Trial) -> None:
    for dataset in islice(cycle((ALIASES, MARRIAGES)), DUELS):
        trial.duel(dataset)


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
@pytest.mark.parametrize("dataset", [ALIASES, MARRIAGES])
def test_killed_between_the_entry_and_its_receipt_it_is_recorded_once(trial: Trial, dataset: str) -> None:
    wanted, run = trial.deliver(dataset), trial.new_run()
    killed = trial.live(trial.order("publish", dataset, run, place="record", operation=APPEND, landed=True))
    assert (killed.status, killed.place) == (KILLED, "record")
    assert trial.live(trial.order("steps", dataset, run, begin="record")).outcome == "done"
    trial.now_in_force(dataset, wanted)
    trial.assert_recorded_once()
