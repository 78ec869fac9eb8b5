"""Clients that others wrote ask the hub knowing its address, with a certificate; what they get can be checked."""

import base64
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.pki import Credential
from tests.verifier.conftest import HALL, Station
from verifier.evidence import Evidence, believed, check

HERE = Path(__file__).parent
VERIFICATION = "mianzheng.v1.VerificationService"
ASK_S = 120.0


@pytest.fixture
def files(station: Station, tmp_path: Path) -> dict[str, str]:
    """A counter's certificate and key, and the authority, as files."""
    credential = Credential.read(station.town.hub.paths.pki / "clients", HALL)
    parts = {
        "authority": station.town.authority(),
        "certificate": credential.certificate,
        "key": credential.key,
    }
    for name, data in parts.items():
        (tmp_path / f"{name}.pem").write_bytes(data)
    return {name: str(tmp_path / f"{name}.pem") for name in parts}


def evidence(request: bytes, signed: dict[str, str]) -> Evidence:
    """An answer as it came, in JSON."""
    parts = {name: base64.b64decode(signed[name]) for name in ("statement", "signature", "entry", "receipt")}
    return Evidence(request=request, key_id=signed["keyId"], **parts)


def test_grpc_js_asks_in_every_way_by_reflection(station: Station, modules: Path, files: dict[str, str]) -> None:
    number = station.town.people.elder.number
    given = {**files, "address": station.address, "number": number, "modules": str(modules)}
    command = ["node", str(HERE / "ask.js"), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert VERIFICATION in got["services"]
    assert len(got["answers"]) == 6
    for each in got["answers"]:
        statement = believed(evidence(base64.b64decode(each["request"]), each["signed"]), station.town.hub.trust)
        assert statement.item == "senior_allowance"
    assert got["refusal"]["code"] == 7
    assert number not in json.dumps(got["refusal"])


def buf(modules: Path, files: dict[str, str], station: Station, method: str, request: Any) -> tuple[int, str, str]:
    """One call of `buf curl`: exit code, reply, error."""
    command = [
        *(str(modules / "node_modules/.bin/buf"), "curl", "--protocol", "grpc"),
        *("--cacert", files["authority"], "--cert", files["certificate"], "--key", files["key"]),
        *("--data", json.dumps(request), f"https://{station.address}/{method}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    return done.returncode, done.stdout, done.stderr


def test_buf_curl_asks_by_reflection(station: Station, modules: Path, files: dict[str, str]) -> None:
    def nonce() -> str:
        return base64.b64encode(secrets.token_bytes(16)).decode()

    parties = [{"role": "applicant", "number": station.town.people.elder.number}]
    opening = {
        "item": "senior_allowance",
        "parties": parties,
        "operator": "0731",
        "legalBasis": "tests",
        "presence": "PRESENCE_OPERATOR_WORD",
        "nonce": nonce(),
    }
    code, reply, error = buf(modules, files, station, f"{VERIFICATION}/OpenCase", opening)
    assert code == 0, error
    opened = json.loads(reply)
    case = {"caseNumber": opened["caseNumber"], "caseToken": opened["caseToken"]}
    asked = {**case, "parties": parties, "nonce": nonce()}
    code, reply, error = buf(modules, files, station, f"{VERIFICATION}/VerifyItem", asked)
    assert code == 0, error
    kept = evidence(b"", json.loads(reply)["signed"])
    # It does not show the bytes that it sent: everything else is checked.
    failed = [step.name for step in check(kept, station.town.hub.trust) if step.fault]
    assert failed == ["request"]
    code, _, error = buf(modules, files, station, f"{VERIFICATION}/VerifyItem", {**asked, "caseToken": nonce()})
    # buf curl ends with the gRPC code times eight.
    assert code != 0
    assert station.town.people.elder.number not in error


def test_without_a_certificate_nothing_is_told(station: Station, modules: Path, files: dict[str, str]) -> None:
    command = [
        *(str(modules / "node_modules/.bin/buf"), "curl", "--protocol", "grpc", "--cacert", files["authority"]),
        *("--list-services", f"https://{station.address}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    assert done.returncode != 0
    assert "mianzheng" not in done.stdout
