"""A verifier killed under load, in every window of a commit: what anybody was told is in the log, and it comes back."""

import base64
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.home import make_home
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from app.verification import client_tls, worker_log
from audit.checkpoint import Checkpoint
from audit.merkle import root_of
from audit.receipt import Receipt
from audit.tiles import TileReader
from audit.verify_hub import verify_hub
from exchange.publish import Published, publish
from kernel.clock import SHANGHAI
from kernel.errors import Unavailable
from samples.deliveries import deliver_city
from samples.personas import Persona, Personas
from schemas.wire.v1 import verification_pb2 as wire
from verifier.client import AskedParty, VerificationClient
from verifier.evidence import Evidence, check
from verifier.settings import ClientSettings

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("worker.py")
FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
KILLS = 50 if FULL else 8
"""The issue's count in `make torture`; elsewhere a seeded share that still meets every window."""
BYTES = 20_000 if FULL else 400
"""Requests of garbage to each call."""
WINDOWS = ("before-write", "half-written", "write-to-flush", "flush-to-checkpoint", "before-reply", "outside")
ASKING = 8
FIRST_PASSAGES = range(12, 80)
"""Which passage of a window is the last: past the opening of the log, and soon."""
OUTSIDE_SECONDS = (0.2, 1.0)
SIGKILLED, ENDED = -9, 0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A hub whose worker is killed again and again, what its clients were told, and what its log key signed."""

    hub: Hub
    people: Personas
    signed: Path
    told: list[Evidence] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def worker(self, window: str, at: int) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
        """A worker's process and port; it is not left alive."""
        command = [sys.executable, str(WORKER), str(self.hub.paths.home), window, str(at), str(self.signed)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "MIANZHENG_VERIFIER_PORT": "0", "PYTHONWARNINGS": "ignore"}
        with (self.hub.paths.logs / "torture.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            line = next((each for each in process.stdout if each.strip().isdigit()), b"")
            assert line, f"the worker does not come back: see {log.name}"
            yield process, int(line)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def client(self, port: int) -> VerificationClient:
        """A counter's client, which checks every receipt."""
        settings = ClientSettings(address=f"localhost:{port}", deadline_seconds=5.0)
        return VerificationClient(tls=client_tls(self.hub, "counter-hall-01"), trust=self.hub.trust, settings=settings)

    def ask(self, port: int, until: threading.Event) -> None:
        """Ask until the worker is gone."""
        with suppress(Unavailable), self.client(port) as client:
            case = client.open_case(
                "senior_allowance", [party(self.people.elder)], operator="torture", legal_basis="torture"
            )
            while not until.is_set():
                self.told.append(client.verify_item(case).evidence)

    def kill(self, window: str, chance: random.Random) -> None:
        """One life of a worker, under load, until it is killed in a window."""
        with self.worker(window, chance.choice(FIRST_PASSAGES)) as (process, port):
            gone = threading.Event()
            threads = [threading.Thread(target=self.ask, args=(port, gone)) for _ in range(ASKING)]
            for each in threads:
                each.start()
            if window == "outside":
                gone.wait(chance.uniform(*OUTSIDE_SECONDS))
                process.kill()
            assert process.wait(60) == SIGKILLED
            gone.set()
            for each in threads:
                each.join()
        self.hits[window] += 1


def party(person: Persona) -> AskedParty:
    return AskedParty(role="applicant", number=person.number, name=person.name)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    hub = open_hub(tmp_path_factory.mktemp("torture"))
    now = datetime.now(UTC)
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=now - timedelta(hours=1))
    deliver_city(hub.paths.deliveries, residents=600, seed=3, today=now.astimezone(SHANGHAI).date())
    for dataset in hub.catalogue.contracts:
        assert isinstance(publish(publishing_job(hub, dataset, "torture")), Published)
    people = Personas.read(hub.paths.deliveries)
    return Trial(hub=hub, people=people, signed=hub.paths.home / "signed.txt")


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
def test_whatever_a_client_was_told_survives_every_kill(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(20261124)
    for number in range(KILLS):
        trial.kill(WINDOWS[number % len(WINDOWS)], chance)
    with trial.worker("never", 0) as (process, port):
        with trial.client(port) as client:
            case = client.open_case(
                "senior_allowance", [party(trial.people.elder)], operator="after", legal_basis="after"
            )
            trial.told.append(client.verify_item(case).evidence)
        process.terminate()
        assert process.wait(30) == ENDED

    place = trial.hub.logs.place(worker_log(0))
    keys = trial.hub.trust.log_keys(place.origin)
    size = Checkpoint.parse(place.checkpoint.read_text("utf-8").partition("\n\n")[0] + "\n").size
    reader = TileReader(directory=place.public, size=size)
    for evidence in trial.told:
        assert not any(step.fault for step in check(evidence, trial.hub.trust))
        receipt = Receipt.parse(evidence.receipt)
        receipt.check(evidence.entry, place.origin, keys)
        assert reader.entry(receipt.index) == evidence.entry
    signed = [Checkpoint.parse(base64.b64decode(each).decode()) for each in trial.signed.read_bytes().splitlines()]
    for checkpoint in signed:
        assert checkpoint.size <= size, "a checkpoint was signed for entries that a crash took away"
        assert root_of(checkpoint.size, reader.node) == checkpoint.root
    report = verify_hub(trial.hub.paths.audit, trial.hub.trust, trial.hub.detail_keys)
    assert not report.all_findings
    assert trial.hits.keys() == set(WINDOWS)
    assert len(trial.told) > 10 * KILLS
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS} kills: {dict(trial.hits)}\n")
        sys.stdout.write(f"{len(trial.told)} answers, {len(signed)} checkpoints, {size} entries, nothing lost\n")


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
def test_garbage_gets_one_named_refusal_and_the_service_lives(trial: Trial) -> None:
    import grpc  # noqa: PLC0415 - this test alone speaks below the client

    chance = random.Random(7)
    seen: Counter[str] = Counter()
    tls = client_tls(trial.hub, "counter-hall-01")
    with trial.worker("never", 0) as (process, port):
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            for method, sample in samples(trial.people).items():
                call = channel.unary_unary(f"/mianzheng.v1.{method}")
                for _ in range(BYTES):
                    try:
                        call(garbage(sample, chance), timeout=5)
                        seen["answered"] += 1
                    except grpc.RpcError as refused:
                        seen[refused.code().name] += 1
        assert process.poll() is None
        with trial.client(port) as client:
            case = client.open_case(
                "senior_allowance", [party(trial.people.elder)], operator="after", legal_basis="after"
            )
            assert client.verify_item(case).statement.answers
    assert seen.keys() <= {"answered", "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert seen["INVALID_ARGUMENT"] > BYTES


def samples(people: Personas) -> dict[str, bytes]:
    """A well-formed request of each call, to spoil."""
    parties = [wire.Party(role="applicant", number=people.elder.number)]
    opening = wire.OpenCaseRequest(
        item="senior_allowance", parties=parties, operator="o", legal_basis="b", presence=1, nonce=b"n" * 16
    )
    asking = wire.VerifyItemRequest(case_number="c", case_token=b"t" * 200, parties=parties, nonce=b"n" * 16)
    naming = wire.VerifyRequest(
        case_number="c",
        case_token=b"t" * 200,
        parties=parties,
        nonce=b"n" * 16,
        questions=[wire.Question(claim="person.alive", role="applicant")],
    )
    return {
        "VerificationService/OpenCase": opening.SerializeToString(),
        "VerificationService/VerifyItem": asking.SerializeToString(),
        "VerificationService/Verify": naming.SerializeToString(),
        "VerificationService/CloseCase": wire.CloseCaseRequest(case_token=b"t" * 99).SerializeToString(),
        "CatalogueService/GetItem": wire.GetItemRequest(item="senior_allowance").SerializeToString(),
    }


def garbage(sample: bytes, chance: random.Random) -> bytes:
    """Random bytes, or a request with some bytes changed, dropped or doubled."""
    if chance.random() < 1 / 4:
        return chance.randbytes(chance.randrange(300))
    spoilt = bytearray(sample)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(spoilt) or 1)
        match chance.randrange(3):
            case 0 if spoilt:
                spoilt[at] = chance.randrange(256)
            case 1:
                del spoilt[at : at + chance.randint(1, 9)]
            case _:
                spoilt[at:at] = spoilt[at : at + chance.randint(1, 9)]
    return bytes(spoilt)
