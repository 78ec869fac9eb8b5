"""Every record of one kind in a hub's logs, opened as far as its key goes."""

from collections.abc import Iterator
from pathlib import Path

from audit.detail import open_detail, sealing_key_id
from audit.detail_keys import DetailKeys
from audit.entry import Entry
from audit.files import open_plain
from audit.journal import BrokenFrame, read_frames
from audit.logs import origin_of
from audit.place import LogPlace
from kernel.errors import Damaged, Malformed
from schemas.wire.v1 import audit_pb2


def opened(directory: Path, hub: str, detail_keys: DetailKeys, role: str, kind: int) -> Iterator[audit_pb2.Detail]:
    """The details of one kind in the logs of a role (`desk`), of every generation of the hub's logs, oldest first.

    What cannot be opened, since its key has been destroyed, is left out. Raises Damaged where a journal cannot be read.
    """
    for place in sorted(path for path in directory.glob(f"{role}*") if _is_of(path, role)):
        yield from _in_log(LogPlace(directory=place, origin=origin_of(hub, place.name)), detail_keys, kind)


def _is_of(path: Path, role: str) -> bool:
    return (path / "journal").is_file() and path.name.partition(".")[0] == role


def _in_log(place: LogPlace, detail_keys: DetailKeys, kind: int) -> Iterator[audit_pb2.Detail]:
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
                            yield open_detail(record.sealed, key, entry.detail_digest)
                    except Malformed as error:
                        where = f"{place.directory.name}/journal, entry {index}"
                        raise Damaged(error.message, field=where) from error
        except BrokenFrame as broken:
            # The end of a journal in use may be half written.
            if not broken.torn:
                raise
