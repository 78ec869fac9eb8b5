"""Look-ups and disclosure: whose doubts count, and which rows' values go along."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from audit.detail import DetailKey
from kernel.errors import Invalid
from kernel.identity import Identity, parse_person
from schemas.catalogue import Catalogue, load_catalogue
from schemas.item import Binding, Source
from schemas.property import Sensitivity
from schemas.wire.v1 import statement_pb2
from verifier.call import Party
from verifier.cases import Case
from verifier.judge import Lookups, judge
from verifier.materials import Asked

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
HUSBAND, WIFE = parse_person("331081194001010010"), parse_person("330102194506154000")


@dataclass(frozen=True)
class Held:
    """What a dataset holds about a subject."""

    rows: tuple[Any, ...] = ()
    tainted: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A sound snapshot in force."""

    dataset: str
    data_as_of: datetime = NOW
    absence_allowed: bool = True
    version: str = "20261124T000000Z-000000"
    manifest_digest: bytes = b"\x00" * 32


@dataclass
class Pinned:
    """Snapshots in memory, and a count of what was looked up."""

    held_by: Mapping[tuple[str, Identity], Held]
    datasets: tuple[str, ...]
    asked: list[tuple[str, Identity, tuple[str, ...]]] = field(default_factory=list)

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        return {each: Snapshot(dataset=each) for each in self.datasets}

    def held(self, dataset: str, subject: Identity, names: Iterable[str] = ()) -> Held:
        self.asked.append((dataset, subject, tuple(names)))
        return self.held_by.get((dataset, subject), Held())

    def linked(self, identity: Identity) -> tuple[Identity, ...]:
        return (identity,)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


def rows(catalogue: Catalogue, dataset: str, *records: Mapping[str, object]) -> tuple[Any, ...]:
    row = catalogue.contracts[dataset].row
    return tuple(row.parse(row.to_bytes(record)) for record in records)


def asked(catalogue: Catalogue, claim: str, *bindings: Binding, **changes: Any) -> Asked:
    return Asked(
        material="m",
        role="applicant",
        claim=replace(catalogue.claims[claim], **changes),
        bindings=bindings,
        doubles=tuple(str(each.value) for each in bindings if each.source is Source.ROLE),
        answer=statement_pb2.Answer(material="m"),
    )


SPOUSE = Binding(parameter="spouse", source=Source.ROLE, value="spouse")
PARENT = Binding(parameter="parent", source=Source.ROLE, value="spouse")
PARTIES = (Party(role="applicant", identity=HUSBAND, name="某某"), Party(role="spouse", identity=WIFE))


def judged(
    catalogue: Catalogue, ask: Asked, pinned: Pinned, *, values: bool = False, inputs: Mapping[str, str] | None = None
) -> statement_pb2.Answer:
    case = _case(inputs or {})
    grant = replace(catalogue.grants[0], values=values)
    lookups = Lookups(pinned, PARTIES, "person_aliases")
    return judge(ask, case, lookups, grant, snapshots=pinned.snapshots, now=NOW)


def _case(inputs: Mapping[str, str]) -> Case:
    return Case(
        number="20261124-3f09c2a1be",
        client="spiffe://wenling.mianzheng.example/counter/counter-hall-01",
        operator="0731",
        operator_assurance=statement_pb2.ASSURANCE_ASSERTED,
        item="property_mortgage",
        item_version=1,
        parties=PARTIES,
        inputs=inputs,
        legal_basis="《不动产登记暂行条例》",
        presence=statement_pb2.PRESENCE_CARD_READ,
        opened_at=NOW,
        expires_at=NOW + timedelta(hours=8),
        key=DetailKey(id=b"i" * 16, key=b"k" * 32),
    )


def test_a_row_lost_to_the_spouse_leaves_the_marriage_in_doubt(catalogue: Catalogue) -> None:
    married = rows(catalogue, "marriages", {"status": "已婚", "husband_id": HUSBAND, "wife_id": WIFE})
    ask = asked(catalogue, "marriage.married_to", SPOUSE)
    sound = Pinned({("marriages", HUSBAND): Held(married)}, ("marriages", "person_aliases"))
    assert judged(catalogue, ask, sound).outcome == statement_pb2.OUTCOME_CONFIRMED
    doubtful = replace(sound, held_by={**sound.held_by, ("marriages", WIFE): Held(tainted=True)})
    answer = judged(catalogue, ask, doubtful)
    assert (answer.outcome, answer.reason) == (statement_pb2.OUTCOME_CANNOT_VERIFY, statement_pb2.REASON_QUALITY)


def test_a_parents_own_record_does_not_cast_doubt_on_the_childs(catalogue: Catalogue) -> None:
    record = {"status": "户籍", "father_status": "已登记", "father_id": WIFE, "mother_status": "未登记"}
    held = {("population", HUSBAND): Held(rows(catalogue, "population", record))}
    ask = asked(catalogue, "person.child_of", PARENT)
    pinned = Pinned({**held, ("population", WIFE): Held(tainted=True)}, ("population", "person_aliases"))
    assert judged(catalogue, ask, pinned).outcome == statement_pb2.OUTCOME_CONFIRMED
    # But a number of the parent's that may have been lost does: the child's row may name that one.
    lost = Pinned({**held, ("person_aliases", WIFE): Held(tainted=True)}, ("population", "person_aliases"))
    assert judged(catalogue, ask, lost).reason == statement_pb2.REASON_QUALITY


def test_a_subject_is_looked_up_once_in_a_dataset_and_by_name(catalogue: Catalogue) -> None:
    pinned = Pinned({}, ("population", "person_aliases"))
    lookups = Lookups(pinned, PARTIES, "person_aliases")
    for claim in ("person.alive", "person.registered_here"):
        lookups.of(asked(catalogue, claim))
    assert pinned.asked == [("population", HUSBAND, ("某某",))]


def test_only_the_rows_that_carry_a_claim_are_disclosed(catalogue: Catalogue) -> None:
    house = {"status": "现势", "certificate_no": "浙0001", "use": "住宅", "area": 89.5, "owner_id": HUSBAND}
    shop = {**house, "certificate_no": "浙0002", "use": "商业"}
    pinned = Pinned({("dwellings", HUSBAND): Held(rows(catalogue, "dwellings", shop, house))}, ("dwellings",))
    ask = asked(
        catalogue,
        "dwelling.owns_this",
        Binding(parameter="certificate_no", source=Source.INPUT, value="certificate_no"),
    )
    shown = judged(catalogue, ask, pinned, values=True, inputs={"certificate_no": "浙0001"})
    # The date of registration is absent from the row, and stays absent.
    assert dict(shown.disclosed) == {"dwellings.use": "住宅", "dwellings.area": "89.5"}
    hidden = judged(catalogue, ask, pinned, values=False, inputs={"certificate_no": "浙0001"})
    assert hidden.outcome == statement_pb2.OUTCOME_CONFIRMED
    assert not hidden.disclosed
    other = judged(catalogue, ask, pinned, values=True, inputs={"certificate_no": "浙0003"})
    assert other.outcome == statement_pb2.OUTCOME_NOT_CONFIRMED
    assert not other.disclosed


def test_a_restricted_value_never_leaves_whatever_the_grant_says(catalogue: Catalogue) -> None:
    ask = asked(catalogue, "person.age_at_least", Binding(parameter="years", source=Source.CONSTANT, value=60))
    record = {"status": "户籍", "birth_date": date(1940, 1, 1)}
    pinned = Pinned({("population", HUSBAND): Held(rows(catalogue, "population", record))}, ("population",))
    assert dict(judged(catalogue, ask, pinned, values=True).disclosed) == {"population.birth_date": "1940-01-01"}
    contract = catalogue.contracts["population"]
    closed = tuple(
        replace(each, sensitivity=Sensitivity.RESTRICTED) if each.name == "birth_date" else each
        for each in contract.properties
    )
    ask = replace(ask, claim=replace(ask.claim, contracts={"population": replace(contract, properties=closed)}))
    assert not judged(catalogue, ask, pinned, values=True).disclosed


def test_two_numbers_of_one_person_do_not_stand_in_two_roles() -> None:
    class OnePerson(Pinned):
        def linked(self, identity: Identity) -> tuple[Identity, ...]:
            return (HUSBAND, WIFE) if identity in {HUSBAND, WIFE} else (identity,)

    pinned = OnePerson(held_by={}, datasets=("marriages", "person_aliases"))
    with pytest.raises(Invalid, match="one person stands in two roles"):
        Lookups(pinned, PARTIES, "person_aliases")
