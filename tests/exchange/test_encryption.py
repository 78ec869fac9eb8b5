"""DuckDB's own encryption: written where it can be written safely, and never otherwise."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from exchange import build
from exchange.database import database
from exchange.encryption import attach_clause, can_encrypt, is_encrypted, writes_encrypted
from exchange.layout import DATA
from exchange.settings import DEFAULTS
from tests.exchange.registry import Registry, resident

DATA_KEY = bytes(range(32))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that fetches nothing, as publishing opens it."""
    config = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with duckdb.connect(str(tmp_path / "work.duckdb"), config=config) as opened:
        yield opened


def crypto_module_at_hand(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute("select installed from duckdb_extensions() where extension_name = 'httpfs'").fetchone()
    return bool(found and found[0])


def test_the_probe_says_what_this_machine_can_do(connection: duckdb.DuckDBPyConnection) -> None:
    assert can_encrypt(connection) is crypto_module_at_hand(connection)


def test_duckdbs_refusal_to_write_is_believed(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The wheel alone refuses, by these words; the probe ends in no, leaves nothing attached, and loosens nothing."""
    if crypto_module_at_hand(connection):
        pytest.skip("this machine's DuckDB has its crypto module")
    with pytest.raises(duckdb.Error, match="read-only crypto module"):
        connection.execute(f"attach '{tmp_path / 'x.duckdb'}' as x {attach_clause(DATA_KEY)}")
    assert writes_encrypted(connection) is False
    attached = {name for (name,) in connection.execute("select database_name from duckdb_databases()").fetchall()}
    assert "mianzheng_probe" not in attached


def test_the_unsafe_way_is_nowhere_taken(root: Path) -> None:
    for path in [*(root / "exchange").rglob("*.py"), *(root / "exchange").rglob("*.sql"), *(root / "app").glob("*.py")]:
        assert "force_mbedtls" not in path.read_text("utf-8"), path.name


def test_the_key_is_the_snapshots_own_and_no_other_key(connection: duckdb.DuckDBPyConnection) -> None:
    clause = attach_clause(DATA_KEY)
    assert clause == attach_clause(DATA_KEY)
    assert clause != attach_clause(bytes(32))
    assert DATA_KEY.hex() not in clause
    assert attach_clause(DATA_KEY, read_only=True).endswith(", read_only)")
    quoted = clause.removeprefix("(encryption_key ").removesuffix(")")
    assert connection.execute(f"select {quoted}").fetchone() == (quoted.strip("'"),)


def test_a_file_in_clear_is_told_from_an_encrypted_one(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    with duckdb.connect(str(path)) as opened:
        opened.execute("create table people as select 1 as one")
    assert is_encrypted(path) is False
    header = bytearray(path.read_bytes())
    header[20] |= 1
    path.write_bytes(bytes(header))
    assert is_encrypted(path) is True
    path.write_bytes(b"no database at all, and long enough for a header")
    assert is_encrypted(path) is None


def test_data_that_is_written_encrypted_is_a_copy_and_says_the_same(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the crypto module the copy is in clear; what is tested is the way that leads to it.
    monkeypatch.setattr(build, "can_encrypt", lambda _connection: True)
    monkeypatch.setattr(build, "attach_clause", lambda _key: "")
    registry.publish("population", [resident(place) for place in range(5)])
    manifest = registry.manifest("population")
    assert manifest is not None
    folder = registry.layout("population").version(manifest.version)
    with database(folder / DATA, DEFAULTS, read_only=True) as connection:
        assert connection.execute("select count(*) from records").fetchone() == (5,)
    assert not list(registry.layout("population").runs.glob("*/staged.duckdb"))
