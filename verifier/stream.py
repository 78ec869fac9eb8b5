"""A stream of questions: answered as they come, told as soon as they are in the log, in any order.

One thread reads the client's messages and prepares the answers, another sends what is in the log; whatever is ready by
then goes in one message. No more questions are read than may wait for their answers, so a client that does not read
slows itself down.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from audit.pending import Pending
from kernel.errors import MianzhengError, Unauthenticated
from schemas.wire.v1 import verification_pb2 as wire
from verifier.answer import Answering
from verifier.desk import Desk, Known, Refused, as_refusal
from verifier.replies import told


class Stream:
    """One client's stream. `answers` is what is sent; `ending` is why it ended, where the client did not end it."""

    def __init__(self, desk: Desk, answering: Answering, names: Sequence[str], window: int) -> None:
        """Serve the client of these names; `window` questions may wait for their answers."""
        self.ending: MianzhengError | None = None
        self._desk = desk
        self._answering = answering
        self._names = names
        self._window = threading.Semaphore(window)
        self._size = window
        self._over = threading.Event()
        self._finishing = threading.Lock()
        self._ready: SimpleQueue[wire.Answered | None] = SimpleQueue()

    def answers(self, messages: Iterable[bytes]) -> Iterator[bytes]:
        """Every message to send; `messages` are the client's."""
        threading.Thread(target=self._read, args=(messages,), name="stream", daemon=True).start()
        last = False
        while not last and (first := self._ready.get()) is not None:
            ready = [first]
            with suppress(Empty):
                while not last and len(ready) < self._size:
                    more = self._ready.get_nowait()
                    if more is None:
                        last = True
                    else:
                        ready.append(more)
            yield wire.VerifyStreamResponse(answered=ready).SerializeToString()

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
            raise self._desk.refused(fault, Known(names=self._names, raw=raw)) from fault
        for each in numbered:
            self._window.acquire()
            if self._over.is_set() or self.ending is not None:
                self._window.release()
                return
            try:
                self._answer(each.number, each.question)
            except BaseException:
                self._window.release()
                raise

    def _answer(self, number: int, question: bytes) -> None:
        found = self._answering.prepare(self._names, question, self._desk.reader.any_call)
        if isinstance(found, Refused) and isinstance(found.error, Unauthenticated):
            # Whoever is not known any more is told once.
            self.ending = found.error

        def logged(pending: Pending) -> None:
            try:
                self._ready.put(told(found, pending.result(), number))
            except Exception as fault:  # noqa: BLE001 - the log's thread has others to serve
                self.ending = self.ending or as_refusal(fault)
            finally:
                self._window.release()

        self._desk.log.submit(found.record, logged)
