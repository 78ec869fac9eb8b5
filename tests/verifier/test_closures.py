"""Which cases are over: durable, known to every worker within a second, and told by nobody who cannot know it."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kernel.errors import CaseClosed, CaseRevoked, OtherFormat, Unavailable
from verifier.closures import CHECK_SECONDS, VERSION, Closures, Ending, How

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
LATER = NOW + timedelta(hours=8)
CASE, OTHER = "20261124-3f09c2a1be", "20261124-00000000aa"
ELSEWHERE = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from verifier.closures import Closures, How
closures = Closures(Path(sys.argv[1]), busy_seconds=5.0)
closures.end_case(sys.argv[2], datetime(2026, 11, 25, tzinfo=UTC), How(sys.argv[3]), at=datetime.now(UTC))
closures.end()
"""
NewClosures = Callable[..., Closures]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewClosures]:
    """Makes workers that share one file."""
    made: list[Closures] = []

    def make(**parts: float) -> Closures:
        made.append(Closures(tmp_path / "cases.sqlite", **{"busy_seconds": 1.0, "check_seconds": 0.0, **parts}))
        return made[-1]

    yield make
    for each in made:
        each.end()


def end_elsewhere(path: Path, number: str, how: How) -> None:
    """End a case in a process of its own."""
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(path), number, how.value], check=True)


@pytest.mark.parametrize(("how", "error"), [(How.CLOSED, CaseClosed), (How.REVOKED, CaseRevoked)])
def test_what_another_process_ends_is_ended_here_within_a_second(
    new: NewClosures, tmp_path: Path, how: How, error: type[CaseClosed]
) -> None:
    assert CHECK_SECONDS < 1
    closures = new(check_seconds=CHECK_SECONDS)
    closures.check_open(CASE)
    end_elsewhere(tmp_path / "cases.sqlite", CASE, how)
    time.sleep(CHECK_SECONDS)
    with pytest.raises(error):
        closures.check_open(CASE)
    closures.check_open(OTHER)


def test_what_this_process_ends_is_ended_at_once(new: NewClosures) -> None:
    closures = new(check_seconds=3600.0)
    closures.check_open(CASE)
    closures.close_case(CASE, LATER)
    with pytest.raises(CaseClosed):
        closures.check_open(CASE)


def test_no_database_is_read_until_the_time_is_up(new: NewClosures) -> None:
    closures = new(check_seconds=3600.0)
    closures.check_open(CASE)
    closures._reader.end()
    for _ in range(1000):
        closures.check_open(CASE)


def test_an_ended_case_stays_ended_after_a_restart(new: NewClosures) -> None:
    for turn in range(2):
        closures = new()
        if turn:
            with pytest.raises(CaseClosed):
                closures.check_open(CASE)
        closures.close_case(CASE, LATER)
        closures.close_case(CASE, LATER)


def test_a_closed_case_may_be_revoked_and_a_revoked_one_is_never_only_closed(new: NewClosures) -> None:
    here, there = new(), new()
    here.close_case(CASE, LATER)
    there.end_case(CASE, LATER, How.REVOKED, at=NOW)
    here.close_case(CASE, LATER)
    for each in (here, there, new()):
        with pytest.raises(CaseRevoked):
            each.check_open(CASE)
        assert each.ending(CASE) == Ending(how=How.REVOKED, at=NOW)
    assert here.ending(OTHER) is None


def test_a_revocation_that_cannot_be_kept_leaves_the_case_closed(new: NewClosures, tmp_path: Path) -> None:
    here = new()
    here.close_case(CASE, LATER)
    with closing(sqlite3.connect(tmp_path / "cases.sqlite")) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON ended WHEN NEW.how = 'revoked' BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(Unavailable):
        here.end_case(CASE, LATER, How.REVOKED, at=NOW)
    for each in (here, new()):
        with pytest.raises(CaseClosed):
            each.check_open(CASE)


def test_nothing_ends_in_a_file_that_nobody_else_reads(new: NewClosures, tmp_path: Path) -> None:
    closures = new(check_seconds=3600.0)
    closures.check_open(CASE)
    replace(tmp_path / "cases.sqlite")
    with pytest.raises(Unavailable):
        closures.close_case(CASE, LATER)


def test_endings_of_expired_cases_are_forgotten_in_memory_too(new: NewClosures) -> None:
    closures = new()
    closures.close_case("old", NOW - timedelta(seconds=1))
    closures.close_case("new", NOW)
    closures.forget(NOW)
    closures.check_open("old")
    with pytest.raises(CaseClosed):
        closures.check_open("new")
    assert set(closures._ended) == {"new"}


def test_whoever_goes_on_from_the_last_ending_misses_none(new: NewClosures) -> None:
    reader = new()
    for number in range(20):
        writer = new()
        writer.close_case(f"case-{number}", LATER)
        writer.forget(NOW)
        with pytest.raises(CaseClosed):
            reader.check_open(f"case-{number}")


def test_many_threads_of_many_workers_see_every_ending(new: NewClosures) -> None:
    workers = [new() for _ in range(3)]
    missed: list[str] = []

    def end_and_look(worker: Closures, first: int) -> None:
        for number in range(first, first + 30):
            worker.close_case(str(number), LATER)
            for each in workers:
                try:
                    each.check_open(str(number))
                except CaseClosed:
                    continue
                missed.append(str(number))

    threads = [threading.Thread(target=end_and_look, args=(each, at * 1000)) for at, each in enumerate(workers * 2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not missed


def test_what_cannot_be_kept_is_unavailable(new: NewClosures) -> None:
    closures, blocking = new(busy_seconds=0.05), new(busy_seconds=0.05)
    blocking._writer._database.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        closures.close_case(CASE, LATER)
    blocking._writer._database.execute("ROLLBACK")
    closures.check_open(CASE)


def lose(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.rename(path.with_name("old"))
    Closures(path, busy_seconds=1.0).end()


@pytest.mark.parametrize("harm", [lose, replace])
def test_where_it_cannot_be_known_what_ended_nobody_is_answered(
    new: NewClosures, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    closures = new()
    closures.check_open(CASE)
    harm(tmp_path / "cases.sqlite")
    for _ in range(2):
        with pytest.raises(Unavailable):
            closures.check_open(CASE)


def test_a_reader_that_fails_answers_nobody(new: NewClosures) -> None:
    closures = new()
    closures._reader.end()
    with pytest.raises(Unavailable):
        closures.check_open(CASE)
    with pytest.raises(Unavailable):
        closures.ending(CASE)


@pytest.mark.parametrize("before", [0, 1])
def test_an_older_file_is_taken_over(new: NewClosures, tmp_path: Path, before: int) -> None:
    with closing(sqlite3.connect(tmp_path / "cases.sqlite")) as database:
        database.execute(
            "CREATE TABLE closed (case_number TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        )
        database.execute("INSERT INTO closed VALUES (?, ?)", (CASE, int(LATER.timestamp())))
        database.execute(f"PRAGMA user_version = {before}")
        database.commit()
    for _ in range(2):
        closures = new()
        with pytest.raises(CaseClosed):
            closures.check_open(CASE)
        assert closures.ending(CASE) == Ending(how=How.CLOSED, at=None)
    with closing(sqlite3.connect(tmp_path / "cases.sqlite")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(OtherFormat):
        new()
