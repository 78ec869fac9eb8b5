"""Opening a published snapshot, and proving that it is as it was published."""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from exchange.current import CURRENT_BYTES_MAX, Current
from exchange.index import IndexReader
from exchange.keys import IndexKeys
from exchange.layout import INDEX, MANIFEST, Layout
from exchange.manifest import Manifest, Shape
from kernel.digest import digest, digest_file
from kernel.errors import Damaged
from kernel.plain_file import read_bounded
from schemas.contract import Contract

FileState = tuple[int, int, int]
"""Inode, size and time of change: a file with the same three was not written meanwhile."""

_KEY_FILE_MAX = 4096
_REMEDY = "restore it, or publish the dataset again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One published version of a dataset, as answers refer to it.

    `absence_allowed` is false where the absence of a row proves nothing; then no claim may be answered from absence.
    `name_tainted` says that some rows were held back which only a name can attribute.
    """

    dataset: str
    version: str
    manifest_digest: bytes
    data_as_of: datetime
    contract_version: str
    absence_allowed: bool
    name_tainted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSnapshot:
    """A snapshot with its serving index open. `serves` is false where the contract cannot read it."""

    snapshot: Snapshot
    shape: Shape
    contract: Contract
    index: IndexReader
    index_path: Path
    index_state: FileState
    serves: bool

    def under(self, contract: Contract) -> "OpenSnapshot":
        """The same snapshot, read under another contract of its dataset."""
        return replace(self, contract=contract, serves=self.shape.serves(contract))


def file_state(path: Path | str) -> FileState | None:
    """Inode, size and time of a file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on the hot path, and twice as fast as Path.stat
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_current(layout: Layout) -> Current | None:
    """What `current` names; None where it is not there. Raises Damaged."""
    raw = read_current_bytes(layout)
    return None if raw is None else Current.parse(raw)


def read_in_force(layout: Layout) -> Current | None:
    """What `current` names; None where nothing was ever published. Raises Damaged, also where `current` was lost."""
    found = read_current(layout)
    if found is None and any(layout.versions.glob("*.receipt")):
        raise Damaged("current is missing", field=layout.folder.name, remedy=_REMEDY)
    return found


def read_current_bytes(layout: Layout) -> bytes | None:
    """The bytes of `current`, for comparing and swapping."""
    try:
        with layout.current.open("rb") as file:
            return file.read(CURRENT_BYTES_MAX + 1)
    except FileNotFoundError:
        return None


def manifest_in_force(layout: Layout, *, bytes_max: int) -> Manifest | None:
    """The manifest of what is in force; None where nothing was ever published. Raises Damaged."""
    current = read_in_force(layout)
    return None if current is None else read_manifest(layout, current, bytes_max=bytes_max)


def read_manifest(layout: Layout, current: Current, *, bytes_max: int) -> Manifest:
    """The manifest of the snapshot that `current` names; raises Damaged where it is not the one that was published."""
    name = f"{layout.folder.name}/{current.version}/{MANIFEST}"
    raw = _read(layout.version(current.version) / MANIFEST, name, bytes_max)
    if digest(raw) != current.manifest_digest:
        raise _damaged("is not the manifest that was published", name)
    manifest = Manifest.parse(raw)
    if manifest.dataset != layout.folder.name or manifest.version != current.version:
        raise _damaged("belongs to another snapshot", name)
    return manifest


def open_snapshot(
    layout: Layout, current: Current, contract: Contract, keys: IndexKeys, *, bytes_max: int
) -> OpenSnapshot:
    """Open what `current` names, its manifest and index checked against their digests; raises Damaged."""
    dataset = layout.folder.name
    manifest = read_manifest(layout, current, bytes_max=bytes_max)
    if not layout.receipt(current.version).is_file():
        raise _damaged("its publication is not recorded", f"{dataset}/{current.version}.receipt")
    if manifest.index_key_id != keys.index_key_id:
        raise _damaged("was made under another index key", f"{dataset}/{current.version}/{INDEX}")
    index_path = layout.version(current.version) / INDEX
    state = check_file(manifest, index_path, INDEX)
    return OpenSnapshot(
        snapshot=Snapshot(
            dataset=dataset,
            version=manifest.version,
            manifest_digest=current.manifest_digest,
            data_as_of=manifest.data_as_of,
            contract_version=manifest.contract_version,
            absence_allowed=manifest.absence_allowed,
            name_tainted=manifest.name_tainted,
        ),
        shape=manifest.shape,
        contract=contract,
        index=IndexReader(index_path, read_data_key(layout, manifest, keys)),
        index_path=index_path,
        index_state=state,
        serves=manifest.shape.serves(contract),
    )


def read_data_key(layout: Layout, manifest: Manifest, keys: IndexKeys) -> bytes:
    """The key under which a snapshot's values are sealed; raises Damaged."""
    name = f"{manifest.dataset}/{manifest.version}.key"
    return keys.unwrap(_read(layout.key(manifest.version), name, _KEY_FILE_MAX), manifest.dataset, manifest.version)


def check_files(layout: Layout, manifest: Manifest) -> None:
    """Read every file of a snapshot and compare it with its digest; raises Damaged naming the first that differs."""
    for name in manifest.files:
        check_file(manifest, layout.version(manifest.version) / name, name)


def check_file(manifest: Manifest, path: Path, name: str) -> FileState:
    """Read one file of a snapshot and compare it with its digest; raises Damaged."""
    expected = manifest.files.get(name)
    where = f"{manifest.dataset}/{manifest.version}/{name}"
    if expected is None:
        raise _damaged("is not in the manifest", where)
    state = file_state(path)
    if state is None:
        raise _damaged("is missing", where)
    if state[1] != expected.size or digest_file(path) != expected.sha256:
        raise _damaged("is not the file that was published", where)
    return state


def _read(path: Path, name: str, bytes_max: int) -> bytes:
    try:
        return read_bounded(path, bytes_max, name=name, remedy=_REMEDY)
    except FileNotFoundError:
        raise _damaged("is missing", name) from None


def _damaged(what: str, where: str) -> Damaged:
    return Damaged(what, field=where, remedy=_REMEDY)
