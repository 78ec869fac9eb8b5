"""Copying the snapshots of a hub that goes on publishing.

A version with key and receipt is recorded and never changes; what is being made is in `runs/`, which is not taken.
Versions may be retired, and `current` may move, while they are copied: so `current` is read last, and only what has
been copied whole may be named by the copy of it.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.backup_contents import UNDER_SNAPSHOT
from app.backup_writer import BackupWriter
from exchange.current import Current
from exchange.keys import IndexKeys
from exchange.layout import DATA, MANIFEST, Layout
from exchange.snapshot import read_current_bytes
from kernel.digest import digest
from kernel.durable import PRIVATE, PUBLIC
from kernel.errors import Damaged, MianzhengError
from kernel.plain_file import read_bounded

_ATTEMPTS = 5
"""Times that `current` may move while a dataset is copied."""
_SMALL_FILE_MAX = 1 << 20


class DatasetCopy:
    """Copies datasets into a backup; `left_out` tells of versions that could not be taken, and why."""

    def __init__(self, store: Path, keys: IndexKeys, writer: BackupWriter) -> None:
        """Take the exchange's folder, and the keys that its snapshots' keys are wrapped under."""
        self.left_out: dict[str, str] = {}
        self._store = store
        self._keys = keys
        self._writer = writer

    def copy_all(self, tell: Callable[[str], None]) -> None:
        """Copy every dataset."""
        for folder in sorted(self._store.iterdir()) if self._store.is_dir() else []:
            if folder.is_dir() and not folder.name.startswith("."):
                tell(folder.name)
                self._copy(Layout(folder=folder))

    def _copy(self, layout: Layout) -> None:
        taken: dict[str, bytes] = {}
        for version in self._recorded(layout):
            self._copy_version(layout, version, taken)
        self._copy_current(layout, taken)
        for path in self._others(layout):
            # Reports of held deliveries come and go.
            try:
                self._writer.seal_whatever(f"exchange/{path.relative_to(self._store).as_posix()}", path)
            except FileNotFoundError:
                continue

    def _recorded(self, layout: Layout) -> list[str]:
        """The versions whose publication is recorded."""
        if not layout.versions.is_dir():
            return []
        names = sorted(each.name for each in layout.versions.iterdir() if each.is_dir())
        return [name for name in names if layout.receipt(name).is_file() and layout.key(name).is_file()]

    def _copy_version(self, layout: Layout, version: str, taken: dict[str, bytes]) -> None:
        """Copy a version whole, or leave it out; notes its manifest's digest."""
        base = f"exchange/{layout.folder.name}/versions/{version}"
        try:
            taken[version] = self._copy_files(layout, version, base)
        except FileNotFoundError:
            # Retired meanwhile. One that is in force is missed below.
            self._forget(base)
        except MianzhengError as error:
            self._forget(base)
            self.left_out[f"{layout.folder.name}/{version}"] = f"{error.code}: {error}"

    def _forget(self, base: str) -> None:
        for path in (base, f"{base}.key", f"{base}.receipt"):
            self._writer.drop(path)

    def _copy_files(self, layout: Layout, version: str, base: str) -> bytes:
        folder = layout.version(version)
        manifest = _read(folder / MANIFEST)
        wrapped = _read(layout.key(version))
        key = self._keys.unwrap(wrapped, layout.folder.name, version)
        for name, wanted in file_digests(manifest).items():
            path = f"{base}/{name}"
            if name == DATA:
                self._writer.seal_unchanging(path, folder / name, key=key, sealed=UNDER_SNAPSHOT, wanted=wanted)
            else:
                self._writer.copy(path, folder / name, wanted=wanted)
        self._writer.put(f"{base}/{MANIFEST}", [manifest], mode=PUBLIC)
        self._writer.put(f"{base}.key", [wrapped], mode=PRIVATE)
        self._writer.put(f"{base}.receipt", [_read(layout.receipt(version))], mode=PUBLIC)
        return digest(manifest)

    def _copy_current(self, layout: Layout, taken: dict[str, bytes]) -> None:
        for _ in range(_ATTEMPTS):
            raw = read_current_bytes(layout)
            if raw is None:
                return
            current = Current.parse(raw)
            if current.version not in taken and f"{layout.folder.name}/{current.version}" not in self.left_out:
                self._copy_version(layout, current.version, taken)
            if taken.get(current.version) == current.manifest_digest:
                self._writer.put(f"exchange/{layout.folder.name}/current", [raw], mode=PUBLIC)
                return
            if f"{layout.folder.name}/{current.version}" in self.left_out:
                return
        self.left_out[f"{layout.folder.name}/current"] = "it moved each time that it was looked at, or names another"

    def _others(self, layout: Layout) -> Iterator[Path]:
        """Whatever else a dataset keeps: reports of held deliveries, and what later versions of us put there."""
        for path in sorted(layout.folder.iterdir()):
            if path.name.startswith(".") or path in {layout.versions, layout.runs, layout.current}:
                continue
            if path.is_file():
                yield path
            elif path.is_dir():
                yield from (each for each in sorted(path.rglob("*")) if each.is_file())


def file_digests(manifest: bytes) -> dict[str, str]:
    """The SHA-256 (hex) of every file that a manifest lists; raises Damaged.

    Read loosely: a backup also takes snapshots that newer or older versions of us made.
    """
    try:
        found: dict[str, Any] = json.loads(manifest)["files"]
        digests = {str(name): str(each["sha256"]) for name, each in found.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Damaged("is no manifest", field=MANIFEST) from error
    if any("/" in name or name.startswith(".") for name in digests):
        raise Damaged("names files outside of its folder", field=MANIFEST)
    return digests


def _read(path: Path) -> bytes:
    return read_bounded(path, _SMALL_FILE_MAX)
