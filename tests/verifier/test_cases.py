"""Cases live in sealed tokens; which are closed is durable and common to all workers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.detail import DetailKey
from kernel.clock import FixedClock
from kernel.errors import CaseExpired, NotYourCase, PartiesMismatch
from kernel.identity import parse_person
from schemas.catalogue import load_catalogue
from schemas.wire.v1 import statement_pb2
from verifier.call import Closing, Opening, Party
from verifier.cases import Case, Cases
from verifier.closures import Closures

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
CATALOGUE = load_catalogue()
ITEM = CATALOGUE.items["senior_allowance"]
CLIENT = CATALOGUE.clients["spiffe://wenling.mianzheng.example/counter/counter-hall-01"]
APPLICANT = Party(role="applicant", identity=parse_person("331081194001010010"), name="买买提·艾力")
OPENING = Opening(
    raw=b"",
    item=ITEM.id,
    parties=(APPLICANT,),
    inputs={"certificate_no": "浙0001"},
    operator="0731",
    legal_basis="《老年人权益保障法》",
    presence=statement_pb2.PRESENCE_FACE_CHECK,
)
KEY = DetailKey(id=b"i" * 16, key=b"k" * 32)


@pytest.fixture
def closures(tmp_path: Path) -> Iterator[Closures]:
    closures = Closures(tmp_path / "cases.sqlite", busy_seconds=1.0)
    yield closures
    closures.end()


@pytest.fixture
def cases(closures: Closures) -> Cases:
    clock = FixedClock(instant=NOW)
    return Cases(key=b"c" * 32, closures=closures, clock=clock, lifetime=timedelta(hours=8))


def opened(cases: Cases) -> Case:
    return cases.open("20261124-3f09c2a1be", CLIENT, OPENING, ITEM, KEY)


def asked(case: Case, token: bytes) -> Closing:
    return Closing(raw=b"", case_number=case.number, token=token)


def test_a_case_reads_back_as_it_was_opened(cases: Cases) -> None:
    case = opened(cases)
    assert cases.read(asked(case, cases.token(case)), CLIENT) == case
    assert cases.check_open(case, ITEM) is ITEM


def test_a_token_tells_nothing(cases: Cases) -> None:
    case = opened(cases)
    token = cases.token(case)
    for secret in (APPLICANT.identity.number, APPLICANT.name, case.number, "0731"):
        assert secret.encode() not in token
    assert KEY.key not in token
    assert cases.token(case) != token


@given(st.binary(max_size=200))
def test_any_bytes_are_no_token(raw: bytes) -> None:
    with pytest.raises(NotYourCase):
        Cases(key=b"c" * 32, closures=None, clock=FixedClock(instant=NOW), lifetime=timedelta(1)).read(  # type: ignore[arg-type]
            Closing(raw=b"", case_number="x", token=raw), CLIENT
        )


def test_a_token_of_another_hubs_key_is_refused(cases: Cases, closures: Closures) -> None:
    other = Cases(key=b"d" * 32, closures=closures, clock=FixedClock(instant=NOW), lifetime=timedelta(hours=8))
    case = opened(cases)
    with pytest.raises(NotYourCase):
        cases.read(asked(case, other.token(case)), CLIENT)


def test_a_case_is_its_clients_alone(cases: Cases) -> None:
    case = opened(cases)
    with pytest.raises(NotYourCase):
        cases.read(asked(case, cases.token(case)), replace(CLIENT, id=CLIENT.id + "2"))


def test_a_case_ends_at_the_second_that_was_told(closures: Closures) -> None:
    clock = FixedClock(instant=NOW)
    cases = Cases(key=b"c" * 32, closures=closures, clock=clock, lifetime=timedelta(hours=8))
    case = opened(cases)
    clock.advance(timedelta(hours=8) - timedelta(microseconds=1))
    cases.check_open(case, ITEM)
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(CaseExpired):
        cases.check_open(case, ITEM)


def test_an_item_that_has_changed_ends_its_cases(cases: Cases) -> None:
    case = opened(cases)
    for item in (None, replace(ITEM, version=ITEM.version + 1)):
        with pytest.raises(CaseExpired):
            cases.check_open(case, item)


def test_names_are_compared_as_people_are_called(cases: Cases) -> None:
    case = opened(cases)
    for name in ("", "买买提·艾力", "买买提•艾力", "买买提 · 艾力"):
        case.check_parties((replace(APPLICANT, name=name),))
    with pytest.raises(PartiesMismatch):
        case.check_parties((replace(APPLICANT, name="买买提"),))
