"""The log of a hub whose publishers are killed, as who has its trust file and its detail keys reads it."""

from collections import Counter
from dataclasses import dataclass, field

from app.hub import Hub
from audit.checkpoint import Checkpoint
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import BrokenFrame, read_frames
from audit.logs import DESK
from audit.receipt import Receipt
from audit.tiles import TileReader
from exchange.current import Current
from kernel.digest import digest_text
from kernel.plain_file import open_plain
from schemas.wire.v1 import audit_pb2

PUBLISHED = audit_pb2.ENTRY_KIND_PUBLISHED


@dataclass(slots=True)
class Desk:
    """The log that rare writers share."""

    hub: Hub
    details: list[audit_pb2.Detail] = field(default_factory=list)
    """The details of the entries that were read so far, by index."""
    read: int = 0

    def assert_recorded(self, dataset: str, current: Current, receipt: bytes) -> None:
        """The receipt is of an entry of the log that says that this was published."""
        detail = self._proven(receipt)
        said = detail.attributes
        assert (detail.kind, said["dataset"], said["version"]) == (PUBLISHED, dataset, current.version)
        assert said["manifest"] == digest_text(current.manifest_digest)

    def assert_published(self, dataset: str, version: str, receipt: bytes) -> None:
        """The receipt is of an entry of the log that says that some such version was published."""
        detail = self._proven(receipt)
        said = detail.attributes
        assert (detail.kind, said["dataset"], said["version"]) == (PUBLISHED, dataset, version)

    def assert_published_once(self) -> None:
        """No version stands in the log twice."""
        self._read()
        published = [each.attributes for each in self.details if each.kind == PUBLISHED]
        counted = Counter((said["dataset"], said["version"]) for said in published)
        assert {version: count for version, count in counted.items() if count > 1} == {}

    def _proven(self, raw: bytes) -> audit_pb2.Detail:
        """The detail of the entry that a receipt proves."""
        place = self.hub.logs.place(DESK)
        receipt = Receipt.parse(raw)
        size = Checkpoint.parse(place.checkpoint.read_text("utf-8").partition("\n\n")[0] + "\n").size
        entry = TileReader(directory=place.public, size=size).entry(receipt.index)
        receipt.check(entry, place.origin, self.hub.trust.log_keys(place.origin))
        self._read()
        return self.details[receipt.index]

    def _read(self) -> None:
        """Read what was appended since; its end may be half written by who was killed."""
        place = self.hub.logs.place(DESK)
        with open_plain(place.journal) as file:
            try:
                for frame in read_frames(file, place.origin, start=self.read):
                    for record in frame.records:
                        key = self.hub.detail_keys.get(sealing_key_id(record.sealed))
                        assert key is not None
                        digest = Entry.parse(record.entry).detail_digest
                        self.details.append(open_detail(record.sealed, key, digest))
                    self.read = frame.end
            except BrokenFrame as broken:
                if not broken.torn:
                    raise
