"""The gRPC status of each kind of error, as the number that the protocol has for it (google.rpc.Code)."""

from google.rpc import code_pb2  # type: ignore[import-untyped] # no types are published

from kernel.errors import (
    Denied,
    Invalid,
    LimitReached,
    Malformed,
    MianzhengError,
    Refusal,
    Unauthenticated,
    Unavailable,
    UnknownItem,
)
from verifier.call import MessageTooLarge
from verifier.desk import Broken


class Overloaded(Unavailable):
    """More is asked at once than this worker bears; it was not read. `retry_after_s`: when to try again."""

    code = "overloaded"
    retry_after_s: float = 0.0

    @classmethod
    def hinting(cls, message: str, retry_after_s: float) -> "Overloaded":
        """One that says when to ask again."""
        error = cls(message, remedy="ask again later")
        error.retry_after_s = retry_after_s
        return error


class Draining(Unavailable):
    """The worker is about to stop: what was asked on the stream is answered, and no more is read."""

    code = "draining"


STATUS: dict[type[MianzhengError], int] = {
    Unauthenticated: code_pb2.UNAUTHENTICATED,
    Denied: code_pb2.PERMISSION_DENIED,
    UnknownItem: code_pb2.NOT_FOUND,
    Invalid: code_pb2.INVALID_ARGUMENT,
    MessageTooLarge: code_pb2.INVALID_ARGUMENT,
    Malformed: code_pb2.INVALID_ARGUMENT,
    Overloaded: code_pb2.RESOURCE_EXHAUSTED,
    LimitReached: code_pb2.RESOURCE_EXHAUSTED,
    Broken: code_pb2.INTERNAL,
    Unavailable: code_pb2.UNAVAILABLE,
    Refusal: code_pb2.FAILED_PRECONDITION,
}
"""The status of each kind of error; the nearest ancestor counts."""


def status_code(error: MianzhengError) -> int:
    """The number of an error's status."""
    return STATUS[next(each for each in type(error).__mro__ if each in STATUS)]


OK = "OK"
"""The status of a call that succeeded."""


def status_name(error: MianzhengError) -> str:
    """The name of an error's status."""
    return str(code_pb2.Code.Name(status_code(error)))
