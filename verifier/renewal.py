"""A worker takes up newer agreements: recorded first, then swapped in whole."""

from collections.abc import Iterator, Sequence

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
    changes = list(changed(desk.agreements.current.catalogue, catalogue, desk.detail_keys.general()))
    # Recorded before they hold: no statement names agreements that the log has not heard of.
    desk.log.append_all(changes)
    desk.agreements.replace(newer)


def changed(before: Catalogue, after: Catalogue, seal: DetailKey) -> Iterator[Record]:
    """SCHEMA_CHANGED where contracts, claims or items differ, POLICY_CHANGED where clients or grants do."""
    paths = before.files.keys() | after.files.keys()
    files = sorted(path for path in paths if before.files.get(path) != after.files.get(path))
    schema = [path for path in files if not path.startswith(POLICY)]
    policy = [path for path in files if path.startswith(POLICY)]
    if schema:
        yield _entry(audit_pb2.ENTRY_KIND_SCHEMA_CHANGED, before, after, schema, seal)
    if policy:
        yield _entry(audit_pb2.ENTRY_KIND_POLICY_CHANGED, before, after, policy, seal)


def _entry(
    kind: audit_pb2.EntryKind, before: Catalogue, after: Catalogue, files: Sequence[str], seal: DetailKey
) -> Record:
    attributes = {
        "agreements": digest_text(after.digest),
        "before": digest_text(before.digest),
        "changed": " ".join(files[:CHANGED_MAX]),
        "files": str(len(files)),
    }
    return Record(kind=kind, detail=audit_pb2.Detail(attributes=attributes), seal=seal)
