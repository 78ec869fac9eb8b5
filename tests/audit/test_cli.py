"""`mianzheng audit` on a real home: what it prints, and what its exit codes mean."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.home import make_home
from app.hub import open_hub
from app.paths import Paths
from app.settings import HubSettings
from audit.record import Record
from cli.audit import audit_app
from kernel.clock import SystemClock
from schemas.wire.v1 import audit_pb2

CASE = "20261124-3f09c2a1be"
SETTINGS = HubSettings(workers_max=1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A hub whose worker has opened and closed one case."""
    make_home(Paths(home=tmp_path), SETTINGS, [], now=SystemClock().now())
    hub = open_hub(tmp_path)
    key = hub.detail_keys.for_case(CASE, [])
    with hub.logs.open("worker-0") as log:
        for kind in (audit_pb2.ENTRY_KIND_CASE_OPENED, audit_pb2.ENTRY_KIND_CASE_CLOSED):
            log.append(Record(kind=kind, detail=audit_pb2.Detail(case_number=CASE), seal=key))
    hub.detail_keys.close()
    return tmp_path


def run(home: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(audit_app, [*words, "--home", str(home)])
    return done.exit_code, done.output


def test_a_sound_hub_ends_with_zero(home: Path) -> None:
    code, said = run(home, "verify")
    assert code == 0
    assert "审计日志完好" in said
    code, said = run(home, "verify", "--json")
    assert code == 0
    assert json.loads(said)["sound"] is True


def test_a_changed_tile_ends_with_one_and_is_named(home: Path) -> None:
    tile = home / "audit" / "worker-0" / "public" / "tile" / "0" / "000.p" / "2"
    raw = tile.read_bytes()
    tile.write_bytes(raw[:33] + bytes([raw[33] ^ 1]) + raw[34:])
    code, said = run(home, "verify")
    assert code == 1
    assert "tile/0/000.p/2" in said
    assert "entry 1" in said
    assert run(home, "show", "--case", CASE)[0] == 1
    assert run(home, "verify", "--log", "root")[0] == 0


def test_an_unknown_log_or_case_ends_with_two(home: Path) -> None:
    assert run(home, "verify", "--log", "worker-7") == (2, "没有此日志 no such log: worker-7\n")
    assert run(home, "show", "--case", "20261124-unknown")[0] == 2


def test_a_cases_records_are_shown(home: Path) -> None:
    code, said = run(home, "show", "--case", CASE)
    assert code == 0
    assert said.index("CASE_OPENED") < said.index("CASE_CLOSED")
    assert said.count("已证明") == 2
    code, said = run(home, "show", "--case", CASE, "--json")
    assert code == 0
    assert [row["kind"] for row in json.loads(said)["rows"]] == ["CASE_OPENED", "CASE_CLOSED"]
