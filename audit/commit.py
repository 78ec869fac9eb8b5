"""A commit: a group of records becomes durable, is signed for, and gets its receipts.

One write, one flush, one signature. Whoever commits holds the log's lock. The order is what the log promises: journal,
flush, then signature; so a checkpoint never covers an entry that a crash could take away.
"""

import time
from collections.abc import Callable, Sequence

from audit.checkpoint import Checkpoint
from audit.journal import Journal, encode_frame
from audit.merkle import CompactRange, Growth, leaf_hash
from audit.publish import Signed
from audit.receipt import receipts
from audit.record import Logged, Prepared
from kernel.errors import LogUnavailable
from kernel.signing import Signer, SigningKey

Committed = Callable[[int, int, float], None]
"""Hears of a group that is durable: its entries, its bytes, and the seconds that the write and the flush took."""


class Commits:
    """The writing end of a log. `committed` hears of every group, on the thread that commits it."""

    __slots__ = ("_failed", "_journal", "_origin", "_signer", "committed", "tree")

    def __init__(self, origin: str, signer: Signer, journal: Journal, tree: CompactRange) -> None:
        """Go on from a recovered journal and its tree."""
        self._origin = origin
        self._signer = signer
        self._journal = journal
        self._failed = False
        self.committed: Committed | None = None
        self.tree = tree

    def sign(self) -> Signed:
        """The checkpoint of the log as it stands; raises Unavailable where no key may sign."""
        return self._signed_by(self._signer.current())

    def commit(self, group: Sequence[Prepared]) -> tuple[list[Logged], Signed]:
        """Make a group durable; gives each record's entry and receipt, in order, and the new checkpoint.

        Raises LogUnavailable where the write or the flush failed. That is final: what reached the disk is not known
        then, and only reading the journal again can tell.
        """
        if self._failed:
            raise LogUnavailable("the log stopped after a failed write")
        # Before anything is written: what cannot be signed for must not be in the journal.
        key = self._signer.current()
        growth = Growth.of(self.tree, [leaf_hash(each.entry) for each in group])
        frame = encode_frame(self.tree.size, group)
        began = time.perf_counter()
        try:
            self._journal.append(frame)
        except OSError as error:
            self._failed = True
            raise LogUnavailable(f"the journal could not be written: {error.strerror}") from error
        if self.committed is not None:
            self.committed(len(group), len(frame), time.perf_counter() - began)
        self.tree = growth.after
        signed = self._signed_by(key)
        logged = [
            Logged(entry=each.entry, receipt=receipt, index=growth.first + at)
            for at, (each, receipt) in enumerate(zip(group, receipts(growth, signed.note), strict=True))
        ]
        return logged, signed

    def close(self) -> None:
        """Let the journal go."""
        self._journal.close()

    def _signed_by(self, key: SigningKey) -> Signed:
        checkpoint = Checkpoint.of(self._origin, self.tree)
        return Signed(checkpoint=checkpoint, note=checkpoint.sign(key), end=self._journal.end)
