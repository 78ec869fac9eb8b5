"""What a worker counts about itself, for whoever watches it: no number of a person, no name, no operator.

A call costs one append to a queue for each thing noted; what the queues hold is added up elsewhere, by whoever reads
the counts and at least each time that health is proved. Everything counted comes from a small set: methods, codes of
errors, and the ids of items and claims that the city has agreed on.
"""

import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from verifier.evaluate import Verdict
from verifier.materials import Asked

_T = TypeVar("_T")
_Judged = tuple[str, Sequence[Asked], Sequence[Verdict]]

LATENCIES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of a call's duration, and of a flush's."""
GROUPS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Upper bounds of the entries that one flush makes durable."""
NOTED_MAX = 1 << 18
"""Notes that may wait to be added up; should nobody do so, the oldest are lost rather than memory."""


class Spread:
    """How values spread over classes: counts for each upper bound and for what is beyond, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Nothing yet."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Prometheus's buckets: each upper bound with how many values are at most as large."""
        found, so_far = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


@dataclass(slots=True)
class Counts:
    """What has been counted since the worker began; only read it from `Meter.counts`."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By method and status."""
    seconds: dict[str, Spread] = field(default_factory=dict)
    """How long calls took, by method."""
    answers: Counter[tuple[str, str, Verdict]] = field(default_factory=Counter)
    """By item, claim and verdict."""
    refusals: Counter[str] = field(default_factory=Counter)
    """By the error's code."""
    groups: Spread = field(default_factory=lambda: Spread(GROUPS))
    """Entries of a commit."""
    flushes: Spread = field(default_factory=lambda: Spread(LATENCIES_S))
    """Seconds that a commit's write and flush took."""
    committed_bytes: int = 0
    shed: int = 0


class Meter:
    """Notes what happens, from any thread, and adds it up on request."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._calls: deque[tuple[str, str, float]] = deque(maxlen=NOTED_MAX)
        self._judged: deque[_Judged] = deque(maxlen=NOTED_MAX)
        self._refusals: deque[str] = deque(maxlen=NOTED_MAX)
        self._commits: deque[tuple[int, int, float]] = deque(maxlen=NOTED_MAX)
        self._shed: deque[None] = deque(maxlen=NOTED_MAX)
        self._adding = threading.Lock()
        self._counts = Counts()

    def call(self, method: str, status: str, seconds: float) -> None:
        """A call has ended."""
        self._calls.append((method, status, seconds))

    def judged(self, item: str, asked: Sequence[Asked], verdicts: Sequence[Verdict]) -> None:
        """A question about an item has been judged: what was asked, and the verdict on each."""
        self._judged.append((item, asked, verdicts))

    def refused(self, code: str) -> None:
        """A question or a call has been refused."""
        self._refusals.append(code)

    def committed(self, entries: int, size: int, seconds: float) -> None:
        """A group of entries of so many bytes is durable, after so long."""
        self._commits.append((entries, size, seconds))

    def shed(self) -> None:
        """A call has been refused unread."""
        self._shed.append(None)

    def counts(self) -> Counts:
        """Everything so far. Whoever reads it holds it only for a moment: it goes on counting."""
        with self._adding:
            found = self._counts
            for method, status, seconds in _taken(self._calls):
                found.calls[method, status] += 1
                found.seconds.setdefault(method, Spread(LATENCIES_S)).add(seconds)
            _add_up(found.answers, _taken(self._judged))
            found.refusals.update(_taken(self._refusals))
            for entries, size, seconds in _taken(self._commits):
                found.groups.add(float(entries))
                found.flushes.add(seconds)
                found.committed_bytes += size
            found.shed += len(_taken(self._shed))
            return found


def _add_up(answers: "Counter[tuple[str, str, Verdict]]", judged: Sequence[_Judged]) -> None:
    """Count every claim of what was judged. Most is alike, and a verdict costs much to hash: so by identity first.

    `asked` belongs to an item's plan, so the same sequence is never asked for two items.
    """
    alike: dict[tuple[int, tuple[int, ...]], list[_Judged]] = {}
    for each in judged:
        alike.setdefault((id(each[1]), tuple(map(id, each[2]))), []).append(each)
    for same in alike.values():
        item, asked, verdicts = same[0]
        for one, verdict in zip(asked, verdicts, strict=True):
            answers[item, one.claim.id, verdict] += len(same)


def _taken(noted: "deque[_T]") -> "list[_T]":
    """What a queue held when it was looked at; what is noted meanwhile waits for the next time."""
    return [noted.popleft() for _ in range(len(noted))]
