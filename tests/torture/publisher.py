"""Publishers, each in a process of its own, that end themselves where they are told or are killed by who watches them.

Usage: publisher.py HOME. Reads an order a line from its input, forks a publisher for each, and writes to its output, a
line each, what they do. It has loaded all that publishing loads and opened nothing, so that a publisher is as a new
process would be, and starts within milliseconds.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from time import perf_counter
from typing import Any, Never, Self, cast

import duckdb

import exchange.judge  # noqa: F401 - the heaviest part, loaded once for all publishers
from app.hub import Hub, open_hub
from app.publications import Publications
from exchange import held, publish
from exchange.held import Decided, begin_release, release
from exchange.job import Job, Next
from exchange.recorder import Remembering
from exchange.rollback import roll_back
from tests.torture.registers import job_of

WHO, WHY = "torture", "a drill"
DECIDE, ROLL_BACK = "decide", "roll back"
"""What comes before the steps of a release, and what a roll-back is made of: watched as the steps are."""
STEP_OPERATIONS = ("fsync", "fdatasync", "write", "rename", "replace", "link", "unlink", "mkdir", "rmdir")
"""What changes the disk, beside the statements that DuckDB is given and the entries that are recorded."""
APPEND = "append"
AT_ONCE = -1
"""Instead of the number of an operation: as soon as the place is entered."""


def after(place: str) -> str:
    """Between a step and whatever comes next."""
    return f"after {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a publisher does, and where it ends: at the operation numbered `at` of a place, before it or behind it.

    `work` is `publish`, `steps` (those from `begin` on, each by itself, as a scheduler takes them), `release`, or
    `roll back` (to `version`). `at` counts operations of the kind `operation`, or of any kind where that is empty.
    Without a `place` nobody ends it, or whoever watches it does.
    """

    work: str
    dataset: str
    run: str
    begin: str = ""
    version: str = ""
    place: str = ""
    operation: str = ""
    at: int = 0
    landed: bool = False

    def line(self) -> bytes:
        """As `parse` reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, raw: str) -> "Order":
        return cls(**json.loads(raw))


def tell(**what: object) -> None:
    """One line for who watches, whole even where several publishers write at once."""
    os.write(1, json.dumps({"pid": os.getpid(), **what}).encode() + b"\n")


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Watch:
    """Where a publisher is, what it has done there, and where it has to end."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.place = ""
        self.done: list[str] = []
        self.began = 0.0

    def enter(self, place: str) -> None:
        """Tell that a place is entered."""
        self.leave()
        self.place, self.done, self.began = place, [], perf_counter()
        tell(state="entered", place=place)
        if (self.order.place, self.order.at) == (place, AT_ONCE):
            end()

    def leave(self) -> None:
        """Tell what was done in the place that is left."""
        if self.place:
            tell(state="left", place=self.place, operations=self.done, seconds=perf_counter() - self.began)
            self.place = ""

    def operation(self, name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        """The same operation, counted; the publisher ends at the one that it has to end at."""

        @wraps(do)
        def counted(*arguments: Any, **named: Any) -> Any:
            if not self.place or (name == "write" and arguments[0] == 1):
                return do(*arguments, **named)
            due = self._due(name)
            self.done.append(name)
            if due and not self.order.landed:
                end()
            result = do(*arguments, **named)
            if due:
                end()
            return result

        return counted

    def step(self, place: str, do: Callable[..., Any]) -> Callable[..., Any]:
        """The same step, its beginning and its end told."""

        @wraps(do)
        def watched(*arguments: Any, **named: Any) -> Any:
            self.enter(place)
            result = do(*arguments, **named)
            self.enter(after(place))
            return result

        return watched

    def _due(self, name: str) -> bool:
        order = self.order
        if order.place != self.place or order.operation not in {"", name}:
            return False
        return order.at == (self.done.count(name) if order.operation else len(self.done))


class Database:
    """A connection to DuckDB whose statements are counted."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", watch: Watch) -> None:
        self._connection = connection
        self.execute = watch.operation("execute", connection.execute)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@dataclass(frozen=True, slots=True)
class Counted:
    """A recorder whose entries are operations as well."""

    recorder: Remembering
    watch: Watch

    def record(self, kind: str, attributes: Mapping[str, str]) -> bytes:
        """Record, unless the publisher has to end before that."""
        return cast("bytes", self.watch.operation(APPEND, self.recorder.record)(kind, attributes))

    def receipt_of(self, kind: str, attributes: Mapping[str, str]) -> bytes | None:
        """Find what was recorded."""
        return self.recorder.receipt_of(kind, attributes)


def watched(order: Order) -> Watch:
    """Watch whatever this process does from now on."""
    watch = Watch(order)
    for name in STEP_OPERATIONS:
        setattr(os, name, watch.operation(name, getattr(os, name)))
    connect = duckdb.connect
    duckdb.connect = lambda *arguments, **named: Database(connect(*arguments, **named), watch)  # type: ignore[assignment]
    steps = cast("dict[str, Callable[[Job], Next]]", publish.STEPS)
    for place, do in steps.items():
        steps[place] = watch.step(place, do)
    # What a release does before its steps has no other name.
    held._begin = watch.step(DECIDE, held._begin)
    return watch


def work(hub: Hub, order: Order) -> str:
    """Carry out an order; returns what came of it."""
    watch = watched(order)
    job = job_of(hub, order.dataset, order.run, recorder=Counted(hub.recorder, watch))
    match order.work:
        case "publish":
            result = publish.publish(job)
            outcome = "held" if isinstance(result, publish.HeldBack) else "unchanged" if result.unchanged else ""
        case "steps":
            outcome = steps(job, order.begin)
        case "release":
            outcome = decided(lambda: release(job, order.run, WHO, WHY))
        case "scheduled release":
            outcome = decided(lambda: begin_release(job, WHO, WHY) and steps(job, "build"))
        case _:
            published = Publications(hub)
            back = watch.step(ROLL_BACK, roll_back)
            back(job, order.version, WHO, WHY, published=published)
            outcome = ""
    watch.leave()
    return outcome or "done"


def decided(release_it: Callable[[], object]) -> str:
    """What came of a release; that it was carried out before is as good."""
    try:
        release_it()
    except Decided:
        return "decided"
    return ""


def steps(job: Job, begin: str) -> str:
    """Take the steps from one on, each by itself, as a scheduler does; returns how it ended before the last one."""
    names = list(publish.STEPS)
    for name in names[names.index(begin) :]:
        following = publish.step(name, job)
        if following is not Next.GO_ON:
            return str(following)
    return ""


def publisher(home: Path, order: Order) -> Never:
    """The life of one publisher."""
    code = 1
    try:
        tell(state="born", run=order.run)
        tell(state="finished", outcome=work(open_hub(home), order))
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, who watches has to know
        tell(state="finished", outcome=f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def main() -> None:
    home = Path(sys.argv[1])
    assert threading.active_count() == 1, "a process with threads is not safe to fork"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = Order.parse(line)
        if os.fork() == 0:
            # Between the publisher and its maker stands one that waits for its end, and tells of it.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child = os.fork()
            if child == 0:
                publisher(home, order)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            tell(state="dead", pid=child, status=status)
            os._exit(0)


if __name__ == "__main__":
    main()
