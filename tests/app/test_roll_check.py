"""A roll that is whole and not the one that the logs tell of: found by the doctor, and no worker starts on it."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.backup import take_backup
from app.case_endings import Asked
from app.clients import (
    enrol,
    enter_operator,
    find_client,
    issue,
    restore_client,
    revoke_client,
    revoke_operator,
    revoke_serial,
    roll_of,
)
from app.custody import CustodySettings
from app.diagnosis import Level
from app.envelope import Passphrase
from app.examine_roll import roll
from app.hub import Hub, open_hub
from app.operators import assert_operator
from app.restore import Restoring
from app.roll_check import check_roll, differences, serials_of
from app.verification import hub_guesses, verifier_worker
from kernel.clock import SystemClock
from kernel.durable import replace_file
from kernel.errors import Conflict, Damaged, Unavailable
from kernel.errors import Revoked as Refused
from kernel.signing import SigningKey
from schemas.title import Title
from tests.app.small_hub import QUICK, command, desk_of, elder
from verifier.guesses import Guess
from verifier.roll import CHECK_SECONDS, Operator, Revoked, Rolls

pytestmark = pytest.mark.xdist_group("custody")

WHY = Asked(by="li", reason="设备被盗 stolen")
DEVICE = "counter-hall-01"


def levels(hub: Hub) -> dict[Level, str]:
    return {each.level: each.en for each in roll(hub, CustodySettings(free_bytes_min=1))}


def test_a_roll_put_back_from_before_lets_nobody_in_again(hub: Hub) -> None:
    enter_operator(hub, Operator(id="0731", groups=("counter",), key=SigningKey.generate().public.raw), WHY)
    before = hub.paths.roll.read_bytes()
    device = find_client(hub, DEVICE)
    rolls = Rolls(hub.paths.roll, hub.lasting_secret, check_seconds=0.0)
    revoke_client(hub, device, WHY)
    revoke_serial(hub, "1f", WHY)
    revoke_operator(hub, "0731", WHY)
    assert rolls.current().clients
    check_roll(hub)
    assert levels(hub).keys() == {Level.WELL}

    replace_file(hub.paths.roll, before)
    with pytest.raises(Unavailable, match="which clients are revoked"):
        rolls.current()
    assert set(differences(hub).let_in) == {f"client {device.id}", "serial 1f", "operator 0731"}
    assert "let in" in levels(hub)[Level.ILL]
    with pytest.raises(Damaged, match="revoked"), verifier_worker(hub, 0):
        pass
    hub.paths.roll.unlink()
    with pytest.raises(Damaged, match="revoked"), verifier_worker(hub, 0):
        pass
    # The remedy is to revoke again what is let in.
    revoke_client(hub, device, WHY)
    revoke_serial(hub, "1f", WHY)
    check_roll(hub)
    with verifier_worker(hub, 0):
        pass
    restore_client(hub, device, WHY)
    check_roll(hub)
    assert levels(hub).keys() == {Level.WELL}


def test_what_a_crash_leaves_half_done_is_told_and_stops_nobody(hub: Hub) -> None:
    device = find_client(hub, DEVICE)
    revoke_client(hub, device, WHY)
    revoked = hub.paths.roll.read_bytes()
    # Recorded, and not done: the log lets it in already, the roll does not.
    restore_client(hub, device, WHY)
    replace_file(hub.paths.roll, revoked)
    check_roll(hub)
    assert differences(hub).undone == (f"client {device.id}",)
    assert "shut out by the roll" in levels(hub)[Level.WARNING]
    restore_client(hub, device, WHY)
    # Done, and not recorded, as where the log was down.
    standing = roll_of(hub)
    revoked_serial = Revoked(at=hub.clock.now(), reason="stolen")
    more = replace(standing, number=standing.number + 1, serials={"2a": revoked_serial})
    replace_file(hub.paths.roll, more.encode(hub.lasting_secret))
    check_roll(hub)
    assert differences(hub).unrecorded == ("serial 2a",)
    assert "not recorded" in levels(hub)[Level.WARNING]
    revoke_serial(hub, "2A", WHY)
    assert levels(hub).keys() == {Level.WELL}


def test_a_restored_hub_knows_who_is_revoked_and_what_was_guessed(
    hub: Hub, tmp_path: Path, passphrase: Passphrase
) -> None:
    device = find_client(hub, DEVICE)
    revoke_client(hub, device, WHY)
    guesses = hub_guesses(hub)
    guess = Guess(about=("about", "somebody"), guess=("a", "guess"), claim="claim")
    assert guesses.admit([guess], hub.clock.now()) == ()
    guesses.end()
    taken = take_backup(hub, tmp_path / "backups", passphrase, QUICK)
    new = tmp_path / "new"
    Restoring(backup=taken.folder, home=new, opens=passphrase, settings=QUICK, clock=SystemClock()).restore()
    restored = open_hub(new)
    assert restored.secret("case") != hub.secret("case")
    assert device.id in roll_of(restored).clients
    check_roll(restored)
    with desk_of(restored) as desk, desk.client() as client, pytest.raises(Refused):
        client.items()
    guesses = hub_guesses(restored)
    assert guesses.count(guess.about, hub.clock.now()) == 1
    guesses.end()
    restored.detail_keys.close()


@pytest.mark.timeout(180)
def test_a_revocation_by_command_holds_for_every_process_and_after_a_kill(hub: Hub) -> None:

    with desk_of(hub, 0) as first, desk_of(hub, 1) as second, first.client() as one, second.client() as two:
        case = one.open_case("senior_allowance", [elder(hub)], operator="tests", legal_basis="tests")
        for client in (one, two):
            client.verify_item(case)
        revoked = command("clients", "revoke", DEVICE, "--reason", "设备被盗 stolen", home=hub.paths.home)
        assert revoked.returncode == 0, revoked.stderr
        time.sleep(CHECK_SECONDS)
        for client in (one, two):
            with pytest.raises(Refused):
                client.verify_item(case)
        second.process.kill()
        second.process.wait()
        with desk_of(hub, 1) as again, again.client() as client, pytest.raises(Refused):
            client.verify_item(case)
        restored = command("clients", "restore", DEVICE, "--reason", "找回 found", home=hub.paths.home)
        assert restored.returncode == 0, restored.stderr
        time.sleep(CHECK_SECONDS)
        one.verify_item(case)


def test_certificates_that_were_issued_can_be_named_when_they_are_to_be_revoked(hub: Hub) -> None:
    title = Title(zh="新终端", en="New kiosk")
    entered = enrol(hub, "kiosk-new-01", "kiosk", channel="", place="331081", title=title, asked=WHY)
    renewed = issue(hub, entered, WHY)
    assert serials_of(hub, entered)[-1] == renewed
    assert len(serials_of(hub, entered)) == 2
    # A device's name names its files: no other channel gets it.
    with pytest.raises(Conflict):
        enrol(hub, DEVICE, "kiosk", channel="", place="", title=title, asked=WHY)
    assert assert_operator(hub, "0731", SigningKey.generate(), "kiosk-new-01", lasts=timedelta(hours=1))
