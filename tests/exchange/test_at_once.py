"""Two publishers of one dataset at the same time: one goes ahead, the other is told, and nothing is mixed."""

import os
from collections.abc import Callable
from multiprocessing import get_context

from exchange.last_run import Ending, read_last_run
from exchange.snapshot import check_files
from kernel.errors import Conflict
from tests.exchange.registry import Record, Registry, alias, number

DATASET = "person_aliases"
PUBLISHED, TOLD, OTHERWISE = 0, 3, 1


def aliases(count: int) -> list[Record]:
    return [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]


def child(work: Callable[[], object]) -> int:
    """Start something in a forked process that tells by its exit code what came of it."""
    pid = os.fork()
    if pid:
        return pid
    code = OTHERWISE
    try:
        work()
        code = PUBLISHED
    except Conflict as error:
        code = TOLD if "being published by another process" in str(error) else OTHERWISE
    finally:
        os._exit(code)


def test_of_publishers_at_once_each_publishes_or_is_told(registry: Registry) -> None:
    registry.publish(DATASET, aliases(3))
    registry.deliver(DATASET, aliases(5))
    gate = get_context("fork").Barrier(3)

    def work(run: str) -> None:
        gate.wait(timeout=30)
        registry.publish(DATASET, run_id=run, force=True)

    children = [child(lambda run=f"run-of-{place}": work(run)) for place in range(3)]  # type: ignore[misc]
    codes = [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]
    assert set(codes) <= {PUBLISHED, TOLD}
    assert codes.count(PUBLISHED) >= 1
    manifest = registry.manifest(DATASET)
    assert manifest is not None
    assert manifest.counts.published == 5
    layout = registry.layout(DATASET)
    check_files(layout, manifest)
    assert layout.receipt(manifest.version).is_file()
    last = read_last_run(layout.last_run)
    assert last is not None
    assert (last.run_id, last.ending) == (manifest.run, Ending.PUBLISHED), "who was told noted nothing"
    versions = [path for path in layout.versions.iterdir() if path.is_dir()]
    assert len(versions) == 1 + codes.count(PUBLISHED)
