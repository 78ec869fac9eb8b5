"""The key store: one key a case, found by subjects, destroyed for good, shared between processes."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit.detail import OPEN
from audit.detail_keys import DetailKeys
from kernel.errors import Conflict, Damaged, LogUnavailable
from schemas.wire.v1.statement_pb2 import PartyTag

MASTER = bytes(range(32))
WANG = PartyTag(role="applicant", tag=b"w" * 32, tag_epoch="2026")
LI = PartyTag(role="partner", tag=b"l" * 32, tag_epoch="2026")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "detail-keys.sqlite"


@pytest.fixture
def keys(path: Path) -> Iterator[DetailKeys]:
    store = DetailKeys(path, MASTER, epoch="2026")
    yield store
    store.close()


def test_a_case_keeps_its_key(keys: DetailKeys) -> None:
    key = keys.for_case("20261124-01", [WANG, LI])
    assert keys.for_case("20261124-01", [WANG]) == key
    assert keys.get(key.id) == key
    assert keys.id_of_case("20261124-01") == key.id
    assert keys.for_case("20261124-02", [WANG]) != key


def test_what_belongs_to_no_case_has_one_key_an_epoch(keys: DetailKeys, path: Path) -> None:
    key = keys.general()
    assert keys.general() == key
    later = DetailKeys(path, MASTER, epoch="2027")
    assert later.general() != key
    assert later.get(key.id) == key
    later.close()


def test_another_process_finds_the_same_keys(keys: DetailKeys, path: Path) -> None:
    key = keys.for_case("20261124-01", [WANG])
    other = DetailKeys(path, MASTER, epoch="2026")
    assert other.for_case("20261124-01", []) == key
    assert other.general() == keys.general()
    other.close()


def test_threads_agree_on_the_key_of_a_case(keys: DetailKeys, path: Path) -> None:
    other = DetailKeys(path, MASTER, epoch="2026")
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda n: (keys if n % 2 else other).for_case(f"20261124-{n // 8}", [WANG]), range(40))
    assert len({key.id for key in made}) == 5
    other.close()


def test_to_forget_a_subject_destroys_the_keys_of_all_their_cases_and_no_other(keys: DetailKeys, path: Path) -> None:
    alone, together, other = keys.for_case("1", [WANG]), keys.for_case("2", [LI, WANG]), keys.for_case("3", [LI])
    wrapped = {row[0] for row in sqlite3.connect(path).execute("SELECT wrapped FROM keys WHERE case_number < '3'")}
    assert keys.destroy([WANG]) == 2
    assert keys.get(alone.id) is None
    assert keys.get(together.id) is None
    assert keys.get(other.id) == other
    assert keys.knows(alone.id)
    assert keys.id_of_case("1") == alone.id
    left = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert len(wrapped) == 2
    assert not any(each in left for each in wrapped)
    assert keys.destroy([WANG]) == 0
    with pytest.raises(Damaged, match="destroyed"):
        keys.for_case("1", [WANG])


def test_keys_lie_wrapped_and_in_a_private_file(keys: DetailKeys, path: Path) -> None:
    key = keys.for_case("20261124-01", [WANG])
    assert not any(key.key in each.read_bytes() for each in path.parent.iterdir())
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_master_key_opens_nothing(keys: DetailKeys, path: Path) -> None:
    key = keys.for_case("20261124-01", [WANG])
    other = DetailKeys(path, bytes(32), epoch="2026")
    with pytest.raises(Damaged):
        other.get(key.id)
    other.close()


def test_the_open_key_is_always_there_and_an_unknown_one_never(keys: DetailKeys) -> None:
    assert keys.get(OPEN.id) == OPEN
    assert keys.get(b"?" * 16) is None
    assert not keys.knows(b"?" * 16)
    assert keys.id_of_case("unknown") is None


@pytest.mark.parametrize("when", ["BEGIN IMMEDIATE", "COMMIT"])
def test_a_general_key_is_used_only_once_it_is_durable(
    when: str, keys: DetailKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """The database, whose disk is full at one step."""

        def __init__(self, real: sqlite3.Connection) -> None:
            self._real = real

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
            if sql == when:
                raise sqlite3.OperationalError("database or disk is full")
            return self._real.execute(sql, values)

    with monkeypatch.context() as patch:
        patch.setattr(keys, "_database", Full(keys._database))
        with pytest.raises(LogUnavailable, match="full"):
            keys.general()
    assert keys.get(keys.general().id) == keys.general()


def test_a_file_that_is_no_key_store_is_named(path: Path) -> None:
    path.write_bytes(b"garbage " * 200)
    with pytest.raises(Damaged, match="detail-keys"):
        DetailKeys(path, MASTER, epoch="2026")


def test_an_erasure_that_a_reader_holds_up_says_so_and_can_be_done_once_more(keys: DetailKeys, path: Path) -> None:
    keys._database.execute("PRAGMA busy_timeout = 50")
    keys.for_case("20261124-01", [WANG])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()
    with pytest.raises(Conflict, match="once more"):
        keys.destroy([WANG])
    reader.close()
    assert keys.destroy([WANG]) == 0
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0
