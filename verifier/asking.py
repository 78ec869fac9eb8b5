"""What a client asks about and what it gets: parties, cases, questions, and answers that were checked."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.call import Named
from verifier.evidence import Evidence

NONCE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedParty:
    """A party as the client names it: role, number as read or typed, name on the card where it was read."""

    role: str
    number: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """A case that the hub opened for us, proved to be in its log."""

    number: str
    token: bytes
    parties: tuple[AskedParty, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question among several: some claims of a case, or, where none is named, everything that its item needs."""

    case: OpenCase
    questions: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAnswer:
    """A statement that holds, and the evidence by which anybody can check it again."""

    statement: statement_pb2.Statement
    evidence: Evidence


def question_bytes(asking: Asking) -> bytes:
    """A question's bytes, with a nonce of its own. Without claims it is a VerifyItemRequest, field by field."""
    case = asking.case
    return wire.VerifyRequest(
        case_number=case.number,
        case_token=case.token,
        parties=wire_parties(case.parties),
        nonce=os.urandom(NONCE_SIZE),
        questions=[wire.Question(claim=each.claim, role=each.role) for each in asking.questions],
    ).SerializeToString()


def wire_parties(parties: Sequence[AskedParty]) -> list[wire.Party]:
    """The parties as they are sent."""
    return [wire.Party(role=each.role, number=each.number, name=each.name) for each in parties]
