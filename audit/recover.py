"""Opening a log: rebuild the tree from the journal, cut a torn tail off, and compare with what was published.

Whatever was published must be a prefix of what the journal holds. Else somebody has changed one of them, and the log
is not written to any more: Damaged says which file and where.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.files import Files, make_directory, put
from audit.journal import BrokenFrame, Frame, Journal, check_preamble, preamble, read_frames
from audit.merkle import CompactRange, leaf_hash
from audit.note import NOTE_SIZE_MAX
from audit.place import LogPlace
from audit.publish import Edge, Publication, load_resume, settle_public
from kernel.durable import PRIVATE
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain, read_bounded
from kernel.signing import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A log as it was found, ready to grow.

    `torn` is the number of bytes cut off the journal's end; `behind` says that the public part lacks something.
    """

    journal: Journal
    tree: CompactRange
    publication: Publication
    torn: int
    behind: bool


def recover(place: LogPlace, keys: Sequence[VerifyKey], files: Files, *, rescan: bool) -> Recovered:
    """Open a log's files, which the caller has locked; raises Damaged, or OSError.

    Without `rescan`, what the published checkpoint covers is not read again, if its tiles lead to its root.
    """
    published = read_published(place, *keys)
    _create(place, files, published)
    edge, last, begin = _published_edge(place, published)
    scan = _Scan(place, published)
    if edge is not None and not rescan:
        scan.skip(edge, begin)
    scan.run()
    if scan.published_end != begin:
        edge = None
    publication = Publication(place, files, edge, begin, last)
    settle_public(place)
    journal = Journal(place.journal, files, scan.end)
    unpublished = published is None or published.size < scan.tree.size
    try:
        torn = journal.settle(scan.last if unpublished else None)
    except BaseException:
        journal.close()
        raise
    behind = unpublished or edge is None
    return Recovered(journal=journal, tree=scan.tree, publication=publication, torn=torn, behind=behind)


def read_published(place: LogPlace, *keys: VerifyKey) -> Checkpoint | None:
    """The checkpoint that stands in the public part; None where none does; raises Damaged."""
    try:
        raw = read_bounded(place.checkpoint, NOTE_SIZE_MAX)
    except FileNotFoundError:
        return None
    try:
        return open_checkpoint(raw, place.origin, keys)
    except Malformed as error:
        raise Damaged(error.message, field=f"{place.directory.name}/public/checkpoint") from error


def ends_early(place: LogPlace, published: Checkpoint) -> bool:
    """Whether the journal lacks the last group that was published, as far as the hint tells where that begins."""
    resume = load_resume(place)
    if published.size == 0 or resume is None or resume[0] != published.size:
        return False
    try:
        with open_plain(place.journal) as file:
            check_preamble(file, place.origin)
            frame = next(read_frames(file, place.origin, start=resume[1]), None)
    except (Damaged, Malformed):
        return True
    return frame is None or frame.first + len(frame.records) != published.size


def _create(place: LogPlace, files: Files, published: Checkpoint | None) -> None:
    if published is None:
        if not place.journal.exists():
            make_directory(files, place.public)
            put(files, place.journal, preamble(place.origin), mode=PRIVATE)
        # Also where they stand: whoever made them may have been killed before this, and entries are to follow.
        files.flush_names(place.directory)
        files.flush_names(place.directory.parent)
    elif not place.journal.exists():
        raise Damaged("is missing, and entries of it were published", field=f"{place.directory.name}/journal")


def _published_edge(place: LogPlace, published: Checkpoint | None) -> tuple[Edge | None, int, int]:
    """The edge of the public tree, and where the last frame of its entries begins and ends in the journal.

    None where the public part must be made anew: the hint is missing, or the journal does not bear it out.
    """
    resume = load_resume(place)
    nothing = None, 0, 0
    if published is None or resume is None or resume[0] != published.size:
        return nothing
    size, last = resume
    try:
        edge = Edge.load(place.public, published)
        with open_plain(place.journal) as file:
            begin = check_preamble(file, place.origin)
            if size == 0:
                return edge, 0, begin
            frame = next(read_frames(file, place.origin, start=last), None) if last >= begin else None
    except (Damaged, Malformed):
        return nothing
    if frame is None or frame.first + len(frame.records) != size:
        return nothing
    return edge, last, frame.end


class _Scan:
    """Reads the journal from front to back, growing the tree."""

    def __init__(self, place: LogPlace, published: Checkpoint | None) -> None:
        self.place = place
        self.published = published
        self.tree = CompactRange()
        self.end = 0
        self.last: Frame | None = None
        self.published_end = 0

    def skip(self, edge: Edge, begin: int) -> None:
        """Begin behind the published entries."""
        self.tree = edge.compact()
        self.end = self.published_end = begin

    def run(self) -> None:
        """Read to the end, or to a torn tail; raises Damaged."""
        name = f"{self.place.directory.name}/journal"
        with open_plain(self.place.journal) as file:
            self.end = max(self.end, check_preamble(file, self.place.origin))
            if self.published is not None and self.published.size == 0:
                self.published_end = self.end
            try:
                for frame in read_frames(file, self.place.origin, start=self.end):
                    if frame.first != self.tree.size:
                        raise Damaged(f"holds entry {frame.first} where {self.tree.size} belongs", field=name)
                    self._grow(frame)
            except BrokenFrame as broken:
                if not broken.torn:
                    raise
        covered = self.published is None or self.published_end > 0
        if not covered or self.place.journal.stat().st_size < self.end:
            raise Damaged("ends before the published checkpoint, or within a group that it covers", field=name)

    def _grow(self, frame: Frame) -> None:
        for record in frame.records:
            self.tree.append(leaf_hash(record.entry))
        self.end, self.last = frame.end, frame
        if self.published is not None and self.tree.size == self.published.size:
            if self.tree.root() != self.published.root:
                raise Damaged(
                    f"does not hold the {self.published.size} entries that were published",
                    field=f"{self.place.directory.name}/journal",
                )
            self.published_end = frame.end
