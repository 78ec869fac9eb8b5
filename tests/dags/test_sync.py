"""A real Airflow runs the pipeline: triggered through its API, run by its scheduler, seen in the hub's home."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.airflow import AirflowSettings, LocalAirflow
from app.airflow_api import AirflowApi, DagRun
from app.home import make_home
from app.hub import Hub, open_hub
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from audit.logs import DESK, origin_of
from dags.factory import dag_id
from exchange.current import Current
from exchange.layout import Layout
from exchange.snapshot import read_current, read_manifest
from kernel.errors import Conflict
from samples.deliveries import deliver_city

GOOD, BAD = "population", "medical_insurance"
START_WITHIN_S, RUN_WITHIN_S = 240.0, 240.0
"""Alone on two cores all of this module takes about 40 s; beside other tests it waits longer rather than fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What three runs came to: one of a good delivery, one of a bad one, and the good one once more."""

    hub: Hub
    local: LocalAirflow
    good: DagRun
    bad: DagRun
    again: DagRun
    current: Current | None
    failures: tuple[str, ...]
    tasks: Mapping[str, str]
    events: tuple[Mapping[str, object], ...]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """A small city synced by an Airflow of its own, which is stopped before anything is looked at."""
    hub = open_hub(tmp_path_factory.mktemp("hub"))
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now())
    deliver_city(hub.paths.deliveries, residents=300, seed=1, today=hub.clock.today() - timedelta(days=1))
    spoil(hub.paths.deliveries / BAD / f"{BAD}.jsonl")
    settings = AirflowSettings(healthy_within_s=START_WITHIN_S, migrate_within_s=START_WITHIN_S)
    local = LocalAirflow.prepare(hub.paths, settings)
    with pytest.MonkeyPatch.context() as patch:
        # A step that fails for want of something in this test shall fail at once.
        patch.setenv("MIANZHENG_DAGS_RETRIES", "0")
        with local.running() as api:
            api.wait_for_dags([dag_id(each) for each in hub.catalogue.contracts], within_s=START_WITHIN_S)
            with pytest.raises(Conflict), local.held():
                """No other Airflow starts on this home."""
            started = [api.trigger(dag_id(each)) for each in (GOOD, BAD)]
            good, bad = api.wait_for_runs(started, within_s=RUN_WITHIN_S)
            current = read_current(Layout.of(hub.paths.exchange, GOOD))
            (again,) = api.wait_for_runs([api.trigger(dag_id(GOOD))], within_s=RUN_WITHIN_S)
            synced = Synced(
                hub=hub,
                local=local,
                good=good,
                bad=bad,
                again=again,
                current=current,
                failures=api.failures(bad),
                tasks=task_states(api, again),
                events=asset_events(api),
            )
    return synced


def spoil(delivery: Path) -> None:
    """Make every tenth record's identity number unreadable: more than the contract tolerates."""
    lines = delivery.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows[::10]:
        row["证件号码"] = "无"
    delivery.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")


def task_states(api: AirflowApi, run: DagRun) -> dict[str, str]:
    """What became of each task of a run."""
    found = api._ask("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id.replace('+', '%2B')}/taskInstances")
    return {each["task_id"]: each["state"] for each in found["task_instances"]}


def asset_events(api: AirflowApi) -> tuple[Mapping[str, object], ...]:
    """What Airflow announced."""
    return tuple(api._ask("GET", "/api/v2/assets/events")["asset_events"])


def recorded(hub: Hub) -> list[dict[str, str]]:
    """The opened details of the shared log, in order."""
    place = hub.logs.place(DESK)
    assert place.origin == origin_of(hub.settings.name, DESK)
    details = []
    with place.journal.open("rb") as file:
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                key = hub.detail_keys.get(sealing_key_id(record.sealed))
                assert key is not None
                digest = Entry.parse(record.entry).detail_digest
                details.append(dict(open_detail(record.sealed, key, digest).attributes))
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
        assert runs == {(GOOD, synced.good.run_id), (BAD, synced.bad.run_id)}

    def test_the_snapshot_is_announced_with_its_version(self, synced: Synced) -> None:
        assert synced.current is not None
        announced = [(each["uri"], each["extra"]) for each in synced.events]
        wanted = {"version": synced.current.version, "run": synced.good.run_id}
        assert announced == [(f"mianzheng://snapshot/{GOOD}", wanted)]

    def test_a_held_delivery_fails_its_run_and_says_why(self, synced: Synced) -> None:
        assert synced.bad.state == "failed"
        (why,) = synced.failures
        assert re.search(rf"validate: .*held: the delivery of {BAD} failed .+; the report is .+/report\.html", why)
        assert Path(why.rpartition(" is ")[2]).is_file()
        assert read_current(Layout.of(synced.hub.paths.exchange, BAD)) is None

    def test_a_delivery_that_is_in_force_already_is_left_alone(self, synced: Synced) -> None:
        assert synced.again.state == "success"
        assert set(synced.tasks.values()) == {"skipped"}
        assert read_current(Layout.of(synced.hub.paths.exchange, GOOD)) == synced.current

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
