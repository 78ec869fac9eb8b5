"""Durable files: whole or absent, and moved only by who saw what stood there."""

import os
from pathlib import Path

import pytest

from kernel.durable import create_file, locked, replace_file, swap_file
from kernel.errors import Conflict


def test_a_replaced_file_is_the_old_or_the_new_when_the_flush_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "current"
    replace_file(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["current"]


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    create_file(tmp_path / "key", b"first", mode=0o600)
    with pytest.raises(Conflict):
        create_file(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_swap_needs_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "current"
    swap_file(path, b"1", expected=None)
    with pytest.raises(Conflict):
        swap_file(path, b"2", expected=None)
    with pytest.raises(Conflict):
        swap_file(path, b"2", expected=b"0")
    swap_file(path, b"2", expected=b"1")
    assert path.read_bytes() == b"2"


def test_a_held_lock_is_a_conflict_for_who_will_not_wait(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(Conflict), locked(tmp_path / "lock", wait=False):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass
