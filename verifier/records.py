"""What the audit log is told of questions, refusals and cases. Details carry it, sealed; entries tell nothing."""

from collections.abc import Iterable, Mapping, Sequence

from audit.detail import DetailKey
from audit.record import Record
from kernel.digest import digest as digest_of
from kernel.digest import digest_text
from kernel.errors import MianzhengError
from schemas.client import Client
from schemas.wire.v1 import audit_pb2, statement_pb2
from verifier.case_file import CaseFile
from verifier.cases import Case
from verifier.fields import field
from verifier.statement import Signed, Tagger
from verifier.witnessing import add_witnesses

Tags = Sequence[statement_pb2.PartyTag]


def answered(file: CaseFile, answers: Iterable[bytes], signed: Signed, request: bytes, *, disclosed: bool) -> Record:
    """A question was answered: ANSWERED, or DISCLOSED where values went along; the detail repeats none of those.

    `answers` are the detail's fields of the answers, encoded, without values.
    """
    asked = field(audit_pb2.Detail.REQUEST_FIELD_NUMBER, request)
    detail = b"".join((file.detail, *answers, asked, file.detail_end))
    kind = audit_pb2.ENTRY_KIND_DISCLOSED if disclosed else audit_pb2.ENTRY_KIND_ANSWERED
    return Record(kind=kind, detail=detail, seal=file.case.key, statement=signed.statement)


def refused_in_case(
    case: Case, channel: str, tags: Tags, refusal: MianzhengError, request: bytes, tagger: Tagger
) -> Record:
    """A question of a case that is the client's own was refused."""
    detail = _of_case(case, channel, tags, tagger)
    detail.request = request
    return _refused(detail, refusal, case.key)


def refused_opening(opening: audit_pb2.Detail, refusal: MianzhengError, key: DetailKey, request: bytes) -> Record:
    """A case was not opened although the parties could be read: sealed under a key of the parties' own."""
    opening.request = request
    return _refused(opening, refusal, key)


def refused_outside(
    client: Client | None, claimed: str, refusal: MianzhengError, key: DetailKey, request: bytes
) -> Record:
    """A call outside any case of the client's was refused.

    The request may hold numbers of people whom nobody can name, and lies under a key that no erasure of theirs
    destroys: only its digest is kept.
    """
    detail = audit_pb2.Detail(client=client.id if client else claimed, channel=client.channel if client else "")
    detail.attributes.update(request_digest(request))
    return _refused(detail, refusal, key)


def opened(case: Case, channel: str, tags: Tags, request: bytes, tagger: Tagger) -> Record:
    """A case was opened."""
    detail = _of_case(case, channel, tags, tagger)
    detail.request = request
    return Record(kind=audit_pb2.ENTRY_KIND_CASE_OPENED, detail=detail, seal=case.key)


def closed(case: Case, channel: str, tags: Tags, tagger: Tagger) -> Record:
    """A case was closed."""
    return Record(kind=audit_pb2.ENTRY_KIND_CASE_CLOSED, detail=_of_case(case, channel, tags, tagger), seal=case.key)


def shed(count: int, seconds: float, key: DetailKey) -> Record:
    """Calls were refused unread within an interval."""
    detail = audit_pb2.Detail(attributes={"count": str(count), "interval_seconds": f"{seconds:.1f}"})
    return Record(kind=audit_pb2.ENTRY_KIND_SHED, detail=detail, seal=key)


def request_digest(request: bytes) -> Mapping[str, str]:
    """A request that is not kept, as attributes."""
    return {"request_digest": digest_text(digest_of(request)), "request_bytes": str(len(request))}


def _refused(detail: audit_pb2.Detail, refusal: MianzhengError, key: DetailKey) -> Record:
    detail.refusal = refusal.code
    detail.refused_claims.extend(getattr(refusal, "claims", ()))
    return Record(kind=audit_pb2.ENTRY_KIND_REFUSED, detail=detail, seal=key)


def _of_case(case: Case, channel: str, tags: Tags, tagger: Tagger) -> audit_pb2.Detail:
    detail = audit_pb2.Detail(
        client=case.client,
        channel=channel,
        operator=case.operator,
        operator_assurance=case.operator_assurance,
        case_number=case.number,
        item=case.item,
        parties=tags,
        presence=case.presence,
        legal_basis=case.legal_basis,
    )
    add_witnesses(detail, case.evidence, case.agent, tagger)
    return detail
