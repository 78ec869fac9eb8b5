"""What a client asks, as values: the wire messages of docs/specs/statement.md read strictly.

Any bytes give a value or Malformed; everything has a bound. The raw bytes travel along, since the statement commits to
the request as received.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from kernel.digest import DIGEST_SIZE
from kernel.errors import Malformed, MalformedIdentity
from kernel.identity import Identity, parse_person
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.presence import Agent, Evidence
from verifier.settings import VerifierSettings

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One party: the role in the item, the person, and the name on the card where it was read."""

    role: str
    identity: Identity
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Named:
    """One claim that a client names, about the party in a role."""

    claim: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A wish to open a case."""

    raw: bytes
    item: str
    parties: tuple[Party, ...]
    inputs: Mapping[str, str]
    operator: str
    legal_basis: str
    presence: statement_pb2.Presence
    assertion: verification_pb2.Assertion | None = None
    evidence: Evidence | None = None
    agent: Agent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A question within a case. `named` is None where everything that the item needs is asked."""

    raw: bytes
    case_number: str
    token: bytes
    parties: tuple[Party, ...]
    nonce: bytes
    named: tuple[Named, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A wish to close a case."""

    raw: bytes
    case_number: str
    token: bytes


_SECONDS_MAX = 1 << 36
"""Far beyond any card reader's clock, and within what an instant can be."""

IDENTITIES_MAX = 4096
"""Numbers that need not be parsed again: whoever opens a case asks in it soon."""


class MessageTooLarge(Malformed):
    """The request is longer than a request may be."""

    code = "message_too_large"


class Reader:
    """Reads the wire messages within the bounds of the settings. Raises Malformed, and nothing else."""

    def __init__(self, bounds: VerifierSettings) -> None:
        """Take the bounds."""
        self._bounds = bounds

    def opening(self, raw: bytes) -> Opening:
        """An OpenCaseRequest."""
        bounds = self._bounds
        message = self._message(raw, verification_pb2.OpenCaseRequest)
        self._nonce(message.nonce)
        if message.presence not in _PRESENCES:
            raise Malformed("names no way in which presence is established", field="presence")
        return Opening(
            raw=raw,
            item=_text(message.item, "item", bounds.role_length_max),
            parties=self._parties(message.parties),
            inputs=self._inputs(message.inputs),
            operator=_text(message.operator, "operator", bounds.operator_length_max),
            legal_basis=_text(message.legal_basis, "legal_basis", bounds.basis_length_max),
            presence=message.presence,
            assertion=message.assertion if message.HasField("assertion") else None,
            evidence=self._evidence(message.presence_evidence) if message.HasField("presence_evidence") else None,
            agent=self._agent(message.agent) if message.HasField("agent") else None,
        )

    def item_call(self, raw: bytes) -> Call:
        """A VerifyItemRequest."""
        message = self._message(raw, verification_pb2.VerifyItemRequest)
        return self._call(raw, message, None)

    def named_call(self, raw: bytes) -> Call:
        """A VerifyRequest."""
        return self._named_call(raw, self._message(raw, verification_pb2.VerifyRequest))

    def _named_call(self, raw: bytes, message: verification_pb2.VerifyRequest) -> Call:
        length = self._bounds.role_length_max
        if not 0 < len(message.questions) <= self._bounds.questions_max:
            raise Malformed(f"has to hold 1 to {self._bounds.questions_max} questions", field="questions")
        named = tuple(
            Named(
                claim=_text(question.claim, f"questions[{at}].claim", length),
                role=_text(question.role, f"questions[{at}].role", length),
            )
            for at, question in enumerate(message.questions)
        )
        if len(set(named)) != len(named):
            raise Malformed("holds one question twice", field="questions")
        return self._call(raw, message, named)

    def any_call(self, raw: bytes) -> Call:
        """A VerifyRequest or a VerifyItemRequest: without questions the two are one."""
        message = self._message(raw, verification_pb2.VerifyRequest)
        return self._named_call(raw, message) if message.questions else self._call(raw, message, None)

    def batch(self, raw: bytes) -> Sequence[bytes]:
        """The questions of a VerifyBatchRequest, unread."""
        bounds = self._bounds
        message = self._message(raw, verification_pb2.VerifyBatchRequest, bounds.transport_bytes_max)
        if not 0 < len(message.questions) <= bounds.batch_questions_max:
            raise Malformed(f"has to hold 1 to {bounds.batch_questions_max} questions", field="questions")
        return message.questions

    def numbered(self, raw: bytes) -> Sequence[verification_pb2.Numbered]:
        """The questions of a VerifyStreamRequest, unread."""
        bounds = self._bounds
        message = self._message(raw, verification_pb2.VerifyStreamRequest, bounds.transport_bytes_max)
        if not 0 < len(message.questions) <= bounds.batch_questions_max:
            raise Malformed(f"has to hold 1 to {bounds.batch_questions_max} questions", field="questions")
        return message.questions

    def closing(self, raw: bytes) -> Closing:
        """A CloseCaseRequest."""
        message = self._message(raw, verification_pb2.CloseCaseRequest)
        return Closing(raw=raw, case_number=self._number(message.case_number), token=self._token(message.case_token))

    def item_asked(self, raw: bytes) -> str:
        """The item that a GetItemRequest names."""
        message = self._message(raw, verification_pb2.GetItemRequest)
        return _text(message.item, "item", self._bounds.role_length_max)

    def nothing(self, raw: bytes) -> None:
        """A ListItemsRequest, which says nothing."""
        self._message(raw, verification_pb2.ListItemsRequest)

    def _message(self, raw: bytes, kind: type[_M], bytes_max: int = 0) -> _M:
        bytes_max = bytes_max or self._bounds.request_bytes_max
        if len(raw) > bytes_max:
            raise MessageTooLarge(f"is longer than {bytes_max} bytes", field="request")
        message = kind()
        try:
            message.ParseFromString(raw)
        except DecodeError as error:
            raise Malformed(f"is no {kind.DESCRIPTOR.name}", field="request") from error
        # What we do not know may change what is asked, and the statement would commit to it: refuse it.
        size = message.ByteSize()
        message.DiscardUnknownFields()
        if message.ByteSize() != size:
            raise Malformed("holds fields that this hub does not know", field="request")
        return message

    def _call(
        self,
        raw: bytes,
        message: verification_pb2.VerifyItemRequest | verification_pb2.VerifyRequest,
        named: tuple[Named, ...] | None,
    ) -> Call:
        return Call(
            raw=raw,
            case_number=self._number(message.case_number),
            token=self._token(message.case_token),
            parties=self._parties(message.parties),
            nonce=self._nonce(message.nonce),
            named=named,
        )

    def _parties(self, messages: Iterable[verification_pb2.Party]) -> tuple[Party, ...]:
        bounds = self._bounds
        parties = []
        for at, message in enumerate(messages):
            if at == bounds.parties_max:
                raise Malformed(f"has more than {bounds.parties_max} parties", field="parties")
            role = _text(message.role, f"parties[{at}].role", bounds.role_length_max)
            name = _text(message.name, f"parties[{at}].name", bounds.name_length_max) if message.name else ""
            parties.append(Party(role=role, identity=_identity(message.number, f"parties[{at}].number"), name=name))
        if not parties:
            raise Malformed("names no party", field="parties")
        if len({party.role for party in parties}) != len(parties):
            raise Malformed("names one role twice", field="parties")
        return tuple(parties)

    def _evidence(self, message: statement_pb2.PresenceEvidence) -> Evidence:
        device = _text(message.device, "presence_evidence.device", self._bounds.role_length_max)
        if len(message.record_digest) != DIGEST_SIZE:
            raise Malformed(f"has {DIGEST_SIZE} bytes", field="presence_evidence.record_digest")
        if not 0 < message.at.seconds < _SECONDS_MAX:
            raise Malformed("is no instant", field="presence_evidence.at")
        at = datetime.fromtimestamp(message.at.seconds, UTC)
        return Evidence(device=device, at=at, record_digest=message.record_digest)

    def _agent(self, message: verification_pb2.Agent) -> Agent:
        bounds = self._bounds
        return Agent(
            identity=_identity(message.number, "agent.number"),
            name=_text(message.name, "agent.name", bounds.name_length_max) if message.name else "",
            basis=_text(message.basis, "agent.basis", bounds.basis_length_max),
        )

    def _inputs(self, inputs: Mapping[str, str]) -> dict[str, str]:
        bounds = self._bounds
        if len(inputs) > bounds.inputs_max:
            raise Malformed(f"has more than {bounds.inputs_max} inputs", field="inputs")
        # The key is not repeated in the field: it is the client's text until an item knows it.
        return {
            _text(key, "inputs", bounds.role_length_max): _text(value, "inputs", bounds.input_length_max)
            for key, value in sorted(inputs.items())
        }

    def _number(self, text: str) -> str:
        return _text(text, "case_number", self._bounds.role_length_max)

    def _token(self, token: bytes) -> bytes:
        if not 0 < len(token) <= self._bounds.token_bytes_max:
            raise Malformed(f"has 1 to {self._bounds.token_bytes_max} bytes", field="case_token")
        return token

    def _nonce(self, nonce: bytes) -> bytes:
        bounds = self._bounds
        if not bounds.nonce_bytes_min <= len(nonce) <= bounds.nonce_bytes_max:
            raise Malformed(f"has {bounds.nonce_bytes_min} to {bounds.nonce_bytes_max} bytes", field="nonce")
        return nonce


Read = Callable[[bytes], Call]
"""Reads one of the two forms of a question."""

_PRESENCES = frozenset(statement_pb2.Presence.values()) - {statement_pb2.PRESENCE_UNSPECIFIED}


def _text(text: str, field: str, length_max: int) -> str:
    """Text that is there, short enough, and without control characters, which have no place in logs and screens."""
    if not text:
        raise Malformed("is missing", field=field)
    if len(text) > length_max:
        raise Malformed(f"is longer than {length_max} characters", field=field)
    if not text.isprintable():
        raise Malformed("holds characters that cannot be printed", field=field)
    return text


_parsed = lru_cache(maxsize=IDENTITIES_MAX)(parse_person)


def _identity(number: str, field: str) -> Identity:
    try:
        return _parsed(number)
    except MalformedIdentity as error:
        raise MalformedIdentity(error.message, field=field, remedy=error.remedy) from None
