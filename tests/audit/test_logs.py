"""The logs of a hub: shared writers wait for each other, and no log can vanish unseen."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.faulty_files import FaultyFiles
from audit.files import RealFiles, UnflushedFiles
from audit.finding import Fault
from audit.log import AuditLog
from audit.logs import Logs
from audit.receipt import Receipt
from audit.record import Record
from audit.root_log import RootLog
from audit.settings import AuditSettings
from audit.shared import SharedLog
from audit.verify_hub import HubReport, verify_hub
from kernel.clock import FixedClock, SystemClock
from kernel.errors import Conflict, Damaged, LogUnavailable
from kernel.signing import SigningKey
from kernel.trust import LOG, Trust, TrustedKey, issue

HUB = "wenling.mianzheng.example"
NAMES = ("root", "desk", "worker-0", "worker-1")
Make = Callable[..., Record]


def signer_of(name: str) -> SigningKey:
    return SigningKey(bytes([NAMES.index(name) + 1]) * 32)


@pytest.fixture
def trust() -> Trust:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    keys = [
        TrustedKey(use=LOG, key=signer_of(name).public, valid_from=since, origin=f"{HUB}/audit/{name}")
        for name in NAMES
    ]
    return Trust.parse(issue(SigningKey.generate(), HUB, keys, now=since))


@pytest.fixture
def logs(tmp_path: Path, clock: FixedClock) -> Logs:
    settings = AuditSettings(publish_pause_ms=0)
    return Logs(tmp_path / "audit", hub=HUB, signers=signer_of, clock=clock, settings=settings, files=UnflushedFiles())


@pytest.fixture
def used(logs: Logs, record: Make) -> Logs:
    """A hub whose logs have been used: a worker opened twice, another once, and the desk."""
    for _ in range(2):
        with logs.open("worker-0") as log:
            for number in range(3):
                log.append(record(number))
    with logs.open("worker-1") as log:
        log.append(record())
    logs.shared().append(record())
    return logs


def faults(report: HubReport) -> set[tuple[str, Fault]]:
    return {(found.log, found.fault) for found in report.all_findings}


def test_a_used_hub_is_sound(used: Logs, trust: Trust) -> None:
    report = verify_hub(used.directory, trust)
    assert report.all_findings == ()
    assert report.faults == 0
    sizes = {each.origin.rpartition("/")[2]: each.size for each in report.logs}
    assert sizes == {"root": 1 + 4 + 2 + 1, "desk": 1, "worker-0": 6, "worker-1": 1}


def test_a_hub_in_use_is_sound(used: Logs, trust: Trust, record: Make) -> None:
    with used.open("worker-0") as log:
        log.append(record())
        assert verify_hub(used.directory, trust).all_findings == ()


def test_a_log_is_recorded_before_its_first_entry(logs: Logs, trust: Trust) -> None:
    with logs.open("worker-0"):
        shutil.rmtree(logs.directory / "worker-0")
        assert ("worker-0", Fault.LOG_MISSING) in faults(verify_hub(logs.directory, trust))


@pytest.mark.parametrize("name", ["worker-0", "worker-1", "desk"])
def test_a_whole_log_that_vanishes_is_named(name: str, used: Logs, trust: Trust) -> None:
    shutil.rmtree(used.directory / name)
    assert faults(verify_hub(used.directory, trust)) == {(name, Fault.LOG_MISSING)}


def test_a_root_log_that_vanishes_is_named(used: Logs, trust: Trust) -> None:
    shutil.rmtree(used.directory / "root")
    assert faults(verify_hub(used.directory, trust)) == {("root", Fault.ROOT_LOG_MISSING)}


def test_a_log_that_the_root_log_never_heard_of_is_named(used: Logs, trust: Trust) -> None:
    shutil.copytree(used.directory / "worker-1", used.directory / "worker-9")
    assert faults(verify_hub(used.directory, trust)) == {("worker-9", Fault.LOG_UNRECORDED)}


def test_a_log_set_back_to_an_older_state_is_found(logs: Logs, trust: Trust, record: Make) -> None:
    with logs.open("worker-0") as log:
        log.append(record())
    shutil.copytree(logs.directory / "worker-0", logs.directory / "kept")
    with logs.open("worker-0") as log:
        log.append(record())
    shutil.rmtree(logs.directory / "worker-0")
    (logs.directory / "kept").rename(logs.directory / "worker-0")
    assert faults(verify_hub(logs.directory, trust)) == {("worker-0", Fault.MILESTONE_BEYOND)}


@pytest.mark.parametrize("name", ["worker-0", "desk"])
def test_a_log_that_vanished_is_not_begun_anew(name: str, used: Logs, trust: Trust) -> None:
    """Else its loss would be forgotten with the next entry."""
    shutil.rmtree(used.directory / name)
    with pytest.raises(Damaged, match="the root log records it"):
        used.shared() if name == "desk" else used.open(name).__enter__()
    assert faults(verify_hub(used.directory, trust)) == {(name, Fault.LOG_MISSING)}


def test_a_root_log_that_vanished_is_not_begun_anew(used: Logs, trust: Trust) -> None:
    shutil.rmtree(used.directory / "root")
    with pytest.raises(Damaged, match="other logs have entries"), used.open("worker-0"):
        pass
    assert faults(verify_hub(used.directory, trust)) == {("root", Fault.ROOT_LOG_MISSING)}


def test_logs_that_vanish_all_together_are_missed(used: Logs, trust: Trust) -> None:
    shutil.rmtree(used.directory)
    assert faults(verify_hub(used.directory, trust)) == {("root", Fault.ROOT_LOG_MISSING)}


def test_a_log_set_back_is_not_gone_on_with(logs: Logs, record: Make) -> None:
    with logs.open("worker-0") as log:
        log.append(record())
    shutil.copytree(logs.directory / "worker-0", logs.directory / "kept")
    with logs.open("worker-0") as log:
        log.append(record())
    shutil.rmtree(logs.directory / "worker-0")
    (logs.directory / "kept").rename(logs.directory / "worker-0")
    with pytest.raises(Damaged, match="shorter than the root log records"), logs.open("worker-0"):
        pass


@pytest.mark.parametrize("before", ["begun", "recorded"])
def test_a_shared_log_whose_beginning_was_interrupted_is_recorded(
    before: str, logs: Logs, trust: Trust, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((SharedLog, "signed") if before == "begun" else (RootLog, "opened")), killed)
        with pytest.raises(KeyboardInterrupt):
            logs.shared()
    logs.shared().append(record())
    assert verify_hub(logs.directory, trust).all_findings == ()


def test_a_log_begun_anew_by_the_holder_of_its_key_is_found(logs: Logs, trust: Trust, record: Make) -> None:
    with logs.open("worker-0") as log:
        log.append(record(1))
    shutil.rmtree(logs.directory / "worker-0")
    place = logs.place("worker-0")
    with AuditLog.open(place.directory, origin=place.origin, signer=signer_of("worker-0"), clock=SystemClock()) as log:
        log.append(record(2))
    assert ("worker-0", Fault.MILESTONE_DIFFERS) in faults(verify_hub(logs.directory, trust))


def test_entries_after_a_recorded_closing_are_found(logs: Logs, trust: Trust, record: Make) -> None:
    with logs.open("worker-0") as log:
        log.append(record())
    kept = logs.directory / "root-kept"
    shutil.copytree(logs.directory / "root", kept)
    with logs.open("worker-0") as log:
        log.append(record())
    shutil.rmtree(logs.directory / "root")
    kept.rename(logs.directory / "root")
    assert faults(verify_hub(logs.directory, trust)) == {("worker-0", Fault.GREW_AFTER_CLOSING)}


def test_a_log_under_a_key_that_nobody_vouches_for_is_named(used: Logs, trust: Trust) -> None:
    keys = tuple(each for each in trust.keys if not each.origin.endswith("worker-1"))
    found = faults(verify_hub(used.directory, Trust(hub=trust.hub, root=trust.root, keys=keys)))
    assert ("worker-1", Fault.KEY_UNTRUSTED) in found
    assert ("worker-1", Fault.CHECKPOINT_BAD) in found


def test_the_root_log_is_enough_to_begin_from_without_its_journal(used: Logs, trust: Trust) -> None:
    """As an outsider has it: public files only, for the root log at least."""
    (used.directory / "root" / "journal").unlink()
    shutil.rmtree(used.directory / "worker-1")
    assert ("worker-1", Fault.LOG_MISSING) in faults(verify_hub(used.directory, trust))


def test_a_single_log_can_be_verified(used: Logs, trust: Trust) -> None:
    assert [each.origin for each in verify_hub(used.directory, trust, only="desk").logs] == [f"{HUB}/audit/desk"]
    assert verify_hub(used.directory, trust, only="none").logs == ()


def test_writers_of_a_shared_log_wait_for_each_other(logs: Logs, trust: Trust, record: Make) -> None:
    with ThreadPoolExecutor(4) as pool:
        logged = list(pool.map(lambda number: logs.shared().append(record(number)), range(12)))
    assert sorted(each.index for each in logged) == list(range(12))
    for each in logged:
        Receipt.parse(each.receipt).check(each.entry, f"{HUB}/audit/desk", [signer_of("desk").public])
    assert verify_hub(logs.directory, trust).all_findings == ()


def test_a_shared_entry_whose_publication_fails_is_published_by_the_next_writer(
    logs: Logs, trust: Trust, record: Make
) -> None:
    shared = logs.shared()
    shared._files = FaultyFiles(operation="rename", at=0, only="checkpoint")
    assert shared.append(record(0)).index == 0
    assert logs.shared().append(record(1)).index == 1
    assert verify_hub(logs.directory, trust).all_findings == ()


@pytest.mark.parametrize("lands", [False, True])
def test_a_shared_write_that_fails_is_an_unavailable_log_and_the_next_writer_recovers(
    *, lands: bool, logs: Logs, trust: Trust, record: Make
) -> None:
    shared = logs.shared()
    shared.append(record(0))
    shared._files = FaultyFiles(operation="write", at=0, only="journal", lands=lands, partial=50)
    with pytest.raises(LogUnavailable):
        shared.append(record(1))
    shared._files = RealFiles()
    assert shared.append(record(2)).index == (2 if lands else 1)
    assert verify_hub(logs.directory, trust).all_findings == ()


def test_a_log_is_held_by_one_opener(used: Logs) -> None:
    with used.open("worker-0"), pytest.raises(Conflict), used.open("worker-0"):
        pass
