"""Many questions in one call: each in its own case, with its own statement and entry; the log is waited for once."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.wire.v1 import verification_pb2 as wire
from verifier import desk as desks
from verifier.agreements import Agreed
from verifier.answer import Answering
from verifier.authenticate import authenticate
from verifier.peer import Peer
from verifier.replies import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Answers batches at a desk."""

    desk: desks.Desk
    answering: Answering

    def answer(self, peer: Peer, raw: bytes) -> wire.VerifyBatchResponse:
        """What becomes of every question, in their order, once all of it is in the log.

        A question that is refused is recorded as any other, and the others are answered. Raises a Refusal or Malformed,
        recorded, where the batch itself is refused, or LogUnavailable.
        """
        desk, read = self.desk, self.desk.reader.any_call
        questions = self._questions(peer, raw, desk.agreements.current)
        found = self.answering.prepare_all(peer, questions, read)
        logged = desk.log.append_all([each.record for each in found])
        return wire.VerifyBatchResponse(answered=map(told, found, logged))

    def _questions(self, peer: Peer, raw: bytes, agreed: Agreed) -> Sequence[bytes]:
        client = None
        try:
            client = authenticate(peer, agreed.catalogue, self.desk.rolls.current(), self.desk.clock.now())
            return self.desk.reader.batch(raw)
        except Exception as fault:
            raise self.desk.refused(fault, desks.Known(peer=peer, raw=raw, client=client)) from fault
