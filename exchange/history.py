"""The versions of a dataset: which are kept, which are gone, and what each was."""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from exchange.current import Current
from exchange.layout import MANIFEST, Layout
from exchange.manifest import Manifest
from exchange.snapshot import read_current
from kernel.errors import Damaged
from kernel.plain_file import read_bounded
from schemas.contract import Contract
from schemas.title import Title


class Standing(StrEnum):
    """What has become of a version. Its receipt outlives its files: it proves that it was once in force."""

    IN_FORCE = "in_force"
    KEPT = "kept"
    RETIRED = "retired"
    LOST = "lost"
    UNRECORDED = "unrecorded"
    UNKNOWN = "unknown"

    @property
    def words(self) -> Title:
        """The standing as people read it."""
        return _WORDS[self]


_WORDS = {
    Standing.IN_FORCE: Title(zh="现行", en="in force"),
    Standing.KEPT: Title(zh="留存", en="kept"),
    Standing.RETIRED: Title(zh="已到保存期，数据已删除", en="retired: its retention is over"),
    Standing.LOST: Title(zh="密钥或文件丢失", en="its key or its files are lost"),
    Standing.UNRECORDED: Title(zh="未记入审计日志，从未生效", en="never recorded, never in force"),
    Standing.UNKNOWN: Title(zh="没有这一版本", en="no such version"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version. `manifest` is None where its files are gone or damaged.

    `readable`: the contract in force can read it, so that it may come into force again.
    """

    version: str
    standing: Standing
    manifest: Manifest | None
    damaged: bool
    readable: bool


def standing(layout: Layout, version: str) -> Standing:
    """What has become of a version; its files are not looked into."""
    folder, recorded = layout.version(version).is_dir(), layout.receipt(version).is_file()
    if not recorded:
        return Standing.UNRECORDED if folder else Standing.UNKNOWN
    in_force = False
    with suppress(Damaged):
        current = read_current(layout)
        in_force = current is not None and current.version == version
    if not folder:
        return Standing.LOST if in_force else Standing.RETIRED
    # Retirement takes the folder away with the key: one without the other was lost.
    if not layout.key(version).is_file():
        return Standing.LOST
    if in_force:
        return Standing.IN_FORCE
    return Standing.KEPT


def history(layout: Layout, contract: Contract, *, bytes_max: int) -> tuple[Version, ...]:
    """Every version that was ever recorded or stands here, the newest first."""
    names = {path.name.removesuffix(".receipt").removesuffix(".key") for path in _entries(layout)}
    return tuple(_version(layout, name, contract, bytes_max) for name in sorted(names, reverse=True))


def read_version(layout: Layout, version: str, *, bytes_max: int) -> Manifest:
    """The manifest of a version that stands here; raises Damaged. That it is the published one is not proved here."""
    where = f"{layout.folder.name}/{version}/{MANIFEST}"
    remedy = "restore it from the backup"
    try:
        raw = read_bounded(layout.version(version) / MANIFEST, bytes_max, name=where, remedy=remedy)
    except FileNotFoundError as error:
        raise Damaged("is missing", field=where, remedy=remedy) from error
    manifest = Manifest.parse(raw)
    if (manifest.dataset, manifest.version) != (layout.folder.name, version):
        raise Damaged("belongs to another snapshot", field=where, remedy=remedy)
    return manifest


def as_current(manifest: Manifest) -> Current:
    """What `current` holds where this snapshot is in force."""
    return Current(version=manifest.version, manifest_digest=manifest.digest)


def _entries(layout: Layout) -> list[Path]:
    found = list(layout.versions.iterdir()) if layout.versions.is_dir() else []
    return [path for path in found if not path.name.startswith(".")]


def _version(layout: Layout, name: str, contract: Contract, bytes_max: int) -> Version:
    manifest, damaged, now = None, False, standing(layout, name)
    if now not in {Standing.RETIRED, Standing.LOST}:
        try:
            manifest = read_version(layout, name, bytes_max=bytes_max)
        except Damaged:
            damaged = True
    readable = manifest is not None and manifest.shape.serves(contract)
    return Version(version=name, standing=now, manifest=manifest, damaged=damaged, readable=readable)
