"""Errors at the border: our error tree as google.rpc.Status with ErrorInfo and BadRequest, and back again."""

from collections.abc import Iterator

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped] # no types are published
from grpc_status import rpc_status

from kernel.errors import LimitReached, Malformed, MianzhengError, Refusal, Unavailable
from schemas.wire.v1 import verification_pb2
from verifier.call import MessageTooLarge
from verifier.status import Overloaded, status_code

CLAIMS = "claims"
"""The metadata key under which ErrorInfo names the refused claims, separated by commas."""


def status_of(error: MianzhengError, hub: str) -> status_pb2.Status:
    """An error for the wire: its stable code as ErrorInfo.reason, the field at fault as BadRequest."""
    status = status_pb2.Status(code=status_code(error), message=error.message)
    claims = getattr(error, "claims", ())
    metadata = {CLAIMS: ",".join(claims)} if claims else {}
    if error.remedy:
        metadata["remedy"] = error.remedy
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.code, domain=hub, metadata=metadata))
    if isinstance(error, Overloaded | LimitReached) and error.retry_after_s:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def grpc_status(error: MianzhengError, hub: str) -> grpc.Status:
    """The same, as grpc sends it."""
    return rpc_status.to_status(status_of(error, hub))


def error_from(failed: grpc.Call) -> MianzhengError:
    """The error that a server told, of the same kind as it was raised; Unavailable where no hub answered."""
    try:
        status = rpc_status.from_call(failed)
    except (ValueError, DecodeError):
        status = None
    if status is None:
        return _without_details(failed)
    info, request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for each in status.details:
        each.Unpack(info) or each.Unpack(request) or each.Unpack(retry)
    kind = KINDS.get(info.reason, Refusal)
    field = request.field_violations[0].field if request.field_violations else ""
    error = kind(status.message, field=field, remedy=info.metadata.get("remedy", ""))
    if isinstance(error, Overloaded | LimitReached):
        error.retry_after_s = retry.retry_delay.ToMilliseconds() / 1000
    if isinstance(error, Refusal):
        error.claims = tuple(filter(None, info.metadata.get(CLAIMS, "").split(",")))
    return error


def error_of(refused: verification_pb2.Refused) -> MianzhengError:
    """The error that one question of several was refused with, of the same kind as it was raised."""
    error = KINDS.get(refused.code, Refusal)(refused.message, field=refused.field, remedy=refused.remedy)
    if isinstance(error, Refusal):
        error.claims = tuple(refused.claims)
    return error


def _without_details(failed: grpc.Call) -> MianzhengError:
    code = failed.code()
    match code:
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable("the hub did not answer in time", remedy="ask again")
        case grpc.StatusCode.UNAVAILABLE:
            return Unavailable("the hub cannot be reached, or does not accept this certificate")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return MessageTooLarge("the message is too large for the transport")
        case _:
            return Unavailable(f"the hub answered {code.name}")


def _kinds(kind: type[MianzhengError]) -> Iterator[type[MianzhengError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


_ROOMS = frozenset({"kernel", "verifier"})
KINDS = {
    each.code: each
    for root in (Refusal, Malformed)
    for each in _kinds(root)
    if each.__module__.partition(".")[0] in _ROOMS
}
"""The kinds of error that a hub answers with, by their stable codes; whoever else makes kinds keeps them to himself."""
