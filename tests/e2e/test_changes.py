"""A registry behind an API is followed by its changes alone, and what vanishes is found by the next whole reading."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.home import make_home
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from app.settings import HubSettings
from exchange.publish import Published, publish
from exchange.reader import Exchange
from kernel.clock import FixedClock
from kernel.identity import parse_person
from tests.adapters.api_server import ApiServer, Asked, Says, api_server, page
from tests.e2e.test_connect_a_registry import blocks

DATASET = "disability_certificates"
FILE = f"datasets/disabled_persons_federation/{DATASET}.odcs.yaml"
SERVER = """servers:
  - server: registry
    type: api
    location: '{base}/v1?from={{offset}}&changedSince={{since}}'
    customProperties:
      - {{property: connection, value: disability_api}}
      - {{property: cursor, value: updated_at}}
      - {{property: overlap, value: 15m}}
      - {{property: fullEvery, value: 7d}}
      - {{property: tombstone, value: {{property: removed, values: [是]}}}}
      - {{property: api, value: {{records: data.items, paging: offset, total: data.total, auth: bearer}}}}
"""
NAMES = ("证号", "身份证号", "姓名", "残疾类别", "残疾等级", "发证日期", "有效期至", "证件状态", "删除标记", "更新时间")
PEOPLE = ("331081195803120013", "331081198507060021", "331081199901010035", "331081197205230043")
# Adapters tell the real time, and no delivery may be from the future.
NOW = dt.datetime.now(dt.UTC)


def record(number: str, updated: str, status: str = "有效", removed: str = "否") -> dict[str, str]:
    values = (f"{number}42", number, "甲", "肢体", "二级", "2019-05-06", "2036-01-01", status, removed, updated)
    return dict(zip(NAMES, values, strict=True))


class Registry:
    """The department's records, by person, as its API tells them."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.records = {each: record(each, f"2024-01-0{at}T08:00:00+08:00") for at, each in enumerate(PEOPLE, 1)}
        server.answer = self._answer

    def _answer(self, asked: Asked) -> Says:
        since = asked.query.get("changedSince", "")
        changed = [each for each in self.records.values() if each["更新时间"] >= since]
        return page(changed[int(asked.query["from"]) :][:3], total=len(changed))


@pytest.fixture
def registry() -> Iterator[Registry]:
    with api_server() as server:
        yield Registry(server)


@pytest.fixture
def hub(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub whose one contract is the page's, but for the server."""
    [contract] = [each.content for each in blocks() if each.file.endswith(FILE)]
    start, end = contract.index("servers:\n"), contract.index("schema:\n  - name")
    written = contract[:start] + SERVER.format(base=registry.server.base) + contract[end:]
    path = tmp_path / "city" / FILE
    path.parent.mkdir(parents=True)
    path.write_text(written, "utf-8")
    hub = open_hub(tmp_path / "hub", FixedClock(instant=NOW))
    make_home(hub.paths, HubSettings(), (), now=NOW)
    monkeypatch.setenv("MIANZHENG_HUB_AGREEMENTS", str(tmp_path / "city"))
    monkeypatch.setenv("MIANZHENG_CONNECTION_DISABILITY_API", json.dumps({"token": "geheim"}))
    return hub


def published(hub: Hub, at: dt.datetime) -> dict[str, object]:
    """The manifest of what is in force after a publication at an instant."""
    now = open_hub(hub.paths.home, FixedClock(instant=at))
    result = publish(publishing_job(now, DATASET, f"run-{at:%d%H%M}"))
    assert isinstance(result, Published)
    manifest: dict[str, object] = json.loads(result.report.with_name("manifest.json").read_bytes())
    return manifest


def in_force(hub: Hub) -> dict[str, str]:
    """The status of each person's certificate, where there is one."""
    job = publishing_job(hub, DATASET, "look")
    pinned = Exchange(job.store, job.keys, {DATASET: job.contract}, job.settings).pin([DATASET])
    return {each: row.status for each in PEOPLE for row in pinned.held(DATASET, parse_person(each), ()).rows}


def test_changes_are_merged_marks_delete_and_a_whole_reading_finds_what_vanished(hub: Hub, registry: Registry) -> None:
    first = published(hub, NOW)
    assert (first["base"], first["watermark"]) == ("", "2024-01-04T00:00:00+00:00")
    assert {"changedSince"} & {name for each in registry.server.queries for name in each} == set()
    assert set(in_force(hub)) == set(PEOPLE)
    assert {each.headers["Authorization"] for each in registry.server.asked} == {"Bearer geheim"}

    a, b, c, d = PEOPLE
    registry.records[a] = record(a, "2024-02-01T08:00:00+08:00", status="注销")
    registry.records[b] = record(b, "2024-02-01T08:00:00+08:00", removed="是")
    del registry.records[c]
    registry.server.asked.clear()
    second = published(hub, NOW + dt.timedelta(days=1))
    assert {each["changedSince"] for each in registry.server.queries} == {"2024-01-04T07:45:00+08:00"}
    assert second["base"] == first["version"]
    # What vanished without a mark is not seen in the changes.
    assert in_force(hub) == {a: "注销", c: "有效", d: "有效"}

    third = published(hub, NOW + dt.timedelta(days=8))
    assert third["base"] == ""
    assert in_force(hub) == {a: "注销", d: "有效"}
