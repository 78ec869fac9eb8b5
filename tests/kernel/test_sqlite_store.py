"""SQLite files that workers share."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from kernel.errors import Damaged, OtherFormat, Unavailable
from kernel.sqlite_store import SqliteStore

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY) STRICT;"
NewStore = Callable[..., SqliteStore]


def store_at(path: Path, *, busy_seconds: float = 5.0) -> SqliteStore:
    return SqliteStore(path, holds="words", version=1, schema=SCHEMA, busy_seconds=busy_seconds)


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewStore]:
    made: list[SqliteStore] = []

    def make(*, busy_seconds: float = 5.0) -> SqliteStore:
        made.append(store_at(tmp_path / "words.sqlite", busy_seconds=busy_seconds))
        return made[-1]

    yield make
    for each in made:
        each.end()


def words(store: SqliteStore) -> list[str]:
    with store.reading("no words") as database:
        return [word for (word,) in database.execute("SELECT word FROM words ORDER BY word")]


def add(store: SqliteStore, *added: str) -> None:
    with store.writing("no words") as database:
        for each in added:
            database.execute("INSERT INTO words VALUES (?)", (each,))


def test_what_one_writes_another_reads(new: NewStore, tmp_path: Path) -> None:
    here, there = new(), new()
    add(here, "a", "b")
    assert words(there) == ["a", "b"]
    assert (tmp_path / "words.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_transaction_is_all_or_nothing(new: NewStore) -> None:
    here, there = new(), new()
    add(here, "b")
    with pytest.raises(Unavailable) as caught:
        add(here, "a", "b")
    assert caught.value.message == "no words"
    assert words(there) == ["b"]
    add(there, "c")


def test_whoever_cannot_have_its_turn_is_told(new: NewStore) -> None:
    here, there = new(busy_seconds=0.05), new(busy_seconds=0.05)
    with here.writing("no words"), pytest.raises(Unavailable):
        add(there, "a")
    add(there, "a")


def lose(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.rename(path.with_name("old"))
    store_at(path).end()


@pytest.mark.parametrize("harm", [lose, replace])
def test_a_file_that_is_not_the_one_any_more_is_not_used(
    new: NewStore, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    store = new()
    harm(tmp_path / "words.sqlite")
    with pytest.raises(Unavailable):
        add(store, "a")
    with pytest.raises(Unavailable):
        words(store)


def test_a_file_that_was_let_go_is_not_used(new: NewStore) -> None:
    store = new()
    store.end()
    with pytest.raises(Unavailable):
        words(store)


def test_a_file_of_something_else_is_damaged(new: NewStore, tmp_path: Path) -> None:
    (tmp_path / "words.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(Damaged):
        new()


def test_a_file_of_a_newer_version_is_left_alone(new: NewStore, tmp_path: Path) -> None:
    new()
    with closing(sqlite3.connect(tmp_path / "words.sqlite")) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(OtherFormat):
        new()


def test_many_may_begin_a_file_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(6)

    def begin(path: Path) -> None:
        together.wait()
        store_at(path).end()

    with ThreadPoolExecutor(6) as threads:
        for turn in range(40):
            list(threads.map(begin, [tmp_path / f"{turn}.sqlite"] * 6))
