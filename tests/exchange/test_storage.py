"""A disk that is full in any step: one clear error, what was in force stays in force, and another run publishes."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exchange.storage import told_plainly
from kernel.errors import Malformed, Unavailable
from tests.exchange.registry import Registry, resident

LATER = "2026-11-24T03:00:00+08:00"


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Every write beyond a size fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry whose first delivery is in force, and whose second lies there."""
    made = Registry(tmp_path)
    made.publish("population", [resident(place) for place in range(1, 300)])
    made.deliver("population", [resident(place) for place in range(1, 400)], as_of=LATER)
    return made


def test_a_full_disk_is_one_error_in_every_step(registry: Registry) -> None:
    before = registry.manifest("population")
    failures: list[Unavailable] = []
    size = 1000
    while (error := _published_within(size, registry)) is not None:
        failures.append(error)
        assert registry.manifest("population") == before
        size = size * 3 // 2
    assert registry.manifest("population") != before
    assert all(each.field == "population" and "make room" in each.remedy for each in failures)
    assert {"extract", "stage", "build"} <= {each.message.split()[2] for each in failures}


def _published_within(size: int, registry: Registry) -> Unavailable | None:
    try:
        with files_no_longer_than(size):
            registry.publish("population")
    except Unavailable as error:
        return error
    return None


def test_a_disk_without_room_is_one_error(registry: Registry) -> None:
    store = registry.layout("population").folder / "runs"
    store.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", store], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        before = registry.manifest("population")
        with pytest.raises(Unavailable, match="ran out of disk"):
            registry.publish("population")
        assert registry.manifest("population") == before
    finally:
        subprocess.run(["umount", store], check=True)
    registry.publish("population")
    assert registry.manifest("population") != before


@pytest.mark.parametrize(
    "other", [Malformed("is no CSV"), OSError(errno.ENOENT, os.strerror(errno.ENOENT)), KeyError()]
)
def test_other_errors_stay_what_they_are(other: Exception) -> None:
    with pytest.raises(type(other)) as caught, told_plainly("population", "extract"):
        raise other
    assert caught.value is other
