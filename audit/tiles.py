"""The public form of a log: static files that anybody can check (C2SP tlog-tiles v1).

A tile of level *l* holds up to 256 hashes of perfect nodes of tree level `8 * l`; a bundle holds the entries of a
tile of level 0, each after its length in two bytes. A tile with fewer than 256 hashes is partial and
stands at `<N>.p/<W>`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit.merkle import node_hash
from kernel.digest import DIGEST_SIZE
from kernel.errors import Damaged, Malformed
from kernel.plain_file import read_bounded

TILE_WIDTH = 256
TILE_HEIGHT = 8
LEVEL_MAX = 7
ENTRY_SIZE_MAX = (1 << 16) - 1
FILE_SIZE_MAX = TILE_WIDTH * (2 + ENTRY_SIZE_MAX)
"""The bytes of the largest bundle; tiles are smaller."""
CHECKPOINT_FILE = "checkpoint"
_CACHED_TILES_MAX = 64
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(x[0-9]{3}/){0,5}[0-9]{3})(\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The place of a tile, or (level None) of a bundle: its index, and how many hashes or entries it holds."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it stands below the log's prefix, e.g. `tile/0/x001/x234/067.p/8`."""
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{index_path(self.index)}{partial}"

    @property
    def full(self) -> "Tile":
        """The full tile that will stand in its stead."""
        return Tile(level=self.level, index=self.index)


def index_path(index: int) -> str:
    """A number as path elements of three digits, all but the last with an x in front, e.g. `x001/x234/067`."""
    digits = f"{index:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def open_detail_path(index: int) -> str:
    """Where the detail of an entry stands, if it is not secret: `detail/<N>`. Not part of tlog-tiles."""
    return f"detail/{index_path(index)}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile and bundle of a log of that size, left to right and upwards, bundles first."""
    for level in (None, *range(LEVEL_MAX + 1)):
        hashes = size >> (TILE_HEIGHT * (level or 0))
        for index in range(hashes // TILE_WIDTH):
            yield Tile(level=level, index=index)
        if hashes % TILE_WIDTH:
            yield Tile(level=level, index=hashes // TILE_WIDTH, width=hashes % TILE_WIDTH)


def tile_of(level: int | None, index: int, size: int) -> Tile:
    """The tile with that index of a log of that size; raises Malformed where the log has none."""
    hashes = size >> (TILE_HEIGHT * (level or 0))
    width = min(hashes - index * TILE_WIDTH, TILE_WIDTH)
    if width <= 0:
        raise Malformed("a log of that size has no such tile", field="tile")
    return Tile(level=level, index=index, width=width)


def parse_tile_path(path: str) -> Tile:
    """The tile that a path below the log's prefix names; raises Malformed, also for a second spelling."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed("is no path of a tile", field="tile")
    tile = Tile(
        level=None if found["level"] == "entries" else int(found["level"]),
        index=int(found["index"].replace("/", "").replace("x", "")),
        width=int(found["width"] or TILE_WIDTH),
    )
    if tile.path != path or not 0 < tile.width <= TILE_WIDTH:
        raise Malformed("is no path of a tile", field="tile")
    return tile


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of a bundle."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(raw: bytes, width: int) -> tuple[bytes, ...]:
    """The entries of a bundle that holds `width` of them; raises Malformed."""
    entries: list[bytes] = []
    at = 0
    while at < len(raw) and len(entries) < width:
        begin = at + 2
        at = begin + int.from_bytes(raw[at:begin], "big")
        entries.append(raw[begin:at])
    if at != len(raw) or len(entries) != width:
        raise Malformed(f"is no bundle of {width} entries", field="bundle")
    return tuple(entries)


def parse_tile(raw: bytes, width: int) -> tuple[bytes, ...]:
    """The hashes of a tile that holds `width` of them; raises Malformed."""
    if len(raw) != width * DIGEST_SIZE:
        raise Malformed(f"is no tile of {width} hashes", field="tile")
    return tuple(raw[at : at + DIGEST_SIZE] for at in range(0, len(raw), DIGEST_SIZE))


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over a power of two of neighbouring nodes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


@dataclass(slots=True, kw_only=True)
class TileReader:
    """Reads a log of a known size from its public directory; keeps the last few tiles. Raises Damaged, naming files."""

    directory: Path
    size: int
    _cache: dict[Tile, tuple[bytes, ...]] = field(default_factory=dict)

    def read(self, tile: Tile) -> tuple[bytes, ...]:
        """The hashes of a tile or the entries of a bundle. A full one may stand where a partial one was."""
        found = self._cache.get(tile)
        if found is None:
            found = read_tile(self.directory, tile)
            if len(self._cache) >= _CACHED_TILES_MAX:
                self._cache.pop(next(iter(self._cache)))
            self._cache[tile] = found
        return found

    def entry(self, index: int) -> bytes:
        """The bytes of an entry."""
        return self.read(tile_of(None, index // TILE_WIDTH, self.size))[index % TILE_WIDTH]

    def node(self, level: int, index: int) -> bytes:
        """The hash of a perfect node of the tree: the port that proofs are made through."""
        height, within = divmod(level, TILE_HEIGHT)
        first = index << within
        hashes = self.read(tile_of(height, first // TILE_WIDTH, self.size))
        at = first % TILE_WIDTH
        return fold(hashes[at : at + (1 << within)])


def read_tile(directory: Path, tile: Tile) -> tuple[bytes, ...]:
    """What a tile or bundle holds, from its file or from the full one that replaced it; raises Damaged."""
    parse = parse_bundle if tile.level is None else parse_tile
    for place in dict.fromkeys((tile, tile.full)):
        try:
            raw = read_bounded(directory / place.path, FILE_SIZE_MAX)
        except FileNotFoundError:
            continue
        try:
            return parse(raw, place.width)[: tile.width]
        except Malformed as error:
            raise Damaged(error.message, field=f"{directory.name}/{place.path}") from error
    raise Damaged("is missing", field=f"{directory.name}/{tile.path}")
