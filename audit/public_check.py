"""Checking a log's public part, tile by tile, against the entries as they are decided on."""

import os
from pathlib import Path

from audit.finding import Fault, Findings
from audit.place import LogPlace
from audit.tiles import (
    FILE_SIZE_MAX,
    LEVEL_MAX,
    TILE_WIDTH,
    Tile,
    fold,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    read_tile,
    tile_of,
)
from kernel.errors import Damaged, Malformed
from kernel.plain_file import read_bounded

_UPPER = range(1, LEVEL_MAX + 1)


class PublicSide:
    """The public forms of every entry below `reach`; grows the upper tiles along and compares them."""

    def __init__(self, place: LogPlace, reach: int, findings: Findings) -> None:
        """Note faults in `findings`."""
        self._place = place
        self._reach = reach
        self._findings = findings
        self._bundle: tuple[bytes, ...] | None = None
        self._hashes: tuple[bytes, ...] | None = None
        self._row: list[bytes] = []
        self._upper: dict[int, list[bytes]] = {level: [] for level in _UPPER}
        self._counts = dict.fromkeys(_UPPER, 0)

    def at(self, index: int) -> tuple[bytes | None, bytes | None]:
        """The entry in its bundle and the hash in its tile, as they are published. Indexes come in order."""
        if index >= self._reach:
            return None, None
        within = index % TILE_WIDTH
        if within == 0:
            self._bundle = self._read(tile_of(None, index // TILE_WIDTH, self._reach))
            self._hashes = self._read(tile_of(0, index // TILE_WIDTH, self._reach))
        entry = None if self._bundle is None else self._bundle[within]
        return entry, None if self._hashes is None else self._hashes[within]

    def path(self, level: int | None, index: int) -> str:
        """The file in which an entry, or its hash, is published."""
        if index >= self._reach:
            return "public"
        return f"public/{tile_of(level, index // TILE_WIDTH, self._reach).path}"

    def grow(self, leaf: bytes, size: int) -> None:
        """Take the next leaf; compare each tile above level 0 when it is complete, or the public part ends."""
        if size > self._reach:
            return
        self._row.append(leaf)
        if len(self._row) == TILE_WIDTH:
            self._rise(1, fold(self._row))
            self._row = []
        if size == self._reach:
            for level in _UPPER:
                if self._upper[level]:
                    self._compare(level)

    def _rise(self, level: int, node: bytes) -> None:
        if level > LEVEL_MAX:
            return
        row = self._upper[level]
        row.append(node)
        if len(row) == TILE_WIDTH:
            self._compare(level)
            self._counts[level] += 1
            self._upper[level] = []
            self._rise(level + 1, fold(row))

    def _compare(self, level: int) -> None:
        row = self._upper[level]
        tile = Tile(level=level, index=self._counts[level], width=len(row))
        found = self._read(tile)
        if found is not None and list(found) != row:
            self._findings.add(Fault.HASH_IN_TILE, f"public/{tile.path}")

    def _read(self, tile: Tile) -> tuple[bytes, ...] | None:
        try:
            return read_tile(self._place.public, tile)
        except Damaged:
            self._findings.add(Fault.TILE_UNREADABLE, f"public/{tile.path}")
            return None


def check_files(place: LogPlace, reach: int, findings: Findings) -> None:
    """Check that nothing else stands among the tiles: strays, and older partial tiles that are no part of the newer.

    Tiles beyond `reach` may be there: publication writes them before the checkpoint.
    """
    bad = {found.place for found in findings.kept}
    # Listed by what each directory says its names are: a log in use removes partial tiles meanwhile.
    walk = os.walk(place.public / "tile")
    for path in sorted(Path(folder) / name for folder, _, names in walk for name in names):
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            continue
        name = path.relative_to(place.public).as_posix()
        try:
            tile = parse_tile_path(name)
        except Malformed:
            findings.add(Fault.FILE_STRAY, f"public/{name}")
            continue
        if tile.width < TILE_WIDTH and not bad & {f"public/{each}" for each in _newer(tile, reach)}:
            _check_older(place.public, path, tile, reach, findings)


def _newer(tile: Tile, reach: int) -> tuple[str, ...]:
    """The files that a partial tile is compared with, itself included: what is wrong with those has been said."""
    try:
        newer = tile_of(tile.level, tile.index, reach)
    except Malformed:
        return ()
    return (newer.path, newer.full.path)


def _check_older(public: Path, path: Path, tile: Tile, reach: int, findings: Findings) -> None:
    try:
        newer = tile_of(tile.level, tile.index, reach)
        if newer.width <= tile.width:
            return
        whole = read_tile(public, newer)
    except (Damaged, Malformed):
        return
    parse = parse_bundle if tile.level is None else parse_tile
    try:
        older = parse(read_bounded(path, FILE_SIZE_MAX), tile.width)
    except FileNotFoundError:
        return
    except (Damaged, Malformed):
        findings.add(Fault.TILE_UNREADABLE, f"public/{tile.path}")
        return
    if older != whole[: tile.width]:
        findings.add(Fault.ENTRY_IN_BUNDLE if tile.level is None else Fault.HASH_IN_TILE, f"public/{tile.path}")
