"""The client's end of a stream: questions go out as they are asked, answers come checked, and a broken stream goes on.

Whatever breaks the connection (a worker that stops, one that was killed, a network) costs no question: the stream
connects again and asks again, in the same bytes, what was not answered. The hub may then answer and record twice what
it had answered before the break; the client is told once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.message import DecodeError

from kernel.errors import Malformed, MianzhengError
from schemas.wire.v1 import verification_pb2 as wire
from verifier.asking import Asking, CheckedAnswer, question_bytes
from verifier.evidence import FalseEvidence
from verifier.refusals import error_from
from verifier.retry import pause, worth_another_try
from verifier.settings import ClientSettings

Became = Callable[[bytes, wire.Answered], CheckedAnswer | MianzhengError]


class AskingStream:
    """Questions and answers on one stream: `ask` as many as you like, and iterate over what became of each.

    Ends when `finish` was called and everything is answered. Raises what the hub ended the stream with, where asking
    again would not help or has not for `reconnect_seconds`. One thread may ask while another iterates.
    """

    def __init__(self, call: Callable[..., Any], became: Became, settings: ClientSettings) -> None:
        """Use `VerificationClient.stream`. `became` checks an answer to a question."""
        self._call = call
        self._became = became
        self._settings = settings
        self._lock = threading.Lock()
        self._under_way: dict[int, bytes] = {}
        self._number = 0
        self._finished = False
        self._asked: SimpleQueue[bytes | None] = SimpleQueue()
        self._replies = self._connected()

    def ask(self, asking: Asking) -> int:
        """Send a question; returns the number by which its answer is known."""
        question = question_bytes(asking)
        with self._lock:
            self._number += 1
            self._under_way[self._number] = question
            self._asked.put(_message(self._number, question))
            return self._number

    def finish(self) -> None:
        """Ask no more: the stream ends when everything is answered."""
        with self._lock:
            self._finished = True
            self._asked.put(None)

    def __iter__(self) -> Iterator[tuple[int, CheckedAnswer | MianzhengError]]:
        """The number of each question that is answered, and what became of it, in the order in which they come."""
        attempt, broken_at = 0, 0.0
        while True:
            try:
                for raw in self._replies:
                    attempt = 0
                    yield from self._told(raw)
            except grpc.RpcError as failed:
                broken = failed
            else:
                break
            # What a channel raises is the call itself.
            error = error_from(broken)  # type: ignore[arg-type]
            if attempt == 0:
                broken_at = time.monotonic()
            attempt += 1
            if time.monotonic() - broken_at >= self._settings.reconnect_seconds or not worth_another_try(
                broken.code(), error
            ):
                raise error from broken
            pause(attempt, error, self._settings)
            with self._lock:
                self._replies = self._connected()
        if self._under_way:
            raise FalseEvidence("the hub ended the stream and left questions unanswered", field="reply")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self._replies.cancel()

    def _connected(self) -> Any:
        """A stream that begins with what is not answered yet."""
        # A queue of its own: whoever reads for a stream that broke would take a question from it.
        self._asked.put(None)
        self._asked = SimpleQueue()
        for number, question in self._under_way.items():
            self._asked.put(_message(number, question))
        if self._finished:
            self._asked.put(None)
        return self._call(iter(self._asked.get, None))

    def _told(self, raw: bytes) -> Iterator[tuple[int, CheckedAnswer | MianzhengError]]:
        try:
            answered = wire.VerifyStreamResponse.FromString(raw).answered
        except DecodeError as error:
            raise Malformed("the hub's reply is no VerifyStreamResponse", field="reply") from error
        for each in answered:
            question = self._under_way.pop(each.number, None)
            if question is None:
                raise FalseEvidence("the hub answered what was not asked", field="number")
            yield each.number, self._became(question, each)


def _message(number: int, question: bytes) -> bytes:
    return wire.VerifyStreamRequest(questions=[wire.Numbered(number=number, question=question)]).SerializeToString()
