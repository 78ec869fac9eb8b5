"""How the applicant's presence was established and what that counts as, and who acts for them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.errors import Invalid
from kernel.identity import Identity
from schemas.wire.v1 import statement_pb2

BY_DEVICE = frozenset({statement_pb2.PRESENCE_CARD_READ, statement_pb2.PRESENCE_FACE_CHECK})
"""The ways that need a device, and so its evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a device established, when (whole seconds), and SHA-256 of its own record, which the client keeps."""

    device: str
    at: datetime
    record_digest: bytes

    @property
    def message(self) -> statement_pb2.PresenceEvidence:
        """As statements and details carry it."""
        at = Timestamp(seconds=int(self.at.timestamp()))
        return statement_pb2.PresenceEvidence(device=self.device, at=at, record_digest=self.record_digest)

    @classmethod
    def of(cls, message: statement_pb2.PresenceEvidence) -> "Evidence":
        """What a case's token carries."""
        at = datetime.fromtimestamp(message.at.seconds, UTC)
        return cls(device=message.device, at=at, record_digest=message.record_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who acts for the applicant 代办, and on what basis."""

    identity: Identity
    name: str
    basis: str


def counted(
    presence: statement_pb2.Presence, evidence: Evidence | None, *, now: datetime, lasts: timedelta, skew: timedelta
) -> statement_pb2.Presence:
    """What a claimed presence counts as: a card read or a face check without evidence is the operator's word.

    Raises Invalid where the evidence is too old, of the future, or of what no device establishes.
    """
    if evidence is None:
        return statement_pb2.PRESENCE_OPERATOR_WORD if presence in BY_DEVICE else presence
    if presence not in BY_DEVICE:
        raise Invalid("no device establishes this presence", field="presence_evidence")
    if not now - lasts <= evidence.at <= now + skew:
        raise Invalid("the evidence is not of now", field="presence_evidence.at", remedy="read the card again")
    return presence
