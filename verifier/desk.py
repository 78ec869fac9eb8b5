"""What every call has at hand, and how a call is refused: recorded first, then told."""

import sqlite3
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from audit.record import Record
from kernel.clock import Clock
from kernel.errors import Damaged, LogUnavailable, Malformed, MianzhengError, Refusal, Unavailable
from kernel.ids import new_case_number
from schemas.client import Client
from schemas.wire.v1 import audit_pb2
from verifier import records
from verifier.agreements import Agreements
from verifier.call import Opening, Reader
from verifier.cases import Case, Cases
from verifier.guesses import Guesses
from verifier.limits import Limits
from verifier.meter import Meter
from verifier.peer import Peer
from verifier.ports import DetailKeys, Log
from verifier.roll import Rolls
from verifier.statement import Tagger
from verifier.witnessing import Witnessing, add_witnesses

if TYPE_CHECKING:
    # Most hubs make no traces: they need not load what makes them.
    from verifier.tracing import Tracing


SAY_AGAIN_S = 60.0
"""After how long the same fault is said again: what every call meets must not fill the disk with lines."""


class Broken(Unavailable):
    """Something went wrong that nobody foresaw; nothing is answered."""

    code = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a call when it is refused: who asked (`peer`), and how far it was read."""

    peer: Peer
    raw: bytes
    client: Client | None = None
    case: Case | None = None
    opening: Opening | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal that has not left: append the record before anybody is told."""

    error: MianzhengError
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The agreements, the cases, the log and its keys."""

    hub: str
    agreements: Agreements
    reader: Reader
    cases: Cases
    guesses: Guesses
    limits: Limits
    rolls: Rolls
    witnessing: Witnessing
    tagger: Tagger
    log: Log
    detail_keys: DetailKeys
    clock: Clock
    meter: Meter = field(default_factory=Meter)
    tracing: "Tracing | None" = None

    def refused(self, fault: Exception, call: Known) -> MianzhengError:
        """The refusal to raise, recorded. Raises LogUnavailable where it cannot be: then that is all that is told."""
        refused = self.refusal(fault, call)
        self.log.append(refused.record)
        return refused.error

    def refusal(self, fault: Exception, call: Known) -> "Refused":
        """A refusal that is not recorded yet; raises LogUnavailable where that is the fault."""
        error = as_refusal(fault)
        self.meter.refused(error.code)
        if isinstance(fault, LogUnavailable):
            raise fault
        return Refused(error=error, record=self._record(error, call))

    def _record(self, refusal: MianzhengError, call: Known) -> Record:
        client, case, opening = call.client, call.case, call.opening
        if client is not None and case is not None:
            return records.refused_in_case(
                case, client.channel, self.tagger.tags(case.parties), refusal, call.raw, self.tagger
            )
        if client is not None and opening is not None:
            try:
                return self._refused_opening(refusal, call, client, opening)
            except (sqlite3.Error, Damaged):
                # The key store is the trouble: the refusal is recorded without the request.
                pass
        return records.refused_outside(client, call.peer.id, refusal, self.detail_keys.general(), call.raw)

    def _refused_opening(self, refusal: MianzhengError, call: Known, client: Client, opening: Opening) -> Record:
        tags = self.tagger.tags(opening.parties)
        # A number of its own, so that erasing a party takes this record along.
        number = new_case_number(self.clock.now())
        key = self.detail_keys.for_case(number, [*tags, *self.tagger.agent_tags(opening.agent)])
        item = self.agreements.current.catalogue.items.get(opening.item)
        detail = audit_pb2.Detail(
            client=client.id,
            channel=client.channel,
            operator=opening.operator,
            case_number=number,
            item=item.id if item else "",
            parties=tags,
            presence=opening.presence,
            legal_basis=opening.legal_basis,
        )
        add_witnesses(detail, opening.evidence, opening.agent, self.tagger)
        return records.refused_opening(detail, refusal, key, call.raw)


def as_refusal(fault: Exception) -> MianzhengError:
    """What a caller is told of a fault: our own refusals as they are, everything else without its text."""
    if isinstance(fault, Refusal | Malformed):
        return fault
    if isinstance(fault, Damaged | OSError | sqlite3.Error):
        _say("unreadable", kind=type(fault).__name__, what=str(fault) if isinstance(fault, Damaged) else "")
        return Unavailable("what is needed to answer cannot be read", remedy="ask again later")
    # A fault's text may quote what it stumbled over: only its place is kept.
    _say("broken", kind=type(fault).__name__, at=_place(fault))
    return Broken("something went wrong; nothing was answered", remedy="tell the hub's operator")


def _place(fault: Exception) -> str:
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _say(event: str, **what: str) -> None:
    """Say what is wrong; the same again only after a while, since every call may meet it."""
    known, now = (event, *what.values()), monotonic()
    if now - _SAID.get(known, -SAY_AGAIN_S) < SAY_AGAIN_S:
        return
    if len(_SAID) >= _SAID_MAX:
        _SAID.clear()
    _SAID[known] = now
    _LOGGER.error(event, **what)


_SAID: dict[tuple[str, ...], float] = {}
_SAID_MAX = 256
_LOGGER = structlog.get_logger("mianzheng.verifier")
