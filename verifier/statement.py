"""The statement: what a hub says about a case, in bytes that are made once, signed once and carried as they are.

Format: docs/specs/statement.md.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from audit.entry import timestamp
from kernel.digest import DIGEST_SIZE, digest
from kernel.errors import Malformed
from kernel.sealing import keyed_hash
from kernel.signing import STATEMENT_TYPE, SigningKey, VerifyKey, pae
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.call import Call, Party
from verifier.fields import field, tag, varint
from verifier.presence import Agent

HUB_RANDOM_SIZE = 16
AGENT = "agent"
"""The role under which statements and details name who acts for the applicant."""
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

    def agent_tags(self, agent: Agent | None) -> list[statement_pb2.PartyTag]:
        """Who acts for the applicant, likewise; nobody where nobody does."""
        return self.tags([Party(role=AGENT, identity=agent.identity, name=agent.name)]) if agent is not None else []


def draw_up(
    call: Call,
    *,
    case: bytes,
    answers: Iterable[bytes],
    registers: bytes,
    day: bytes,
    now: datetime,
    witnesses: bytes = b"",
) -> bytes:
    """What the hub says about this question, serialised once; it commits to the request's bytes as received.

    The parts are fields in the order of their numbers, encoded before: `case` fields 1 to 10, `day` field 14, `answers`
    field 15 each, `registers` fields 17 and 18, `witnesses` fields 19 to 21. The whole is what serialising the message
    deterministically gives.
    """
    return b"".join(
        (
            case,
            _DIGEST + digest(call.raw),
            _NONCE + varint(len(call.nonce)) + call.nonce,
            _RANDOM + os.urandom(HUB_RANDOM_SIZE),
            day,
            *answers,
            field(_FIELDS.ISSUED_AT_FIELD_NUMBER, timestamp(now).SerializeToString()),
            registers,
            witnesses,
        )
    )


_FIELDS = statement_pb2.Statement
_DIGEST = tag(_FIELDS.REQUEST_DIGEST_FIELD_NUMBER) + varint(DIGEST_SIZE)
_NONCE = tag(_FIELDS.NONCE_FIELD_NUMBER)
_RANDOM = tag(_FIELDS.HUB_RANDOM_FIELD_NUMBER) + varint(HUB_RANDOM_SIZE)


def sign(statement: bytes, key: SigningKey) -> Signed:
    """Sign a statement's bytes."""
    return Signed(statement=statement, signature=key.sign(pae(STATEMENT_TYPE, statement)), key_id=key.public.id)


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
