"""A dataset's state, to the second, from its contract's service levels; and what of it is measured."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.freshness import State, freshness
from exchange.held import reject
from exchange.last_run import SUCCESSES, Ending, LastRun, note_failure, read_last_run
from exchange.metrics import metrics_text
from exchange.publish import HeldBack, publish
from exchange.status import DatasetStatus, dataset_status
from kernel.errors import Damaged, LogUnavailable, Malformed
from tests.exchange.registry import CONTRACTS, Record, Registry, alias, at, number

CONTRACT = replace(
    CONTRACTS["population"], schedule="0 2 * * *", latency=timedelta(hours=4), freshness=timedelta(hours=36)
)
DUE = at("2026-11-24T02:00:00+08:00")
NOW = at("2026-11-24T12:00:00+08:00")
SECOND = timedelta(seconds=1)
LATER = "2026-11-24T03:00:00+08:00"


def last(ending: Ending = Ending.PUBLISHED, *, succeeded: datetime | None = DUE) -> LastRun:
    return LastRun(run_id="run", ending=ending, at=NOW, succeeded_at=succeeded)


def state(
    *, as_of: datetime | None = DUE, run: LastRun | None = None, now: datetime = NOW, schedule: str = "0 2 * * *"
) -> State:
    return freshness(replace(CONTRACT, schedule=schedule), data_as_of=as_of, last=run or last(), now=now).state


def test_data_renewed_by_the_last_schedule_is_fresh() -> None:
    assert state() is State.FRESH


@pytest.mark.parametrize("ending", sorted(SUCCESSES))
def test_data_is_stale_beyond_the_contracts_age_and_not_at_it(ending: Ending) -> None:
    run = last(ending, succeeded=NOW)
    assert state(as_of=NOW - CONTRACT.freshness, run=run) is not State.STALE
    assert state(as_of=NOW - CONTRACT.freshness - SECOND, run=run) is State.STALE


def test_a_schedule_that_brought_nothing_is_late_once_its_latency_is_over() -> None:
    yesterday = last(succeeded=DUE - timedelta(hours=23))
    as_of = DUE - timedelta(hours=24)
    over = DUE + CONTRACT.latency
    assert state(as_of=as_of, run=yesterday, now=over - SECOND) is State.FRESH
    assert state(as_of=as_of, run=yesterday, now=over) is State.LATE


def test_a_run_that_brings_the_same_old_delivery_again_is_late() -> None:
    ran = last(Ending.UNCHANGED, succeeded=DUE)
    day = timedelta(days=1)
    assert state(as_of=DUE - day, run=ran) is State.FRESH
    assert state(as_of=DUE - day - SECOND, run=ran) is State.LATE


def test_where_no_run_is_known_the_age_decides() -> None:
    unknown = last(Ending.REJECTED, succeeded=None)
    assert state(run=unknown) is State.FRESH
    assert state(as_of=DUE - timedelta(hours=25), run=unknown) is State.LATE
    assert freshness(CONTRACT, data_as_of=DUE, last=None, now=NOW).state is State.FRESH


def test_a_failed_or_held_run_shows_while_what_is_in_force_is_not_stale() -> None:
    for ending, shown in ((Ending.FAILED, State.FAILED), (Ending.HELD, State.HELD)):
        assert state(run=last(ending)) is shown
        assert state(run=last(ending, succeeded=None), as_of=NOW - CONTRACT.freshness) is shown
        assert state(run=last(ending), as_of=NOW - CONTRACT.freshness - SECOND) is State.STALE


def test_a_rejected_delivery_is_no_longer_held() -> None:
    assert state(run=last(Ending.REJECTED)) is State.FRESH


def test_what_was_never_published_says_so_unless_its_last_run_says_more() -> None:
    never = freshness(CONTRACT, data_as_of=None, last=None, now=NOW)
    assert (never.state, never.age, never.stale_at) == (State.NEVER_PUBLISHED, None, None)
    assert state(as_of=None, run=last(Ending.REJECTED, succeeded=None)) is State.NEVER_PUBLISHED
    assert state(as_of=None, run=last(Ending.HELD, succeeded=None)) is State.HELD
    assert state(as_of=None, run=last(Ending.FAILED, succeeded=None)) is State.FAILED


def test_a_clock_that_jumps_back_makes_nothing_stale_or_late() -> None:
    for back in (timedelta(hours=12), timedelta(days=400)):
        found = freshness(CONTRACT, data_as_of=DUE, last=last(), now=NOW - back)
        assert found.state is State.FRESH
        assert found.age == NOW - back - DUE
    ahead = freshness(CONTRACT, data_as_of=NOW + timedelta(hours=3), last=last(), now=NOW)
    assert (ahead.state, ahead.age) == (State.FRESH, timedelta(hours=-3))


def test_a_schedule_counts_in_the_citys_time() -> None:
    found = freshness(CONTRACT, data_as_of=DUE, last=last(), now=NOW)
    assert found.due == DUE
    assert found.stale_at == DUE + CONTRACT.freshness
    just_before = freshness(CONTRACT, data_as_of=DUE, last=last(), now=DUE + CONTRACT.latency - SECOND)
    assert just_before.due == DUE - timedelta(days=1)


def test_a_schedule_that_never_falls_is_never_late() -> None:
    assert state(schedule="0 2 31 2 *", run=last(succeeded=DUE - timedelta(days=9))) is State.FRESH
    assert state(schedule="*/5 * * * *", as_of=NOW, run=last(succeeded=NOW - timedelta(hours=5))) is State.LATE


instants = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (Hypothesis adds the zone)
runs = st.builds(
    LastRun,
    run_id=st.text(max_size=20),
    ending=st.sampled_from(Ending),
    at=instants,
    succeeded_at=st.none() | instants,
    step=st.text(max_size=9),
    code=st.text(max_size=9),
    message=st.text(max_size=99).filter(lambda text: not re.search("[\ud800-\udfff]", text)),
)


@given(runs, st.none() | instants, instants)
def test_every_dataset_has_one_state_and_only_what_is_in_force_can_be_stale(
    run: LastRun, as_of: datetime | None, now: datetime
) -> None:
    found = freshness(CONTRACT, data_as_of=as_of, last=run, now=now)
    assert (found.state is State.STALE) == (as_of is not None and now > as_of + CONTRACT.freshness)
    assert found.state is not State.NEVER_PUBLISHED or as_of is None


@given(runs)
def test_how_a_run_ended_is_read_back_as_it_was_written(run: LastRun) -> None:
    with suppress(UnicodeEncodeError):
        assert LastRun.parse(run.to_bytes()) == run


@given(st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b"1", b'{"format": "mianzheng.last-run/1"}']))
def test_any_bytes_tell_of_a_run_or_are_damaged(raw: bytes) -> None:
    with suppress(Damaged):
        LastRun.parse(raw)


def aliases(count: int, *, bad: int = 0) -> list[Record]:
    clean = [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]
    return [*clean, *(alias(900 + place, "?", number(100 + place)) for place in range(bad))]


def standing(registry: Registry, dataset: str = "person_aliases") -> DatasetStatus:
    layout = registry.layout(dataset)
    return dataset_status(layout, registry.contracts[dataset], now=registry.clock.now(), bytes_max=1 << 20)


def test_a_run_that_cannot_read_its_delivery_is_noted_and_the_snapshot_stays_in_force(registry: Registry) -> None:
    registry.publish("person_aliases", aliases(3))
    path = registry.deliveries / registry.contracts["person_aliases"].server.path
    path.write_bytes(path.read_bytes() + b"\xff\xff")
    registry.clock.advance(timedelta(minutes=5))
    with pytest.raises(Malformed):
        registry.run("person_aliases", run_id="broken")
    found = standing(registry)
    assert (found.freshness.state, found.manifest is not None) == (State.FAILED, True)
    assert found.last is not None
    assert (found.last.run_id, found.last.step, found.last.code) == ("broken", "extract", "malformed")
    assert "person_aliases.csv" in found.last.message
    assert found.last.succeeded_at == registry.clock.now() - timedelta(minutes=5)
    assert len(registry.exchange().pin(["person_aliases"]).snapshots) == 1
    registry.publish("person_aliases", aliases(4))
    assert standing(registry).freshness.state is State.FRESH


def test_a_publication_that_cannot_be_recorded_is_noted(registry: Registry) -> None:
    class Down:
        def record(self, kind: str, attributes: object) -> bytes:
            raise LogUnavailable(f"no {kind} can be recorded of {bool(attributes)}")

    registry.deliver("person_aliases", aliases(3))
    with pytest.raises(LogUnavailable):
        publish(replace(registry.job("person_aliases"), recorder=Down()))
    found = standing(registry).last
    assert found is not None
    assert (found.ending, found.step, found.code) == (Ending.FAILED, "record", "log_unavailable")


def test_an_error_that_is_not_ours_is_noted_without_its_text(tmp_path: Path) -> None:
    note_failure(tmp_path / "last-run.json", "run", "stage", ValueError(number(3)), NOW, longest=50)
    found = read_last_run(tmp_path / "last-run.json")
    assert found is not None
    assert (found.code, found.message) == ("internal", "ValueError")


def test_a_note_that_cannot_be_written_undoes_nothing(registry: Registry) -> None:
    registry.layout("person_aliases").last_run.mkdir(parents=True)
    assert registry.publish("person_aliases", aliases(3)).counts.published == 3


def test_a_held_delivery_shows_until_it_is_decided_about(registry: Registry) -> None:
    registry.publish("person_aliases", aliases(3))
    registry.deliver("person_aliases", aliases(10, bad=2), as_of=LATER)
    assert isinstance(registry.run("person_aliases", run_id="night"), HeldBack)
    found = standing(registry)
    assert (found.freshness.state, [each.run_id for each in found.held]) == (State.HELD, ["night"])
    reject(registry.job("person_aliases"), "night", "ying.mz", "请更正后重新交付")
    found = standing(registry)
    assert (found.freshness.state, found.held) == (State.FRESH, ())


@pytest.mark.parametrize("name", ["current", "last-run.json"])
def test_what_cannot_be_read_counts_as_failed_and_says_which_file_it_is(registry: Registry, name: str) -> None:
    registry.publish("person_aliases", aliases(3))
    (registry.layout("person_aliases").folder / name).write_bytes(b"{}")
    found = standing(registry)
    assert (found.freshness.state, name in found.damage) == (State.FAILED, True)


SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="[A-Za-z0-9_]*")(?:,[a-z]+="[A-Za-z0-9_]*")*)\} (-?[0-9]+(?:\.[0-9]+)?)')


def samples(text: str) -> dict[tuple[str, str], dict[str, float]]:
    """Metrics by name and dataset, each value by the state or under "": strictly what OpenMetrics allows of gauges."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    assert text.endswith("# EOF\n")
    family, described = "", set()
    for line in text.splitlines()[:-1]:
        if line.startswith("# "):
            keyword, name, rest = line[2:].split(" ", 2)
            if keyword == "TYPE":
                assert rest == "gauge"
                assert name not in described, "a family stands in one piece"
                family = name
                described.add(name)
            assert name == family
            assert keyword != "UNIT" or name.endswith(f"_{rest}")
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] == family
        labels = dict(part.split("=") for part in match[2].replace('"', "").split(","))
        values = found.setdefault((match[1], labels["dataset"]), {})
        assert labels.get("state", "") not in values, "no sample stands twice"
        values[labels.get("state", "")] = float(match[3])
    return found


def test_metrics_say_state_age_rows_and_what_waits(registry: Registry) -> None:
    registry.bear("person_aliases")
    registry.publish("person_aliases", aliases(3, bad=1))
    registry.contracts["person_aliases"] = CONTRACTS["person_aliases"]
    registry.deliver("person_aliases", aliases(10, bad=2), as_of=LATER)
    registry.run("person_aliases")
    text = metrics_text([standing(registry), standing(registry, "population")])
    found = samples(text)
    states = found["mianzheng_dataset_state", "person_aliases"]
    assert (states["held"], sum(states.values()), len(states)) == (1, 1, len(State))
    assert found["mianzheng_dataset_state", "population"]["never_published"] == 1
    value = {name: each[""] for (name, dataset), each in found.items() if dataset == "person_aliases" and "" in each}
    assert value["mianzheng_dataset_age_seconds"] == 10 * 3600
    assert value["mianzheng_dataset_as_of_timestamp_seconds"] == DUE.timestamp()
    assert value["mianzheng_dataset_last_success_timestamp_seconds"] == registry.clock.now().timestamp()
    assert value["mianzheng_dataset_rows"] == 3
    assert value["mianzheng_dataset_quarantined_rows"] == 1
    assert value["mianzheng_dataset_held_deliveries"] == 1
    assert ("mianzheng_dataset_rows", "population") not in found


def test_metrics_of_nothing_are_well_formed() -> None:
    assert samples(metrics_text([])) == {}
