"""Every record of one kind in a hub's logs, opened as far as its key goes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from audit.detail import open_detail, sealing_key_id
from audit.detail_keys import DetailKeys
from audit.entry import Entry
from audit.journal import BrokenFrame, read_frames
from audit.logs import origin_of
from audit.merkle import inclusion_proof
from audit.place import LogPlace
from audit.receipt import Receipt
from audit.shared import SharedLog
from audit.tiles import TileReader
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain
from schemas.wire.v1 import audit_pb2


def opened(directory: Path, hub: str, detail_keys: DetailKeys, role: str, kind: int) -> Iterator[audit_pb2.Detail]:
    """The details of one kind in the logs of a role (`desk`), of every generation of the hub's logs, oldest first.

    What cannot be opened, since its key has been destroyed, is left out. Raises Damaged where a journal cannot be read.
    """
    for place in sorted(path for path in directory.glob(f"{role}*") if _is_of(path, role)):
        log = LogPlace(directory=place, origin=origin_of(hub, place.name))
        yield from (detail for _, detail in opened_in(log, detail_keys, kind))


def find_receipt(log: SharedLog, detail_keys: DetailKeys, kind: int, attributes: Mapping[str, str]) -> bytes | None:
    """The receipt of an entry of this kind with these very attributes, under the log as it stands; None: there is none.

    Reads the whole journal: for who was cut short between an entry and its receipt. Raises Damaged, or LogUnavailable.
    """
    # The entry may be durable and not published yet: publishing comes first.
    signed = log.signed()
    size = signed.checkpoint.size
    for index, detail in opened_in(log.place, detail_keys, kind):
        if index < size and dict(detail.attributes) == dict(attributes):
            reader = TileReader(directory=log.place.public, size=size)
            return Receipt(index=index, proof=inclusion_proof(index, size, reader.node), note=signed.note).encode()
    return None


def _is_of(path: Path, role: str) -> bool:
    return (path / "journal").is_file() and path.name.partition(".")[0] == role


def opened_in(place: LogPlace, detail_keys: DetailKeys, kind: int) -> Iterator[tuple[int, audit_pb2.Detail]]:
    """The same of one log, each with its index."""
    with open_plain(place.journal) as file:
        try:
            for frame in read_frames(file, place.origin):
                for index, record in enumerate(frame.records, frame.first):
                    try:
                        entry = Entry.parse(record.entry)
                        if entry.kind != kind:
                            continue
                        key = detail_keys.get(sealing_key_id(record.sealed))
                        if key is not None:
                            yield index, open_detail(record.sealed, key, entry.detail_digest)
                    except Malformed as error:
                        where = f"{place.directory.name}/journal, entry {index}"
                        raise Damaged(error.message, field=where) from error
        except BrokenFrame as broken:
            # The end of a journal in use may be half written.
            if not broken.torn:
                raise
