"""A whole hub without a server: a sample city delivered, published and asked in process."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from app.home import make_home
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from exchange.publish import HeldBack, Published, publish
from kernel.clock import FixedClock
from kernel.identity import Identity, parse_person
from samples.questions import Question, questions
from samples.truth import answer
from samples.world import Person, World
from schemas.item import Binding, Source
from schemas.parameter import ParameterType
from schemas.wire.v1 import statement_pb2
from verifier.call import Party
from verifier.evaluate import Verdict, evaluate
from verifier.judge import Lookups
from verifier.materials import Asked
from verifier.ports import Pinned

TODAY = date(2026, 11, 24)
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks claims of the snapshots in force, as the flow of a question does: pin, look up, evaluate."""

    hub: Hub
    pinned: Pinned
    now: datetime

    @classmethod
    def of(cls, hub: Hub, now: datetime | None = None) -> "Asker":
        """Pin every snapshot of a hub."""
        return cls(hub=hub, pinned=hub.exchange.pin(hub.catalogue.contracts), now=now or hub.clock.now())

    def ask(self, claim_id: str, subject: Identity, parameters: Mapping[str, int | str], *, name: str = "") -> Verdict:
        """What the hub says of one claim about a subject; an identity parameter stands as another party of the case."""
        claim = self.hub.catalogue.claims[claim_id]
        parties, bindings = [Party(role="subject", identity=subject, name=name)], []
        for parameter in claim.parameters:
            value = parameters[parameter.name]
            if parameter.type is ParameterType.IDENTITY:
                parties.append(Party(role=OTHER, identity=parse_person(str(value))))
                bindings.append(Binding(parameter=parameter.name, source=Source.ROLE, value=OTHER))
            else:
                bindings.append(Binding(parameter=parameter.name, source=Source.CONSTANT, value=value))
        asked = Asked(
            material="asked",
            role="subject",
            claim=claim,
            bindings=tuple(bindings),
            doubles=(OTHER,) if len(parties) > 1 else (),
            answer=statement_pb2.Answer(),
        )
        aliases = self.hub.catalogue.aliases
        lookups = Lookups(self.pinned, parties, aliases.id if aliases else None)
        ask = asked.ask(lookups.numbers, {})
        return evaluate(claim, lookups.of(asked), ask, snapshots=self.pinned.snapshots, now=self.now)


def plain(verdict: Verdict) -> str:
    """A verdict in the words of the truth: the outcome, or the reason why there is none."""
    return verdict.reason.name if verdict.outcome.name == "CANNOT_VERIFY" else verdict.outcome.name


@pytest.fixture(scope="session")
def new_hub(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], Hub]:
    """Makes hubs in homes of their own, whose clocks stand at noon of a day."""

    def make(today: date = TODAY) -> Hub:
        hub = open_hub(tmp_path_factory.mktemp("home"), FixedClock.on(today))
        make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now() - timedelta(days=1))
        return hub

    return make


def publish_all(hub: Hub) -> dict[str, Published | HeldBack]:
    """Publish every dataset of a hub from its deliveries, without a scheduler."""
    return {each: publish(publishing_job(hub, each, "by-hand")) for each in hub.catalogue.contracts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the hub said of one question, beside the truth."""

    person: Person
    question: Question
    said: str
    true: str

    def __str__(self) -> str:
        return f"{self.question.claim} {dict(self.question.parameters)}: said {self.said}, true is {self.true}"


def compare(asker: Asker, world: World, *, every_number: bool = False) -> Iterator[Compared]:
    """Every question worth asking about everybody, under their number or under every number that they ever held."""
    today = world.today
    for person in world.people.values():
        numbers = person.every_number if every_number else (person.number,)
        for question in questions(world, person, today):
            true = str(answer(world, question.claim, person, question.parameters, today))
            for number in numbers:
                verdict = asker.ask(question.claim, parse_person(number), question.parameters)
                yield Compared(person=person, question=question, said=plain(verdict), true=true)
