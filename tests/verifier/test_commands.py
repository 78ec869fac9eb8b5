"""A clerk's two commands against a running service: ask, and verify what was kept."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.hub import Hub
from app.verification import hub_guesses
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from cli.main import main
from kernel.clock import SystemClock
from kernel.errors import CaseClosed, CaseRevoked
from kernel.identity import parse_person
from samples.personas import Personas
from verifier.call import Party
from verifier.closures import Closures
from verifier.evidence import Evidence
from verifier.guesses import Guess
from verifier.probing import PERSON, about

Mianzheng = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mianzheng(
    new_station: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Any, Mianzheng]:
    """A station on the machine's own clock, and the command line of its hub: exit code, output, errors."""
    station = new_station(clock=SystemClock())
    monkeypatch.setenv("MIANZHENG_HOME", str(station.town.hub.paths.home))
    monkeypatch.setenv("MIANZHENG_CLIENT_ADDRESS", station.address)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mianzheng", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return (code, *capsys.readouterr())

    return station, run


def couple(people: Personas) -> tuple[str, ...]:
    return (
        *("--item", "marriage_registration", "--party", f"applicant={people.groom.number}"),
        *("--party", f"partner={people.bride.number},{people.bride.name}"),
    )


def test_a_clerk_reads_what_holds_and_what_must_still_be_brought(mianzheng: Any, tmp_path: Path) -> None:
    station, run = mianzheng
    people = station.town.people
    code, shown, errors = run("ask", *couple(people), "--out", str(tmp_path / "kept"))
    assert (code, errors) == (0, "")
    assert shown.count("已核实") >= 5
    for column in ("核验项", "对象", "结果", "原因", "数据截至", "来源部门"):
        assert column in shown
    assert "仍需提交 still needed: 双方近期合影（纸质 paper）" in shown
    assert "全部核验项已核实" in shown
    assert "温岭市民政局" in shown
    # A screen shows no whole number: people stand behind the clerk.
    assert people.groom.number not in shown
    assert people.groom.number[:4] in shown

    (kept,) = (tmp_path / "kept").glob("*.evidence.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert people.groom.number not in kept.name
    assert [entry.kind_name for entry, _ in station.entries()] == ["CASE_OPENED", "DISCLOSED", "CASE_CLOSED"]

    trust = str(station.town.hub.paths.trust)
    code, shown, _ = run("verify", str(kept), "--trust", trust)
    assert code == 0
    assert "凭证成立" in shown
    assert "partner marriage.unmarried: 已核实 · CONFIRMED" in shown


def test_a_program_gets_the_same_as_json(mianzheng: Any, tmp_path: Path) -> None:
    station, run = mianzheng
    code, shown, _ = run("ask", *couple(station.town.people), "--out", str(tmp_path), "--json")
    told = json.loads(shown)
    assert code == 0
    assert {each["outcome"] for each in told["answers"]} == {"CONFIRMED"}
    assert told["still_needed"] == ["photograph"]
    code, shown, _ = run("verify", told["evidence"], "--trust", str(station.town.hub.paths.trust), "--json")
    assert code == 0
    assert json.loads(shown)["holds"] is True


def test_what_is_not_confirmed_has_an_exit_code_of_its_own(mianzheng: Any, tmp_path: Path) -> None:
    station, run = mianzheng
    young = station.town.people.groom.number
    words = ("ask", "--item", "senior_allowance", "--party", f"applicant={young}", "--out", str(tmp_path))
    code, shown, _ = run(*words, "--client", "kiosk-zeguo-01")
    assert code == 5
    assert "✗ 不一致" in shown
    assert "请与申请人核对" in shown


def test_a_changed_evidence_file_is_false_and_every_fault_is_named(mianzheng: Any, tmp_path: Path) -> None:
    station, run = mianzheng
    run("ask", *couple(station.town.people), "--out", str(tmp_path))
    (kept,) = tmp_path.glob("*.evidence.json")
    evidence = Evidence.parse(kept.read_bytes())
    other = evidence.statement.replace(b"counter-hall-01", b"counter-hall-02")
    kept.write_bytes(kept.read_bytes().replace(*(base64.b64encode(each) for each in (evidence.statement, other))))
    code, shown, _ = run("verify", str(kept), "--trust", str(station.town.hub.paths.trust))
    assert code == 1
    assert "✗ 由受信任的签名密钥签署" in shown
    assert "✗ 审计记录对应这一结果" in shown
    assert "凭证不成立" in shown
    assert "CONFIRMED" not in shown


def test_each_kind_of_failure_has_its_exit_code(
    mianzheng: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station, run = mianzheng
    people = station.town.people
    code, _, errors = run("ask", *couple(people), "--client", "kiosk-zeguo-01")
    assert code == 3
    assert "no_grant" in errors
    code, _, errors = run("ask", "--item", "no_such_item", "--party", f"applicant={people.elder.number}")
    assert code == 3
    assert "marriage_registration" in errors
    wrong = people.elder.number[:-1] + ("0" if people.elder.number[-1] != "0" else "1")
    code, _, errors = run("ask", "--item", "senior_allowance", "--party", f"applicant={wrong}")
    assert code == 2
    assert wrong not in errors
    assert run("ask", "--item", "senior_allowance", "--party", "applicant")[0] == 2
    assert run("verify", str(tmp_path / "absent.json"), "--trust", str(station.town.hub.paths.trust))[0] == 2
    (tmp_path / "none.json").write_text("{}")
    assert run("verify", str(tmp_path / "none.json"), "--trust", str(station.town.hub.paths.trust))[0] == 2
    monkeypatch.setenv("MIANZHENG_CLIENT_ADDRESS", "localhost:1")
    code, _, errors = run("ask", *couple(people))
    assert code == 4
    assert "unavailable" in errors


def test_a_case_is_shown_closed_and_revoked_by_hand_and_recorded(mianzheng: Any, elder: Any) -> None:
    station, run = mianzheng
    hub = station.town.hub
    # The command ends cases in the home; the station's own file is another.
    here = Closures(hub.paths.cases, busy_seconds=1.0, check_seconds=0.0)
    tags = station.verifier.desk.tagger.tags(())
    number = "20261124-0123456789"
    hub.detail_keys.for_case(number, tags)
    code, shown, _ = run("cases", "show", number)
    assert code == 0
    assert "Neither closed nor revoked" in shown
    here.check_open(number)
    assert run("cases", "close", number, "--reason", "窗口误开 opened by mistake")[0] == 0
    with pytest.raises(CaseClosed):
        here.check_open(number)
    assert run("cases", "revoke", number, "--reason", "冒用 stolen token", "--by", "li")[0] == 0
    with pytest.raises(CaseRevoked):
        here.check_open(number)
    assert "已撤销 revoked · 20" in run("cases", "show", number)[1]
    shown = run("audit", "show", "--home", str(hub.paths.home), "--case", number)[1]
    assert shown.count("CASE_CLOSED") == 2
    assert "stolen token" in shown
    here.end()
    assert run("cases", "show", "20261124-ffffffffff")[0] == 2
    code, _, errors = run("cases", "revoke", number, "--reason", f"冒用 {elder[0].number}")
    assert code == 2
    assert elder[0].number not in errors


def test_what_was_guessed_about_a_person_is_shown_and_lifted_by_hand_and_recorded(mianzheng: Any) -> None:
    station, run = mianzheng
    hub, number = station.town.hub, station.town.people.buyer.number
    key = about("counter", "marriages", PERSON, parse_person(number).canonical)
    guesses = hub_guesses(hub)
    now = hub.clock.now()
    for each in range(3):
        assert guesses.admit([Guess(claim="marriage.married_to", about=key, guess=(str(each),))], now) == ()
    code, shown, _ = run("guesses", "show", "--group", "counter", "--party", number)
    assert code == 0
    assert "marriages: 3 / 10" in shown
    assert "population: 0 / 10" in shown
    assert "marriages: 0 / 10" in run("guesses", "show", "--group", "bank", "--party", number)[1]
    words = ("guesses", "lift", "--group", "counter", "--party", number)
    assert run(*words, "--reason", f"误录 {number}")[0] == 2
    assert guesses.count(key, now) == 3
    code, shown, _ = run(*words, "--reason", "窗口录入有误 mistyped at the counter", "--by", "li")
    assert code == 0
    assert "3 guesses forgotten" in shown
    assert guesses.count(key, now) == 0
    guesses.end()
    records = found_in(hub, "desk")
    entry, detail = records[-1]
    assert entry.kind_name == "POLICY_CHANGED"
    assert dict(detail.attributes) == {
        "what": "guesses lifted",
        "group": "counter",
        "reason": "窗口录入有误 mistyped at the counter",
    }
    assert detail.operator == "li"
    assert list(detail.parties) == station.verifier.desk.tagger.tags(
        [Party(role="", identity=parse_person(number), name="")]
    )
    assert run("guesses", "show", "--group", "nobody", "--party", number)[0] == 2
    code, _, errors = run("guesses", "show", "--group", "bank", "--party", "123")
    assert code == 2
    assert "123" not in errors


def found_in(hub: Hub, log: str) -> list[tuple[Entry, Any]]:
    """Everything in a log of the home, opened."""
    place = hub.logs.place(log)
    found = []
    with place.journal.open("rb") as file:
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                entry = Entry.parse(record.entry)
                key = hub.detail_keys.get(sealing_key_id(record.sealed))
                assert key is not None
                found.append((entry, open_detail(record.sealed, key, entry.detail_digest)))
    return found
