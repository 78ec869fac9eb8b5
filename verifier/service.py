"""One verifier worker, put together: four calls about cases, two about the catalogue, and its health."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict, Unpack

from google.protobuf.message import Message

from kernel.clock import Clock
from kernel.identity import Identity, IdentityKind
from schemas.catalogue import Catalogue
from schemas.wire.v1 import verification_pb2 as wire
from verifier import records
from verifier.agreements import Agreed, Agreements
from verifier.answer import Answered, Answering
from verifier.authenticate import authenticate
from verifier.batch import Batches
from verifier.call import Reader
from verifier.case_file import CaseFiles
from verifier.cases import Cases
from verifier.catalogue_reads import CatalogueReads
from verifier.closures import Closures
from verifier.desk import Desk, Known, Refused, as_refusal
from verifier.guesses import Guesses
from verifier.limits import Limits
from verifier.once import KeptReplies
from verifier.opening import Openings
from verifier.peer import Peer
from verifier.ports import DetailKeys, Facts, Log, Signers
from verifier.roll import Rolls
from verifier.settings import VerifierSettings
from verifier.statement import Tagger
from verifier.stream import Stream
from verifier.witnessing import Witnessing

if TYPE_CHECKING:
    from verifier.tracing import Tracing

NOBODY = Identity(kind=IdentityKind.RESIDENT, number="0" * 18)
"""A number that nobody holds: looking it up proves that looking up works."""

NO_CASE = ""
"""A case number that nobody has: looking it up proves that it is known which cases have ended."""

_PROBE = b"mianzheng: can this key sign?"


Method = Callable[[Peer, bytes], Message]
"""A call of the service: who is at the other end, and the request's bytes."""


class Parts(TypedDict):
    """What a worker is put together from. Keys are 32 bytes."""

    hub: str
    catalogue: Catalogue
    facts: Facts
    log: Log
    detail_keys: DetailKeys
    answer_keys: Signers
    tag_key: bytes
    tag_epoch: str
    case_key: bytes
    closures: Closures
    guesses: Guesses
    limits: Limits
    replies: KeptReplies
    rolls: Rolls
    clock: Clock
    settings: VerifierSettings


class Verifier:
    """A worker. Every method takes whoever is at the other end, and the request's bytes as received.

    Each raises a Refusal or Malformed that has been recorded, or LogUnavailable.
    """

    def __init__(self, **parts: Unpack[Parts]) -> None:
        """Put the worker together; nothing is started."""
        self.settings = parts["settings"]
        self._keys = parts["answer_keys"]
        self._replies = parts["replies"]
        self._shed = 0
        self.desk = Desk(
            hub=parts["hub"],
            agreements=Agreements(Agreed.of(parts["catalogue"], parts["facts"])),
            reader=Reader(self.settings),
            cases=Cases(
                key=parts["case_key"],
                closures=parts["closures"],
                clock=parts["clock"],
                lifetime=timedelta(seconds=self.settings.case_seconds),
            ),
            guesses=parts["guesses"],
            limits=parts["limits"],
            rolls=parts["rolls"],
            witnessing=Witnessing(
                hub=parts["hub"],
                assertion=timedelta(seconds=self.settings.assertion_seconds_max),
                evidence=timedelta(seconds=self.settings.evidence_seconds_max),
                skew=timedelta(seconds=self.settings.device_skew_seconds),
            ),
            tagger=Tagger(parts["tag_key"], parts["tag_epoch"]),
            log=parts["log"],
            detail_keys=parts["detail_keys"],
            clock=parts["clock"],
            tracing=_tracing(self.settings, parts["hub"]),
        )
        files = CaseFiles(self.desk.cases, self.desk.tagger, self.desk.hub, self.settings.case_files_max)
        self._answering = Answering(desk=self.desk, files=files, keys=self._keys)
        self._batches = Batches(desk=self.desk, answering=self._answering)
        self._openings = Openings(desk=self.desk)
        self._reads = CatalogueReads(self.desk)

    def open_case(self, peer: Peer, raw: bytes) -> wire.OpenCaseResponse:
        """OpenCase."""
        return self._openings.open_case(peer, raw)

    def item_answer(self, peer: Peer, raw: bytes) -> Answered | Refused:
        """What VerifyItem replies, once it is recorded."""
        return self._answering.prepare(peer, raw, self.desk.reader.item_call)

    def named_answer(self, peer: Peer, raw: bytes) -> Answered | Refused:
        """What Verify replies, once it is recorded."""
        return self._answering.prepare(peer, raw, self.desk.reader.named_call)

    def any_answer(self, peer: Peer, raw: bytes) -> Answered | Refused:
        """What becomes of a question of a batch or a stream, which may have either form, once it is recorded."""
        return self._answering.prepare(peer, raw, self.desk.reader.any_call)

    def verify_item(self, peer: Peer, raw: bytes) -> wire.VerifyItemResponse:
        """VerifyItem, by a caller who waits for the log."""
        found = self.item_answer(peer, raw)
        logged = self.desk.log.append(found.record)
        if isinstance(found, Refused):
            raise found.error
        return wire.VerifyItemResponse(signed=found.reply(logged))

    def verify(self, peer: Peer, raw: bytes) -> wire.VerifyResponse:
        """Verify, by a caller who waits for the log."""
        found = self.named_answer(peer, raw)
        logged = self.desk.log.append(found.record)
        if isinstance(found, Refused):
            raise found.error
        return wire.VerifyResponse(signed=found.reply(logged))

    def once(self, name: str, peer: Peer, request_id: str, raw: bytes, method: Method) -> bytes:
        """The reply to a call of a method under a request id: the same for the same request, within the window.

        A refusal is not kept: what is asked again is answered, or refused, anew.
        """
        desk = self.desk
        client = None
        try:
            now = desk.clock.now()
            client = authenticate(peer, desk.agreements.current.catalogue, desk.rolls.current(), now)
            begun = self._replies.begin(client.id, name, request_id, raw, now)
        except Exception as fault:
            raise desk.refused(fault, Known(peer=peer, raw=raw, client=client)) from fault
        if isinstance(begun, bytes):
            return begun
        try:
            reply = method(peer, raw).SerializeToString()
        except BaseException:
            self._replies.release(begun)
            raise
        self._replies.keep(begun, reply)
        return reply

    def stream(self, peer: Peer) -> Stream:
        """A VerifyStream of this client."""
        return Stream(self.desk, self._answering, peer, self.settings.stream_window)

    def verify_batch(self, peer: Peer, raw: bytes) -> wire.VerifyBatchResponse:
        """VerifyBatch."""
        return self._batches.answer(peer, raw)

    def close_case(self, peer: Peer, raw: bytes) -> wire.CloseCaseResponse:
        """CloseCase."""
        return self._openings.close_case(peer, raw)

    def list_items(self, peer: Peer, raw: bytes) -> wire.ListItemsResponse:
        """ListItems."""
        return self._reads.list_items(peer, raw)

    def get_item(self, peer: Peer, raw: bytes) -> wire.GetItemResponse:
        """GetItem."""
        return self._reads.get_item(peer, raw)

    def forget_old(self) -> None:
        """Drop what nobody needs any more; raises Unavailable.

        A case that expired a day ago is refused for its age, by any clock.
        """
        now = self.desk.clock.now()
        self.desk.cases.closures.forget(now - timedelta(days=1))
        self.desk.guesses.forget(now)
        self.desk.limits.forget(now)
        self._replies.forget(now)

    def note_shed(self) -> None:
        """Count a call that was refused unread."""
        self._shed += 1
        self.desk.meter.shed()

    def record_shed(self, seconds: float) -> None:
        """Record the calls shed in the interval that ends now, if any; raises LogUnavailable."""
        if self._shed:
            count, self._shed = self._shed, 0
            self.desk.log.append(records.shed(count, seconds, self.desk.detail_keys.general()))

    def trouble(self) -> str:
        """Why this worker cannot sign, record or read; empty while it can do all three."""
        if self.desk.log.failure is not None:
            return "the log has stopped"
        try:
            key = self._keys.signer(self.desk.clock.now())
            key.public.check(key.sign(_PROBE), _PROBE)
            self._read_all()
            self.desk.cases.closures.check_open(NO_CASE)
            self.desk.rolls.current()
        except Exception as fault:  # noqa: BLE001 - health says what is wrong, whatever it is
            return str(as_refusal(fault))
        return ""

    def _read_all(self) -> None:
        agreed = self.desk.agreements.current
        pinned = agreed.facts.pin(agreed.catalogue.contracts)
        for dataset in pinned.snapshots:
            pinned.held(dataset, NOBODY)


def _tracing(settings: VerifierSettings, hub: str) -> "Tracing | None":
    if not settings.traces_endpoint:
        return None
    # Most hubs make no traces: they need not load what makes them.
    from verifier.tracing import Tracing  # noqa: PLC0415 - see above

    return Tracing(settings.traces_endpoint, settings.traces_share, hub)
