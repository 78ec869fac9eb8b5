"""Verifying a log: everything is computed again from its bytes, and every fault is named.

An entry stands three times: in the journal, in the public bundle, and as a hash in the tile. Where one of the three
differs from the other two, that one was changed; the signed checkpoint decides over the whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.detail_check import DetailCheck, OnDetail
from audit.detail_keys import DetailKeys
from audit.finding import Fault, Finding, Findings
from audit.merkle import CompactRange, leaf_hash
from audit.note import NOTE_SIZE_MAX
from audit.place import LogPlace
from audit.public_check import PublicSide, check_files
from audit.publish import load_resume
from audit.replay import Replay, Replayed
from audit.root_log import Milestone
from kernel.errors import Damaged, Malformed
from kernel.plain_file import read_bounded
from kernel.signing import VerifyKey

_CHANGED = (Fault.ENTRY_IN_JOURNAL, Fault.HASH_IN_TILE, Fault.ENTRY_IN_BUNDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """What a verification found. `size` entries in the journal, of which `published` are public.

    `opened` details were opened and hold; `erased` ones can be opened by nobody any more; `sealed` ones could not be
    opened here. `unfinished` bytes at the journal's end are of a group that was being written. `faults` counts all of
    the findings, of which the first ones are listed.
    """

    origin: str
    size: int
    published: int
    root: bytes
    opened: int
    erased: int
    sealed: int
    unfinished: int
    faults: int
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """The log's name: the last part of its origin."""
        return self.origin.rpartition("/")[2]

    @property
    def first_bad(self) -> Finding | None:
        """The finding at the lowest entry; else the first one."""
        return min(
            self.findings, key=lambda each: (each.entry is None, -1 if each.entry is None else each.entry), default=None
        )


def verify_log(
    place: LogPlace,
    keys: Sequence[VerifyKey],
    *,
    detail_keys: DetailKeys | None = None,
    milestones: Sequence[Milestone] = (),
    on_detail: OnDetail = lambda _index, _detail: None,
) -> LogReport:
    """Check a log from front to back: journal, entries, details, tiles, checkpoint, and what the root log says of it.

    The log may be in use. Without `detail_keys` only open details can be opened.
    """
    return _LogCheck(place, keys, detail_keys, on_detail).run(milestones)


class _LogCheck:
    """One verification of one log, from entry to entry."""

    def __init__(
        self, place: LogPlace, keys: Sequence[VerifyKey], detail_keys: DetailKeys | None, on_detail: OnDetail
    ) -> None:
        self.place = place
        self.findings = Findings(place.directory.name)
        self.checkpoint, self.reach = self._read_checkpoint(keys)
        self.public = PublicSide(place, self.reach, self.findings)
        self.details = DetailCheck(place, self.reach, self.findings, detail_keys, on_detail)
        self.tree = CompactRange()

    def run(self, milestones: Sequence[Milestone]) -> LogReport:
        roots: dict[int, list[Milestone]] = {}
        for each in milestones:
            roots.setdefault(each.checkpoint.size, []).append(each)
        replay = Replay(self.place, self.findings, self.reach)
        self._check_roots(roots)
        for found in self._all(replay):
            leaf = self._settle(found)
            if leaf is None:
                break
            self.tree.append(leaf)
            self._check_roots(roots)
            self.public.grow(leaf, self.tree.size)
        for size in sorted(size for size in roots if size > self.tree.size):
            self.findings.add(Fault.MILESTONE_BEYOND, f"根日志 root log: {size}", self.tree.size)
        self._check_closing(milestones)
        check_files(self.place, self.reach, self.findings)
        return LogReport(
            origin=self.place.origin,
            size=replay.size,
            published=self.reach,
            root=self.tree.root(),
            opened=self.details.opened,
            erased=self.details.erased,
            sealed=self.details.sealed,
            unfinished=replay.unfinished,
            faults=self.findings.count,
            findings=tuple(self.findings.kept),
        )

    def _read_checkpoint(self, keys: Sequence[VerifyKey]) -> tuple[Checkpoint | None, int]:
        """The published checkpoint, and how many entries the public part is said to hold."""
        name = "public/checkpoint"
        resume = load_resume(self.place)
        said = resume[0] if resume else 0
        try:
            raw = read_bounded(self.place.checkpoint, NOTE_SIZE_MAX)
        except Damaged:
            self.findings.add(Fault.CHECKPOINT_BAD, name)
            return None, said
        except FileNotFoundError:
            if said or self.place.journal.exists():
                self.findings.add(Fault.CHECKPOINT_MISSING, name)
            return None, said
        try:
            checkpoint = open_checkpoint(raw, self.place.origin, keys)
        except Malformed:
            self.findings.add(Fault.CHECKPOINT_BAD, name)
            return None, said
        return checkpoint, checkpoint.size

    def _all(self, replay: Replay) -> Iterator[Replayed]:
        """Every index that the journal holds or the checkpoint covers."""
        yield from replay.records()
        if replay.size < self.reach:
            self.findings.add(Fault.JOURNAL_SHORT, f"journal: {replay.size} < {self.reach}", replay.size)
            for index in range(replay.size, self.reach):
                yield Replayed(index=index, record=None)

    def _settle(self, found: Replayed) -> bytes | None:
        """Decide which of an entry's forms is the true one, name the others, and check what it commits to."""
        index, record = found.index, found.record
        written = None if record is None else record.entry
        bundled, hashed = self.public.at(index)
        forms = (_leaf(written), hashed, _leaf(bundled))
        votes = [each for each in (forms if found.sure else reversed(forms)) if each is not None]
        if not votes:
            self.findings.add(Fault.ENTRY_LOST, "journal", index)
            return None
        leaf = max(votes, key=votes.count)
        places = ("journal", self.public.path(0, index), self.public.path(None, index))
        for form, place, fault in zip(forms, places, _CHANGED, strict=True):
            if form is not None and form != leaf:
                self.findings.add(fault, place, index)
        raw = next((each for each in (written, bundled) if each is not None and leaf_hash(each) == leaf), None)
        if raw is not None:
            self.details.check(index, raw, record)
        return leaf

    def _check_roots(self, roots: dict[int, list[Milestone]]) -> None:
        size = self.tree.size
        for each in roots.get(size, ()):
            if each.checkpoint.root != self.tree.root():
                self.findings.add(Fault.MILESTONE_DIFFERS, f"根日志 root log: {size}")
        if self.checkpoint is not None and size == self.checkpoint.size and self.checkpoint.root != self.tree.root():
            self.findings.add(Fault.ROOT_DIFFERS, "public/checkpoint")

    def _check_closing(self, milestones: Sequence[Milestone]) -> None:
        last = milestones[-1] if milestones else None
        if last is not None and not last.opened and last.checkpoint.size < self.tree.size:
            self.findings.add(Fault.GREW_AFTER_CLOSING, "journal", last.checkpoint.size)


def _leaf(entry: bytes | None) -> bytes | None:
    return None if entry is None else leaf_hash(entry)
