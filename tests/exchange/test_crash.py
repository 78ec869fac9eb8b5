"""Whatever kills a publisher, `current` names a whole, recorded snapshot, and the next run finishes."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.publish import STEPS, publish, step
from exchange.snapshot import check_files
from tests.exchange.registry import Record, Registry, alias, number

KILLED = -signal.SIGKILL
FLUSHES_MAX = 200


def aliases(count: int) -> list[Record]:
    return [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]


def in_child(work: Callable[[], None]) -> int:
    """Run something in a forked process; its exit code, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 (a child reports by its exit code alone)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at_flush(count: int) -> None:
    """Let this process kill itself at its count-th flush, before it."""
    flushed = 0
    flush = os.fsync

    def counting(handle: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed == count:
            os.kill(os.getpid(), signal.SIGKILL)
        flush(handle)

    os.fsync = counting


def assert_sound(registry: Registry, allowed: set[int]) -> None:
    """What is in force is whole, recorded, readable, and one of the deliveries (by its count of rows)."""
    manifest = registry.manifest("person_aliases")
    if manifest is None:
        assert 0 in allowed
        return
    layout = registry.layout("person_aliases")
    check_files(layout, manifest)
    assert layout.receipt(manifest.version).is_file()
    assert manifest.counts.delivered in allowed
    assert "person_aliases" not in registry.exchange().refresh()


def leftovers(registry: Registry) -> list[Path]:
    """Versions without a receipt, and data of runs that are over."""
    layout = registry.layout("person_aliases")
    orphans = [path for path in layout.versions.iterdir() if path.is_dir() and not layout.receipt(path.name).is_file()]
    keys = [path for path in layout.versions.glob("*.key") if not path.with_suffix("").is_dir()]
    return orphans + keys + [path for path in layout.runs.rglob("*") if path.suffix in {".csv", ".duckdb", ".tmp"}]


def killed_at_each_flush(registry: Registry, work: Callable[[], None]) -> int:
    """Let work be killed at its first flush, its second and so on, until it comes to its end; how often it was."""
    for count in range(1, FLUSHES_MAX):

        def doomed(count: int = count) -> None:
            die_at_flush(count)
            work()

        code = in_child(doomed)
        assert code in {KILLED, 0}
        assert_sound(registry, {1, 4})
        if code == 0:
            return count - 1
    raise AssertionError("it never came to its end")


def test_killed_at_any_flush_of_building_recording_and_promoting(published: Registry) -> None:
    published.deliver("person_aliases", aliases(4))
    job = published.job("person_aliases")
    for name in ("extract", "stage", "validate"):
        step(name, job)

    def work() -> None:
        for name in ("build", "record", "promote"):
            step(name, job)

    assert killed_at_each_flush(published, work) > len(STEPS)
    assert_sound(published, {4})
    published.publish("person_aliases", aliases(5))
    assert_sound(published, {5})
    assert leftovers(published) == []


def test_killed_at_any_flush_of_what_comes_before(published: Registry) -> None:
    published.deliver("person_aliases", aliases(4))
    job = published.job("person_aliases")

    def work() -> None:
        for name in ("extract", "stage"):
            step(name, job)

    assert killed_at_each_flush(published, work) > 1
    assert_sound(published, {1})
    published.publish("person_aliases", aliases(5))
    assert leftovers(published) == []


@pytest.mark.parametrize("last", list(STEPS))
def test_a_scheduler_that_dies_between_steps_leaves_nothing_half_done(published: Registry, last: str) -> None:
    registry = published
    registry.deliver("person_aliases", aliases(4))
    job = registry.job("person_aliases", run_id="interrupted")
    for name in STEPS:
        step(name, job)
        if name == last:
            break
    assert_sound(registry, {1, 4} if last == "promote" else {1})
    # The scheduler comes back and runs the same run's steps again from the one that it does not know to be done.
    for name in list(STEPS)[list(STEPS).index(last) :]:
        step(name, job)
    assert_sound(registry, {4})
    registry.publish("person_aliases", aliases(5))
    assert leftovers(registry) == []


@pytest.mark.parametrize("landed", [False, True])
def test_killed_while_recording_it_is_recorded_before_it_is_in_force(registry: Registry, *, landed: bool) -> None:
    written = registry.root / "log"

    class Dying:
        def record(self, kind: str, attributes: object) -> bytes:
            if landed:
                written.write_text(f"{kind} {attributes}", "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
            return b""

    registry.deliver("person_aliases", aliases(3))
    job = registry.job("person_aliases")

    def doomed() -> None:
        publish(type(job)(**{name: getattr(job, name) for name in job.__slots__} | {"recorder": Dying()}))

    assert in_child(doomed) == KILLED
    assert written.exists() == landed
    assert_sound(registry, {0})
    assert registry.publish("person_aliases").counts.published == 3
    assert leftovers(registry) == []
