"""Quarantine creates no facts: whoever a held-back row may be about is tainted."""

import pytest

from kernel.identity import Identity, near
from tests.exchange.registry import Registry, alias, marriage, number, person, resident

OTHER = 50


@pytest.fixture
def bearing(published: Registry) -> Registry:
    """Clean registers of aliases and residents in force; marriages may be as bad as they like."""
    published.bear("marriages")
    published.bear("population")
    return published


def tainted(registry: Registry, subject: Identity, *names: str) -> bool:
    return registry.exchange().pin(["marriages"]).held("marriages", subject, names).tainted


def test_a_readable_number_taints_every_subject_of_the_row(bearing: Registry) -> None:
    bearing.publish("marriages", [marriage(1, 1, 2, status="?"), marriage(2, 3, 4)])
    assert [tainted(bearing, person(place)) for place in (1, 2, 3, 4)] == [True, True, False, False]


def test_a_bad_number_taints_every_valid_number_one_edit_away(bearing: Registry) -> None:
    right = number(1)
    bad = right[:16] + str((int(right[16]) + 1) % 10) + right[17]
    bearing.publish("marriages", [marriage(1, 1, 2, husband_id=bad, husband_name=None), marriage(2, 3, 4)])
    candidates = near(bad)
    assert person(1) in candidates
    assert all(tainted(bearing, each) for each in candidates)
    assert not tainted(bearing, person(3))


def test_a_bad_number_taints_the_name_too(bearing: Registry) -> None:
    two_edits_off = number(1)[:14] + "9998"
    bearing.publish("marriages", [marriage(1, 1, 2, husband_id=two_edits_off), marriage(2, 3, 4)])
    assert tainted(bearing, person(1))
    assert not tainted(bearing, person(3))


def test_a_lost_number_taints_whoever_has_the_name_however_it_is_written(bearing: Registry) -> None:
    bearing.publish("population", [resident(1, name="阿依古丽·买买提"), *(resident(place) for place in range(2, 10))])
    bearing.publish(
        "marriages", [marriage(1, 1, 2, husband_id=None, husband_name=" 阿依古丽•买买提 "), marriage(2, 3, 4)]
    )
    assert tainted(bearing, person(1))
    assert tainted(bearing, person(2))
    assert not tainted(bearing, person(3))


def test_a_name_that_only_the_case_knows_taints_too(bearing: Registry) -> None:
    bearing.publish("marriages", [marriage(1, OTHER, 2, husband_id=None), marriage(2, 3, 4)])
    lost = str(marriage(1, OTHER, 2)["husband_name"])
    assert tainted(bearing, person(OTHER), lost)
    assert not tainted(bearing, person(OTHER), "另一个名字")
    assert tainted(bearing, person(3), lost)


def test_whoever_has_no_known_name_is_tainted_where_a_name_is_all_that_is_left(bearing: Registry) -> None:
    bearing.publish("marriages", [marriage(1, 1, 2, husband_id=None), marriage(2, 3, 4)])
    assert tainted(bearing, person(OTHER))
    bearing.publish("marriages", [marriage(1, 1, 2, status="?"), marriage(2, 3, 4)])
    assert not tainted(bearing, person(OTHER))


def test_contradicting_rows_taint_the_subjects_of_each(bearing: Registry) -> None:
    bearing.publish("marriages", [marriage(1, 1, 2), marriage(1, 1, 5), marriage(2, 3, 4)])
    assert [tainted(bearing, person(place)) for place in (1, 2, 5, 3)] == [True, True, True, False]


def test_a_dropped_duplicate_taints_nobody(bearing: Registry) -> None:
    bearing.publish("marriages", [marriage(1, 1, 2), marriage(1, 1, 2), marriage(2, 3, 4)])
    held = bearing.exchange().pin(["marriages"]).held("marriages", person(1))
    assert (len(held.rows), held.tainted) == (1, False)


def test_rows_that_name_nobody_are_counted_and_end_answers_from_absence(bearing: Registry) -> None:
    bearing.bear("marriages", unattributable_bound=0.25)
    rows = [marriage(place, 2 * place, 2 * place + 1) for place in range(1, 4)]
    lost = {"husband_id": None, "husband_name": None}
    few = bearing.publish("marriages", [marriage(9, 8, 9, **lost), *rows])
    assert (few.counts.unattributable, few.absence_allowed) == (1, True)
    many = bearing.publish("marriages", [marriage(9, 8, 9, **lost), marriage(8, 8, 9, **lost), *rows])
    assert (many.counts.unattributable, many.absence_allowed) == (2, False)
    assert not bearing.exchange().pin(["marriages"]).snapshots["marriages"].absence_allowed


def test_a_subject_with_more_rows_than_a_person_can_have_is_tainted(bearing: Registry) -> None:
    bearing.publish("marriages", [*(marriage(place, 1, place) for place in range(100, 360)), marriage(2, 3, 4)])
    held = bearing.exchange().pin(["marriages"]).held("marriages", person(1))
    assert (held.rows, held.tainted) == ((), True)


def test_a_held_back_alias_taints_both_numbers_everywhere(bearing: Registry) -> None:
    bearing.bear("person_aliases")
    bearing.publish("marriages", [marriage(1, 1, 2), marriage(2, 3, 4)])
    bearing.publish("person_aliases", [alias(1, number(1), number(60), changed_on="?"), alias(2, number(7), number(8))])
    assert [tainted(bearing, person(place)) for place in (1, 60, 3)] == [True, True, False]
