"""The format of a home: an older one is migrated, a newer one refused, with one error that says what to do."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import formats
from app.formats import HOME_FORMAT, home_format, upgrade
from app.home import make_home
from app.hub import open_hub
from app.paths import Paths
from app.settings import HubSettings
from audit.detail_keys import DetailKeys
from kernel.errors import CaseClosed, Damaged, OtherFormat
from kernel.sealing import Sealer
from tests.app.small_hub import command
from verifier.closures import Closures

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MASTER, KEY_ID, CASE_KEY = bytes(range(32)), b"i" * 16, b"c" * 32
TABLES_OF_FORMAT_1 = """
CREATE TABLE keys (
    id BLOB PRIMARY KEY, case_number TEXT UNIQUE, epoch TEXT NOT NULL, wrapped BLOB, general INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_general_key_an_epoch ON keys (epoch) WHERE general;
CREATE TABLE subjects (
    tag BLOB NOT NULL, tag_epoch TEXT NOT NULL, key_id BLOB NOT NULL REFERENCES keys (id),
    PRIMARY KEY (tag, tag_epoch, key_id)
) STRICT, WITHOUT ROWID;
"""


@pytest.fixture
def old(tmp_path: Path) -> Paths:
    """A home of format 1, as the first release left it: no FORMAT, SQLite files without a version, a closed case."""
    paths = Paths(home=tmp_path / "hub")
    make_home(paths, HubSettings(), [], now=NOW)
    paths.format.unlink()
    (paths.keys / "master.key").write_text(MASTER.hex(), "ascii")
    with closing(sqlite3.connect(paths.detail_keys)) as database:
        database.executescript(TABLES_OF_FORMAT_1)
        wrapped = Sealer(MASTER).seal(CASE_KEY, b"mianzheng.detail-key/1:" + KEY_ID)
        database.execute("INSERT INTO keys VALUES (?, '20261124-1', '2026', ?, 0)", (KEY_ID, wrapped))
        database.commit()
    with closing(sqlite3.connect(paths.cases)) as database:
        database.execute(
            "CREATE TABLE closed (case_number TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        )
        database.execute("INSERT INTO closed VALUES ('20261124-1', 1)")
        database.commit()
    return paths


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_home_has_todays_format(tmp_path: Path) -> None:
    paths = Paths(home=tmp_path / "hub")
    assert home_format(paths) is None
    make_home(paths, HubSettings(), [], now=NOW)
    assert home_format(paths) == HOME_FORMAT == 2


def test_a_home_of_format_1_is_refused_with_its_remedy(old: Paths) -> None:
    assert home_format(old) == 1
    hub = open_hub(old.home)
    for use in (lambda: hub.trust, lambda: hub.secret("case"), lambda: hub.detail_keys, lambda: hub.logs):
        with pytest.raises(OtherFormat, match="mianzheng upgrade"):
            use()
    refused = command("audit", "verify", "--home", str(old.home))
    assert refused.returncode == 2
    assert refused.stderr.startswith("other_format: ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_home_of_format_1_is_migrated(old: Paths) -> None:
    done = command("upgrade", home=old.home)
    assert done.returncode == 0, done.stderr
    assert "1 → 2" in done.stdout
    assert home_format(old) == 2
    assert (version_of(old.detail_keys), version_of(old.cases)) == (1, 2)
    hub = open_hub(old.home)
    found = hub.detail_keys.get(KEY_ID)
    assert found is not None
    assert found.key == CASE_KEY
    closures = Closures(old.cases, busy_seconds=1.0)
    with pytest.raises(CaseClosed):
        closures.check_open("20261124-1")
    closures.check_open("20261124-2")
    closures.end()
    hub.detail_keys.close()
    assert "already" in command("upgrade", home=old.home).stdout


def test_init_migrates_too(old: Paths) -> None:
    make_home(old, HubSettings(), [], now=NOW)
    assert home_format(old) == 2
    assert version_of(old.cases) == 2


def test_a_migration_that_is_interrupted_is_finished_by_the_next(old: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(formats, "replace_file", killed)
        with pytest.raises(KeyboardInterrupt):
            upgrade(old, tag_epoch="2026")
    assert home_format(old) == 1
    assert upgrade(old, tag_epoch="2026") == 1
    assert home_format(old) == 2


def test_a_newer_home_is_refused(old: Paths) -> None:
    old.format.write_bytes(b"mianzheng home 3\n")
    with pytest.raises(OtherFormat, match="run a newer version"):
        _ = open_hub(old.home).trust
    with pytest.raises(OtherFormat, match="run a newer version"):
        upgrade(old, tag_epoch="2026")
    assert command("upgrade", home=old.home).returncode == 2


@pytest.mark.parametrize(
    "content", [b"", b"mianzheng home 0\n", b"mianzheng home 2", b"home\n", b"mianzheng home 2\nx"]
)
def test_a_format_that_cannot_be_read_is_no_format(content: bytes, old: Paths) -> None:
    old.format.write_bytes(content)
    with pytest.raises(Damaged):
        home_format(old)


def test_sqlite_files_of_a_newer_version_are_refused(old: Paths) -> None:
    for path in (old.detail_keys, old.cases):
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 9")
    with pytest.raises(OtherFormat, match=r"detail-keys\.sqlite: has format 9"):
        DetailKeys(old.detail_keys, MASTER, epoch="2026")
    with pytest.raises(OtherFormat, match=r"cases\.sqlite: has format 9"):
        Closures(old.cases, busy_seconds=1.0)


def test_where_there_is_no_hub_nothing_is_migrated(tmp_path: Path) -> None:
    done = command("upgrade", home=tmp_path / "nothing")
    assert done.returncode == 2
    assert "mianzheng init" in done.stderr
    assert not (tmp_path / "nothing").exists()
