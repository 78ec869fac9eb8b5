"""Cases: one use of one item by named parties. Nothing is asked outside an open one.

A case lives in its token, sealed under the hub's case key: any worker can read it, none keeps it. What must be common
and durable is only which cases have been closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from audit.detail import DetailKey
from kernel.clock import Clock
from kernel.errors import CaseExpired, NotYourCase, PartiesMismatch
from kernel.identity import Identity
from kernel.names import match_name
from kernel.sealing import BadSeal, Sealer
from schemas.client import Client
from schemas.item import Item
from schemas.wire.v1 import case_pb2, statement_pb2
from verifier.call import Call, Closing, Opening, Party
from verifier.closures import Closures
from verifier.presence import Agent, Evidence

PURPOSE = b"mianzheng.case/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One use of one item. `key` is the key that the details of its entries are sealed under."""

    number: str
    client: str
    operator: str
    operator_assurance: statement_pb2.Assurance
    item: str
    item_version: int
    parties: tuple[Party, ...]
    inputs: Mapping[str, str]
    legal_basis: str
    presence: statement_pb2.Presence
    opened_at: datetime
    expires_at: datetime
    key: DetailKey
    evidence: Evidence | None = None
    agent: Agent | None = None

    def check_parties(self, parties: tuple[Party, ...]) -> None:
        """Return if a question names this case's parties, in any order; raises PartiesMismatch."""
        asked = {party.role: party for party in parties}
        if asked.keys() != {party.role for party in self.parties}:
            raise PartiesMismatch("the question names other roles than the case", field="parties")
        for party in self.parties:
            other = asked[party.role]
            if other == party:
                continue
            if other.identity != party.identity:
                raise PartiesMismatch("the question names another person than the case", field="parties")
            if other.name and match_name(other.name) != match_name(party.name):
                raise PartiesMismatch("the question names a person by another name than the case", field="parties")


class Cases:
    """Opens cases into tokens, and reads tokens back."""

    def __init__(self, *, key: bytes, closures: Closures, clock: Clock, lifetime: timedelta) -> None:
        """Take the hub's case key (32 bytes), the closures, and how long a case stays open."""
        self._sealer = Sealer(key)
        self._clock = clock
        self._lifetime = lifetime
        self.closures = closures

    def expiry(self, now: datetime) -> datetime:
        """When a case that is opened now expires."""
        return now.replace(microsecond=0) + self._lifetime

    def open(
        self,
        number: str,
        client: Client,
        opening: Opening,
        item: Item,
        key: DetailKey,
        *,
        assurance: statement_pb2.Assurance = statement_pb2.ASSURANCE_ASSERTED,
    ) -> Case:
        """A new case, open from now for its lifetime. Whole seconds, as the token holds them."""
        now = self._clock.now().replace(microsecond=0)
        return Case(
            number=number,
            client=client.id,
            operator=opening.operator,
            operator_assurance=assurance,
            item=item.id,
            item_version=item.version,
            parties=opening.parties,
            inputs=opening.inputs,
            legal_basis=opening.legal_basis,
            presence=opening.presence,
            opened_at=now,
            expires_at=self.expiry(now),
            key=key,
            evidence=opening.evidence,
            agent=opening.agent,
        )

    def token(self, case: Case) -> bytes:
        """The case, sealed."""
        message = case_pb2.Case(
            case_number=case.number,
            client=case.client,
            operator=case.operator,
            operator_assurance=case.operator_assurance,
            item=case.item,
            item_version=case.item_version,
            parties=[
                case_pb2.CaseParty(role=party.role, identity=party.identity.canonical, name=party.name)
                for party in case.parties
            ],
            inputs=case.inputs,
            legal_basis=case.legal_basis,
            presence=case.presence,
            presence_evidence=case.evidence.message if case.evidence else None,
            agent=_agent_message(case.agent) if case.agent else None,
            agent_basis=case.agent.basis if case.agent else "",
            opened_at=Timestamp(seconds=int(case.opened_at.timestamp())),
            expires_at=Timestamp(seconds=int(case.expires_at.timestamp())),
            detail_key=case.key.key,
            detail_key_id=case.key.id,
        )
        return self._sealer.seal(message.SerializeToString(), PURPOSE)

    def read(self, call: Call | Closing, client: Client) -> Case:
        """The client's own case of this number; raises NotYourCase. It may be over: `check_open`."""
        case = unsealed(call.token, self._sealer)
        self.check_own(case, call, client)
        return case

    def check_own(self, case: Case, call: Call | Closing, client: Client) -> None:
        """Return if a token's case is the one that a call names, and the client's own; raises NotYourCase."""
        if case.number != call.case_number:
            raise NotYourCase("the token is another case's", field="case_token")
        if case.client != client.id:
            raise NotYourCase("another client opened this case", field="case_token")

    def check_time(self, case: Case) -> None:
        """Return if the case has not expired; raises CaseExpired."""
        if self._clock.now() >= case.expires_at:
            raise CaseExpired("the case's time is over", remedy="open a new case")

    def check_open(self, case: Case, item: Item | None) -> Item:
        """The case's item, if the case may still be asked in; raises CaseExpired, CaseClosed or Unavailable.

        `item` is the version of it that the case was opened under, None where it stands no more.
        """
        self.check_time(case)
        self.closures.check_open(case.number)
        if item is None or item.version != case.item_version:
            raise CaseExpired("the item has changed since the case was opened", remedy="open a new case")
        return item


def unsealed(token: bytes, sealer: Sealer) -> Case:
    """The case in a token, whoever sent it and whether or not it is over; raises NotYourCase."""
    try:
        return _case(sealer.unseal(token, PURPOSE))
    except (BadSeal, DecodeError) as error:
        raise NotYourCase("the token is none of this hub's", field="case_token") from error


def _agent_message(agent: Agent) -> case_pb2.CaseParty:
    return case_pb2.CaseParty(role="agent", identity=agent.identity.canonical, name=agent.name)


def _case(raw: bytes) -> Case:
    message = case_pb2.Case.FromString(raw)
    agent = None
    if message.HasField("agent"):
        identity = Identity.from_canonical(message.agent.identity)
        agent = Agent(identity=identity, name=message.agent.name, basis=message.agent_basis)
    return Case(
        number=message.case_number,
        client=message.client,
        operator=message.operator,
        operator_assurance=message.operator_assurance,
        item=message.item,
        item_version=message.item_version,
        parties=tuple(
            Party(role=party.role, identity=Identity.from_canonical(party.identity), name=party.name)
            for party in message.parties
        ),
        inputs=dict(message.inputs),
        legal_basis=message.legal_basis,
        presence=message.presence,
        opened_at=datetime.fromtimestamp(message.opened_at.seconds, UTC),
        expires_at=datetime.fromtimestamp(message.expires_at.seconds, UTC),
        key=DetailKey(id=message.detail_key_id, key=message.detail_key),
        evidence=Evidence.of(message.presence_evidence) if message.HasField("presence_evidence") else None,
        agent=agent,
    )
