"""Notices: a line each, whole, for whoever carries messages; and what is said where a dataset was not renewed."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.home import make_home
from app.hub import Hub, open_hub
from app.notices import Notice, NoticeKind, give_notice
from app.publishing import contract_job, contracts_of
from app.settings import HubSettings
from audit.logs import DESK
from dags.deadline import missed
from exchange.publish import publish
from kernel.clock import SystemClock
from schemas.title import Title
from tests.exchange.registry import Registry, alias, number

ALIASES = "person_aliases"
CONTEXT = {"dag_run": {"dag_run_id": "scheduled__1", "dag_id": f"sync_{ALIASES}"}}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub where nothing was ever published; its home is the one that tasks work on."""
    hub = open_hub(tmp_path / "hub")
    make_home(hub.paths, hub.settings, {}, now=hub.clock.now())
    hub.logs.shared(DESK)
    monkeypatch.setenv("MIANZHENG_HOME", str(hub.paths.home))
    return hub


def notice(hub: Hub, *, run: str = "night") -> Notice:
    contract = contracts_of(hub)[ALIASES]
    return Notice.about(contract, NoticeKind.HELD, run=run, text=Title(zh="请决定", en="Please decide"), see="report")


def given(hub: Hub) -> list[dict[str, object]]:
    return [json.loads(line) for line in hub.paths.notices.read_text("utf-8").splitlines()]


def in_children(works: list[Callable[[], None]]) -> None:
    """Do several things at once, each in a process of its own."""
    children = []
    for work in works:
        pid = os.fork()
        if pid == 0:
            work()
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(each, 0)[1] for each in children] == [0] * len(works)


def test_a_notice_says_what_where_and_to_whom(hub: Hub) -> None:
    give_notice(hub, notice(hub))
    (line,) = given(hub)
    assert (line["format"], line["kind"], line["dataset"]) == ("mianzheng.notice/1", "held", ALIASES)
    assert (line["department"], line["to"], line["run"], line["see"]) == ("public_security", [], "night", "report")
    assert (line["zh"], line["en"]) == ("请决定", "Please decide")
    assert hub.paths.notices.stat().st_mode & 0o077 == 0


def test_notices_of_several_processes_do_not_mix(hub: Hub) -> None:
    one = notice(hub)

    def many(name: str) -> None:
        for place in range(50):
            give_notice(hub, replace(one, run=f"{name}-{place}"))

    in_children([lambda: many("a"), lambda: many("b"), lambda: many("c")])
    assert {str(each["run"]) for each in given(hub)} == {f"{name}-{place}" for name in "abc" for place in range(50)}


def test_a_file_of_notices_that_is_full_is_put_aside(hub: Hub) -> None:
    hub.settings = HubSettings(notices_bytes_max=300)
    for place in range(3):
        give_notice(hub, notice(hub, run=str(place)))
    assert [each["run"] for each in given(hub)] == ["2"]
    aside = hub.paths.notices.with_name("notices.jsonl.1").read_text("utf-8")
    assert [json.loads(line)["run"] for line in aside.splitlines()] == ["0", "1"]


def test_a_dataset_that_was_never_published_by_its_deadline_is_told_of(hub: Hub) -> None:
    missed(ALIASES, CONTEXT)
    (line,) = given(hub)
    assert (line["kind"], line["run"]) == ("deadline_missed", "scheduled__1")
    assert "never_published" in str(line["en"])
    assert 'state="never_published"} 1' in hub.paths.metrics.read_text("utf-8")


def test_a_dataset_that_was_renewed_all_the_same_is_not_told_of(hub: Hub) -> None:
    registry = Registry(hub.paths.home)
    as_of = SystemClock().now() - timedelta(minutes=1)
    registry.deliver(ALIASES, [alias(1, number(1), number(2))], as_of=as_of.isoformat())
    publish(contract_job(hub, contracts_of(hub)[ALIASES], "by-hand"))
    missed(ALIASES, CONTEXT)
    assert not hub.paths.notices.exists()
    assert "# EOF" in hub.paths.metrics.read_text("utf-8")


def test_a_dataset_without_a_contract_is_nobodys(hub: Hub) -> None:
    missed("gone", CONTEXT)
    assert not hub.paths.notices.exists()
