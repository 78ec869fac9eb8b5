"""A worker takes up newer agreements: recorded first, then swapped in whole."""

from collections.abc import Mapping, Sequence

from audit.detail import DetailKey
from audit.record import Record
from kernel.digest import digest_text
from schemas.catalogue import Catalogue
from schemas.wire.v1 import audit_pb2
from verifier.agreements import Agreed
from verifier.desk import Desk
from verifier.ports import Facts

POLICY = ("clients/", "grants/")
"""The agreements that say who may ask; all others say what is asked, and of what."""

CHANGED_MAX = 50
"""Files that an entry about changed agreements names; how many there are it says always."""


def take_up(desk: Desk, catalogue: Catalogue, facts: Facts) -> None:
    """Answer under newer agreements from the next call on; raises LogUnavailable, and then nothing has changed.

    `facts` reads rows under their contracts.
    """
    newer = Agreed.of(catalogue, facts)
    before = desk.agreements.current.catalogue
    # Recorded before they hold: no statement names agreements that the log has not heard of.
    record_change(desk, before.digest, before.files, catalogue)
    desk.agreements.replace(newer)


def record_change(desk: Desk, before: bytes, files: Mapping[str, bytes], after: Catalogue) -> None:
    """Record what differs from agreements with this digest and these files; raises LogUnavailable.

    SCHEMA_CHANGED where contracts, claims or items differ, POLICY_CHANGED where clients or grants do.
    """
    paths = files.keys() | after.files.keys()
    differing = sorted(path for path in paths if files.get(path) != after.files.get(path))
    schema = [path for path in differing if not path.startswith(POLICY)]
    policy = [path for path in differing if path.startswith(POLICY)]
    seal = desk.detail_keys.general()
    desk.log.append_all(
        [
            _entry(kind, before, after.digest, changed, seal)
            for kind, changed in (
                (audit_pb2.ENTRY_KIND_SCHEMA_CHANGED, schema),
                (audit_pb2.ENTRY_KIND_POLICY_CHANGED, policy),
            )
            if changed
        ]
    )


def _entry(kind: audit_pb2.EntryKind, before: bytes, after: bytes, files: Sequence[str], seal: DetailKey) -> Record:
    attributes = {
        "agreements": digest_text(after),
        "before": digest_text(before),
        "changed": " ".join(files[:CHANGED_MAX]),
        "files": str(len(files)),
    }
    return Record(kind=kind, detail=audit_pb2.Detail(attributes=attributes), seal=seal)
