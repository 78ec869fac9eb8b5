"""What the logs hold of one case: every entry, its opened detail, and its proof against the published checkpoint."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit.checkpoint import open_checkpoint
from audit.detail import open_detail, sealing_key_id
from audit.detail_keys import DetailKeys
from audit.entry import Entry
from audit.finding import Worded
from audit.journal import BrokenFrame, read_frames
from audit.logs import origin_of
from audit.merkle import inclusion_proof
from audit.note import NOTE_SIZE_MAX
from audit.place import LogPlace
from audit.receipt import Receipt
from audit.record import Prepared
from audit.tiles import TileReader
from kernel.errors import Damaged, Invalid, Malformed
from kernel.plain_file import open_plain, read_bounded
from kernel.signing import VerifyKey
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2


class Proof(Worded):
    """How an entry stands to the published checkpoint."""

    PROVEN = ("已证明", "proven against the published checkpoint")
    UNPUBLISHED = ("尚未公布", "not yet covered by the published checkpoint")
    FAILED = ("证明不成立", "cannot be proven: run `mianzheng audit verify`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry of the case. `detail` is None where its key has been destroyed; `receipt` where it is not proven."""

    log: str
    index: int
    raw: bytes
    entry: Entry
    detail: audit_pb2.Detail | None
    proof: Proof
    receipt: bytes | None

    @property
    def time(self) -> datetime:
        """When it was recorded, UTC."""
        return self.entry.time


def case_rows(
    directory: Path, trust: Trust, detail_keys: DetailKeys, case_number: str, *, rows_max: int
) -> tuple[Row, ...]:
    """The entries of a case in all logs of a hub, in the order of their times.

    A case's records are those sealed under its key. Raises Invalid where no such case is known or where it has more
    than `rows_max` entries, and Damaged where a journal cannot be read.
    """
    key_id = detail_keys.id_of_case(case_number)
    if key_id is None:
        raise Invalid("办件号不存在 no case has this number", field="case")
    rows: list[Row] = []
    for place in _places(directory, trust):
        prover = _Prover(place, trust.log_keys(place.origin))
        for index, record in _sealed_under(place, key_id, prover.size):
            if len(rows) == rows_max:
                raise Invalid(f"has more than {rows_max} entries", field="case")
            rows.append(_row(place, prover, detail_keys, index, record))
    return tuple(sorted(rows, key=lambda row: (row.time, row.log, row.index)))


def _places(directory: Path, trust: Trust) -> Iterable[LogPlace]:
    standing = sorted(each for each in directory.iterdir() if each.is_dir()) if directory.exists() else []
    places = (LogPlace(directory=each, origin=origin_of(trust.hub, each.name)) for each in standing)
    return [each for each in places if each.journal.exists()]


def _sealed_under(place: LogPlace, key_id: bytes, published: int) -> Iterator[tuple[int, Prepared]]:
    read = 0
    with open_plain(place.journal) as file:
        try:
            for frame in read_frames(file, place.origin):
                for index, record in enumerate(frame.records, frame.first):
                    if sealing_key_id(record.sealed) == key_id:
                        yield index, record
                read = frame.first + len(frame.records)
        except BrokenFrame as broken:
            # The end of a journal in use may be half written; what was published cannot be.
            if not broken.torn or read < published:
                raise


def _row(place: LogPlace, prover: "_Prover", detail_keys: DetailKeys, index: int, record: Prepared) -> Row:
    try:
        entry = Entry.parse(record.entry)
        key = detail_keys.get(sealing_key_id(record.sealed))
        detail = open_detail(record.sealed, key, entry.detail_digest) if key else None
    except Malformed as error:
        raise Damaged(error.message, field=f"{place.directory.name}/journal, entry {index}") from error
    proof, receipt = prover.prove(index, record.entry)
    name = place.directory.name
    return Row(log=name, index=index, raw=record.entry, entry=entry, detail=detail, proof=proof, receipt=receipt)


class _Prover:
    """Makes proofs from a log's public files, and checks each as an outsider would."""

    def __init__(self, place: LogPlace, keys: Sequence[VerifyKey]) -> None:
        self._place = place
        self._keys = keys
        self._damaged = False
        self.size = 0
        self._note = b""
        try:
            self._note = read_bounded(place.checkpoint, NOTE_SIZE_MAX)
            self.size = open_checkpoint(self._note, place.origin, keys).size
        except FileNotFoundError:
            pass
        except (Damaged, Malformed):
            self._damaged = True
        self._reader = TileReader(directory=place.public, size=self.size)

    def prove(self, index: int, entry: bytes) -> tuple[Proof, bytes | None]:
        if self._damaged:
            return Proof.FAILED, None
        if index >= self.size:
            return Proof.UNPUBLISHED, None
        try:
            receipt = Receipt(index=index, proof=inclusion_proof(index, self.size, self._reader.node), note=self._note)
            receipt.check(entry, self._place.origin, self._keys)
        except (Damaged, Malformed):
            return Proof.FAILED, None
        return Proof.PROVEN, receipt.encode()
