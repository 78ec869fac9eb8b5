"""A real Airflow runs the pipeline: triggered through its API, run by its scheduler, seen in the hub's home."""

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.airflow import AirflowSettings, LocalAirflow
from app.airflow_api import AirflowApi, DagRun, Question
from app.home import make_home
from app.hub import Hub, open_hub
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from audit.logs import DESK, origin_of
from dags.decision import decision_dag_id
from dags.factory import dag_id
from exchange.current import Current
from exchange.layout import Layout
from exchange.snapshot import read_current, read_manifest
from kernel.errors import Conflict
from samples.deliveries import deliver_city

GOOD, BAD = "population", "medical_insurance"
REJECTED, LAPSED = "social_insurance", "marriages"
REASON = "笔误已由窗口核实"
DEADLINE_S = 25.0
START_WITHIN_S, RUN_WITHIN_S = 240.0, 240.0
"""Alone on two cores all of this module takes about 70 s; beside other tests it waits longer rather than fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What runs came to: of a good delivery, of bad ones, and of the good one once more; and what was decided.

    `bad_current` is what was in force while the bad delivery was held. `questions` are what the departments were asked,
    `decided` the runs in which they were, `asked_again` the tasks of one of them that was begun again; by dataset.
    """

    hub: Hub
    local: LocalAirflow
    good: DagRun
    bad: DagRun
    rejected: DagRun
    again: DagRun
    current: Current | None
    bad_current: Current | None
    failures: tuple[str, ...]
    tasks: Mapping[str, str]
    events: tuple[Mapping[str, object], ...]
    questions: Mapping[str, Question]
    decided: Mapping[str, DagRun]
    why_lapsed: tuple[str, ...]
    asked_again: Mapping[str, str]
    notices: tuple[Mapping[str, str], ...]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """A small city synced by an Airflow of its own, which is stopped before anything is looked at."""
    hub = open_hub(tmp_path_factory.mktemp("hub"))
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now())
    deliver_city(hub.paths.deliveries, residents=300, seed=1, today=hub.clock.today() - timedelta(days=1))
    spoil(hub.paths.deliveries / BAD / f"{BAD}.jsonl")
    spoil(hub.paths.deliveries / "human_resources" / f"{REJECTED}.jsonl")
    spoil_marriages(hub.paths.deliveries / "civil_affairs" / "registry.sqlite")
    settings = AirflowSettings(healthy_within_s=START_WITHIN_S, migrate_within_s=START_WITHIN_S)
    local = LocalAirflow.prepare(hub.paths, settings)
    with pytest.MonkeyPatch.context() as patch:
        # A step that fails for want of something in this test shall fail at once.
        patch.setenv("MIANZHENG_DAGS_RETRIES", "0")
        patch.setenv("MIANZHENG_DAGS_DEADLINE_S", str(DEADLINE_S))
        with local.running() as api:
            api.wait_for_dags([dag_id(each) for each in hub.catalogue.contracts], within_s=START_WITHIN_S)
            with pytest.raises(Conflict), local.held():
                """No other Airflow starts on this home."""
            started = [api.trigger(dag_id(each)) for each in (GOOD, BAD, REJECTED)]
            good, bad, rejected = api.wait_for_runs(started, within_s=RUN_WITHIN_S)
            current, bad_current = (read_current(Layout.of(hub.paths.exchange, each)) for each in (GOOD, BAD))
            questions = asked(api, {BAD, REJECTED})
            wait_until_parked(hub, {BAD, REJECTED})
            api.answer(questions[BAD], "Approve", reason=REASON)
            api.answer(questions[REJECTED], "Reject")
            decided = dict(zip(questions, api.wait_for_runs(runs_of(questions), within_s=RUN_WITHIN_S), strict=True))
            # From now on there are some seconds left to decide.
            with hub.paths.settings.open("a", encoding="utf-8") as file:
                file.write("\n[exchange]\nheld_days_max = 0.0001\n")
            started = [api.trigger(dag_id(each)) for each in (GOOD, LAPSED)]
            again, _ = api.wait_for_runs(started, within_s=RUN_WITHIN_S)
            (lapsing,) = api.runs(decision_dag_id(LAPSED))
            (decided[LAPSED],) = api.wait_for_runs([lapsing], within_s=RUN_WITHIN_S)
            asked_again = api.trigger(decision_dag_id(BAD), {"run": bad.run_id})
            (asked_again,) = api.wait_for_runs([asked_again], within_s=RUN_WITHIN_S)
            # What was released may be fresh by then, which needs no notice; what was rejected never is.
            notices = noticed(hub, {("deadline_missed", each) for each in (REJECTED, LAPSED)})
            synced = Synced(
                hub=hub,
                local=local,
                good=good,
                bad=bad,
                rejected=rejected,
                again=again,
                current=current,
                bad_current=bad_current,
                failures=api.failures(bad),
                tasks=task_states(api, again),
                events=asset_events(api),
                questions=questions,
                decided=decided,
                why_lapsed=api.failures(decided[LAPSED]),
                asked_again=task_states(api, asked_again),
                notices=notices,
            )
    return synced


def spoil(delivery: Path) -> None:
    """Make every tenth record's identity number unreadable: more than the contract tolerates."""
    lines = delivery.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows[::10]:
        row["证件号码"] = "无"
    delivery.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")


def spoil_marriages(delivery: Path) -> None:
    """The same of a registry in a database."""
    with sqlite3.connect(delivery) as registry:
        registry.execute("update 婚姻登记 set 男方证件号 = '无' where rowid % 10 = 0")
    registry.close()


def asked(api: AirflowApi, datasets: set[str]) -> dict[str, Question]:
    """The questions that wait, by dataset, once all of these do."""
    wanted = {decision_dag_id(each): each for each in datasets}

    def waiting() -> dict[str, Question]:
        return {wanted[each.run.dag_id]: each for each in api.questions() if each.run.dag_id in wanted}

    wait_until(lambda: waiting().keys() == datasets)
    return waiting()


def wait_until_parked(hub: Hub, datasets: set[str]) -> None:
    """Return once Airflow's scheduler knows that the questions wait.

    Answered before, in the second in which a task parks itself, Airflow takes the end of its first part for the end of
    the task, fails it, and asks again as often as the task may be tried: in this test, never.
    """
    log = hub.paths.logs / "airflow.log"
    told = "Received executor event with state success for task instance TaskInstanceKey(dag_id='{}', task_id='ask'"
    wait_until(lambda: all(told.format(decision_dag_id(each)) in log.read_text("utf-8") for each in datasets))


def runs_of(questions: Mapping[str, Question]) -> list[DagRun]:
    return [each.run for each in questions.values()]


def noticed(hub: Hub, wanted: set[tuple[str, str]]) -> tuple[Mapping[str, str], ...]:
    """The notices given, once these are among them."""

    def given() -> list[dict[str, str]]:
        text = hub.paths.notices.read_text("utf-8") if hub.paths.notices.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    wait_until(lambda: wanted <= {(each["kind"], each["dataset"]) for each in given()})
    return tuple(given())


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once it holds; fails the test where it does not in time."""
    until = time.monotonic() + RUN_WITHIN_S
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.5)


def task_states(api: AirflowApi, run: DagRun) -> dict[str, str]:
    """What became of each task of a run."""
    found = api._ask("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id.replace('+', '%2B')}/taskInstances")
    return {each["task_id"]: each["state"] for each in found["task_instances"]}


def asset_events(api: AirflowApi) -> tuple[Mapping[str, object], ...]:
    """What Airflow announced."""
    return tuple(api._ask("GET", "/api/v2/assets/events")["asset_events"])


def recorded(hub: Hub, kind: str = "") -> list[dict[str, str]]:
    """The opened details of the shared log, in order; of one kind, where one is named."""
    place = hub.logs.place(DESK)
    assert place.origin == origin_of(hub.settings.name, DESK)
    details = []
    with place.journal.open("rb") as file:
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                key = hub.detail_keys.get(sealing_key_id(record.sealed))
                assert key is not None
                entry = Entry.parse(record.entry)
                detail = open_detail(record.sealed, key, entry.detail_digest)
                if kind in {"", entry.kind_name}:
                    details.append({**detail.attributes, "operator": detail.operator})
    return details


@pytest.mark.airflow
@pytest.mark.xdist_group("airflow")
@pytest.mark.slow
class TestSync:
    """One start of Airflow, looked at from several sides."""

    def test_a_good_delivery_is_published_by_the_scheduler(self, synced: Synced) -> None:
        assert synced.good.state == "success", synced.good
        assert synced.current is not None

    def test_the_dag_runs_id_stands_in_the_manifest(self, synced: Synced) -> None:
        layout = Layout.of(synced.hub.paths.exchange, GOOD)
        assert synced.current is not None
        manifest = read_manifest(layout, synced.current, bytes_max=synced.hub.exchange_settings.manifest_bytes_max)
        assert manifest.run == synced.good.run_id
        assert manifest.counts.published > 300

    def test_the_dag_runs_id_stands_in_the_audit_log(self, synced: Synced) -> None:
        runs = {(each["dataset"], each["run"]) for each in recorded(synced.hub) if "run" in each}
        assert runs > {(GOOD, synced.good.run_id), (BAD, synced.bad.run_id)}
        assert {dataset for dataset, _ in runs} == {GOOD, BAD, REJECTED, LAPSED}

    def test_the_snapshot_is_announced_with_its_version(self, synced: Synced) -> None:
        assert synced.current is not None
        announced = [(each["uri"], each["extra"]) for each in synced.events if GOOD in str(each["uri"])]
        wanted = {"version": synced.current.version, "run": synced.good.run_id}
        assert announced == [(f"mianzheng://snapshot/{GOOD}", wanted)]

    def test_a_held_delivery_fails_its_run_and_says_why(self, synced: Synced) -> None:
        assert synced.bad.state == "failed"
        (why,) = synced.failures
        assert re.search(rf"validate: .*held: the delivery of {BAD} failed .+; the report is .+/report\.html", why)
        assert Path(why.rpartition(" is ")[2]).is_file()
        assert synced.bad_current is None

    def test_a_delivery_that_is_in_force_already_is_left_alone(self, synced: Synced) -> None:
        assert synced.again.state == "success"
        assert set(synced.tasks.values()) == {"skipped"}
        assert read_current(Layout.of(synced.hub.paths.exchange, GOOD)) == synced.current

    def test_the_department_reads_what_failed_and_how_long_it_may_think(self, synced: Synced) -> None:
        question = synced.questions[BAD]
        assert question.subject == f"放行暂缓的交付？ Release a held delivery? 医疗保险 {BAD}"
        assert "`delivery:bad_rows`" in question.body
        assert "报告 report: " in question.body
        assert not re.search(r"\d{15}", question.body.partition("报告 report")[0])

    def test_what_is_approved_comes_into_force_with_the_run_that_held_it(self, synced: Synced) -> None:
        assert synced.decided[BAD].state == "success"
        layout = Layout.of(synced.hub.paths.exchange, BAD)
        current = read_current(layout)
        assert current is not None
        manifest = read_manifest(layout, current, bytes_max=synced.hub.exchange_settings.manifest_bytes_max)
        assert manifest.run == synced.bad.run_id
        assert manifest.counts.quarantined > 0
        (event,) = [each for each in synced.events if BAD in str(each["uri"])]
        assert event["extra"] == {"version": current.version, "run": synced.bad.run_id}

    def test_who_approved_and_why_stands_in_the_audit_log(self, synced: Synced) -> None:
        (released,) = recorded(synced.hub, "RELEASED")
        assert (released["dataset"], released["run"]) == (BAD, synced.bad.run_id)
        assert (released["by"], released["operator"], released["reason"]) == ("Anonymous", "Anonymous", REASON)

    def test_what_is_rejected_or_lapses_never_comes_into_force(self, synced: Synced) -> None:
        assert synced.decided[REJECTED].state == "success", "it was decided, and that is recorded"
        assert synced.decided[LAPSED].state == "failed", "nobody decided"
        assert "lapsed: nobody decided in time" in synced.why_lapsed[0]
        said = {each["dataset"]: (each["decision"], each["by"]) for each in recorded(synced.hub, "REJECTED")}
        assert said == {REJECTED: ("rejected", "Anonymous"), LAPSED: ("lapsed", "")}
        for dataset in (REJECTED, LAPSED):
            layout = Layout.of(synced.hub.paths.exchange, dataset)
            assert read_current(layout) is None
            assert not [path for path in layout.folder.rglob("*") if path.suffix in {".duckdb", ".csv"}]

    def test_what_is_decided_is_not_asked_again(self, synced: Synced) -> None:
        assert set(synced.asked_again.values()) == {"skipped"}
        assert len(recorded(synced.hub, "RELEASED")) == 1

    def test_a_run_that_misses_its_deadline_gives_notice_and_so_does_a_question(self, synced: Synced) -> None:
        missed = {(each["dataset"], each["run"]) for each in synced.notices if each["kind"] == "deadline_missed"}
        assert (REJECTED, synced.rejected.run_id) in missed
        held = {each["dataset"]: each for each in synced.notices if each["kind"] == "held"}
        assert held.keys() == {BAD, REJECTED, LAPSED}
        assert Path(held[BAD]["see"]).name == "report.html"

    def test_the_metrics_file_says_how_the_datasets_stand(self, synced: Synced) -> None:
        text = synced.hub.paths.metrics.read_text("utf-8")
        assert text.endswith("# EOF\n")
        stands = dict(re.findall(r'mianzheng_dataset_state\{dataset="(\w+)",[^}]*state="(\w+)"\} 1\n', text))
        # How old yesterday's data is depends on the hour of the test.
        assert {stands[GOOD], stands[BAD]} <= {"fresh", "late", "stale"}
        assert (stands[REJECTED], stands[LAPSED]) == ("never_published", "never_published")

    def test_no_process_is_left_when_airflow_is_stopped(self, synced: Synced) -> None:
        # Every process of this Airflow inherits the home's lock.
        with synced.local.held() as lock:
            assert lock > 0

    def test_nothing_that_airflow_keeps_names_a_resident(self, synced: Synced) -> None:
        delivered = (synced.hub.paths.deliveries / "public_security" / "population.csv").read_text("gb18030")
        numbers = {number.encode() for number in re.findall(r"(?<!\d)\d{17}[\dX](?!\d)", delivered)}
        assert len(numbers) > 200
        kept = [path for top in ("airflow", "logs") for path in (synced.hub.paths.home / top).rglob("*")]
        for path in kept:
            if path.is_file():
                found = set(re.findall(rb"(?<!\d)\d{17}[\dX](?!\d)", path.read_bytes()))
                assert not found & numbers, path.name

    def test_airflows_keys_are_for_this_account_alone(self, synced: Synced) -> None:
        assert os.stat(synced.hub.paths.airflow).st_mode & 0o077 == 0  # noqa: PTH116 (the mode is what is asked)
        keys = json.loads((synced.hub.paths.airflow / "secrets.json").read_bytes()).values()
        log = synced.local.log.read_text("utf-8", "replace")
        assert not any(key in log for key in keys)
