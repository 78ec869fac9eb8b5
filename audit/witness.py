"""Comparing a hub's logs with what is in other people's hands: a receipt, or a checkpoint.

Whoever holds one holds a promise of the log: so many entries, under this root, for ever. A log that is shorter now has
been set back: by a restore that says so, or by somebody who does not.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.finding import Worded
from audit.generation import split_name
from audit.journal import BrokenFrame, read_frames
from audit.logs import origin_of
from audit.merkle import CompactRange, leaf_hash, left_spans, span_hash
from audit.note import Note
from audit.place import LogPlace
from audit.receipt import Receipt
from audit.recover import read_published
from audit.root_log import Restored
from audit.tiles import TileReader
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain
from kernel.trust import Trust


class Standing(Worded):
    """How a log stands to a promise of its own."""

    HELD = ("日志包含其全部条目", "the log holds all of its entries")
    LOST = (
        "恢复后的日志落后于此：其后条目已失，此凭证自证其真",
        "the restored log is behind it: the entries after are lost here, and this proves itself",
    )
    ABSENT = (
        "此处没有该日志：随恢复而失，此凭证自证其真",
        "the log is not here: it was lost with a restore, and this proves itself",
    )
    BEHIND = ("日志短于其已签署者：被退回或截断", "the log is shorter than what it signed: it was set back or cut off")
    FORKED = ("日志与其已签署者不一致", "the log is not the one that signed this")
    FALSE = ("并非本枢纽日志所签署", "no log of this hub signed this")


FAULTS = frozenset({Standing.BEHIND, Standing.FORKED, Standing.FALSE})
"""What must not be. LOST and ABSENT are losses that the restore has told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A promise, and how the log stands to it. `here` counts the entries that are here, `size` those it promised."""

    origin: str
    size: int
    here: int
    standing: Standing

    @property
    def is_fault(self) -> bool:
        """Whether this must not be."""
        return self.standing in FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A receipt with its entry, or (both None) a checkpoint alone."""

    note: bytes
    receipt: Receipt | None = None
    entry: bytes | None = None

    @classmethod
    def of_receipt(cls, receipt: bytes, entry: bytes) -> "Promise":
        """What a receipt promises of an entry; raises Malformed."""
        parsed = Receipt.parse(receipt)
        return cls(note=parsed.note, receipt=parsed, entry=entry)

    def check(self, trust: Trust) -> Checkpoint:
        """The checkpoint, if a log of the hub has signed it (and holds the entry); raises Malformed."""
        said = Checkpoint.parse(Note.parse(self.note).text)
        keys = trust.log_keys(said.origin)
        if self.receipt is not None and self.entry is not None:
            return self.receipt.check(self.entry, said.origin, keys)
        return open_checkpoint(self.note, said.origin, keys)


def compare(directory: Path, trust: Trust, restored: Mapping[str, Restored], promise: Promise) -> Comparison:
    """How the logs below a hub's `audit` directory stand to a promise; raises Malformed where it is none at all."""
    said = Checkpoint.parse(Note.parse(promise.note).text)
    name = said.origin.rpartition("/")[2]
    try:
        split_name(name)
        checkpoint = promise.check(trust)
    except Malformed:
        return Comparison(origin=said.origin, size=said.size, here=0, standing=Standing.FALSE)
    place = LogPlace(directory=directory / name, origin=origin_of(trust.hub, name))
    if not place.journal.exists():
        standing = Standing.ABSENT if restored else Standing.BEHIND
        return Comparison(origin=said.origin, size=checkpoint.size, here=0, standing=standing)
    here, root, entry = _read_up_to(place, checkpoint.size, promise)
    if here == checkpoint.size:
        same = root == checkpoint.root and entry == promise.entry
        standing = Standing.HELD if same else Standing.FORKED
    elif (entry is not None and entry != promise.entry) or not _agrees(place, trust, promise, checkpoint):
        standing = Standing.FORKED
    else:
        standing = Standing.LOST if name in restored else Standing.BEHIND
    return Comparison(origin=said.origin, size=checkpoint.size, here=here, standing=standing)


def _read_up_to(place: LogPlace, size: int, promise: Promise) -> tuple[int, bytes, bytes | None]:
    """How many entries of the promised ones the journal holds, their root, and the entry at the promised place."""
    tree, entry = CompactRange(), None
    wanted = promise.receipt.index if promise.receipt else -1
    with open_plain(place.journal) as file, suppress(BrokenFrame):
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                if tree.size == size:
                    return tree.size, tree.root(), entry
                if tree.size == wanted:
                    entry = record.entry
                tree.append(leaf_hash(record.entry))
    return tree.size, tree.root(), entry


def _agrees(place: LogPlace, trust: Trust, promise: Promise, checkpoint: Checkpoint) -> bool:
    """Whether a longer receipt can be of the same log, as far as the hashes in it reach into what is here."""
    if promise.receipt is None:
        return True
    try:
        published = read_published(place, *trust.log_keys(place.origin))
        if published is None:
            return True
        reader = TileReader(directory=place.public, size=published.size)
        spans = left_spans(promise.receipt.index, checkpoint.size)
        return all(
            span_hash(*span, reader.node) == found
            for span, found in zip(spans, promise.receipt.proof, strict=True)
            if span is not None and span[1] <= published.size
        )
    except Damaged:
        # What is wrong with the log's own files is named by its verification.
        return True
