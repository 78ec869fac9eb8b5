"""Held deliveries: kept until somebody decides, released as they are or rejected, and never more than once."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from exchange import steps
from exchange.decision import Decision, Fate
from exchange.held import (
    Decided,
    NoSuchDelivery,
    NotReleasable,
    begin_release,
    find_held,
    let_lapse,
    list_held,
    reject,
    release,
)
from exchange.held_report import summary
from exchange.holding import KEPT, HeldDelivery
from exchange.keys import IndexKeys
from exchange.last_run import Ending, read_last_run
from exchange.layout import REPORT, REPORT_PAGE
from exchange.publish import HeldBack, publish, step
from exchange.settings import ExchangeSettings
from exchange.snapshot import check_files
from kernel.digest import digest_text
from kernel.errors import Conflict, Damaged, LogUnavailable, Malformed, Unreadable
from tests.exchange.registry import Record, Registry, alias, marriage, number, person
from tests.exchange.test_crash import KILLED, die_at_flush, in_child

DATASET = "person_aliases"
WHO, WHY = "ying.mz", "两处笔误已由窗口核实，先行放行"
LATER = "2026-11-24T03:00:00+08:00"
BAD = "?"


def aliases(count: int, *, bad: int = 0, first: int = 0) -> list[Record]:
    """So many clean rows, and behind them so many with an unreadable former number."""
    clean = [alias(first + place, number(2 * place), number(2 * place + 1)) for place in range(count)]
    return [*clean, *(alias(900 + place, BAD, number(100 + place)) for place in range(bad))]


class Down:
    """A log that cannot be written."""

    def record(self, kind: str, attributes: object) -> bytes:
        raise LogUnavailable(f"no {kind} can be recorded of {bool(attributes)}")


def hold(registry: Registry, *, run_id: str = "night", as_of: str = "2026-11-24T02:00:00+08:00", bad: int = 2) -> str:
    """Deliver more bad rows than the contract bears; the run that holds them."""
    registry.deliver(DATASET, aliases(10, bad=bad), as_of=as_of)
    assert isinstance(registry.run(DATASET, run_id=run_id), HeldBack)
    return run_id


@pytest.fixture(scope="module")
def _night(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    registry = Registry(tmp_path_factory.mktemp("night"))
    hold(registry)
    return registry


@pytest.fixture
def night(registry: Registry, _night: Registry) -> Registry:
    """A registry whose run `night` has held a delivery, and nothing else was ever run."""
    shutil.copytree(_night.root, registry.root, dirs_exist_ok=True)
    registry.recorder.entries.extend(_night.recorder.entries)
    return registry


def held(registry: Registry, run_id: str = "night") -> HeldDelivery:
    return find_held(registry.layout(DATASET), run_id)


def kinds(registry: Registry) -> list[str]:
    return [kind for kind, _ in registry.recorder.entries]


def in_force(registry: Registry) -> str:
    manifest = registry.manifest(DATASET)
    return manifest.run if manifest else ""


def personal_files(registry: Registry) -> list[str]:
    """What is left of runs and of held deliveries that holds rows."""
    layout = registry.layout(DATASET)
    found = [*layout.runs.rglob("*"), *layout.held.rglob("*")]
    return [path.name for path in found if path.suffix in {".csv", ".duckdb"}]


def test_what_is_held_is_kept_for_this_account_alone_until_somebody_decides(night: Registry) -> None:
    (found,) = list_held(night.layout(DATASET))
    assert (found.run_id, found.fate, found.counts.quarantined) == ("night", Fate.WAITING, 2)
    assert "delivery:bad_rows" in found.reasons
    assert found.kept.is_dir()
    for path in [found.folder, *found.kept.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    assert personal_files(night) == ["staged.duckdb"]


def test_a_release_puts_in_force_exactly_what_was_held(night: Registry) -> None:
    # What has been delivered since is another matter.
    night.deliver(DATASET, aliases(3))
    published = release(night.job(DATASET), "night", WHO, WHY)
    assert (published.unchanged, published.counts.published, published.counts.quarantined) == (False, 10, 2)
    manifest = night.manifest(DATASET)
    assert manifest is not None
    assert (manifest.run, manifest.version, manifest.counts.delivered) == ("night", published.version, 12)
    check_files(night.layout(DATASET), manifest)
    assert held(night).fate is Fate.RELEASED
    assert personal_files(night) == ["data.duckdb"] * 0


def test_rows_that_failed_stay_held_back_and_taint_whom_they_may_be_about(published: Registry) -> None:
    records = [marriage(place, 2 * place, 2 * place + 1) for place in range(1, 10)]
    bad = [marriage(place, 20 + 2 * place, 21 + 2 * place, status="?") for place in range(10, 12)]
    published.deliver("marriages", [*records, *bad])
    assert isinstance(published.run("marriages", run_id="night"), HeldBack)
    release(published.job("marriages"), "night", WHO, WHY)
    pinned = published.exchange().pin(["marriages"])
    good = pinned.held("marriages", person(2), ())
    assert (len(good.rows), good.tainted) == (1, False)
    for place in (40, 41, 42, 43):
        found = pinned.held("marriages", person(place), ())
        assert (len(found.rows), found.tainted) == (0, True)


def test_a_release_is_recorded_with_who_and_why_before_it_is_published(night: Registry) -> None:
    release(night.job(DATASET), "night", WHO, WHY)
    assert kinds(night) == ["HELD", "RELEASED", "PUBLISHED"]
    _, attributes = night.recorder.entries[1]
    assert (attributes["by"], attributes["reason"], attributes["run"]) == (WHO, WHY, "night")
    assert attributes["delivery"] == night.recorder.entries[0][1]["delivery"]
    assert attributes["delivery"] == night.recorder.entries[2][1]["delivery"]
    decision = held(night).decision
    assert decision is not None
    assert (decision.by, decision.reason) == (WHO, WHY)


def test_the_snapshots_report_says_that_it_was_released(night: Registry) -> None:
    published = release(night.job(DATASET), "night", WHO, WHY)
    report = json.loads(published.report.with_name(REPORT).read_bytes())
    assert report["outcome"] == "released"
    assert "决定放行" in published.report.with_name(REPORT_PAGE).read_text("utf-8")
    before = json.loads((held(night).folder / REPORT).read_bytes())
    assert before["outcome"] == "held"


def test_a_rejection_is_recorded_and_drops_the_data(registry: Registry) -> None:
    first = registry.publish(DATASET, aliases(3))
    hold(registry, as_of=LATER)
    assert reject(registry.job(DATASET), "night", WHO, WHY).fate is Fate.REJECTED
    assert kinds(registry) == ["PUBLISHED", "HELD", "REJECTED"]
    assert registry.recorder.entries[-1][1]["decision"] == "rejected"
    assert personal_files(registry) == []
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    assert manifest.version == first.version


def test_what_is_decided_stays_decided(registry: Registry) -> None:
    job = registry.job(DATASET)
    hold(registry, run_id="first")
    release(job, "first", WHO, WHY)
    hold(registry, run_id="second", as_of=LATER)
    reject(job, "second", WHO, WHY)
    entries = len(registry.recorder.entries)
    for run, fate in (("first", "released"), ("second", "rejected")):
        with pytest.raises(Decided, match=fate):
            release(job, run, WHO, WHY)
        with pytest.raises(Decided, match=fate):
            reject(job, run, WHO, WHY)
        with pytest.raises(Decided, match=fate):
            let_lapse(job, run)
    assert len(registry.recorder.entries) == entries
    assert in_force(registry) == "first"


def test_a_run_that_held_nothing_is_named(registry: Registry) -> None:
    registry.publish(DATASET, aliases(3), run_id="clean")
    for decide in (release, reject):
        with pytest.raises(NoSuchDelivery, match="clean"):
            decide(registry.job(DATASET), "clean", WHO, WHY)
        with pytest.raises(Malformed, match="run"):
            decide(registry.job(DATASET), "../../etc", WHO, WHY)


def test_a_newer_delivery_that_came_into_force_meanwhile_bars_the_release(night: Registry) -> None:
    newer = night.run(DATASET, aliases(20), run_id="noon")
    with pytest.raises(NotReleasable, match="the same instant has come into force"):
        release(night.job(DATASET), "night", WHO, WHY)
    night.deliver(DATASET, aliases(20), as_of=LATER)
    newer = night.publish(DATASET, run_id="evening")
    with pytest.raises(NotReleasable, match=newer.version):
        release(night.job(DATASET), "night", WHO, WHY)
    assert (in_force(night), "RELEASED" in kinds(night)) == ("evening", False)
    assert held(night).fate is Fate.WAITING


def test_a_held_delivery_that_is_still_the_newest_is_released_over_what_came_meanwhile(registry: Registry) -> None:
    hold(registry, as_of=LATER)
    registry.deliver(DATASET, aliases(20), as_of="2026-11-24T01:00:00+08:00")
    registry.publish(DATASET, run_id="late-but-older")
    release(registry.job(DATASET), "night", WHO, WHY)
    assert in_force(registry) == "night"


def weddings(count: int, *, hour: int, bad: int = 0, first: int = 0) -> list[Record]:
    """Marriages told of in an hour of the day, so many of them with a status that nobody agreed on."""
    moment = f"2026-11-23T{hour:02d}:00:00+08:00"
    return [
        marriage(first + place, 2 * place, 2 * place + 1, updated_at=moment, **({"status": "?"} if place < bad else {}))
        for place in range(count)
    ]


@pytest.fixture
def changing(registry: Registry) -> Registry:
    """A register of marriages that tells what changed; twenty are in force, and changes to them are held."""
    contract = registry.contracts["marriages"]
    server = replace(contract.server, cursor="updated_at", overlap=timedelta(0), full_every=timedelta(days=7))
    registry.contracts["marriages"] = replace(contract, server=server)
    old = weddings(20, hour=1)
    registry.publish("marriages", old, run_id="whole")
    registry.deliver("marriages", [*old, *weddings(8, hour=3, bad=3, first=100)])
    strict = ExchangeSettings(changes_bad_rows_min=1)
    assert isinstance(registry.run("marriages", run_id="night", settings=strict), HeldBack)
    assert find_held(registry.layout("marriages"), "night").changes
    return registry


def test_changes_that_were_held_are_merged_into_what_they_change(changing: Registry) -> None:
    release(changing.job("marriages"), "night", WHO, WHY)
    manifest = changing.manifest("marriages")
    assert manifest is not None
    assert (manifest.run, manifest.counts.published) == ("night", 25)
    check_files(changing.layout("marriages"), manifest)


def test_changes_are_released_only_over_the_snapshot_that_they_change(changing: Registry) -> None:
    changing.deliver("marriages", weddings(20, hour=2))
    changing.publish("marriages", run_id="between", force=True)
    with pytest.raises(NotReleasable, match="brings changes to a snapshot that is not in force"):
        release(changing.job("marriages"), "night", WHO, WHY)
    assert reject(changing.job("marriages"), "night", WHO, WHY).fate is Fate.REJECTED


def test_a_changed_contract_bars_the_release(night: Registry) -> None:
    night.contracts[DATASET] = replace(night.contracts[DATASET], digest=b"c" * 32)
    with pytest.raises(NotReleasable, match="contract has changed"):
        release(night.job(DATASET), "night", WHO, WHY)
    assert reject(night.job(DATASET), "night", WHO, WHY).fate is Fate.REJECTED


def test_another_index_key_bars_the_release(night: Registry) -> None:
    night.keys = IndexKeys(index=b"j" * 32, master=b"m" * 32)
    with pytest.raises(NotReleasable, match="index key has changed"):
        release(night.job(DATASET), "night", WHO, WHY)


@pytest.mark.parametrize(
    ("records", "as_of", "why"),
    [
        ([], "2026-11-24T02:00:00+08:00", "no row"),
        (aliases(0, bad=3), "2026-11-24T02:00:00+08:00", "no row"),
        (aliases(9), "2026-11-29T02:00:00+08:00", "future"),
        (aliases(9), "2026-11-01T02:00:00+08:00", "older than what is in force"),
    ],
)
def test_what_nobody_may_release_is_not_kept_at_all(
    registry: Registry, records: list[Record], as_of: str, why: str
) -> None:
    registry.deliver(DATASET, aliases(8), as_of="2026-11-23T02:00:00+08:00")
    registry.publish(DATASET)
    registry.deliver(DATASET, records, as_of=as_of)
    assert isinstance(registry.run(DATASET, run_id="night"), HeldBack)
    assert held(registry).fate is Fate.BARRED
    assert personal_files(registry) == []
    for decide in (release, reject):
        with pytest.raises(NotReleasable, match=why):
            decide(registry.job(DATASET), "night", WHO, WHY)
    assert kinds(registry) == ["PUBLISHED", "HELD"]


def test_a_delivery_that_lost_many_rows_may_be_released(registry: Registry) -> None:
    small = ExchangeSettings(shrink_rows_min=2)
    registry.publish(DATASET, aliases(10))
    registry.deliver(DATASET, aliases(5), as_of=LATER)
    assert isinstance(registry.run(DATASET, run_id="night", settings=small), HeldBack)
    assert release(registry.job(DATASET), "night", WHO, WHY).counts.published == 5


def test_nobody_decides_for_longer_than_the_bound(night: Registry) -> None:
    days = night.job(DATASET).settings.held_days_max
    night.clock.advance(timedelta(days=days) - timedelta(seconds=1))
    assert held(night).fate is Fate.WAITING
    night.clock.advance(timedelta(seconds=1))
    with pytest.raises(NotReleasable, match="time to decide"):
        release(night.job(DATASET), "night", WHO, WHY)
    night.run(DATASET, aliases(3))
    assert held(night).fate is Fate.LAPSED
    kind, attributes = night.recorder.entries[-2]
    assert (kind, attributes["decision"], attributes["by"]) == ("REJECTED", "lapsed", "")
    assert personal_files(night) == []
    with pytest.raises(Decided, match="lapsed"):
        release(night.job(DATASET), "night", WHO, WHY)


def test_a_clock_that_jumps_back_lets_nothing_lapse(night: Registry) -> None:
    night.clock.advance(-timedelta(days=365))
    night.deliver(DATASET, aliases(3), as_of="2025-11-20T02:00:00+08:00")
    night.run(DATASET)
    assert held(night).fate is Fate.WAITING


def test_of_many_held_deliveries_the_oldest_lapse(registry: Registry) -> None:
    for place in range(5):
        registry.clock.advance(timedelta(minutes=1))
        hold(registry, run_id=f"run-{place}")
    fates = [str(each.fate) for each in list_held(registry.layout(DATASET))]
    assert fates == ["lapsed", "lapsed", "waiting", "waiting", "waiting"]
    assert len(personal_files(registry)) == 3
    assert kinds(registry).count("REJECTED") == 2


def test_a_run_that_is_begun_again_gives_up_what_it_held(night: Registry) -> None:
    night.publish(DATASET, aliases(3), run_id="night")
    assert held(night).fate is Fate.LAPSED
    hold(night, as_of=LATER)
    assert (held(night).fate, held(night).data_as_of.hour) == (Fate.WAITING, 19)
    release(night.job(DATASET), "night", WHO, WHY)
    assert kinds(night) == ["HELD", "REJECTED", "PUBLISHED", "HELD", "RELEASED", "PUBLISHED"]


@pytest.mark.parametrize(
    ("by", "reason"),
    [("", WHY), (WHO, "  "), (WHO, "a\nb"), ("x" * 101, WHY), (WHO, "x" * 501), (WHO, f"{number(3)}已核实")],
)
def test_a_decision_that_cannot_be_recorded_is_none(night: Registry, by: str, reason: str) -> None:
    for decide in (release, reject):
        with pytest.raises(Malformed) as raised:
            decide(night.job(DATASET), "night", by, reason)
        assert number(3) not in str(raised.value)
    assert kinds(night) == ["HELD"]
    assert held(night).fate is Fate.WAITING


def test_a_decision_waits_for_whoever_publishes(night: Registry) -> None:
    night.deliver(DATASET, aliases(20))
    refused: list[str] = []

    class Meanwhile:
        def record(self, kind: str, attributes: object) -> bytes:
            for decide in (release, reject):
                with pytest.raises(Conflict, match="being published"):
                    decide(night.job(DATASET), "night", WHO, WHY)
                refused.append(kind)
            return b"receipt of " + str(bool(attributes)).encode()

    publish(replace(night.job(DATASET, run_id="noon"), recorder=Meanwhile()))
    assert refused == ["PUBLISHED", "PUBLISHED"]
    assert in_force(night) == "noon"


def test_where_the_log_cannot_be_written_nothing_is_decided(night: Registry) -> None:
    for decide in (release, reject):
        with pytest.raises(LogUnavailable):
            decide(replace(night.job(DATASET), recorder=Down()), "night", WHO, WHY)
    assert (held(night).fate, in_force(night)) == (Fate.WAITING, "")
    assert release(night.job(DATASET), "night", WHO, WHY).counts.published == 10


def test_a_release_that_is_recorded_and_cut_short_goes_on_where_it_was(night: Registry) -> None:
    job = replace(night.job(DATASET), run_id="night")
    assert begin_release(job, WHO, WHY)
    assert held(night).fate is Fate.RELEASING
    step("build", job)
    step("record", job)
    release(night.job(DATASET), "night", "somebody else", "another reason")
    assert kinds(night) == ["HELD", "RELEASED", "PUBLISHED"]
    decision = held(night).decision
    assert decision is not None
    assert decision.by == WHO


def test_steps_of_a_release_run_as_tasks_and_twice(night: Registry) -> None:
    job = replace(night.job(DATASET), run_id="night")
    for _ in range(2):
        assert begin_release(job, WHO, WHY)
    for name in ("build", "build", "record", "record", "promote", "promote"):
        step(name, job)
    assert (in_force(night), kinds(night)) == ("night", ["HELD", "RELEASED", "PUBLISHED"])
    with pytest.raises(Decided):
        begin_release(job, WHO, WHY)


def test_a_release_that_was_overtaken_can_only_be_rejected(night: Registry) -> None:
    job = replace(night.job(DATASET), run_id="night")
    begin_release(job, WHO, WHY)
    night.publish(DATASET, aliases(20), run_id="noon")
    with pytest.raises(Conflict, match="newer run"):
        step("build", job)
    with pytest.raises(NotReleasable):
        release(job, "night", WHO, WHY)
    assert reject(job, "night", WHO, WHY).fate is Fate.REJECTED
    assert (in_force(night), personal_files(night)) == ("noon", [])


def test_a_rejected_release_has_nothing_to_go_on_with(night: Registry) -> None:
    job = replace(night.job(DATASET), run_id="night")
    begin_release(job, WHO, WHY)
    reject(job, "night", WHO, WHY)
    with pytest.raises(Conflict, match="no result"):
        step("build", job)


def killed_at_each_flush(registry: Registry, work: Callable[[Registry], object]) -> int:
    """Let work be killed at its first flush, its second and so on, each time on a fresh copy; how often it was.

    After each kill it is done again, and must come to the same end.
    """
    for count in range(1, 200):
        copy = registry.root.with_name(f"{registry.root.name}-{count}")
        shutil.copytree(registry.root, copy)
        fresh = Registry(copy, contracts=registry.contracts)

        def doomed(count: int = count, fresh: Registry = fresh) -> None:
            die_at_flush(count)
            work(fresh)

        code = in_child(doomed)
        assert code in {KILLED, 0}
        if code == 0:
            return count - 1
        work(fresh)
        assert personal_files(fresh) == []
        shutil.rmtree(copy)
    raise AssertionError("it never came to its end")


def test_a_release_killed_at_any_flush_is_completed_by_asking_again(registry: Registry) -> None:
    registry.publish(DATASET, aliases(4))
    hold(registry, as_of=LATER)

    def work(fresh: Registry) -> None:
        try:
            release(fresh.job(DATASET), "night", WHO, WHY)
        except Decided:
            assert in_force(fresh) == "night"
        manifest = fresh.manifest(DATASET)
        assert manifest is not None
        assert (manifest.run, manifest.counts.published) == ("night", 10)
        check_files(fresh.layout(DATASET), manifest)
        assert held(fresh).fate is Fate.RELEASED

    assert killed_at_each_flush(registry, work) > 10


def test_a_rejection_killed_at_any_flush_is_completed_by_asking_again(registry: Registry) -> None:
    registry.publish(DATASET, aliases(4))
    hold(registry, as_of=LATER)

    def work(fresh: Registry) -> None:
        with suppress(Decided):
            reject(fresh.job(DATASET), "night", WHO, WHY)
        assert held(fresh).fate is Fate.REJECTED

    assert killed_at_each_flush(registry, work) > 2


def test_a_hold_killed_at_any_flush_leaves_nothing_that_the_next_run_does_not_clear(registry: Registry) -> None:
    registry.publish(DATASET, aliases(4))
    registry.deliver(DATASET, aliases(10, bad=2), as_of=LATER)
    job = registry.job(DATASET, run_id="night")
    for name in ("extract", "stage"):
        step(name, job)
    # The verdict is there, and nothing else: what is killed here is the holding itself.
    with pytest.raises(LogUnavailable):
        step("validate", replace(job, recorder=Down()))
    shutil.rmtree(registry.layout(DATASET).held / "night")

    def work(fresh: Registry) -> None:
        mine = replace(fresh.job(DATASET), run_id="night")
        if mine.kept("held") is None:
            steps._hold(mine, mine.verdict(), mine.extracted())
        assert held(fresh).fate is Fate.WAITING
        if os.getpid() == parent:
            reject(mine, "night", WHO, WHY)

    parent = os.getpid()
    assert killed_at_each_flush(registry, work) > 8


def test_a_held_delivery_that_was_never_recorded_is_cleared_away(night: Registry) -> None:
    (held(night).folder / "receipt").unlink()
    assert list_held(night.layout(DATASET)) == ()
    night.publish(DATASET, aliases(3))
    assert list(night.layout(DATASET).held.iterdir()) == []


def test_a_damaged_held_delivery_stops_no_publication(night: Registry) -> None:
    (held(night).folder / "held.json").write_bytes(b"{}")
    with pytest.raises(Damaged, match=r"held\.json"):
        release(night.job(DATASET), "night", WHO, WHY)
    night.publish(DATASET, aliases(3))
    assert personal_files(night) == []


def test_a_disk_that_fails_for_a_moment_costs_no_held_delivery(night: Registry) -> None:
    facts = held(night).folder / "held.json"
    aside = facts.rename(facts.with_suffix(".aside"))
    # Linux lets it be opened, and answers every read at its beginning with EIO.
    facts.symlink_to("/proc/self/mem")
    with pytest.raises(Unreadable, match=r"held\.json: cannot be read"):
        night.publish(DATASET, aliases(3))
    aside.replace(facts)
    assert held(night).fate is Fate.WAITING
    assert list(held(night).kept.iterdir())


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\xff", b'{"format": "mianzheng.decision/1"}'])
def test_a_damaged_decision_is_named(raw: bytes) -> None:
    with pytest.raises(Damaged, match="decision"):
        Decision.parse(raw)


def test_who_decides_reads_what_failed_and_nobodys_data(night: Registry) -> None:
    text = summary(held(night), days=14)
    assert "12 rows delivered, 10 fit to publish, 2 held back" in text
    assert "`former_id_typed`" in text
    assert "2026-12-08 12:00" in text
    assert not [each for place in range(110) if (each := number(place)) in text]


def test_the_last_run_says_what_became_of_the_delivery(registry: Registry) -> None:
    def last() -> Ending | None:
        found = read_last_run(registry.layout(DATASET).last_run)
        return found.ending if found else None

    hold(registry, run_id="first")
    assert last() is Ending.HELD
    release(registry.job(DATASET), "first", WHO, WHY)
    assert last() is Ending.RELEASED
    hold(registry, run_id="second", as_of=LATER)
    reject(registry.job(DATASET), "second", WHO, WHY)
    assert last() is Ending.REJECTED
    hold(registry, run_id="third", as_of=LATER)
    registry.clock.advance(timedelta(days=15))
    registry.deliver(DATASET, aliases(9), as_of="2026-12-08T02:00:00+08:00")
    registry.publish(DATASET, run_id="fourth")
    assert (held(registry, "third").fate, last()) == (Fate.LAPSED, Ending.PUBLISHED)


def test_a_held_folder_holds_the_delivery_that_its_entry_names(night: Registry) -> None:
    assert digest_text(held(night).delivery_digest) == night.recorder.entries[0][1]["delivery"]
    assert (held(night).folder / KEPT).is_dir()
