"""The peer's load client: as many questions under way as the hub's has, over HTTP/1.1 and WebSockets with mutual TLS.

It is led as `benchmarks.marked` says. What each reply says is checked after the round: that it is signed, and answers
its question.
"""

import asyncio
import base64
import hashlib
import json
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import uvloop
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks.marked import obey, read_told, say_checked

UNARY, STREAM, BATCH = "unary", "stream", "batch50"
BATCH_SIZE = 50
STREAMS = 8


@dataclass(slots=True, kw_only=True)
class Asking:
    """The source of one mode's questions, and what became of them."""

    numbers: Sequence[tuple[str, str]]
    asked: int = 0
    ended: int = 0
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)

    def question(self) -> bytes:
        """The next case's question, with a nonce of its own."""
        case, number = self.numbers[self.asked % len(self.numbers)]
        self.asked += 1
        nonce = os.urandom(16).hex()
        parties = [{"role": "applicant", "number": number}]
        return json.dumps({"case_number": case, "parties": parties, "nonce": nonce}).encode()

    def answered(self, question: bytes, token: bytes) -> None:
        """Count an answer and keep it for the check."""
        self.ended += 1
        self.kept.append((question, token))


async def unary(asking: Asking, port: int, tls: ssl.SSLContext) -> None:
    """One connection on which question follows answer, without an end."""
    await _posting(port, tls, "/verify", lambda: [asking.question()], asking)


async def batch(asking: Asking, port: int, tls: ssl.SSLContext) -> None:
    """The same with fifty questions a call."""
    await _posting(port, tls, "/verify-batch", lambda: [asking.question() for _ in range(BATCH_SIZE)], asking)


async def _posting(
    port: int, tls: ssl.SSLContext, path: str, next_questions: Callable[[], list[bytes]], asking: Asking
) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost", limit=1 << 22
    )
    try:
        while True:
            questions = next_questions()
            body = questions[0] if path == "/verify" else b"[" + b",".join(questions) + b"]"
            head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            status, _, fields = answer.partition(b"\r\n")
            if b" 200 " not in status:
                raise RuntimeError(f"the peer refused: {status!r}")
            length = next(
                int(each[15:]) for each in fields.lower().split(b"\r\n") if each.startswith(b"content-length:")
            )
            tokens = (await reader.readexactly(length)).split(b"\n")
            for question, token in zip(questions, tokens, strict=True):
                asking.answered(question, token)
    finally:
        writer.close()


async def stream(asking: Asking, port: int, tls: ssl.SSLContext, window: int) -> None:
    """One WebSocket with so many questions under way, without an end; answers come in any order."""
    async with websockets.connect(f"wss://localhost:{port}/stream", ssl=tls, compression=None) as socket:
        under_way: dict[str, bytes] = {}

        async def ask() -> None:
            question = asking.question()
            under_way[json.loads(question)["nonce"]] = question
            await socket.send(question)

        for _ in range(window):
            await ask()
        async for token in socket:
            raw = token if isinstance(token, bytes) else token.encode()
            asking.answered(under_way.pop(_payload(raw)["nonce"]), raw)
            await ask()


async def measure(told: dict[str, object]) -> None:
    """Open what a mode needs, and print a round for each mode as often as is asked."""
    tls = ssl.create_default_context(cafile=str(told["authority"]))
    tls.load_cert_chain(str(told["certificate"]), str(told["key"]))
    port, in_flight = int(str(told["port"])), int(str(told["in_flight"]))
    numbers = [(case, number) for case, number in told["questions"]]  # type: ignore[attr-defined]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(told["public"])))
    mode = str(told["mode"])
    asking = Asking(numbers=numbers)
    async with asyncio.TaskGroup() as group:
        tasks = []
        if mode == STREAM:
            tasks = [group.create_task(stream(asking, port, tls, in_flight // STREAMS)) for _ in range(STREAMS)]
        else:
            ask, width = (unary, in_flight) if mode == UNARY else (batch, STREAMS)
            tasks = [group.create_task(ask(asking, port, tls)) for _ in range(width)]
        await obey(lambda: asking.ended)
        for each in tasks:
            each.cancel()
    for question, token in asking.kept:
        _check(question, token, public)
    say_checked(len(asking.kept))


def _payload(token: bytes) -> dict[str, str]:
    body = token.split(b".")[1]
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    return found


def _check(question: bytes, token: bytes, public: Ed25519PublicKey) -> None:
    signed, _, signature = token.rpartition(b".")
    public.verify(base64.urlsafe_b64decode(signature + b"=" * (-len(signature) % 4)), signed)
    if _payload(token)["request"] != hashlib.sha256(question).hexdigest():
        raise ValueError("an answer to another question")


def main() -> None:
    """Read what to do, and do it."""
    uvloop.run(measure(read_told()))


if __name__ == "__main__":
    main()
