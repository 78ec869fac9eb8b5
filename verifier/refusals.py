"""Errors at the border: our error tree as google.rpc.Status with ErrorInfo and BadRequest, and back again."""

from collections.abc import Iterator

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped] # no types are published
from grpc_status import rpc_status

from kernel.errors import (
    Denied,
    Invalid,
    Malformed,
    MianzhengError,
    Refusal,
    Unauthenticated,
    Unavailable,
    UnknownItem,
)
from verifier.call import MessageTooLarge
from verifier.desk import Broken

CLAIMS = "claims"
"""The metadata key under which ErrorInfo names the refused claims, separated by commas."""


class Overloaded(Unavailable):
    """More calls are in flight than this worker bears; the call was not read."""

    code = "overloaded"


STATUS: dict[type[MianzhengError], grpc.StatusCode] = {
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Denied: grpc.StatusCode.PERMISSION_DENIED,
    UnknownItem: grpc.StatusCode.NOT_FOUND,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    MessageTooLarge: grpc.StatusCode.INVALID_ARGUMENT,
    Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Broken: grpc.StatusCode.INTERNAL,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Refusal: grpc.StatusCode.FAILED_PRECONDITION,
}
"""The status of each kind of error; the nearest ancestor counts."""


def status_of(error: MianzhengError, hub: str) -> status_pb2.Status:
    """An error for the wire: its stable code as ErrorInfo.reason, the field at fault as BadRequest."""
    kind = next(each for each in type(error).__mro__ if each in STATUS)
    status = status_pb2.Status(code=STATUS[kind].value[0], message=error.message)
    claims = getattr(error, "claims", ())
    metadata = {CLAIMS: ",".join(claims)} if claims else {}
    if error.remedy:
        metadata["remedy"] = error.remedy
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.code, domain=hub, metadata=metadata))
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
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for each in status.details:
        each.Unpack(info) or each.Unpack(request)
    kind = KINDS.get(info.reason, Refusal)
    field = request.field_violations[0].field if request.field_violations else ""
    error = kind(status.message, field=field, remedy=info.metadata.get("remedy", ""))
    if isinstance(error, Refusal):
        error.claims = tuple(filter(None, info.metadata.get(CLAIMS, "").split(",")))
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
