"""Whether a reply is an answer: the whole chain from request to the log's root, as any client checks it."""

from collections.abc import Callable
from pathlib import Path

from kernel.trust import Trust
from schemas.wire.v1 import verification_pb2
from verifier.evidence import Evidence, believed


def answer_check(trust_file: str) -> Callable[[bytes, bytes], None]:
    """A check of request and reply bytes against a hub's trust file; it raises FalseEvidence or Malformed."""
    trust = Trust.parse(Path(trust_file).read_bytes())

    def check(request: bytes, reply: bytes) -> None:
        believed(Evidence.of(request, verification_pb2.VerifyItemResponse.FromString(reply).signed), trust)

    return check
