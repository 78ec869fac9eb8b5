"""The clerks of a soak: all ways of asking at once, and what does not go right by itself.

Clerks of a counter ask one by one, in batches and on streams, about several items, and close their cases; a kiosk runs
into its limit; somebody sends garbage; a registry is published anew under way. Every answer is checked as it comes.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import grpc

from app.verification import client_tls
from kernel.errors import CaseClosed, LimitReached, MianzhengError
from tests.torture.town import ROOT, Town
from verifier.asking import Asking, CheckedAnswer, OpenCase
from verifier.call import Named
from verifier.client import AskedParty, VerificationClient
from verifier.evidence import Evidence
from verifier.settings import ClientSettings

ASKING, BATCHING, STREAMING = 6, 1, 2
TOGETHER = 20
QUESTIONS_A_CASE = 25
PAUSE_S = 0.02
"""Between two questions of one clerk, as the next applicant steps up."""
PUBLISHED = "population"
PUBLISH_EVERY_S = 60.0
KEPT = 50
"""Every so many answers one is kept, to be found in the log at the end."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the clerks have seen since the last look. Threads share it."""

    latencies: list[float] = field(default_factory=list)
    answers: int = 0
    kept: list[Evidence] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    published: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, answer: CheckedAnswer) -> None:
        """Count an answer."""
        with self.lock:
            self.answers += 1
            if self.answers % KEPT == 0:
                self.kept.append(answer.evidence)

    def refused(self, error: MianzhengError) -> None:
        """Count a refusal."""
        with self.lock:
            self.refusals[error.code] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """Clerks of a town whose worker listens at a port."""

    town: Town
    port: int
    seen: Counts = field(default_factory=Counts)
    over: threading.Event = field(default_factory=threading.Event)

    def client(self, device: str = "counter-hall-01") -> VerificationClient:
        """A client as it comes."""
        settings = ClientSettings(address=f"localhost:{self.port}")
        return VerificationClient(tls=client_tls(self.town.hub, device), trust=self.town.hub.trust, settings=settings)

    def opened(self, client: VerificationClient, chance: random.Random) -> OpenCase:
        """A case about somebody, of some item."""
        people = self.town.people
        who = chance.choice(("elder", "groom", "owner", "mother"))
        item, roles, inputs = chance.choice(
            (
                ("senior_allowance", {"applicant": who}, {}),
                ("elderly_courtesy_card", {"applicant": who}, {}),
                ("marriage_registration", {"applicant": "groom", "partner": "bride"}, {}),
                ("property_mortgage", {"applicant": "owner"}, {"certificate_no": people.certificate_no}),
            )
        )
        parties = [AskedParty(role=role, number=getattr(people, who).number) for role, who in roles.items()]
        return client.open_case(item, parties, operator=f"op-{chance.randrange(20)}", legal_basis="soak", inputs=inputs)

    def ask(self, chance: random.Random) -> None:
        """One by one; then close the case, and be refused in it."""
        with self.client() as client:
            while not self.over.is_set():
                case = self.opened(client, chance)
                for at in range(QUESTIONS_A_CASE):
                    began = time.perf_counter()
                    answer = client.verify_item(case)
                    self.seen.latencies.append((time.perf_counter() - began) * 1e3)
                    self.seen.answered(answer)
                    if at == 0:
                        first = answer.statement.answers[0]
                        self.seen.answered(client.verify(case, [Named(claim=first.claim, role=first.role)]))
                    if self.over.wait(PAUSE_S):
                        return
                client.close_case(case)
                try:
                    client.verify_item(case)
                except CaseClosed as refused:
                    self.seen.refused(refused)
                else:
                    self.seen.faults.append("a closed case was answered in")

    def batch(self, chance: random.Random) -> None:
        """So many at once, in several cases."""
        with self.client() as client:
            while not self.over.wait(PAUSE_S):
                cases = [self.opened(client, chance) for _ in range(4)]
                for became in client.verify_batch([Asking(case=chance.choice(cases)) for _ in range(TOGETHER)]):
                    self.became(became)

    def stream(self, chance: random.Random) -> None:
        """On streams, each for some hundred questions."""
        with self.client() as client:
            while not self.over.is_set():
                case, left = self.opened(client, chance), QUESTIONS_A_CASE * 10
                with client.stream() as stream:
                    for _ in range(TOGETHER):
                        stream.ask(Asking(case=case))
                    for _, became in stream:
                        self.became(became)
                        left -= 1
                        if left <= TOGETHER or self.over.wait(PAUSE_S / 10):
                            break
                        stream.ask(Asking(case=case))

    def became(self, became: CheckedAnswer | MianzhengError) -> None:
        """Count what became of a question among others."""
        if isinstance(became, MianzhengError):
            raise became
        self.seen.answered(became)

    def overdo(self, chance: random.Random) -> None:
        """A kiosk that asks more than it may."""
        with self.client("kiosk-zeguo-01") as client:
            elder = AskedParty(role="applicant", number=self.town.people.elder.number)
            case = client.open_case("senior_allowance", [elder], operator="kiosk", legal_basis="soak")
            while not self.over.wait(PAUSE_S * chance.random()):
                try:
                    self.seen.answered(client.verify_item(case))
                except LimitReached as refused:
                    self.seen.refused(refused)
                    self.over.wait(1)

    def spoil(self, chance: random.Random) -> None:
        """Garbage, for every call."""
        tls = client_tls(self.town.hub, "counter-hall-01")
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        with grpc.secure_channel(f"localhost:{self.port}", credentials) as channel:
            calls: list[Callable[..., bytes]] = [
                channel.unary_unary(f"/mianzheng.v1.VerificationService/{name}")
                for name in ("OpenCase", "VerifyItem", "Verify", "CloseCase")
            ]
            while not self.over.wait(PAUSE_S * 5):
                try:
                    chance.choice(calls)(chance.randbytes(chance.randrange(400)), timeout=10)
                except grpc.RpcError as refused:
                    with self.seen.lock:
                        self.seen.refusals[refused.code().name] += 1

    def publish(self, chance: random.Random) -> None:
        """A registry anew, again and again, by the command."""
        environ = {**os.environ, "MIANZHENG_HOME": str(self.town.hub.paths.home), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "cli.main", "publish", PUBLISHED, "--force"]
        while not self.over.wait(PUBLISH_EVERY_S * chance.uniform(0.9, 1.1)):
            done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
            if done.returncode:
                self.seen.faults.append(f"publish: {done.stderr[-500:]}")
            self.seen.published += 1

    def clerk(self, work: Callable[[random.Random], None], seed: int) -> None:
        """Work until the end; whatever ends it before is a fault."""
        try:
            work(random.Random(seed))
        except Exception as fault:  # noqa: BLE001 - whatever it is, it must not be
            if not self.over.is_set():
                self.seen.faults.append(repr(fault))

    @contextmanager
    def clerks(self) -> Iterator[None]:
        """All of them, for the length of a block."""
        works = [*[self.ask] * ASKING, *[self.batch] * BATCHING, *[self.stream] * STREAMING]
        works += [self.overdo, self.spoil, self.publish]
        threads = [threading.Thread(target=self.clerk, args=(work, seed)) for seed, work in enumerate(works)]
        with ExitStack() as ending:
            for each in threads:
                each.start()
                ending.callback(each.join)
            ending.callback(self.over.set)
            yield
