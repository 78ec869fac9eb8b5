"""What may not be in a city: invariants of births, weddings, homes, titles and money, whatever the seed."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.identity import IdentityKind, parse_person
from kernel.names import match_name
from samples.city import build
from samples.naming import RARE, SEPARATOR
from samples.numbers import fifteen
from samples.tables import DWELLINGS, MARRIAGES, POPULATION, SOCIAL_INSURANCE, TABLES
from samples.truth import years_between
from samples.world import Sex, Stay, World, month_of
from tests.samples.delivered import TODAY, City

seeds = st.integers(min_value=0, max_value=2**32)
days = st.dates(min_value=date(2024, 1, 1), max_value=date(2032, 12, 31)) | st.sampled_from(
    [date(2028, 2, 29), date(2027, 1, 1), date(2026, 12, 31)]
)
few = settings(max_examples=12, deadline=None)


@few
@given(seeds, days)
def test_nobody_is_married_twice_at_once_or_too_young_or_after_death(seed: int, today: date) -> None:
    world = build(300, seed, today)
    for key, marriages in world.marriages_of.items():
        person = world.people[key]
        for marriage in marriages:
            spouse = world.people[marriage.spouse_of(key)]
            assert spouse.sex is not person.sex
            assert years_between(person.born, marriage.wed) >= (22 if person.sex is Sex.MALE else 20)
            assert person.lives_on(marriage.wed)
            assert marriage.wed <= today
            assert marriage.divorced is None or marriage.wed < marriage.divorced <= today
        for former, later in pairwise(marriages):
            deaths = [world.people[k].died for k in (former.husband, former.wife)]
            ended = min(day for day in (former.divorced, *deaths) if day is not None)
            assert ended < later.wed


@few
@given(seeds, days)
def test_parents_are_old_enough_and_children_are_born_while_the_mother_lives(seed: int, today: date) -> None:
    world = build(300, seed, today)
    for person in world.people.values():
        assert person.born <= today
        assert person.died is None or person.born < person.died <= today
        for parent in (world.people[key] for key in (person.father, person.mother) if key is not None):
            assert years_between(parent.born, person.born) >= 20
            assert parent.lives_on(person.born)
            assert parent.sex is (Sex.MALE if parent.key == person.father else Sex.FEMALE)


@few
@given(seeds, days)
def test_numbers_are_valid_distinct_and_say_when_their_holder_was_born(seed: int, today: date) -> None:
    world = build(300, seed, today)
    texts = [text for person in world.people.values() for text in person.every_number]
    canonical = [parse_person(n.text).canonical for person in world.people.values() for n in person.numbers]
    assert len(set(texts)) == len(texts)
    assert len(set(canonical)) == len(canonical)
    for person in world.people.values():
        for number in person.numbers:
            born = f"{person.born:%Y%m%d}"
            assert born in number.text or born[2:] == number.text[7:13]
            assert number.since is None or number.since <= today
        if person.number[:1].isdigit():
            assert int(person.number[16]) % 2 == (person.sex is Sex.MALE)


@few
@given(seeds, days)
def test_a_unit_has_one_title_at_a_time_and_owners_were_alive_and_of_age(seed: int, today: date) -> None:
    world = build(300, seed, today)
    for title in world.titles:
        assert title.registered <= today
        assert title.ended is None or title.registered < title.ended <= today
        assert len(set(title.owners)) == len(title.owners)
        assert (title.sharing == "单独所有") == (len(title.owners) == 1)
        for owner in (world.people[key] for key in title.owners):
            assert years_between(owner.born, title.registered) >= 18
            assert owner.lives_on(title.registered)
        for since, until in title.mortgages:
            assert title.registered <= since <= today
            assert until is None or since < until <= today
            assert title.ended is None or (until is not None and until <= title.ended)
    assert len({title.certificate_no for title in world.titles}) == len(world.titles)
    by_unit: dict[str, list[tuple[date, date]]] = {}
    for title in world.titles:
        by_unit.setdefault(title.unit_no, []).append((title.registered, title.ended or date.max))
    for spans in by_unit.values():
        assert all(former[1] <= later[0] for former, later in pairwise(sorted(spans)))


@few
@given(seeds, days)
def test_months_and_money_add_up(seed: int, today: date) -> None:
    world = build(300, seed, today)
    due = month_of(today) - 1
    for insurance in world.insurances:
        ends = [due if last is None else last for _, last in insurance.spells]
        assert all(first <= end <= due for (first, _), end in zip(insurance.spells, ends, strict=True))
        assert all(former[1] is not None and former[1] < later[0] for former, later in pairwise(insurance.spells))
        assert insurance.ended <= (insurance.spells[-1][1] is not None)
    for account in world.accounts:
        last = due if account.last_month is None else account.last_month
        assert account.first_month <= last <= due
        assert 0 <= account.withdrawn_fen < (last - account.first_month + 1) * account.monthly_fen
        assert account.closed is None or (account.last_month is not None and account.closed <= today)
        assert account.opened <= today
    for cover in world.covers:
        ends = [day for day in (cover.suspended, cover.ended) if day is not None]
        assert all(cover.since <= day <= today for day in ends)
        assert cover.since <= today


@few
@given(seeds, days)
def test_people_live_where_their_household_lives(seed: int, today: date) -> None:
    world = build(300, seed, today)
    homes: dict[str, set[str]] = {}
    for residence in world.residences.values():
        assert residence.since >= world.people[residence.person].born
        assert residence.left is None or residence.since <= residence.left <= today
        assert (residence.household is None) == (residence.stay is Stay.RESIDENT)
        if residence.household:
            homes.setdefault(residence.household, set()).add(residence.address)
    assert all(len(addresses) == 1 for addresses in homes.values())


def test_every_kind_of_number_is_held_and_delivered(city: City) -> None:
    world = city.world
    kinds = Counter(parse_person(n.text).kind for person in world.people.values() for n in person.numbers)
    assert kinds.keys() == {IdentityKind.RESIDENT, IdentityKind.HMT_PERMIT, IdentityKind.FOREIGN_PERMIT}
    assert {p.number[:2] for p in world.people.values() if p.number[:1] == "8"} == {"81", "82", "83"}
    histories = [person.numbers for person in world.people.values() if len(person.numbers) > 1]
    assert any(len(numbers) == 3 and numbers[-1].text[0] == "9" for numbers in histories)
    held = [person.number for person in world.people.values()]
    assert any(number[:3].isalpha() for number in held)
    assert any(number[0] == "9" for number in held)
    delivered = {
        len(str(row[table.columns[column]]).strip())
        for table in TABLES
        for column, _ in table.subjects
        for row in city.rows(table)
    }
    assert {15, 18} <= delivered


def test_fifteen_digits_stand_in_old_records_for_people_who_now_have_eighteen(city: City) -> None:
    old = {fifteen(p.number): p.number for p in city.world.people.values() if fifteen(p.number)}
    for table in (POPULATION, MARRIAGES, DWELLINGS, SOCIAL_INSURANCE):
        numbers = [str(row[table.columns[column]]) for row in city.rows(table) for column, _ in table.subjects]
        found = [number for number in numbers if number in old]
        assert found
        assert all(parse_person(number).number == old[number] for number in found)


def test_names_have_rare_characters_and_separators_that_differ_by_department(city: City) -> None:
    names = {person.name for person in city.world.people.values()}
    assert all(any(rare in name for name in names) for rare in RARE)
    minority = {name for name in names if SEPARATOR in name}
    assert minority
    written = {
        character
        for table in TABLES
        for _, column in table.subjects
        if column
        for row in city.rows(table)
        for name in [str(row[table.columns[column]])]
        if match_name(name) in minority
        for character in name
        if not character.isalnum() and not character.isspace()
    }
    assert {"·", "•", "・", "．", "‧"} <= written


def test_lives_take_every_turn(city: City) -> None:
    world = city.world
    assert any(m.divorced for m in world.marriages)
    couples = Counter((m.husband, m.wife) for m in world.marriages)
    assert max(couples.values()) > 1, "some couple divorced and married again"
    assert any(len({m.spouse_of(k) for m in ms}) > 1 for k, ms in world.marriages_of.items())
    assert any(world.people[m.husband].died and not world.people[m.wife].died for m in world.marriages)
    assert any(m.husband not in world.residences for m in world.marriages), "some spouse never lived here"
    assert any(residence.left for residence in world.residences.values())
    assert any(person.died for person in world.people.values())
    assert any(person.mother is not None and person.father is None for person in world.people.values())
    assert any(title.ended for title in world.titles)
    assert any(len(title.owners) > 1 and title.mortgages for title in world.titles)
    assert any(set(t.owners) - world.residences.keys() for t in world.titles), "some owner never lived here"
    parking_only = [ts for ts in world.titles_of.values() if {t.use for t in ts} == {"车位"}]
    assert parking_only


def test_nobody_comes_from_a_day_before_new_permits(city: City) -> None:
    with pytest.raises(Exception, match="choose after 2023-12-01"):
        build(300, 1, date(2023, 12, 1))
    assert city.world.today == TODAY


def test_blocks_share_no_family(city: City) -> None:
    bound = city.world.first_block
    assert bound is not None
    assert all((m.husband < bound) == (m.wife < bound) for m in city.world.marriages)


def test_a_person_is_found_under_every_number_and_nobody_under_none(city: City) -> None:
    world: World = city.world
    for person in list(world.people.values())[::97]:
        assert all(world.holder(text) is person for text in person.every_number)
    assert world.holder("110101190001010006") is None
    assert world.holder("not a number") is None


def test_a_day_of_leap_years_gives_a_city_too() -> None:
    assert build(300, 1, date(2028, 2, 29)).people != build(300, 1, date(2028, 2, 29) + timedelta(days=1)).people
