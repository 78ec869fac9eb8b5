"""Ending a case by hand: for every worker within a second, and recorded with who did it and why."""

from dataclasses import dataclass
from datetime import timedelta

from app.hub import Hub
from audit.logs import DESK
from audit.record import Record
from exchange.held import check_reason
from kernel.errors import Malformed
from schemas.wire.v1 import audit_pb2
from verifier.closures import Closures, Ending, How


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who ends a case, and why: a line of text without anybody's number."""

    by: str
    reason: str


def ending_of(hub: Hub, number: str) -> Ending | None:
    """How a case ended; None while nobody has ended it. Raises Malformed where the hub knows no such case."""
    _check_known(hub, number)
    closures = _closures(hub)
    try:
        return closures.ending(number)
    finally:
        closures.end()


def end_case(hub: Hub, number: str, how: How, asked: Asked) -> None:
    """End a case, then record it; one that has ended is only ever revoked.

    Raises Malformed where the hub knows no such case or the reason cannot be recorded; Unavailable where the ending
    cannot be made durable, LogUnavailable where it cannot be recorded: then the case has ended all the same.
    """
    check_reason(asked.by, asked.reason, longest=hub.exchange_settings.reason_characters_max)
    _check_known(hub, number)
    now = hub.clock.now()
    closures = _closures(hub)
    try:
        # When it was opened its token says, and the client has that: it expires no later than one opened now.
        expires = now + timedelta(seconds=hub.verifier_settings.case_seconds)
        closures.end_case(number, expires, how, at=now)
    finally:
        closures.end()
    hub.logs.shared(DESK).append(_record(hub, number, how, asked))


def _closures(hub: Hub) -> Closures:
    return Closures(hub.paths.cases, busy_seconds=hub.verifier_settings.closures_busy_seconds, check_seconds=0.0)


def _check_known(hub: Hub, number: str) -> None:
    if hub.detail_keys.id_of_case(number) is None:
        raise Malformed(
            "this hub has opened no such case", field="case", remedy="look at the case's reply or statement"
        )


def _record(hub: Hub, number: str, how: How, asked: Asked) -> Record:
    """CASE_CLOSED, sealed under the case's own key, so that it shows among the case's records."""
    key_id = hub.detail_keys.id_of_case(number)
    key = hub.detail_keys.get(key_id) if key_id is not None else None
    detail = audit_pb2.Detail(
        operator=asked.by, case_number=number, attributes={"how": how.value, "reason": asked.reason}
    )
    return Record(kind=audit_pb2.ENTRY_KIND_CASE_CLOSED, detail=detail, seal=key or hub.detail_keys.general())
