"""The load client: a process of its own that asks servers in turn, and checks afterwards what they replied.

It is told what to do by one JSON object on standard input, and prints one JSON object a round. Within a round the
load is closed: a call that ends is followed by the next, so that a fixed number is under way. The warm-up runs under
the same load, and only what ends between the two marks is counted. Replies are checked after the round, outside them.
"""

import asyncio
import gc
import json
import os
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

import uvloop

from benchmarks.http2 import BrokenConnection, Connection
from benchmarks.process import cpu_seconds
from benchmarks.question import NONCE_SIZE

LOOK_SECONDS = 0.002
DRAIN_SECONDS = 20.0

Check = Callable[[bytes, bytes], None]
"""Takes request and reply; raises where the reply is no answer to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server under test. `check` names what its replies are checked for: "answer", or "same" bytes every time.

    `others` are the processes that share its port and its work.
    """

    name: str
    port: int
    pid: int
    check: str
    others: tuple[int, ...] = ()

    def cpu_seconds(self) -> float:
        """The CPU time that it has used so far."""
        return sum(cpu_seconds(each) for each in (self.pid, *self.others))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who we are, and whom we believe: paths of PEM files, and the name that the server's certificate must carry."""

    authority: str
    certificate: str
    key: str
    server_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is asked: `questions` are request bytes in hex that a nonce of 16 bytes completes."""

    method: str
    questions: tuple[str, ...]
    in_flight: int
    connections: int
    warm_up_seconds: float
    round_seconds: float
    rounds: int
    trust: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round showed. CPU is in seconds of the server's and the client's process, latencies in milliseconds."""

    target: str
    calls: int
    seconds: float
    server_cpu: float
    client_cpu: float
    p50_ms: float
    p99_ms: float
    reply_bytes: float
    checked: int

    @property
    def per_second(self) -> float:
        """Calls that ended in a second."""
        return self.calls / self.seconds

    @property
    def server_us(self) -> float:
        """The server's CPU a call, in microseconds."""
        return self.server_cpu / self.calls * 1e6

    @property
    def server_share(self) -> float:
        """How much of one core the server used."""
        return self.server_cpu / self.seconds

    @property
    def client_share(self) -> float:
        """How much of one core the load client used: near 1, it is itself the limit."""
        return self.client_cpu / self.seconds


@dataclass(slots=True, kw_only=True)
class Asking:
    """The source of one round's calls."""

    questions: Sequence[bytes]
    open: bool = True
    counted: bool = False
    calls: int = 0
    faults: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    salt: bytes = field(default_factory=lambda: os.urandom(NONCE_SIZE // 2))
    asked: int = 0

    def ask(self) -> tuple[object, bytes] | None:
        """The next case's question, while the round is open."""
        if not self.open:
            return None
        # Every call has a nonce of its own: this round's salt, and a number.
        nonce = self.salt + self.asked.to_bytes(NONCE_SIZE // 2, "big")
        request = self.questions[self.asked % len(self.questions)] + nonce
        self.asked += 1
        return request, request

    def answered(self, asked: object, reply: bytes, seconds: float) -> None:
        """Count it, if it ended between the marks; keep it for the check in any case."""
        self.kept.append((asked, reply))  # type: ignore[arg-type] # we get back what `ask` gave
        if self.counted:
            self.calls += 1
            self.times.append(seconds)

    def failed(self, why: str) -> None:
        """A round with a refusal is no measurement."""
        self.faults.append(why)


class Client:
    """Connections to one target."""

    def __init__(self, target: Target, load: Load, identity: Identity) -> None:
        """Nothing is opened yet."""
        self.target = target
        self._load = load
        self._identity = identity
        self._connections: list[Connection] = []
        self._broken: list[str] = []
        self._questions = [bytes.fromhex(each) for each in load.questions]

    async def open(self) -> None:
        """Open every connection, with our certificate."""
        context = ssl.create_default_context(cafile=self._identity.authority)
        context.load_cert_chain(self._identity.certificate, self._identity.key)
        context.set_alpn_protocols(["h2"])
        loop = asyncio.get_running_loop()
        width, rest = divmod(self._load.in_flight, self._load.connections)
        for at in range(self._load.connections):
            calls = width + (at < rest)
            _, connection = await loop.create_connection(
                partial(Connection, self._load.method, self._identity.server_name, calls, self._broken.append),
                "127.0.0.1",
                self.target.port,
                ssl=context,
                server_hostname=self._identity.server_name,
            )
            self._connections.append(connection)

    async def round(self, check: Check) -> Round:
        """Warm up, measure, let what is under way end, check; raises BrokenConnection or what the check raises."""
        asking = Asking(questions=self._questions)
        gc.collect()
        gc.disable()
        for connection in self._connections:
            connection.start(asking)
        await asyncio.sleep(self._load.warm_up_seconds)
        began, server, client = time.perf_counter(), self.target.cpu_seconds(), time.process_time()
        asking.counted = True
        await asyncio.sleep(self._load.round_seconds)
        asking.counted = False
        seconds = time.perf_counter() - began
        server, client = self.target.cpu_seconds() - server, time.process_time() - client
        asking.open = False
        await self._drain()
        gc.enable()
        faults = [*asking.faults, *self._broken]
        if faults or not asking.calls:
            raise BrokenConnection(f"{self.target.name}: {faults[0] if faults else 'no call ended'}")
        for request, reply in asking.kept:
            check(request, reply)
        percentiles = statistics.quantiles(asking.times, n=100)
        return Round(
            target=self.target.name,
            calls=asking.calls,
            seconds=seconds,
            server_cpu=server,
            client_cpu=client,
            p50_ms=percentiles[49] * 1e3,
            p99_ms=percentiles[98] * 1e3,
            reply_bytes=statistics.fmean(len(reply) for _, reply in asking.kept),
            checked=len(asking.kept),
        )

    def close(self) -> None:
        """End every connection."""
        for connection in self._connections:
            connection.close()

    async def _drain(self) -> None:
        async with asyncio.timeout(DRAIN_SECONDS):
            # Looked at rather than told: a message for every ended call would be a cost inside the marks.
            while not all(each.idle for each in self._connections) and not self._broken:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)


def checker(name: str, trust: str) -> Check:
    """What a target's replies are checked for: every receipt and signature, or that all are the same."""
    if name == "answer":
        from benchmarks.check import answer_check  # noqa: PLC0415 - the no-op's tests need no verifier

        return answer_check(trust)
    seen: set[bytes] = set()

    def same(_request: bytes, reply: bytes) -> None:
        seen.add(reply)
        if len(seen) > 1:
            raise BrokenConnection("a no-op gave two different replies")

    return same


async def measure(targets: Sequence[Target], load: Load, identity: Identity) -> None:
    """Rounds of all targets in turn, each pair in the other order than the one before; prints each as it ends."""
    clients = [Client(each, load, identity) for each in targets]
    checks = {each.name: checker(each.check, load.trust) for each in targets}
    try:
        for client in clients:
            await client.open()
        for number in range(load.rounds):
            for client in clients if number % 2 == 0 else reversed(clients):
                found = await client.round(checks[client.target.name])
                print(json.dumps(asdict(found)), flush=True)
    finally:
        for client in clients:
            client.close()


def main() -> None:
    """Read what to do, and do it."""
    told = json.load(sys.stdin)
    load = Load(**{**told["load"], "questions": tuple(told["load"]["questions"])})
    targets = [Target(**each) for each in told["targets"]]
    uvloop.run(measure(targets, load, Identity(**told["identity"])))


if __name__ == "__main__":
    main()
