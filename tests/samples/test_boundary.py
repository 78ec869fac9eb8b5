"""The boundary cases can be delivered and asked, and no dirt of one touches another."""

from collections import Counter
from pathlib import Path

import pytest

from kernel.errors import MalformedIdentity
from kernel.identity import near, parse_person
from kernel.names import match_name
from samples.boundary import boundaries, deliver_boundary
from samples.handmade import Boundary
from samples.registry import REGISTRIES
from samples.tables import TABLES, Table
from samples.truth import CLAIMS, DATASETS
from tests.samples.delivered import read

BOUNDARIES = tuple(boundaries())
by_name = pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: boundary.name)
TOLERANCE = 0.03


def test_every_claim_has_a_boundary_case_and_each_outcome_is_expected_somewhere() -> None:
    cases = [case for boundary in BOUNDARIES for case in boundary.cases]
    assert {case.claim for case in cases} == CLAIMS.keys()
    assert {case.outcome for case in cases} == {"CONFIRMED", "NOT_CONFIRMED", "NO_RECORD", "CANNOT_VERIFY"}
    assert {case.reason for case in cases} == {"", "QUALITY", "OUT_OF_COVERAGE"}
    assert all((case.outcome == "CANNOT_VERIFY") == (case.reason != "") for case in cases)


@by_name
def test_people_put_in_by_hand_hold_numbers_of_their_own(boundary: Boundary) -> None:
    held = Counter(parse_person(n.text).canonical for person in boundary.world.people.values() for n in person.numbers)
    assert max(held.values()) == 1


@by_name
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_a_boundary_is_delivered_like_a_city(boundary: Boundary, table: Table, tmp_path: Path) -> None:
    deliver_boundary(tmp_path, boundary)
    rows = read(tmp_path, table)
    headers = table.columns
    expected = [{headers[name]: value for name, value in row.items()} for row in boundary.rows()[table.dataset]]
    assert rows == expected
    bad = sum(1 + edit.copy for edit in boundary.edits if edit.dirty and edit.dataset == table.dataset)
    assert bad / len(rows) < TOLERANCE


@by_name
def test_every_edit_finds_its_record(boundary: Boundary) -> None:
    for edit in boundary.edits:
        key = next(table.key[0] for table in TABLES if table.dataset == edit.dataset)
        records = [r for r in REGISTRIES[edit.dataset](boundary.world) if r.values[key] == edit.key]
        assert len(records) == 1
        # A number of 15 digits may stand there already: the registry wrote that day what the edit makes sure of.
        assert not edit.dirty or edit.values.items() != {name: records[0].values[name] for name in edit.values}.items()


@by_name
def test_dirt_touches_none_but_those_who_are_asked_about_it(boundary: Boundary) -> None:
    for edit in (each for each in boundary.edits if each.dirty):
        table = next(table for table in TABLES if table.dataset == edit.dataset)
        row = next(r for r in boundary.rows()[edit.dataset] if edit.values.items() <= r.items())
        touched = {
            each for column, name in table.subjects for each in _touched(str(row[column]), str(row.get(name) or ""))
        }
        for case in boundary.cases:
            if edit.dataset in DATASETS[case.claim] and case.reason != "QUALITY":
                person = boundary.world.holder(case.number)
                names = {match_name(person.name)} if person else set()
                assert parse_person(case.number).canonical not in touched
                assert not names & touched


def _touched(number: str, name: str) -> set[str]:
    """Whom a record may be about: its number's holder, those near a bad number, or those of the name."""
    try:
        return {parse_person(number).canonical}
    except MalformedIdentity:
        return {each.canonical for each in near(number)} | {match_name(name)}
