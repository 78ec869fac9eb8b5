"""The statement: what a hub says about a case, in bytes that are made once, signed once and carried as they are.

Format: docs/specs/statement.md.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from audit.entry import timestamp
from kernel.clock import SHANGHAI
from kernel.digest import digest
from kernel.errors import Malformed
from kernel.sealing import keyed_hash
from kernel.signing import STATEMENT_TYPE, SigningKey, VerifyKey, pae
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.call import Call, Party
from verifier.cases import Case

HUB_RANDOM_SIZE = 16
STATEMENT_SIZE_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement's bytes, the signature over them, and the id of the key that made it."""

    statement: bytes
    signature: bytes
    key_id: str

    def check(self, key: VerifyKey) -> None:
        """Return if the key signed the statement as it is; raises BadSignature."""
        key.check(self.signature, pae(STATEMENT_TYPE, self.statement))


class Tagger:
    """Turns identities into subject tags: HMAC-SHA256 under the key of an epoch, never a plain hash."""

    def __init__(self, key: bytes, epoch: str) -> None:
        """Take the tag key (32 bytes) and the name of its epoch."""
        self._key = key
        self._epoch = epoch

    def tags(self, parties: Iterable[Party]) -> list[statement_pb2.PartyTag]:
        """The parties by role and tag, without their numbers."""
        return [
            statement_pb2.PartyTag(
                role=party.role,
                tag=keyed_hash(self._key, party.identity.canonical.encode()),
                tag_epoch=self._epoch,
            )
            for party in parties
        ]


def draw_up(  # noqa: PLR0913 (each is a part of the statement)
    case: Case,
    call: Call,
    answers: Sequence[statement_pb2.Answer],
    *,
    hub: str,
    tags: Sequence[statement_pb2.PartyTag],
    registers: Sequence[statement_pb2.SnapshotRef],
    agreements: bytes,
    now: datetime,
) -> statement_pb2.Statement:
    """What the hub says about this question; it commits to the request's bytes as received."""
    return statement_pb2.Statement(
        hub=hub,
        client=case.client,
        operator=case.operator,
        operator_assurance=case.operator_assurance,
        case_number=case.number,
        item=case.item,
        item_version=case.item_version,
        parties=tags,
        presence=case.presence,
        legal_basis=case.legal_basis,
        request_digest=digest(call.raw),
        nonce=call.nonce,
        hub_random=os.urandom(HUB_RANDOM_SIZE),
        evaluation_date=now.astimezone(SHANGHAI).date().isoformat(),
        answers=answers,
        issued_at=timestamp(now),
        identity_snapshots=registers,
        agreements_digest=agreements,
    )


def sign(statement: statement_pb2.Statement, key: SigningKey) -> Signed:
    """Serialise once and sign those bytes."""
    raw = statement.SerializeToString(deterministic=True)
    return Signed(statement=raw, signature=key.sign(pae(STATEMENT_TYPE, raw)), key_id=key.public.id)


def parse_statement(raw: bytes) -> statement_pb2.Statement:
    """What statement bytes say; raises Malformed. Check the signature over the bytes, never over this."""
    if len(raw) > STATEMENT_SIZE_MAX:
        raise Malformed("is too large", field="statement")
    try:
        return statement_pb2.Statement.FromString(raw)
    except DecodeError as error:
        raise Malformed("is no statement", field="statement") from error


def parse_request(raw: bytes) -> verification_pb2.VerifyRequest:
    """The question that a statement answers; raises Malformed.

    VerifyItemRequest is VerifyRequest without questions, field by field: the one reads both.
    """
    try:
        return verification_pb2.VerifyRequest.FromString(raw)
    except DecodeError as error:
        raise Malformed("is no question", field="request") from error
