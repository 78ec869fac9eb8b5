"""Airflow's own connections reach a registry's adapter, and one that Airflow lacks is looked for elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ASK = """
import json, sys
from dags.connections import airflow_connection
print(json.dumps([airflow_connection(each) for each in sys.argv[1:]]))
"""


@pytest.fixture
def asked(tmp_path: Path) -> list[dict[str, object] | None]:
    """What Airflow says of a connection that it has, and of one that it has not."""
    held = {"conn_type": "postgres", "login": "读者", "password": "geheim", "port": 5433, "extra": {"tls": "off"}}
    environ = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_CIVIL": json.dumps(held),
    }
    command = [sys.executable, "-W", "ignore", "-c", ASK, "civil", "nobody"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    found: list[dict[str, object] | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_connection_that_airflow_has_is_taken_and_another_is_not_there(
    asked: list[dict[str, object] | None],
) -> None:
    has, has_not = asked
    assert has is not None
    assert (has["login"], has["password"], has["port"], has["host"]) == ("读者", "geheim", 5433, None)
    assert json.loads(str(has["extra"])) == {"tls": "off"}
    assert has_not is None
