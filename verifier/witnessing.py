"""Who and what stands for what a client says: the operator's assertion, a device's evidence, an agent's basis."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.client import Client
from schemas.wire.v1 import audit_pb2, statement_pb2
from verifier.assertion import assurance
from verifier.call import Opening
from verifier.peer import Peer
from verifier.presence import Agent, Evidence, counted
from verifier.roll import Roll
from verifier.statement import Tagger


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessing:
    """What a hub takes for proof, and for how long: `assertion` of an operator, `evidence` of a device."""

    hub: str
    assertion: timedelta
    evidence: timedelta
    skew: timedelta

    def counted(self, opening: Opening, now: datetime) -> statement_pb2.Presence:
        """What the presence that an opening claims counts as; raises Invalid."""
        return counted(opening.presence, opening.evidence, now=now, lasts=self.evidence, skew=self.skew)

    def assurance(
        self, opening: Opening, peer: Peer, client: Client, roll: Roll, now: datetime
    ) -> statement_pb2.Assurance:
        """How the operator of an opening is assured; raises FalseAssertion or Malformed."""
        return assurance(
            opening.assertion,
            opening.operator,
            peer=peer,
            client=client,
            roll=roll,
            hub=self.hub,
            now=now,
            lasts=self.assertion,
            skew=self.skew,
        )


def add_witnesses(
    message: statement_pb2.Statement | audit_pb2.Detail, evidence: Evidence | None, agent: Agent | None, tagger: Tagger
) -> None:
    """Write a device's evidence and who acts for the applicant into a statement or a detail."""
    if evidence is not None:
        message.presence_evidence.CopyFrom(evidence.message)
    if agent is not None:
        (tag,) = tagger.agent_tags(agent)
        message.agent.CopyFrom(tag)
        message.agent_basis = agent.basis
