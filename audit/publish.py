"""Publishing: from the journal, a moment behind it, come the tiles, the bundles and the checkpoint that outsiders read.

What is published is read back from the journal, so the public part shows what is durable and nothing else. A
checkpoint is put in place only after all of its tiles, and only if they lead to its root.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit.checkpoint import Checkpoint
from audit.detail import OPEN, detail_bytes, sealing_key_id
from audit.files import Files, make_directory, put
from audit.journal import read_frames
from audit.merkle import CompactRange, leaf_hash
from audit.place import LogPlace
from audit.tiles import (
    LEVEL_MAX,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    fold,
    open_detail_path,
    read_tile,
    tile_of,
)
from kernel.durable import PRIVATE
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain, read_bounded

RESUME_SIZE_MAX = 4096
"""A longer hint is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint that the log has signed: the note's bytes, and where in the journal its entries end."""

    checkpoint: Checkpoint
    note: bytes
    end: int


class Edge:
    """The right edge of a tree in tiles: all that must be kept to go on writing tiles. At most 256 hashes a level."""

    __slots__ = ("entries", "size", "tails")

    def __init__(self) -> None:
        """The edge of an empty tree."""
        self.size = 0
        self.tails: list[list[bytes]] = [[] for _ in range(LEVEL_MAX + 1)]
        self.entries: list[bytes] = []

    @classmethod
    def load(cls, public: Path, checkpoint: Checkpoint) -> "Edge":
        """The edge of the published tree; raises Damaged where its tiles do not lead to its root."""
        edge = cls()
        edge.size = checkpoint.size
        for level in range(LEVEL_MAX + 1):
            hashes = edge.size >> (TILE_HEIGHT * level)
            if hashes % TILE_WIDTH:
                edge.tails[level] = list(read_tile(public, tile_of(level, hashes // TILE_WIDTH, edge.size)))
        if edge.size % TILE_WIDTH:
            edge.entries = list(read_tile(public, tile_of(None, edge.size // TILE_WIDTH, edge.size)))
        if edge.compact().root() != checkpoint.root:
            raise Damaged("does not lead to the checkpoint's root", field="tile")
        if [leaf_hash(entry) for entry in edge.entries] != edge.tails[0]:
            raise Damaged("does not hold the entries of its tile", field="tile/entries")
        return edge

    def compact(self) -> CompactRange:
        """The perfect nodes of the tree."""
        nodes: list[bytes] = []
        for tail in reversed(self.tails):
            at = 0
            for bit in range(TILE_HEIGHT - 1, -1, -1):
                if len(tail) & (1 << bit):
                    nodes.append(fold(tail[at : at + (1 << bit)]))
                    at += 1 << bit
        return CompactRange(self.size, nodes)

    def append(self, entry: bytes) -> Iterator[tuple[Tile, bytes]]:
        """Grow by one entry; gives every tile that this fills, with its bytes."""
        self.entries.append(entry)
        self.tails[0].append(leaf_hash(entry))
        self.size += 1
        if len(self.entries) == TILE_WIDTH:
            yield Tile(level=None, index=self.size // TILE_WIDTH - 1), encode_bundle(self.entries)
            self.entries = []
        for level in range(LEVEL_MAX):
            tail = self.tails[level]
            if len(tail) < TILE_WIDTH:
                return
            yield Tile(level=level, index=(self.size >> (TILE_HEIGHT * (level + 1))) - 1), b"".join(tail)
            self.tails[level + 1].append(fold(tail))
            self.tails[level] = []

    def partials(self) -> Iterator[tuple[Tile, bytes]]:
        """Every partial tile of the tree as it stands, with its bytes."""
        if self.entries:
            yield tile_of(None, self.size // TILE_WIDTH, self.size), encode_bundle(self.entries)
        for level, tail in enumerate(self.tails):
            if tail:
                yield tile_of(level, self.size >> (TILE_HEIGHT * (level + 1)), self.size), b"".join(tail)


class Publication:
    """The public part of one log, as the holder of its lock brings it up to date."""

    __slots__ = ("_edge", "_end", "_files", "_last", "_place")

    def __init__(self, place: LogPlace, files: Files, edge: Edge | None, end: int, last: int = 0) -> None:
        """Go on from a published edge, whose last frame stands at bytes `last` to `end`; None: from nothing."""
        self._place = place
        self._files = files
        self._edge = edge
        self._last = last
        self._end = end

    def publish(self, signed: Signed) -> None:
        """Publish a checkpoint and what it needs; raises OSError, after which it can be tried again, or Damaged."""
        edge = self._edge
        if edge is None or edge.size > signed.checkpoint.size:
            edge, self._end, self._last = Edge(), 0, 0
        # Until this has gone well, the edge is ahead of what stands on the disk: a failure begins from nothing.
        self._edge = None
        filled = self._write_full(edge, signed.end)
        for tile, data in edge.partials():
            self._put(tile.path, data)
        self._flush_names(tile.path for tile, _ in edge.partials())
        if edge.compact().root() != signed.checkpoint.root or edge.size != signed.checkpoint.size:
            raise Damaged("does not lead to the signed root: the journal was changed", field=self._place.origin)
        put(self._files, self._place.checkpoint, signed.note)
        self._files.flush_names(self._place.public)
        # Only now: until the newer checkpoint stands, outsiders read the older one by its partial tiles.
        for tile in filled:
            shutil.rmtree(self._place.public / f"{tile.path}.p", ignore_errors=True)
        hint = json.dumps({"size": edge.size, "last": self._last}).encode()
        put(self._files, self._place.resume, hint, mode=PRIVATE, flush=False)
        self._edge, self._end = edge, signed.end

    def _write_full(self, edge: Edge, end: int) -> list[Tile]:
        filled = []
        paths: list[str] = []
        with open_plain(self._place.journal) as file:
            for frame in read_frames(file, self._place.origin, start=self._end, end=end):
                self._last = frame.start
                for record in frame.records:
                    if sealing_key_id(record.sealed) == OPEN.id:
                        paths.append(open_detail_path(edge.size))
                        self._put(paths[-1], detail_bytes(record.sealed, OPEN))
                    for tile, data in edge.append(record.entry):
                        self._put(tile.path, data)
                        filled.append(tile)
        self._flush_names([*paths, *(tile.path for tile in filled)])
        return filled

    def _put(self, path: str, data: bytes) -> None:
        target = self._place.public / path
        if not target.parent.exists():
            make_directory(self._files, target.parent)
        put(self._files, target, data)

    def _flush_names(self, paths: Iterable[str]) -> None:
        for parent in {(self._place.public / path).parent for path in paths}:
            self._files.flush_names(parent)


def load_resume(place: LogPlace) -> tuple[int, int] | None:
    """The size that was published last, and where its last frame begins in the journal; None where that is unreadable.

    A hint, trusted only as far as the journal and the signed checkpoint confirm it.
    """
    try:
        found = json.loads(read_bounded(place.resume, RESUME_SIZE_MAX))
        size, last = found["size"], found["last"]
    except (OSError, Damaged, ValueError, TypeError, KeyError, RecursionError):
        return None
    return (size, last) if isinstance(size, int) and isinstance(last, int) and min(size, last) >= 0 else None


class Publisher:
    """A thread that keeps the public part of a log up to date while the log goes on."""

    def __init__(self, publication: Publication, pause_ms: int, on_damage: Callable[[Damaged], None]) -> None:
        """Publish at most once a pause; tell `on_damage` where the journal is no longer what was signed."""
        self._publication = publication
        self._pause = pause_ms / 1000
        self._on_damage = on_damage
        self._latest: Signed | None = None
        self._wake = threading.Condition()
        self._closing = threading.Event()
        self.failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="audit-publisher", daemon=True)
        self._thread.start()

    def offer(self, signed: Signed) -> None:
        """There is a newer checkpoint; returns at once."""
        with self._wake:
            self._latest = signed
            self._wake.notify()

    def close(self) -> None:
        """Publish what is left and stop."""
        self._closing.set()
        with self._wake:
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while (signed := self._next()) is not None:
            try:
                self._publication.publish(signed)
                self.failure = None
            except OSError as error:
                # The journal holds everything, so the log goes on; the public part catches up when it can.
                self.failure = error
                with self._wake:
                    self._latest = self._latest or signed
                if self._closing.is_set():
                    return
            except (Damaged, Malformed) as error:
                self._on_damage(error if isinstance(error, Damaged) else Damaged(error.message))
                return
            self._closing.wait(self._pause)

    def _next(self) -> Signed | None:
        with self._wake:
            while self._latest is None and not self._closing.is_set():
                self._wake.wait()
            signed, self._latest = self._latest, None
        return signed


def settle_public(place: LogPlace) -> None:
    """Remove temporary files that a crash left in the public part."""
    for left in place.public.glob("**/.*.tmp"):
        with suppress(FileNotFoundError):
            left.unlink()
