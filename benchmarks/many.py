"""The hub's load client for batches and streams: as many questions under way as for unary calls, on a few connections.

It is led as `benchmarks.marked` says. Every answer is checked afterwards: its signature, receipt, and question.
"""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc

from benchmarks.check import answer_check
from benchmarks.marked import obey, read_told, say_checked
from benchmarks.question import NONCE_SIZE
from schemas.wire.v1 import verification_pb2 as wire

STREAM, BATCH = "stream", "batch50"
BATCH_SIZE = 50
CONNECTIONS = 8
REPLY_BYTES_MAX = 8 << 20
_SERVICE = "/mianzheng.v1.VerificationService/"


@dataclass(slots=True, kw_only=True)
class Asking:
    """The source of questions, and what became of them. Threads may share it."""

    questions: Sequence[bytes]
    stopped: bool = False
    ended: int = 0
    faults: list[str] = field(default_factory=list)
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> list[bytes]:
        """The next cases' questions, each with a nonce of its own."""
        with self._lock:
            first, self._number = self._number, self._number + count
        size = len(self.questions)
        return [self.questions[at % size] + os.urandom(NONCE_SIZE) for at in range(first, first + count)]

    def answered(self, question: bytes, became: wire.Answered) -> None:
        """Count an answer and keep it for the check."""
        if became.WhichOneof("result") != "signed":
            self.faults.append(became.refused.code)
            return
        self.ended += 1
        self.kept.append((question, became.signed.SerializeToString()))


def batches(channel: grpc.Channel, asking: Asking) -> None:
    """Batch after batch."""
    call: Any = channel.unary_unary(_SERVICE + "VerifyBatch")
    while not asking.stopped:
        questions = asking.take(BATCH_SIZE)
        reply = call(wire.VerifyBatchRequest(questions=questions).SerializeToString())
        for question, became in zip(questions, wire.VerifyBatchResponse.FromString(reply).answered, strict=True):
            asking.answered(question, became)


def stream(channel: grpc.Channel, asking: Asking, window: int) -> None:
    """One stream with so many questions under way: as many are asked anew as were answered in one message."""
    call: Any = channel.stream_stream(_SERVICE + "VerifyStream")
    messages: SimpleQueue[bytes | None] = SimpleQueue()
    under_way: dict[int, bytes] = {}
    numbers = iter(range(1, 1 << 62))

    def ask(count: int) -> None:
        numbered = [wire.Numbered(number=next(numbers), question=each) for each in asking.take(count)]
        under_way.update((each.number, each.question) for each in numbered)
        messages.put(wire.VerifyStreamRequest(questions=numbered).SerializeToString())

    def sent() -> Iterator[bytes]:
        yield from iter(messages.get, None)

    ask(window)
    for raw in call(sent()):
        came = wire.VerifyStreamResponse.FromString(raw).answered
        for became in came:
            asking.answered(under_way.pop(became.number), became)
        if not asking.stopped:
            ask(len(came))
        elif not under_way:
            messages.put(None)


def main() -> None:
    """Read what to do, and do it."""
    told: Any = read_told()
    credentials = grpc.ssl_channel_credentials(
        Path(told["authority"]).read_bytes(), Path(told["key"]).read_bytes(), Path(told["certificate"]).read_bytes()
    )
    asking = Asking(questions=[bytes.fromhex(each) for each in told["questions"]])
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", REPLY_BYTES_MAX))
    threads = []
    for _ in range(CONNECTIONS):
        channel = grpc.secure_channel(f"localhost:{told['port']}", credentials, options)
        work = (
            (stream, channel, asking, told["in_flight"] // CONNECTIONS)
            if told["mode"] == STREAM
            else (batches, channel, asking)
        )
        threads.append(threading.Thread(target=work[0], args=work[1:]))
    for each in threads:
        each.start()
    asyncio.run(obey(lambda: asking.ended))
    asking.stopped = True
    for each in threads:
        each.join()
    if asking.faults:
        raise RuntimeError(f"refused: {sorted(set(asking.faults))}")
    check = answer_check(told["trust"])
    for question, signed in asking.kept:
        check(question, wire.VerifyItemResponse(signed=wire.SignedStatement.FromString(signed)).SerializeToString())
    say_checked(len(asking.kept))


if __name__ == "__main__":
    main()
