"""A hub that is tortured: workers of it as processes, clerks who go on asking in every way, and who judges it all.

What must hold whatever happens: every answer that a clerk got is in the log, is as it would be on a quiet day, and the
logs verify; whoever got no answer was told why.
"""

import base64
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from kernel.errors import MianzhengError
from samples.deliveries import deliver_city
from samples.personas import Persona, Personas
from schemas.wire.v1 import statement_pb2
from tests.torture.shifted_clock import ShiftedClock
from verifier.asking import Asking, CheckedAnswer, OpenCase
from verifier.client import AskedParty, VerificationClient
from verifier.evidence import Evidence, check
from verifier.settings import ClientSettings
from verifier.statement import parse_statement
from verifier.tls import Tls

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("worker.py")
PATIENCE_S = 60.0
ITEM = "senior_allowance"
WHO = ("elder", "groom")
"""Who is asked about: one of whom everything holds, and one who is too young."""
TOGETHER = 5
"""Questions of one batch, and questions that are under way on one stream."""
ENDED, LOG_STOPPED, SIGKILLED = 0, 4, -9

Became = CheckedAnswer | MianzhengError
Outcomes = tuple[int, ...]


def _one(client: VerificationClient, case: OpenCase) -> Iterator[Became]:
    while True:
        yield client.verify_item(case)


def _batch(client: VerificationClient, case: OpenCase) -> Iterator[Became]:
    while True:
        yield from client.verify_batch([Asking(case=case)] * TOGETHER)


def _stream(client: VerificationClient, case: OpenCase) -> Iterator[Became]:
    with client.stream() as stream:
        for _ in range(TOGETHER):
            stream.ask(Asking(case=case))
        for _, became in stream:
            yield became
            stream.ask(Asking(case=case))


WAYS: tuple[Callable[[VerificationClient, OpenCase], Iterator[Became]], ...] = (_one, _one, _batch, _stream)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker's process, its port, and what it prints."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def end(self) -> int:
        """Have it drain; returns its exit code. One that hangs prints where its threads stand."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            raise


@dataclass(frozen=True, kw_only=True)
class Town:
    """A hub, its people, what its clerks were told and refused, and what its log key signed."""

    hub: Hub
    people: Personas
    usual: dict[str, Outcomes] = field(default_factory=dict)
    told: list[tuple[str, Evidence]] = field(default_factory=list)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[Exception] = field(default_factory=list)

    @classmethod
    def made(cls, home: Path) -> "Town":
        """A small city, delivered and published, whose clerks have asked on a quiet day."""
        hub = open_hub(home)
        now = datetime.now(UTC)
        make_home(hub.paths, hub.settings, hub.catalogue.clients, now=now - timedelta(hours=1))
        deliver_city(hub.paths.deliveries, residents=600, seed=3, today=now.astimezone(SHANGHAI).date())
        for dataset in hub.catalogue.contracts:
            assert isinstance(publish(publishing_job(hub, dataset, "torture")), Published)
        town = cls(hub=hub, people=Personas.read(hub.paths.deliveries))
        with town.worker() as worker, town.client(worker.port) as client:
            for who in WHO:
                town.usual[who] = outcomes(client.verify_item(town.case(client, who)).statement)
            assert worker.end() == ENDED
        assert set(town.usual["elder"]) == {statement_pb2.OUTCOME_CONFIRMED}
        assert statement_pb2.OUTCOME_NOT_CONFIRMED in town.usual["groom"]
        return town

    def copied(self, home: Path) -> "Town":
        """The same town in another place, to do anything with."""
        shutil.copytree(self.hub.paths.home, home, dirs_exist_ok=True)
        return Town(hub=open_hub(home), people=self.people, usual=self.usual)

    @property
    def signed(self) -> Path:
        """Every checkpoint that its log key has signed, written down beforehand."""
        return self.hub.paths.home.with_name(f"{self.hub.paths.home.name}.signed")

    @property
    def clock(self) -> ShiftedClock:
        """Its workers' clock."""
        return ShiftedClock(self.hub.paths.home.with_name(f"{self.hub.paths.home.name}.shift"))

    @contextmanager
    def worker(self, happens: str = "never", at: int = 0) -> Iterator[Worker]:
        """A worker to which something happens; it is not left alive."""
        home = str(self.hub.paths.home)
        command = [sys.executable, str(WORKER), home, happens, str(at), str(self.signed), str(self.clock.file)]
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MIANZHENG_VERIFIER_PORT": "0",
            "MIANZHENG_VERIFIER_METRICS_PORT": "0",
            "PYTHONWARNINGS": "ignore",
        }
        # Beside the home, whose disk may be full.
        said = self.hub.paths.home.with_name(f"{self.hub.paths.home.name}.log")
        began = said.stat().st_size if said.exists() else 0
        with said.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            yield Worker(process=process, port=_port(process, said, began), log=said)
        finally:
            process.kill()
            process.wait()

    def client(self, port: int, *, tls: Tls | None = None) -> VerificationClient:
        """A counter's client, which checks every receipt, and never asks twice."""
        settings = ClientSettings(address=f"localhost:{port}", deadline_seconds=5.0, tries_max=1, reconnect_seconds=0.0)
        tls = tls or client_tls(self.hub, "counter-hall-01")
        return VerificationClient(tls=tls, trust=self.hub.trust, settings=settings, clock=self.clock)

    def case(self, client: VerificationClient, who: str) -> OpenCase:
        """A case about one of them."""
        person: Persona = getattr(self.people, who)
        party = AskedParty(role="applicant", number=person.number, name=person.name)
        return client.open_case(ITEM, [party], operator="torture", legal_basis="torture")

    @contextmanager
    def clerks(self, port: int, count: int = 8) -> Iterator[None]:
        """So many clerks, who go on asking in every way for the length of a block, whatever they are told."""
        over = threading.Event()
        threads = [threading.Thread(target=self._clerk, args=(port, number, over)) for number in range(count)]
        with ExitStack() as ending:
            for each in threads:
                each.start()
                ending.callback(each.join)
            ending.callback(over.set)
            yield
        assert self.faults == []

    def _clerk(self, port: int, number: int, over: threading.Event) -> None:
        who, way = WHO[number % len(WHO)], WAYS[number // len(WHO) % len(WAYS)]
        try:
            while not over.is_set():
                try:
                    with self.client(port) as client:
                        for became in way(client, self.case(client, who)):
                            if isinstance(became, MianzhengError):
                                raise became
                            self.told.append((who, became.evidence))
                            if over.is_set():
                                break
                except MianzhengError as refused:
                    self.refused[type(refused).__name__, str(refused)] += 1
                    over.wait(0.05)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it must not be
            self.faults.append(fault)

    def ask(self, port: int) -> None:
        """Ask about everybody once; whatever a clerk is refused with is raised."""
        with self.client(port) as client:
            for who in WHO:
                self.told.append((who, client.verify_item(self.case(client, who)).evidence))

    def answers(self, more: int) -> None:
        """Wait until the clerks have been told so many more answers."""
        wanted = len(self.told) + more
        self.soon(lambda: len(self.told) >= wanted)

    def refusals(self, kind: type[MianzhengError], containing: str = "") -> None:
        """Wait until a clerk has been refused with this kind, with a reason that contains this."""
        self.soon(lambda: any(name == kind.__name__ and containing in why for name, why in list(self.refused)))

    def soon(self, told: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not told():
            assert time.monotonic() < deadline, (len(self.told), self.refused, self.faults)
            time.sleep(0.02)

    def judge(self, *, may_say_nothing: bool = False) -> int:
        """Nothing that anybody was told is lost or wrong, and the logs verify. Returns how many entries there are.

        No worker may run. `may_say_nothing`: an answer may also be that nothing can be said, e.g. for old data.
        """
        place = self.hub.logs.place(worker_log(0))
        keys = self.hub.trust.log_keys(place.origin)
        size = Checkpoint.parse(place.checkpoint.read_text("utf-8").partition("\n\n")[0] + "\n").size
        reader = TileReader(directory=place.public, size=size)
        for who, evidence in self.told:
            assert not any(step.fault for step in check(evidence, self.hub.trust))
            receipt = Receipt.parse(evidence.receipt)
            receipt.check(evidence.entry, place.origin, keys)
            assert reader.entry(receipt.index) == evidence.entry
            said = outcomes(parse_statement(evidence.statement))
            assert right(said, self.usual[who], may_say_nothing=may_say_nothing), (who, said)
        for each in self.checkpoints():
            assert each.size <= size, "a checkpoint was signed for entries that a crash took away"
            assert root_of(each.size, reader.node) == each.root
        # Its own keys' file is let go again: the disk that it lies on may be taken away.
        with closing(open_hub(self.hub.paths.home).detail_keys) as detail_keys:
            assert not verify_hub(self.hub.paths.audit, self.hub.trust, detail_keys).all_findings
        return size

    def checkpoints(self) -> list[Checkpoint]:
        """What the log key has signed; a line that was cut by a kill was not signed."""
        lines = self.signed.read_bytes().split(b"\n")[:-1] if self.signed.exists() else []
        return [Checkpoint.parse(base64.b64decode(each).decode()) for each in lines]


def _port(process: "subprocess.Popen[bytes]", said: Path, began: int) -> int:
    """The port that a process prints; raises DoesNotStart with all that it printed, where it ends before that."""
    while True:
        ended = process.poll() is not None
        lines = said.read_bytes()[began:].splitlines(keepends=True)
        for line in lines:
            if line.strip().isdigit() and line.endswith(b"\n"):
                return int(line)
        if ended:
            raise DoesNotStart(b"".join(lines).decode())
        time.sleep(0.02)


class DoesNotStart(Exception):
    """A worker has ended before it served; the message is what it printed."""


def outcomes(statement: statement_pb2.Statement) -> Outcomes:
    """The outcome of every answer of a statement."""
    return tuple(each.outcome for each in statement.answers)


def right(said: Sequence[int], usual: Sequence[int], *, may_say_nothing: bool) -> bool:
    """Whether this is what is said on a quiet day."""
    other = {statement_pb2.OUTCOME_CANNOT_VERIFY} if may_say_nothing else set()
    return len(said) == len(usual) and all(a in {b, *other} for a, b in zip(said, usual, strict=True))
