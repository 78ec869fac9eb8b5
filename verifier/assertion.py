"""An operator's signed word that they are at one client, for a short time. Format: docs/specs/assertion.md.

It is bound to the client's certificate, so that another client that gets hold of it can do nothing with it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from kernel.clock import parse_instant
from kernel.errors import FalseAssertion, Malformed
from kernel.signing import SigningKey, VerifyKey, pae
from schemas.client import Client
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.peer import Peer
from verifier.roll import Roll

FORMAT = "mianzheng.assertion/1"
ASSERTION_TYPE = "application/vnd.mianzheng.assertion.v1+json"
PAYLOAD_BYTES_MAX = 2048
_KEYS = frozenset({"format", "hub", "operator", "certificate", "issued_at", "expires_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an assertion says. `certificate` is SHA-256 of the client's certificate (DER)."""

    hub: str
    operator: str
    certificate: bytes
    issued_at: datetime
    expires_at: datetime

    def encode(self) -> bytes:
        """The payload."""
        data = {
            "format": FORMAT,
            "hub": self.hub,
            "operator": self.operator,
            "certificate": self.certificate.hex(),
            "issued_at": self.issued_at.astimezone(UTC).isoformat(),
            "expires_at": self.expires_at.astimezone(UTC).isoformat(),
        }
        return json.dumps(data, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises Malformed."""
        try:
            if len(payload) > PAYLOAD_BYTES_MAX:
                raise _malformed()
            data = json.loads(payload)
            if data.keys() != _KEYS or data["format"] != FORMAT:
                raise _malformed()
            if not all(isinstance(each, str) for each in data.values()):
                raise _malformed()
            return cls(
                hub=data["hub"],
                operator=data["operator"],
                certificate=bytes.fromhex(data["certificate"]),
                issued_at=parse_instant(data["issued_at"]),
                expires_at=parse_instant(data["expires_at"]),
            )
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise _malformed() from error

    def signed(self, key: SigningKey) -> verification_pb2.Assertion:
        """The assertion, as a client sends it."""
        payload = self.encode()
        return verification_pb2.Assertion(payload=payload, signature=key.sign(pae(ASSERTION_TYPE, payload)))


def assurance(  # noqa: PLR0913 - each is a part of what an assertion is bound to
    assertion: verification_pb2.Assertion | None,
    operator: str,
    *,
    peer: Peer,
    client: Client,
    roll: Roll,
    hub: str,
    now: datetime,
    lasts: timedelta,
    skew: timedelta,
) -> statement_pb2.Assurance:
    """How an operator's identity is assured: proved by an assertion that holds, asserted where there is none.

    An assertion that does not hold is refused, never taken for none: raises FalseAssertion, or Malformed.
    """
    if assertion is None:
        return statement_pb2.ASSURANCE_ASSERTED
    claims = Claims.parse(assertion.payload)
    known = roll.operators.get(operator)
    holds = (
        known is not None
        and client.group in known.groups
        and claims.operator == operator
        and claims.hub == hub
        and claims.certificate == peer.fingerprint
        and claims.issued_at <= now + skew
        and now < claims.expires_at
        and claims.expires_at - claims.issued_at <= lasts
    )
    if known is None or not holds:
        raise FalseAssertion("the operator's assertion does not hold here and now", field="assertion")
    try:
        VerifyKey(known.key).check(assertion.signature, pae(ASSERTION_TYPE, assertion.payload))
    except Malformed as error:
        raise FalseAssertion("the operator's assertion does not hold here and now", field="assertion") from error
    return statement_pb2.ASSURANCE_PROVED


def _malformed() -> Malformed:
    return Malformed("is no assertion", field="assertion.payload")
