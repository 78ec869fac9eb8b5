"""The verification service as it is run: two workers on one port, supervised, and clerks who go on asking."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from app.hub import Hub
from app.supervised import Supervised, renew, supervised
from app.verification import client_tls
from kernel.errors import MianzhengError
from samples.personas import Personas
from schemas.wire.v1 import verification_pb2 as wire
from tests.app.small_hub import ROOT, elder
from verifier.client import AskedParty, VerificationClient
from verifier.settings import ClientSettings

PATIENCE_S = 120.0
OPERATOR = "0731"
BASIS = "《老年人权益保障法》"


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


@dataclass(slots=True)
class Service:
    """A supervised service, and what its clerks have seen."""

    hub: Hub
    port: int
    metrics: int
    process: "subprocess.Popen[bytes]"
    answers: list[bytes] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> Path:
        """Where its supervisor tells how the workers stand."""
        return self.hub.paths.supervised

    def client(self) -> VerificationClient:
        """A counter's client as it comes: it tries again what a worker that ends has not answered."""
        settings = ClientSettings(address=f"localhost:{self.port}", tries_max=8)
        return VerificationClient(tls=client_tls(self.hub, "counter-hall-01"), trust=self.hub.trust, settings=settings)

    def clerk(self) -> None:
        """Ask on and on, each time over a new connection."""
        try:
            while not self.over.is_set():
                with self.client() as client:
                    case = client.open_case("senior_allowance", [elder(self.hub)], operator=OPERATOR, legal_basis=BASIS)
                    for _ in range(5):
                        self.answers.append(client.verify_item(case).evidence.receipt)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            self.failures.append(error)

    def soon(self, told: Callable[[Supervised], bool]) -> Supervised:
        """How the workers stand once that is so."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None and not self.failures:
            try:
                found = supervised(self.state)
            except MianzhengError:
                pass
            else:
                if told(found):
                    return found
            time.sleep(0.05)
        raise AssertionError(self.failures or self.said())

    def said(self) -> str:
        """Everything that its processes have printed."""
        return "".join(each.read_text("utf-8") for each in sorted(self.hub.paths.logs.glob("*.log")))


@pytest.fixture
def service(hub: Hub) -> Iterator[Service]:
    """Two workers under a supervisor, serving."""
    port, metrics, _ = free_ports(3)
    environ = {
        **os.environ,
        "MIANZHENG_HOME": str(hub.paths.home),
        "MIANZHENG_HUB_WORKERS": "2",
        "MIANZHENG_VERIFIER_PORT": str(port),
        "MIANZHENG_VERIFIER_METRICS_PORT": str(metrics),
        "MIANZHENG_SUPERVISE_FIRST_WAIT_SECONDS": "0.1",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    hub.paths.logs.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cli.main", "verifier", "serve"]
    with (hub.paths.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    service = Service(hub, port, metrics, process)
    try:
        service.soon(lambda found: found.well)
        yield service
    finally:
        service.over.set()
        process.terminate()
        code = process.wait(PATIENCE_S)
    assert code == 0, service.said()


@pytest.fixture
def clerks(service: Service) -> Iterator[list[threading.Thread]]:
    """Four clerks who ask until the end."""
    threads = [threading.Thread(target=service.clerk) for _ in range(4)]
    for each in threads:
        each.start()
    yield threads
    service.over.set()
    for each in threads:
        each.join()


def test_renewing_all_workers_fails_no_call(service: Service, clerks: list[threading.Thread]) -> None:
    before = service.soon(lambda found: found.well and len(service.answers) > 20)
    after = renew(service.state, PATIENCE_S)
    renewed_at = len(service.answers)
    service.soon(lambda _: len(service.answers) > renewed_at + 20 or bool(service.failures))
    service.over.set()
    for each in clerks:
        each.join()
    assert service.failures == []
    assert not {each.pid for each in before.workers} & {each.pid for each in after.workers}
    assert {each.last_end for each in after.workers} == {"exit code 0"}
    assert renewed_at > 20


def test_a_worker_killed_under_load_comes_back_and_clerks_notice_nothing(
    service: Service, clerks: list[threading.Thread]
) -> None:
    before = service.soon(lambda found: found.well and len(service.answers) > 20)
    os.kill(before.workers[0].pid, signal.SIGKILL)
    after = service.soon(lambda found: found.well and found.workers[0].starts == 2)
    back_at = len(service.answers)
    service.soon(lambda _: len(service.answers) > back_at + 20 or bool(service.failures))
    service.over.set()
    for each in clerks:
        each.join()
    assert service.failures == []
    assert after.workers[0].last_end == "SIGKILL"


def test_a_worker_whose_log_has_stopped_is_replaced(service: Service, clerks: list[threading.Thread]) -> None:
    before = service.soon(lambda found: found.well and len(service.answers) > 20)
    # From now on its files may not grow: the next flush fails, as on a full disk.
    subprocess.run(["prlimit", "--pid", str(before.workers[0].pid), "--fsize=1"], check=True)
    after = service.soon(lambda found: found.well and found.workers[0].starts == 2)
    assert after.workers[0].last_end.startswith("exit code ")
    assert after.workers[1] == before.workers[1]
    back_at = len(service.answers)
    service.soon(lambda _: len(service.answers) > back_at + 20 or bool(service.failures))
    service.over.set()
    for each in clerks:
        each.join()
    assert service.failures == []


def test_nothing_that_is_printed_or_counted_tells_of_anybody(service: Service) -> None:
    person = Personas.read(service.hub.paths.deliveries).elder
    strange = AskedParty(role="路人甲乙丙", number=person.number, name=person.name)
    with service.client() as client:
        case = client.open_case("senior_allowance", [elder(service.hub)], operator=OPERATOR, legal_basis=BASIS)
        client.verify_item(case)
        client.close_case(case)
        for attempt in (
            lambda: client.verify_item(case),
            lambda: client.open_case(person.number, [elder(service.hub)], operator=OPERATOR, legal_basis=BASIS),
            lambda: client.open_case("senior_allowance", [strange], operator=OPERATOR, legal_basis=BASIS),
            lambda: client.open_case("senior_allowance", [strange], operator=person.name * 50, legal_basis=BASIS),
        ):
            with pytest.raises(MianzhengError):
                attempt()
    tls = client_tls(service.hub, "counter-hall-01")
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    with grpc.secure_channel(f"localhost:{service.port}", credentials) as channel:
        for name in ("OpenCase", "VerifyItem", "Verify", "VerifyBatch", "CloseCase", person.number):
            method: Callable[..., bytes] = channel.unary_unary(f"/{wire.DESCRIPTOR.package}.VerificationService/{name}")
            for raw in (person.name.encode() * 20, person.number.encode(), b"\x0a\x12" + person.number.encode()):
                # A batch whose one question is senseless is answered; everything else is refused.
                with suppress(grpc.RpcError):
                    method(raw, timeout=10)
    pages = []
    for number in range(2):
        with urllib.request.urlopen(f"http://127.0.0.1:{service.metrics + number}/metrics", timeout=10) as page:
            pages.append(page.read().decode())
    told = service.said() + "".join(pages)
    assert "mianzheng_refusals_total{" in told
    for secret in (person.number, person.number[:14], person.name, case.number, OPERATOR, "路人甲乙丙", BASIS):
        assert secret not in told, secret
