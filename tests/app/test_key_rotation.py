"""A new answer key while questions are answered, by two workers; the root offline; a stolen key ended from a date."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backup import take_backup
from app.envelope import Passphrase
from app.hub import Hub, open_hub
from app.key_rotation import REQUEST, accept, end_key, read_trust, rotate_answer, rotate_logs
from app.restore import Restoring
from audit.verify_hub import verify_hub
from kernel.clock import SystemClock
from kernel.errors import Conflict, Malformed
from kernel.signing import STATEMENT_TYPE, SigningKey, pae
from kernel.trust import ANSWER, LOG, Trust, TrustedKey, issue
from tests.app.small_hub import QUICK, ROOT, command, desk_of, elder
from verifier.evidence import Evidence, believed, check
from verifier.statement import parse_statement

# The small hub is made once in a process: what uses it stays together.
pytestmark = pytest.mark.xdist_group("custody")

ROTATOR = Path(__file__).with_name("key_rotator.py")
AT_ONCE = {"announce": timedelta(0), "overlap": timedelta(hours=1)}
SIGKILLED = -9
STEPS = ("before-the-key", "after-the-key", "before-the-entry", "after-the-entry", "after-the-history")
FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
"""Every step is killed by `make torture`, some of them always."""


def root_of(hub: Hub) -> SigningKey:
    return SigningKey.read(hub.paths.keys / "root.key")


def faults(evidence: Evidence, trust: Trust) -> list[str]:
    return [step.name for step in check(evidence, trust) if step.fault]


def test_a_rotation_under_load_costs_no_call_and_every_worker_takes_it_up(hub: Hub) -> None:
    with desk_of(hub, 0) as first, desk_of(hub, 1) as second:
        asked: list[str] = []
        failed: list[Exception] = []
        stop = threading.Event()
        clients = [first.client(), second.client()]

        def ask(number: int) -> None:
            client = clients[number]
            case = client.open_case("senior_allowance", [elder(hub)], operator="tests", legal_basis="tests")
            while not stop.is_set():
                try:
                    asked.append(f"{number} {client.verify_item(case).evidence.key_id}")
                except Exception as error:  # noqa: BLE001 - any is a failed call
                    failed.append(error)

        asking = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
        for each in asking:
            each.start()
        time.sleep(0.5)
        changed = rotate_answer(hub, root=root_of(hub), announce=timedelta(seconds=1), overlap=timedelta(hours=1))
        for client in clients:
            client.hold(read_trust(hub))
        deadline = time.monotonic() + 20
        while not {f"{number} {changed.key}" for number in (0, 1)} <= set(asked) and time.monotonic() < deadline:
            time.sleep(0.05)
        stop.set()
        for each in asking:
            each.join()
        for client in clients:
            client.close()
    assert failed == []
    (old,) = {each.key.id for each in hub.trust.keys if each.use == ANSWER}
    for number in (0, 1):
        mine = [each.split()[1] for each in asked if each.startswith(f"{number} ")]
        assert set(mine) == {old, changed.key}
        assert mine == sorted(mine, key=lambda key: key == changed.key), "no call went back to the old key"
    assert verify_hub(hub.paths.audit, read_trust(hub)).all_findings == ()


def test_old_evidence_holds_after_a_rotation(hub: Hub) -> None:
    with desk_of(hub) as desk:
        before = desk.ask()
    rotate_answer(hub, root=root_of(hub), **AT_ONCE)
    renewed = open_hub(hub.paths.home)
    with desk_of(renewed) as desk:
        after = desk.ask()
    trust = read_trust(hub)
    assert before.key_id != after.key_id
    assert faults(before, trust) == faults(after, trust) == []
    assert faults(after, hub.trust) == ["signature"], "whoever holds the older file has to fetch the newer"
    assert trust.number == 2


def test_logs_take_up_new_keys_while_they_are_open(hub: Hub) -> None:
    with desk_of(hub) as desk:
        before = desk.ask()
        changed = rotate_logs(hub, root=root_of(hub), **AT_ONCE)
        newer, deadline = read_trust(hub), time.monotonic() + 20
        only_new = replace(newer, keys=tuple(each for each in newer.keys if each.use == ANSWER or each in _new(newer)))
        renewed = replace(desk, hub=open_hub(hub.paths.home))
        after = renewed.ask()
        while faults(after, only_new) and time.monotonic() < deadline:
            after = renewed.ask()
        assert faults(after, only_new) == [], "the new key signs for a log that has been open all the while"
        hub.recorder.record("POLICY_CHANGED", {"what": "tests"})
    assert len(changed.key.split()) == len({each.origin for each in newer.keys if each.use == LOG})
    assert faults(before, newer) == faults(after, newer) == []
    assert faults(before, only_new) == ["receipt"]
    assert verify_hub(hub.paths.audit, newer).all_findings == ()
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert faults(desk.ask(), only_new) == []
    assert command("doctor", home=hub.paths.home).returncode == 0


def test_a_stolen_log_key_is_ended_from_a_date(hub: Hub) -> None:
    with desk_of(hub) as desk:
        honest = desk.ask()
        time.sleep(0.01)
        stolen_at = datetime.now(UTC)
        late = desk.ask()
    old = next(each.key.id for each in hub.trust.keys if each.origin.endswith("/worker-0"))
    with pytest.raises(Malformed, match="only key"):
        end_key(hub, old, stolen_at, root=root_of(hub))
    rotate_logs(hub, root=root_of(hub), **AT_ONCE)
    end_key(hub, old, stolen_at, root=root_of(hub))
    trust = read_trust(hub)
    assert faults(honest, trust) == []
    assert faults(late, trust) == ["receipt"]
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert faults(desk.ask(), trust) == []
    assert verify_hub(hub.paths.audit, trust).all_findings == ()


def _new(trust: Trust) -> list[TrustedKey]:
    return [each for each in trust.keys if each.valid_until is None]


def test_a_stolen_key_is_ended_from_a_date(hub: Hub, tmp_path: Path) -> None:
    with desk_of(hub) as desk:
        honest = desk.ask()
        time.sleep(0.01)
        stolen_at = datetime.now(UTC)
        late = desk.ask()
    old = honest.key_id
    rotate_answer(hub, root=root_of(hub), **AT_ONCE)
    end_key(hub, old, stolen_at, root=root_of(hub))
    trust = read_trust(hub)
    assert faults(honest, trust) == []
    assert faults(late, trust) == ["signature"]
    # The thief dates a statement back. Its entry tells when it was logged.
    forged = parse_statement(late.statement)
    forged.issued_at.CopyFrom(parse_statement(honest.statement).issued_at)
    raw = forged.SerializeToString(deterministic=True)
    thief = SigningKey.read(hub.paths.keys / "answer.key")
    backdated = Evidence(
        request=late.request,
        statement=raw,
        signature=thief.sign(pae(STATEMENT_TYPE, raw)),
        key_id=old,
        entry=late.entry,
        receipt=late.receipt,
    )
    assert "signature" in faults(backdated, trust)
    for name, evidence in (("honest", honest), ("late", late), ("backdated", backdated)):
        file = tmp_path / f"{name}.evidence.json"
        file.write_bytes(evidence.encode())
        alone = [sys.executable, "-I", str(ROOT / "tools" / "verify_evidence.py"), str(file), str(hub.paths.trust)]
        ended = subprocess.run(alone, capture_output=True, check=False).returncode
        assert (ended == 0) == (name == "honest"), name


def test_the_last_key_is_not_ended_before_there_is_another(hub: Hub) -> None:
    (only,) = [each.key.id for each in hub.trust.keys if each.use == ANSWER]
    with pytest.raises(Malformed, match="only key"):
        end_key(hub, only, datetime.now(UTC), root=root_of(hub))
    with pytest.raises(Malformed, match="no key"):
        end_key(hub, "0" * 16, datetime.now(UTC), root=root_of(hub))


def test_the_root_signs_elsewhere(hub: Hub, tmp_path: Path) -> None:
    offline = tmp_path / "safe" / "root.key"
    offline.parent.mkdir()
    (hub.paths.keys / "root.key").rename(offline)
    home = hub.paths.home
    asked = command("keys", "rotate", "answer", "--announce-seconds", "0", "--json", home=home)
    assert asked.returncode == 0, asked.stderr
    request = Path(json.loads(asked.stdout)["request"])
    assert request == home / REQUEST
    assert read_trust(hub).number == 1
    with pytest.raises(Conflict):
        rotate_answer(hub, root=None, **AT_ONCE)
    signed = tmp_path / "signed.json"
    done = command("keys", "sign", str(request), "--root", str(offline), "--out", str(signed), home=tmp_path / "none")
    assert done.returncode == 0, done.stderr
    done = command("keys", "accept", str(signed), home=home)
    assert done.returncode == 0, done.stderr
    assert not request.exists()
    trust = read_trust(hub)
    assert trust.number == 2
    with desk_of(open_hub(home)) as desk:
        assert desk.ask().key_id == json.loads(asked.stdout)["key"]
    assert command("doctor", home=home).returncode == 0


def test_a_history_that_does_not_follow_is_refused(hub: Hub) -> None:
    first, root, now = hub.paths.trust.read_bytes(), root_of(hub), datetime.now(UTC)
    rotate_answer(hub, root=root, **AT_ONCE)
    held, raw = read_trust(hub), hub.paths.trust.read_bytes()
    keys = list(held.keys)
    next_one = Trust.parse(issue(root, held.hub, keys, now=now, after=held))
    for name, offered in {
        "older": first,
        "another root": issue(SigningKey.generate(), held.hub, keys, now=now, after=held),
        "another hub": issue(root, "elsewhere.example", keys, now=now, after=held),
        "a gap": issue(root, held.hub, keys, now=now, after=next_one),
        "a key dropped": issue(root, held.hub, keys[1:], now=now, after=held),
        "not the next": issue(root, held.hub, keys[::-1], now=now, after=Trust.parse(first)),
    }.items():
        with pytest.raises(Malformed):
            accept(hub, offered)
        assert hub.paths.trust.read_bytes() == raw, name
    with pytest.raises(Malformed):
        Trust.parse(first).check_follows(held)


@pytest.mark.parametrize("step", STEPS if FULL else STEPS[1::3])
def test_whoever_is_killed_while_rotating_leaves_a_hub_that_answers(hub: Hub, step: str) -> None:
    killed = subprocess.run([sys.executable, str(ROTATOR), str(hub.paths.home), step, "answer"], cwd=ROOT, check=False)
    assert killed.returncode == SIGKILLED
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert believed(desk.ask(), read_trust(hub))
    made = len(hub.answer_keys())
    changed = rotate_answer(hub, root=root_of(hub), **AT_ONCE)
    # A key that was made and is not vouched for yet is the one that the next run announces.
    assert len(hub.answer_keys()) == (
        made if step in {"after-the-key", "before-the-entry", "after-the-entry"} else made + 1
    )
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert desk.ask().key_id == changed.key
    assert verify_hub(hub.paths.audit, read_trust(hub)).all_findings == ()


@pytest.mark.parametrize("step", STEPS[1::2] + STEPS[-1:] if FULL else STEPS[1:2])
def test_whoever_is_killed_while_rotating_logs_leaves_logs_that_go_on(hub: Hub, step: str) -> None:
    killed = subprocess.run([sys.executable, str(ROTATOR), str(hub.paths.home), step, "log"], cwd=ROOT, check=False)
    assert killed.returncode == SIGKILLED
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert believed(desk.ask(), read_trust(hub))
    changed = rotate_logs(hub, root=root_of(hub), **AT_ONCE)
    logs = {each.origin for each in read_trust(hub).keys if each.use == LOG}
    made = [path for path in (hub.paths.keys / "logs").glob("*.key") if "@" in path.name]
    assert len(changed.key.split()) == len(logs)
    assert len(made) == len(logs) * (2 if step == "after-the-history" else 1), "what was made is used"
    with desk_of(open_hub(hub.paths.home)) as desk:
        assert believed(desk.ask(), read_trust(hub))
    assert verify_hub(hub.paths.audit, read_trust(hub)).all_findings == ()


def test_a_hub_is_restored_whose_keys_were_rotated(hub: Hub, tmp_path: Path, passphrase: Passphrase) -> None:
    rotate_logs(hub, root=root_of(hub), **AT_ONCE)
    rotate_answer(hub, root=root_of(hub), **AT_ONCE)
    with desk_of(open_hub(hub.paths.home)) as desk:
        before = desk.ask()
    taken, home = take_backup(open_hub(hub.paths.home), tmp_path / "backups", passphrase, QUICK), tmp_path / "new"
    Restoring(backup=taken.folder, home=home, opens=passphrase, settings=QUICK, clock=SystemClock()).restore()
    shutil.copytree(hub.paths.deliveries, home / "deliveries", dirs_exist_ok=True)
    restored = open_hub(home)
    restored.trust.check_follows(read_trust(hub))
    with desk_of(restored) as desk:
        after = desk.ask()
    assert faults(before, restored.trust) == faults(after, restored.trust) == []
    assert verify_hub(restored.paths.audit, restored.trust).all_findings == ()
