"""A restored log is closed for good and another goes on; what others hold tells how far it had come."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint
from audit.detail import parse_detail
from audit.files import UnflushedFiles
from audit.finding import Fault
from audit.generation import generation_of, log_name, next_generation, split_name
from audit.log import AuditLog
from audit.logs import Logs, origin_of
from audit.promise_report import promise_lines
from audit.receipt import Receipt
from audit.record import Logged, Record
from audit.report import hub_json, hub_lines
from audit.root_log import ROOT, Milestone, Restored, RootLog
from audit.settings import AuditSettings
from audit.shared import SharedLog
from audit.verify_hub import HubReport, verify_hub
from audit.witness import Comparison, Promise, Standing, compare
from kernel.clock import FixedClock
from kernel.errors import Conflict, Malformed
from kernel.signing import SigningKey
from kernel.trust import LOG, Trust, TrustedKey, issue

HUB = "wenling.mianzheng.example"
ROLES = ("root", "desk", "worker-0")
LATER = "20261125T080000Z"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
OFFLINE = SigningKey(bytes(32))
Make = Callable[..., Record]


def signer_of(name: str) -> SigningKey:
    role, generation = split_name(name)
    return SigningKey(bytes([ROLES.index(role) + 1, *generation.encode()]).ljust(32, b"\0"))


def trust_of(*generations: str) -> Trust:
    keys = [
        TrustedKey(use=LOG, key=signer_of(name).public, valid_from=SINCE, origin=origin_of(HUB, name))
        for generation in generations
        for name in (log_name(role, generation) for role in ROLES)
    ]
    return Trust.parse(issue(OFFLINE, HUB, keys, now=SINCE))


def logs_of(directory: Path, clock: FixedClock, generation: str = "") -> Logs:
    return Logs(
        directory,
        hub=HUB,
        signers=signer_of,
        clock=clock,
        settings=AuditSettings(publish_pause_ms=0),
        files=UnflushedFiles(),
        generation=generation,
    )


class Restoration:
    """A hub's logs, put back from a backup that lacks what was signed last, and continued."""

    def __init__(self, folder: Path, clock: FixedClock, record: Make) -> None:
        self.clock = clock
        self.record = record
        self.lost = folder / "lost"
        self.directory = folder / "audit"
        before = logs_of(self.lost, clock)
        with before.open("worker-0") as log:
            self.old = [log.append(record(number)) for number in range(5)]
        before.shared().append(record(50))
        shutil.copytree(self.lost, self.directory)
        with before.open("worker-0") as log:
            self.newer = [log.append(record(number)) for number in range(5, 9)]

    def continued(self, generation: str = LATER, *, skip: str = "", known: int = 9) -> "Restoration":
        """Close what was restored in a new root log, as a restore does."""
        place = logs_of(self.directory, self.clock, generation).place(ROOT)
        log = SharedLog(place.directory, origin=place.origin, signer=signer_of(f"root.{generation}"), clock=self.clock)
        root = RootLog(log)
        for role in ROLES:
            if role != skip:
                root.closed(signer_of(role).public, self.standing(role), self.restored(role, generation, known))
        root.opened(signer_of(f"root.{generation}").public, log.signed().checkpoint)
        return self

    def restored(self, role: str, generation: str, known: int) -> Restored:
        successor = origin_of(HUB, log_name(role, generation))
        return Restored(backup="b1", taken_at="2026-11-24T12:00:00+00:00", successor=successor, known_size=known)

    def standing(self, name: str) -> Checkpoint:
        note = (self.directory / name / "public" / "checkpoint").read_text("utf-8")
        return Checkpoint.parse(note.partition("\n\n")[0] + "\n")

    def report(self) -> HubReport:
        return verify_hub(self.directory, trust_of("", LATER))

    def compare(self, logged: Logged) -> Comparison:
        promise = Promise.of_receipt(logged.receipt, logged.entry)
        return compare(self.directory, trust_of("", LATER), self.report().restored, promise)


@pytest.fixture
def restoration(tmp_path: Path, clock: FixedClock, record: Make) -> Restoration:
    return Restoration(tmp_path, clock, record)


def faults(report: HubReport) -> set[tuple[str, Fault]]:
    return {(found.log, found.fault) for found in report.all_findings}


def test_the_names_of_generations_can_be_read_back() -> None:
    assert split_name(log_name("worker-0", LATER)) == ("worker-0", LATER)
    assert split_name(log_name("desk", "")) == ("desk", "")
    for name in ("", "..", "a/b", "worker-0.", "worker-0.2", "a.20261125T080000Z.b", "x" * 65):
        with pytest.raises(Malformed):
            split_name(name)


def test_the_newest_generation_is_the_last_that_the_root_key_vouches_for() -> None:
    assert generation_of(trust_of("")) == ""
    assert generation_of(trust_of("", LATER, "20261124T080000Z")) == LATER


def test_a_clock_behind_the_logs_begins_no_generation() -> None:
    now = datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert next_generation(now, "") == LATER
    assert next_generation(now + timedelta(seconds=1), LATER) > LATER
    with pytest.raises(Conflict, match="clock"):
        next_generation(now, LATER)


def test_restored_logs_that_were_closed_and_continued_are_sound(restoration: Restoration) -> None:
    report = restoration.continued().report()
    assert report.all_findings == ()
    assert report.restored.keys() == set(ROLES)
    assert {each.name: each.size for each in report.logs}["worker-0"] == 5
    after = logs_of(restoration.directory, restoration.clock, LATER)
    with after.open("worker-0") as log:
        assert log.append(restoration.record()).index == 0
        assert log.origin == f"{HUB}/audit/worker-0.{LATER}"
    after.shared().append(restoration.record())
    assert restoration.report().all_findings == ()


def test_the_new_root_log_begins_with_the_old_ones_checkpoint(restoration: Restoration) -> None:
    old = restoration.standing(ROOT)
    restoration.continued()
    place = logs_of(restoration.directory, restoration.clock, LATER).place(ROOT)
    first = (place.public / "detail" / "000").read_bytes()
    milestone = Milestone.of(parse_detail(first))
    assert milestone is not None
    assert (milestone.opened, milestone.checkpoint) == (False, old)
    assert milestone.restored is not None
    assert milestone.restored.successor == place.origin


def test_what_is_proved_of_a_restored_log_and_what_not_is_said(restoration: Restoration) -> None:
    lines = "\n".join(hub_lines(restoration.continued().report()))
    assert f"continued as worker-0.{LATER}" in lines
    assert "Not proved: that it signed no others after the backup" in lines
    assert "at least 4 entries are lost" in lines
    logs = {each["origin"]: each["restored"] for each in hub_json(restoration.report())["logs"]}
    assert logs[f"{HUB}/audit/worker-0"]["known_size"] == 9
    assert logs[f"{HUB}/audit/root.{LATER}"] is None


def test_a_restored_log_that_grows_is_a_fault(restoration: Restoration) -> None:
    restoration.continued()
    place = logs_of(restoration.directory, restoration.clock).place("worker-0")
    with AuditLog.open(
        place.directory, origin=place.origin, signer=signer_of("worker-0"), clock=restoration.clock
    ) as log:
        log.append(restoration.record(99))
    assert ("worker-0", Fault.GREW_AFTER_CLOSING) in faults(restoration.report())


def test_a_restored_log_that_vanishes_is_named(restoration: Restoration) -> None:
    restoration.continued()
    shutil.rmtree(restoration.directory / "desk")
    assert faults(restoration.report()) == {("desk", Fault.LOG_MISSING)}


def test_an_older_root_log_that_vanishes_is_named(restoration: Restoration) -> None:
    restoration.continued()
    shutil.rmtree(restoration.directory / ROOT)
    assert (ROOT, Fault.LOG_MISSING) in faults(restoration.report())


def test_a_new_root_log_that_does_not_name_the_old_one_is_a_fault(restoration: Restoration) -> None:
    found = faults(restoration.continued(skip=ROOT).report())
    assert (f"root.{LATER}", Fault.PREDECESSOR_UNNAMED) in found


def test_logs_put_back_in_silence_are_found(restoration: Restoration) -> None:
    """The trust file knows a newer generation, and the logs are those of the backup."""
    assert faults(restoration.report()) == {(ROOT, Fault.ROOT_LOG_MISSING)}


def test_a_log_restored_twice_leads_back_to_the_first(restoration: Restoration) -> None:
    restoration.continued()
    third = "20261126T080000Z"
    place = logs_of(restoration.directory, restoration.clock, third).place(ROOT)
    log = SharedLog(place.directory, origin=place.origin, signer=signer_of(f"root.{third}"), clock=restoration.clock)
    name = f"root.{LATER}"
    RootLog(log).closed(signer_of(name).public, restoration.standing(name), restoration.restored("root", third, 0))
    report = verify_hub(restoration.directory, trust_of("", LATER, third))
    assert report.all_findings == ()
    assert {each.name for each in report.logs} >= {f"root.{third}", name, ROOT, "worker-0"}


def test_a_receipt_from_before_the_backup_is_held(restoration: Restoration) -> None:
    restoration.continued()
    found = restoration.compare(restoration.old[3])
    assert (found.standing, found.here) == (Standing.HELD, found.size)


def test_a_receipt_newer_than_the_backup_is_a_loss_that_was_told(restoration: Restoration) -> None:
    restoration.continued()
    found = restoration.compare(restoration.newer[-1])
    assert (found.standing, found.here, found.size, found.is_fault) == (Standing.LOST, 5, 9, False)
    (line,) = promise_lines([("x.json", found)])
    assert line.startswith("! x.json")
    assert "behind" in line


def test_a_receipt_newer_than_a_log_that_nobody_said_was_restored_is_a_fault(restoration: Restoration) -> None:
    """As an operator would do who puts an older copy back and says nothing."""
    promise = Promise.of_receipt(restoration.newer[-1].receipt, restoration.newer[-1].entry)
    found = compare(restoration.directory, trust_of(""), {}, promise)
    assert (found.standing, found.is_fault) == (Standing.BEHIND, True)


def test_a_receipt_of_another_history_is_a_fork(restoration: Restoration) -> None:
    """The restored log went on under its old name and key: two histories."""
    place = logs_of(restoration.directory, restoration.clock).place("worker-0")
    with AuditLog.open(
        place.directory, origin=place.origin, signer=signer_of("worker-0"), clock=restoration.clock
    ) as log:
        other = [log.append(restoration.record(number)) for number in range(70, 76)]
    here = Promise.of_receipt(other[-1].receipt, other[-1].entry)
    lost = Promise.of_receipt(restoration.newer[-1].receipt, restoration.newer[-1].entry)
    directories = (restoration.directory, restoration.lost)
    standings = [compare(each, trust_of(""), {}, promise).standing for each in directories for promise in (here, lost)]
    assert standings == [Standing.HELD, Standing.FORKED, Standing.FORKED, Standing.HELD]


def test_the_hashes_of_a_longer_receipt_are_compared_as_far_as_they_reach(
    restoration: Restoration, clock: FixedClock, record: Make
) -> None:
    """A receipt says what the first four entries were, or the first eight: only the former can be compared here."""
    place = logs_of(restoration.lost.with_name("elsewhere"), clock).place("worker-0")
    with AuditLog.open(place.directory, origin=place.origin, signer=signer_of("worker-0"), clock=clock) as log:
        foreign = [log.append(record(number)) for number in range(20, 32)]
    restoration.continued()
    assert restoration.compare(foreign[6]).standing is Standing.FORKED
    assert restoration.compare(foreign[11]).standing is Standing.LOST


def test_a_log_that_was_lost_whole_is_said_to_be(restoration: Restoration, clock: FixedClock, record: Make) -> None:
    between = "20261124T200000Z"
    place = logs_of(restoration.lost, clock, between).place("worker-0")
    signer = signer_of(f"worker-0.{between}")
    with AuditLog.open(place.directory, origin=place.origin, signer=signer, clock=clock) as log:
        logged = log.append(record())
    promise = Promise.of_receipt(logged.receipt, logged.entry)
    report = restoration.continued().report()
    trust = trust_of("", between, LATER)
    assert compare(restoration.directory, trust, report.restored, promise).standing is Standing.ABSENT
    assert compare(restoration.directory, trust, {}, promise).standing is Standing.BEHIND


def test_what_no_log_of_the_hub_signed_is_false(restoration: Restoration) -> None:
    restoration.continued()
    logged = restoration.old[0]
    other = Promise.of_receipt(logged.receipt, restoration.old[1].entry)
    stranger = Checkpoint(origin="other.example/audit/x", size=1, root=bytes(32)).sign(OFFLINE)
    for promise in (other, Promise(note=stranger)):
        found = compare(restoration.directory, trust_of("", LATER), restoration.report().restored, promise)
        assert found.standing is Standing.FALSE


def test_a_bare_checkpoint_is_compared_like_a_receipt(restoration: Restoration) -> None:
    restoration.continued()
    report = restoration.report()
    found = [
        compare(
            restoration.directory,
            trust_of("", LATER),
            report.restored,
            Promise(note=Receipt.parse(logged.receipt).note),
        ).standing
        for logged in (restoration.old[2], restoration.newer[0])
    ]
    assert found == [Standing.HELD, Standing.LOST]
