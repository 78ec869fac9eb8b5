"""A stream of questions: answered as they come, told as soon as they are in the log, in any order.

One thread reads the client's messages and prepares the answers, another sends what is in the log; whatever is ready by
then goes in one message. No more questions are read than may wait for their answers, so a client that does not read
slows itself down.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from audit.pending import Pending
from kernel.errors import MianzhengError, Unauthenticated, Unavailable
from schemas.wire.v1 import verification_pb2 as wire
from verifier.answer import Answered, Answering
from verifier.authenticate import authenticate
from verifier.desk import Desk, Known, Refused, as_refusal
from verifier.peer import Peer
from verifier.replies import told

LOOK_SECONDS = 0.5
"""How long a stream on which nothing is asked goes on before it is looked whether its client is still let in."""


class Stream:
    """One client's stream. `answers` is what is sent; `ending` is why it ended, where the client did not end it."""

    def __init__(self, desk: Desk, answering: Answering, peer: Peer, window: int) -> None:
        """Serve this client; `window` questions may wait for their answers."""
        self.ending: MianzhengError | None = None
        self._desk = desk
        self._answering = answering
        self._peer = peer
        self._window = threading.Semaphore(window)
        self._size = window
        self._over = threading.Event()
        self._finishing = threading.Lock()
        self._ready: SimpleQueue[wire.Answered | None] = SimpleQueue()

    def answers(self, messages: Iterable[bytes]) -> Iterator[bytes]:
        """Every message to send; `messages` are the client's."""
        threading.Thread(target=self._read, args=(messages,), name="stream", daemon=True).start()
        last = False
        while not last and (first := self._next()) is not None:
            ready = [first]
            with suppress(Empty):
                while not last and len(ready) < self._size:
                    more = self._ready.get_nowait()
                    if more is None:
                        last = True
                    else:
                        ready.append(more)
            yield wire.VerifyStreamResponse(answered=ready).SerializeToString()

    def _next(self) -> wire.Answered | None:
        """What is to be sent next. While there is nothing, look whether the client is still let in."""
        while True:
            with suppress(Empty):
                return self._ready.get(timeout=LOOK_SECONDS)
            desk = self._desk
            try:
                authenticate(self._peer, desk.agreements.current.catalogue, desk.rolls.current(), desk.clock.now())
            except Unauthenticated as error:
                self.end(error)
            except Unavailable:
                # Who is revoked cannot be told now: the next question is told so.
                continue

    def end(self, why: MianzhengError | None = None) -> None:
        """Read no more; end when what was read is answered. The first reason counts."""
        self.ending = self.ending or why
        self._over.set()
        # Whoever comes second has nothing to wait for.
        if self._finishing.acquire(blocking=False):
            for _ in range(self._size):
                self._window.acquire()
            self._ready.put(None)

    def _read(self, messages: Iterable[bytes]) -> None:
        """Read until the client ends, goes, or may not go on."""
        why: MianzhengError | None = None
        try:
            for raw in messages:
                self._take(raw)
                if self._over.is_set() or self.ending is not None:
                    break
        except MianzhengError as fault:
            why = fault
        except Exception as fault:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            why = as_refusal(fault)
        self.end(why)

    def _take(self, raw: bytes) -> None:
        """The questions of one message; raises what is wrong with the message itself, recorded."""
        try:
            numbered = self._desk.reader.numbered(raw)
        except MianzhengError as fault:
            raise self._desk.refused(fault, Known(peer=self._peer, raw=raw)) from fault
        waiting = deque(numbered)
        while waiting:
            taken = [waiting.popleft()]
            self._window.acquire()
            # All that may be answered by now, together.
            while waiting and self._window.acquire(blocking=False):
                taken.append(waiting.popleft())
            if self._over.is_set() or self.ending is not None:
                for _ in taken:
                    self._window.release()
                return
            self._answer(taken)

    def _answer(self, numbered: Sequence[wire.Numbered]) -> None:
        """Answer questions that the window has let in."""
        waiting = len(numbered)
        try:
            read = self._desk.reader.any_call
            found = self._answering.prepare_all(self._peer, [each.question for each in numbered], read)
            for each, outcome in zip(numbered, found, strict=True):
                if isinstance(outcome, Refused) and isinstance(outcome.error, Unauthenticated):
                    # Whoever is not known any more is told once.
                    self.ending = outcome.error
                self._desk.log.submit(outcome.record, partial(self._logged, outcome, each.number))
                waiting -= 1
        finally:
            for _ in range(waiting):
                self._window.release()

    def _logged(self, outcome: Answered | Refused, number: int, pending: Pending) -> None:
        try:
            self._ready.put(told(outcome, pending.result(), number))
        except Exception as fault:  # noqa: BLE001 - the log's thread has others to serve
            self.ending = self.ending or as_refusal(fault)
        finally:
            self._window.release()
