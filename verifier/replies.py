"""What a client is told of one question of several: its signed answer, or why there is none."""

from audit.record import Logged
from schemas.wire.v1 import verification_pb2 as wire
from verifier.answer import Answered
from verifier.desk import Refused
from verifier.status import status_code


def told(found: Answered | Refused, logged: Logged, number: int = 0) -> wire.Answered:
    """An answer or a refusal that is in the log, for the wire; `number` is the client's for it."""
    if isinstance(found, Answered):
        return wire.Answered(signed=found.reply(logged), number=number)
    error = found.error
    refused = wire.Refused(
        code=error.code,
        message=error.message,
        field=error.field,
        remedy=error.remedy,
        claims=getattr(error, "claims", ()),
        status=status_code(error),
    )
    return wire.Answered(refused=refused, number=number)
