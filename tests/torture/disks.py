"""Disks of a test's own, that fill up or fail without anybody else's noticing: a tmpfs, and an ext4 in a file."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

EXT4_MB = 64
UNMOUNT_WITHIN_S = 30.0


class NoDisk(Exception):
    """This machine lets us have none."""


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoDisk(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _unmount(mount: Path) -> None:
    """Processes that were just killed may still hold it for a moment."""
    deadline = time.monotonic() + UNMOUNT_WITHIN_S
    while True:
        try:
            _run("umount", mount)
        except NoDisk:
            if time.monotonic() > deadline:
                # Gone for everybody else, and for good once whoever holds it has ended.
                _run("umount", "--lazy", mount)
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def small_disk(mount: Path, *, mb: int) -> Iterator[Path]:
    """A disk of so many MB, empty, at a mount point; raises NoDisk."""
    mount.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", mount)
    try:
        yield mount
    finally:
        _unmount(mount)


@dataclass(slots=True, kw_only=True)
class Ext4:
    """A disk whose file system turns read-only on an error, as one does whose device fails."""

    image: Path
    mount: Path

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator["Ext4"]:
        """A new one, mounted; raises NoDisk."""
        disk = cls(image=folder / "disk.img", mount=folder / "disk")
        disk.mount.mkdir()
        with disk.image.open("wb") as file:
            file.truncate(EXT4_MB << 20)
        _run("mkfs.ext4", "-q", disk.image)
        disk.attach()
        try:
            yield disk
        finally:
            with suppress(NoDisk):
                _unmount(disk.mount)

    def attach(self) -> None:
        """Mount it."""
        _run("mount", "-o", "loop,errors=remount-ro", self.image, self.mount)

    def fail(self) -> None:
        """Let the kernel meet an error on it: from now on it can only be read."""
        device = Path(_run("findmnt", "--noheadings", "--output", "SOURCE", self.mount)).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1", "ascii")

    def mend(self) -> None:
        """Unmount it, check and mend it, and mount it again, as an operator does."""
        _unmount(self.mount)
        mended = subprocess.run(["e2fsck", "-fy", self.image], check=False, capture_output=True, text=True)
        # 0: in order; 1: mended.
        assert mended.returncode in {0, 1}, mended.stdout
        self.attach()
