"""The log of one process: durable on return, grouped, bounded, locked, and stopped for good by a failed flush."""

import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from audit.entry import Entry
from audit.faulty_files import FaultyFiles
from audit.files import UnflushedFiles
from audit.log import AuditLog
from audit.receipt import Receipt
from audit.record import Logged, Record
from audit.settings import AuditSettings
from kernel.clock import FixedClock
from kernel.digest import digest
from kernel.errors import Conflict, LogUnavailable
from kernel.signing import SigningKey

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
Open = Callable[..., AuditLog]
Make = Callable[..., Record]


class CountedFiles(UnflushedFiles):
    """Counts what is flushed in the journal; a gate holds its flushes back until it is opened."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.flushes = 0
        self.flushing = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def flush(self, handle: int) -> None:
        super().flush(handle)
        if Path(f"/proc/self/fd/{handle}").resolve() == self.journal:
            self.flushes += 1
            self.flushing.set()
            assert self.gate.wait(10)


def check(logged: Logged, signer: SigningKey) -> int:
    """The size that an entry's receipt proves it under."""
    return Receipt.parse(logged.receipt).check(logged.entry, ORIGIN, [signer.public]).size


def test_an_entry_comes_back_with_a_receipt_that_holds(open_log: Open, record: Make, signer: SigningKey) -> None:
    log = open_log()
    for number in range(5):
        logged = log.append(record(number))
        assert logged.index == number
        assert check(logged, signer) == number + 1


def test_an_entrys_time_is_the_clocks(open_log: Open, record: Make, clock: FixedClock) -> None:
    log = open_log()
    clock.advance(timedelta(hours=1))
    assert Entry.parse(log.append(record()).entry).time == clock.now()


def test_whatever_waits_is_committed_with_one_flush_and_one_checkpoint(
    open_log: Open, record: Make, signer: SigningKey, tmp_path: Path
) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files)
    files.flushing.clear()
    files.gate.clear()
    first = log.submit(record(0))
    assert files.flushing.wait(10)
    before = files.flushes
    futures = [log.submit(record(number)) for number in range(1, 200)]
    files.gate.set()
    sizes = {check(future.result(10), signer) for future in futures}
    assert check(first.result(10), signer) == 1
    assert files.flushes == before + 1
    assert sizes == {200}
    assert len({future.result().receipt.split(b"\n\n", 1)[1] for future in futures}) == 1


def test_nobody_hears_of_an_entry_before_it_is_flushed(open_log: Open, record: Make, tmp_path: Path) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files)
    files.flushing.clear()
    files.gate.clear()
    future = log.submit(record())
    assert files.flushing.wait(10)
    assert not future.done
    assert log.signed.checkpoint.size == 0
    files.gate.set()
    assert future.result(10).index == 0


def test_a_lone_entry_does_not_wait_for_company(open_log: Open, record: Make) -> None:
    log = open_log(settings=AuditSettings(publish_pause_ms=60_000))
    assert log.append(record()).index == 0


def test_several_records_share_a_flush_and_keep_their_order(
    open_log: Open, record: Make, signer: SigningKey, tmp_path: Path
) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files)
    before = files.flushes
    logged = log.append_all([record(number) for number in range(100)])
    assert [each.index for each in logged] == list(range(100))
    assert {check(each, signer) for each in logged} == {100}
    assert files.flushes == before + 1
    assert log.append_all([]) == []


def test_more_records_than_may_wait_are_refused_together(open_log: Open, record: Make) -> None:
    log = open_log(settings=AuditSettings(queue_entries_max=10))
    with pytest.raises(LogUnavailable):
        log.append_all([record(number) for number in range(11)])
    assert log.append(record()).index == 0


def test_a_caller_that_gives_up_leaves_its_entry(open_log: Open, record: Make, tmp_path: Path) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files)
    files.gate.clear()
    with pytest.raises(TimeoutError):
        log.submit(record(0)).result(0.05)
    files.gate.set()
    assert log.append(record(1)).index == 1


def test_many_threads_get_each_their_own_entry(open_log: Open, record: Make, signer: SigningKey) -> None:
    log = open_log()
    got: list[tuple[bytes, Logged]] = []

    def ask(number: int) -> None:
        for each in range(20):
            made = record(number * 100 + each)
            got.append((made.statement, log.append(made)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(logged.index for _, logged in got) == list(range(160))
    for statement, logged in got:
        check(logged, signer)
        assert Entry.parse(logged.entry).statement_digest == digest(statement)


@pytest.mark.parametrize("bounds", [{"queue_entries_max": 3}, {"queue_bytes_max": 900}])
def test_more_than_the_queue_holds_is_refused_and_the_log_goes_on(
    bounds: dict[str, int], open_log: Open, record: Make, tmp_path: Path
) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files, settings=AuditSettings(publish_pause_ms=0, **bounds))
    files.flushing.clear()
    files.gate.clear()
    futures = [log.submit(record(0))]
    assert files.flushing.wait(10)
    for number in range(1, 30):
        with suppress(LogUnavailable):
            futures.append(log.submit(record(number)))
    with pytest.raises(LogUnavailable, match="too many"):
        log.submit(record())
    files.gate.set()
    indexes = [future.result(10).index for future in futures]
    assert 1 < len(indexes) < 10
    assert log.append(record()).index == len(indexes)


def test_groups_keep_to_their_bounds(open_log: Open, record: Make, signer: SigningKey, tmp_path: Path) -> None:
    files = CountedFiles(tmp_path / "worker-0" / "journal")
    log = open_log(files=files, settings=AuditSettings(publish_pause_ms=0, group_entries_max=7))
    files.flushing.clear()
    files.gate.clear()
    futures = [log.submit(record(0))]
    assert files.flushing.wait(10)
    futures += [log.submit(record(number)) for number in range(1, 22)]
    files.gate.set()
    assert [check(future.result(10), signer) for future in futures] == [1] + [8] * 7 + [15] * 7 + [22] * 7


def test_a_second_opener_is_refused_until_the_first_lets_go(open_log: Open, record: Make) -> None:
    log = open_log()
    log.append(record())
    with pytest.raises(Conflict):
        open_log()
    log.close()
    assert open_log().append(record()).index == 1


def test_a_closed_log_refuses(open_log: Open, record: Make) -> None:
    log = open_log()
    log.close()
    log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        log.append(record())


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("operation", ["write", "flush"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_failed_write_or_flush_stops_the_log_for_good(
    operation: str, error: int, *, lands: bool, open_log: Open, record: Make, signer: SigningKey, tmp_path: Path
) -> None:
    files = FaultyFiles(operation=operation, at=-1, only="journal", lands=lands, partial=100, error=error)
    log = open_log(files=files)
    acknowledged = [log.append(record(number)) for number in range(4)]
    files.at = files.counts[operation]
    with pytest.raises(LogUnavailable):
        log.append(record(4))
    with pytest.raises(LogUnavailable):
        log.append(record(5))
    assert isinstance(log.failure, LogUnavailable)
    log.close()
    again = open_log()
    size = again.signed.checkpoint.size
    assert size in ({5} if lands else {4, 5})
    assert again.append(record(6)).index == size
    for logged in acknowledged:
        check(logged, signer)
        assert logged.entry in (tmp_path / "worker-0" / "journal").read_bytes()
