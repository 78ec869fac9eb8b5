"""Credentials are found where they may be kept, in one order, and are told nobody."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.credentials import Credentials, Tls
from app.connections import HubConnections, Place
from kernel.errors import Malformed

SECRET = "geheim!/@:密码"  # noqa: S105 (the tests' own)


def connections(
    home: Path, written: str = "", airflow: Mapping[str, Mapping[str, Any]] | None = None, **environ: str
) -> HubConnections:
    file = home / "connections.toml"
    if written:
        file.write_text(written, "utf-8")
        file.chmod(0o600)
    return HubConnections(file=file, environ=environ, airflow=(airflow or {}).get)


ENTRY = (
    f'[civil]\nuser = "甲"\npassword = "{SECRET}"\nhost = "db.internal"\nport = 5433\ntls = "verify"\nca = "/ca.pem"\n'
)
WHOLE = Credentials(user="甲", password=SECRET, host="db.internal", port=5433, tls=Tls.VERIFY, ca="/ca.pem")


def test_the_private_file_names_everything(tmp_path: Path) -> None:
    assert connections(tmp_path, ENTRY).found("civil") == (Place.FILE, WHOLE)
    options = connections(tmp_path, '[civil]\ntoken = "t"\n[civil.options]\nsslmode = "require"\n').credentials("civil")
    assert options == Credentials(token="t", options={"sslmode": "require"})  # noqa: S106 (the tests' own)


def test_a_variable_goes_before_the_file_and_airflows_before_ours(tmp_path: Path) -> None:
    ours = {"MIANZHENG_CONNECTION_CIVIL": json.dumps({"user": "ours", "token": SECRET})}
    assert connections(tmp_path, ENTRY, **ours).found("civil") == (
        Place.ENVIRONMENT,
        Credentials(user="ours", token=SECRET),
    )
    theirs = {"AIRFLOW_CONN_CIVIL": json.dumps({"conn_type": "postgres", "login": "theirs", "password": SECRET})}
    assert connections(tmp_path, ENTRY, **ours, **theirs).credentials("civil") == Credentials(
        user="theirs", password=SECRET
    )
    inside = {"civil": {"login": "inside", "host": "https://api.internal/v1", "port": 8443, "extra": '{"token": "t"}'}}
    place, found = connections(tmp_path, ENTRY, inside, **ours, **theirs).found("civil")
    assert place is Place.AIRFLOW
    assert found == Credentials(user="inside", host="api.internal", port=8443, token="t")  # noqa: S106 (the same)


def test_airflows_variable_may_be_a_uri(tmp_path: Path) -> None:
    quoted = "geheim%21%2F%40%3A%E5%AF%86%E7%A0%81"
    uri = f"postgres://%E7%94%B2:{quoted}@db.internal:5433/civil?tls=verify&ca=%2Fca.pem&x=y"
    assert connections(tmp_path, AIRFLOW_CONN_CIVIL=uri).credentials("civil") == WHOLE


def test_what_airflow_itself_writes_is_read(tmp_path: Path) -> None:
    from airflow.sdk import Connection  # noqa: PLC0415 (heavy)

    extra = json.dumps({"token": "t", "nested": {"a": 1}})
    theirs = Connection(conn_id="civil", conn_type="http", login="甲", password=SECRET, host="h", port=1, extra=extra)
    found = connections(tmp_path, AIRFLOW_CONN_CIVIL=theirs.get_uri()).credentials("civil")
    assert found == Credentials(user="甲", password=SECRET, host="h", port=1, token="t")  # noqa: S106 (the same)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    known = connections(tmp_path, ENTRY)
    for mode in (0o640, 0o604, 0o620, 0o666):
        known.file.chmod(mode)
        with pytest.raises(Malformed, match=r"others can read it.*chmod 600"):
            known.credentials("civil")


def test_an_unknown_connection_says_where_it_may_be_written(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"connections\.toml.*MIANZHENG_CONNECTION_NOBODY"):
        connections(tmp_path, ENTRY).credentials("nobody")
    with pytest.raises(Malformed, match="nobody here knows"):
        connections(tmp_path / "empty").credentials("civil")


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (f"[civil]\nuser = {SECRET}\n", "cannot be read as TOML"),
        (f'civil = "{SECRET}"\n', "no table"),
        (f'[civil]\n"{SECRET}" = 1\npassword = "x"\n', "no key of a connection"),
        (f'[civil]\npassword = ["{SECRET}"]\n', "civil.password: is no str"),
        (f'[civil]\nport = "{SECRET}"\n', "civil.port: is no int"),
        (f"[civil]\nport = true\n# {SECRET}\n", "civil.port: is no int"),
        (f'[civil]\ntls = "{SECRET}"\n', "civil.tls: is neither"),
        (f'[civil]\n[civil.options]\na = ["{SECRET}"]\n', "civil.options: holds"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_never_shown(tmp_path: Path, written: str, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint) as caught:
        connections(tmp_path, written).credentials("civil")
    if "no key" not in complaint:
        assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("written", [SECRET, f'["{SECRET}"]', f'{{"user": "{SECRET}"'])
def test_a_variable_that_is_no_json_is_named_and_never_shown(tmp_path: Path, written: str) -> None:
    with pytest.raises(Malformed, match="civil: is no JSON") as caught:
        connections(tmp_path, MIANZHENG_CONNECTION_CIVIL=written).credentials("civil")
    assert SECRET not in str(caught.value)


def test_no_secret_stands_in_a_repr(tmp_path: Path) -> None:
    known = connections(tmp_path, ENTRY, MIANZHENG_CONNECTION_OTHER=json.dumps({"token": SECRET}))
    for each in (known, known.credentials("civil"), known.credentials("other")):
        assert SECRET not in repr(each)
