"""The client of a hub: mutual TLS, and no answer that has not been checked.

Every reply is checked against a trust file before anything of it can be read: the signature, that the statement answers
this very request, and that the hub's log holds it. There is no way round.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from audit.entry import Entry, instant
from kernel.clock import Clock, SystemClock
from kernel.errors import Malformed
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2, statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.call import Named
from verifier.evidence import Evidence, FalseEvidence, believed, check_logged
from verifier.refusals import error_from
from verifier.settings import ClientSettings
from verifier.tls import Tls

NONCE_SIZE = 32
DEFAULTS = ClientSettings()
SYSTEM_CLOCK = SystemClock()

_R = TypeVar("_R", bound=Message)
_VERIFICATION = "/mianzheng.v1.VerificationService/"
_CATALOGUE = "/mianzheng.v1.CatalogueService/"


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
class CheckedAnswer:
    """A statement that holds, and the evidence by which anybody can check it again."""

    statement: statement_pb2.Statement
    evidence: Evidence


class VerificationClient:
    """Asks one hub as one client. Use as a context manager, or `close`. Threads may share it.

    Raises what the hub refused with (NoGrant, CaseClosed, …), Unavailable where no hub answers, and FalseEvidence where
    a reply does not hold.
    """

    def __init__(
        self, *, tls: Tls, trust: Trust, settings: ClientSettings = DEFAULTS, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Take our certificate with the hub's authority, and the trust file's content."""
        self._trust = trust
        self._clock = clock
        self._settings = settings
        options: list[tuple[str, str | int]] = [("grpc.max_receive_message_length", settings.reply_bytes_max)]
        if settings.server_name:
            options.append(("grpc.ssl_target_name_override", settings.server_name))
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        self._channel = grpc.secure_channel(settings.address, credentials, options)

    def open_case(
        self,
        item: str,
        parties: Sequence[AskedParty],
        *,
        operator: str,
        legal_basis: str,
        presence: statement_pb2.Presence = statement_pb2.PRESENCE_CARD_READ,
        inputs: Mapping[str, str] | None = None,
    ) -> OpenCase:
        """Open a case: one use of one item by these parties."""
        request = wire.OpenCaseRequest(
            item=item,
            parties=_wire(parties),
            inputs=inputs or {},
            operator=operator,
            legal_basis=legal_basis,
            presence=presence,
            nonce=os.urandom(NONCE_SIZE),
        )
        reply = self._call(_VERIFICATION + "OpenCase", request.SerializeToString(), wire.OpenCaseResponse)
        self._check_entry(reply.entry, reply.receipt, audit_pb2.ENTRY_KIND_CASE_OPENED)
        return OpenCase(
            number=reply.case_number,
            token=reply.case_token,
            parties=tuple(parties),
            expires_at=instant(reply.expires_at),
        )

    def verify_item(self, case: OpenCase) -> CheckedAnswer:
        """一证通办: everything that the case's item needs, in one call."""
        request = wire.VerifyItemRequest(
            case_number=case.number, case_token=case.token, parties=_wire(case.parties), nonce=os.urandom(NONCE_SIZE)
        )
        raw = request.SerializeToString()
        reply = self._call(_VERIFICATION + "VerifyItem", raw, wire.VerifyItemResponse)
        return self._checked(Evidence.of(raw, reply.signed))

    def verify(self, case: OpenCase, questions: Sequence[Named]) -> CheckedAnswer:
        """Some of the claims that the case's item needs."""
        request = wire.VerifyRequest(
            case_number=case.number,
            case_token=case.token,
            parties=_wire(case.parties),
            nonce=os.urandom(NONCE_SIZE),
            questions=[wire.Question(claim=each.claim, role=each.role) for each in questions],
        )
        raw = request.SerializeToString()
        reply = self._call(_VERIFICATION + "Verify", raw, wire.VerifyResponse)
        return self._checked(Evidence.of(raw, reply.signed))

    def close_case(self, case: OpenCase) -> None:
        """Close the case: nothing can be asked in it afterwards."""
        request = wire.CloseCaseRequest(case_number=case.number, case_token=case.token)
        reply = self._call(_VERIFICATION + "CloseCase", request.SerializeToString(), wire.CloseCaseResponse)
        self._check_entry(reply.entry, reply.receipt, audit_pb2.ENTRY_KIND_CASE_CLOSED)

    def items(self) -> tuple[wire.Item, ...]:
        """Every item that we may handle."""
        return tuple(self._call(_CATALOGUE + "ListItems", b"", wire.ListItemsResponse).items)

    def item(self, item: str) -> wire.Item:
        """One item, with its materials."""
        request = wire.GetItemRequest(item=item)
        return self._call(_CATALOGUE + "GetItem", request.SerializeToString(), wire.GetItemResponse).item

    def close(self) -> None:
        """Let the connection go."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, raw: bytes, kind: type[_R]) -> _R:
        # The very bytes that the statement will commit to are sent; so no serializer stands between.
        call: Callable[..., bytes] = self._channel.unary_unary(method)
        try:
            reply = call(raw, timeout=self._settings.deadline_seconds)
        except grpc.RpcError as failed:
            # What a channel raises is the call itself.
            raise error_from(failed) from failed  # type: ignore[arg-type]
        try:
            return kind.FromString(reply)
        except DecodeError as error:
            raise Malformed(f"the hub's reply is no {kind.DESCRIPTOR.name}", field="reply") from error

    def _checked(self, evidence: Evidence) -> CheckedAnswer:
        statement = believed(evidence, self._trust)
        skew = abs(instant(statement.issued_at) - self._clock.now())
        if skew > timedelta(seconds=self._settings.clock_skew_seconds):
            raise FalseEvidence("the statement was not made now", field="statement", remedy="set this machine's clock")
        return CheckedAnswer(statement=statement, evidence=evidence)

    def _check_entry(self, entry: bytes, receipt: bytes, kind: audit_pb2.EntryKind) -> None:
        if Entry.parse(entry).kind != kind:
            raise FalseEvidence("the log recorded something else", field="entry")
        check_logged(entry, receipt, self._trust)


def _wire(parties: Sequence[AskedParty]) -> list[wire.Party]:
    return [wire.Party(role=each.role, number=each.number, name=each.name) for each in parties]
