"""The client of a hub: mutual TLS, and no answer that has not been checked.

Every reply is checked against a trust file before anything of it can be read: the signature, that the statement answers
this very request, and that the hub's log holds it. There is no way round.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from audit.entry import Entry, instant
from kernel.clock import Clock, SystemClock
from kernel.errors import Malformed, MianzhengError
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2, statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.asking import NONCE_SIZE, AskedParty, Asking, CheckedAnswer, OpenCase, question_bytes, wire_parties
from verifier.asking_stream import AskingStream
from verifier.call import Named
from verifier.evidence import Evidence, FalseEvidence, believed, check_logged
from verifier.once import REQUEST_ID
from verifier.refusals import error_from, error_of
from verifier.retry import pause, worth_another_try
from verifier.settings import ClientSettings
from verifier.tls import Tls

__all__ = ["AskedParty", "Asking", "AskingStream", "CheckedAnswer", "OpenCase", "VerificationClient"]

ID_SIZE = 16
DEFAULTS = ClientSettings()
SYSTEM_CLOCK = SystemClock()

_R = TypeVar("_R", bound=Message)
_VERIFICATION = "/mianzheng.v1.VerificationService/"
_CATALOGUE = "/mianzheng.v1.CatalogueService/"


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
        # A call that is tried again needs a connection that is tried again by then; grpc waits a second of itself.
        first, longest = (
            max(1, round(each * 1000)) for each in (settings.backoff_first_seconds, settings.backoff_max_seconds)
        )
        options += [
            ("grpc.initial_reconnect_backoff_ms", first),
            ("grpc.max_reconnect_backoff_ms", max(first, longest)),
        ]
        if settings.server_name:
            options.append(("grpc.ssl_target_name_override", settings.server_name))
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        self._channel = grpc.secure_channel(settings.address, credentials, options)

    def open_case(  # noqa: PLR0913 - each is a part of a case
        self,
        item: str,
        parties: Sequence[AskedParty],
        *,
        operator: str,
        legal_basis: str,
        presence: statement_pb2.Presence = statement_pb2.PRESENCE_OPERATOR_WORD,
        inputs: Mapping[str, str] | None = None,
        evidence: statement_pb2.PresenceEvidence | None = None,
        agent: wire.Agent | None = None,
        assertion: wire.Assertion | None = None,
    ) -> OpenCase:
        """Open a case: one use of one item by these parties.

        A card read or a face check needs the device's `evidence`; `agent` acts for the applicant, `assertion` is the
        operator's signed word.
        """
        request = wire.OpenCaseRequest(
            item=item,
            parties=wire_parties(parties),
            inputs=inputs or {},
            operator=operator,
            legal_basis=legal_basis,
            presence=presence,
            nonce=os.urandom(NONCE_SIZE),
            presence_evidence=evidence,
            agent=agent,
            assertion=assertion,
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
        raw = question_bytes(Asking(case=case))
        reply = self._call(_VERIFICATION + "VerifyItem", raw, wire.VerifyItemResponse)
        return self._checked(Evidence.of(raw, reply.signed))

    def verify(self, case: OpenCase, questions: Sequence[Named]) -> CheckedAnswer:
        """Some of the claims that the case's item needs."""
        raw = question_bytes(Asking(case=case, questions=tuple(questions)))
        reply = self._call(_VERIFICATION + "Verify", raw, wire.VerifyResponse)
        return self._checked(Evidence.of(raw, reply.signed))

    def verify_batch(self, asked: Sequence[Asking]) -> list[CheckedAnswer | MianzhengError]:
        """Several questions in one call, each in its own case: what became of each, in their order.

        A refusal stands where an answer would: it is told, not raised, since the others were answered.
        """
        questions = [question_bytes(each) for each in asked]
        raw = wire.VerifyBatchRequest(questions=questions).SerializeToString()
        reply = self._call(_VERIFICATION + "VerifyBatch", raw, wire.VerifyBatchResponse)
        if len(reply.answered) != len(questions):
            raise FalseEvidence("the hub answered another number of questions", field="reply")
        return [self.became(question, each) for question, each in zip(questions, reply.answered, strict=True)]

    def stream(self) -> AskingStream:
        """A stream of questions that connects again where it breaks; use as a context manager."""
        call: Callable[..., Any] = self._channel.stream_stream(_VERIFICATION + "VerifyStream")
        return AskingStream(call, self.became, self._settings)

    def became(self, question: bytes, answered: wire.Answered) -> CheckedAnswer | MianzhengError:
        """What became of a question that was sent among others: the answer, checked, or why there is none."""
        if answered.WhichOneof("result") == "signed":
            return self._checked(Evidence.of(question, answered.signed))
        return error_of(answered.refused)

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

    def hold(self, trust: Trust) -> None:
        """Check answers by a newer trust file from now on; raises Malformed where it may not take the place of ours."""
        trust.check_follows(self._trust)
        self._trust = trust

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
        # One id for all tries: whatever was answered already is told again, and not done twice.
        named = ((REQUEST_ID, secrets.token_hex(ID_SIZE)),)
        for attempt in range(1, self._settings.tries_max + 1):
            try:
                reply = call(raw, timeout=self._settings.deadline_seconds, metadata=named)
                break
            except grpc.RpcError as failed:
                # What a channel raises is the call itself.
                error = error_from(failed)  # type: ignore[arg-type]
                if attempt == self._settings.tries_max or not worth_another_try(failed.code(), error):
                    raise error from failed
                pause(attempt, error, self._settings)
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
