"""Processes that work on a small hub: a worker that answers, a clerk who asks, commands as people type them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.custody import CustodySettings
from app.hub import Hub
from app.verification import client_tls
from samples.personas import Persona, Personas
from samples.settings import SampleSettings
from verifier.client import AskedParty, VerificationClient
from verifier.evidence import Evidence
from verifier.settings import ClientSettings

ROOT = Path(__file__).parents[2]
CLEAN = SampleSettings(dirty_share=0.0, unattributable_share=0.0, foldable_share=0.0, residents_min=1)
QUICK = CustodySettings(scrypt_log2_n=10, publishing_wait_s=30.0)
"""A passphrase that costs a test nothing."""
DATASETS = ("person_aliases", "population", "marriages")
"""What the small hub publishes: enough to be asked about a person."""
WORDS = "a passphrase that tests share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A worker of a hub, in a process of its own, and a clerk who asks it."""

    hub: Hub
    process: "subprocess.Popen[bytes]"
    port: int

    def client(self) -> VerificationClient:
        """A counter's client, which checks every receipt."""
        settings = ClientSettings(address=f"localhost:{self.port}", deadline_seconds=10.0)
        return VerificationClient(tls=client_tls(self.hub, "counter-hall-01"), trust=self.hub.trust, settings=settings)

    def ask(self) -> Evidence:
        """One case, one question, its evidence."""
        with self.client() as client:
            case = client.open_case("senior_allowance", [elder(self.hub)], operator="tests", legal_basis="tests")
            return client.verify_item(case).evidence


def elder(hub: Hub) -> AskedParty:
    person: Persona = Personas.read(hub.paths.deliveries).elder
    return AskedParty(role="applicant", number=person.number, name=person.name)


@contextmanager
def desk_of(hub: Hub, worker: int = 0) -> Iterator[Desk]:
    """A worker answering, for the length of a block."""
    environ = {
        **os.environ,
        "MIANZHENG_HOME": str(hub.paths.home),
        "MIANZHENG_VERIFIER_PORT": "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "cli.main", "verifier", "run", "--worker", str(worker)]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        yield Desk(hub=hub, process=process, port=_port(process))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _port(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.decode())
        if b'"serving"' in line and b'"port"' in line:
            return int(json.loads(line)["port"])
    raise AssertionError("".join(said))


def command(*words: str, home: Path | None = None, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command as a person types it."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "COLUMNS": "200"}
    if home is not None:
        environ["MIANZHENG_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        cwd=ROOT,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
