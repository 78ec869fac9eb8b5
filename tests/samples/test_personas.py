"""The personas are what the demonstrations say of them, in any city."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.city import blocks, build
from samples.numbers import fifteen
from samples.personas import NoPersona, Persona, Personas, personas
from samples.settings import SampleSettings
from samples.truth import Verdict, answer, years_between
from samples.world import Person, World
from tests.samples.delivered import RESIDENTS, SEED, SETTINGS, TODAY, City


def _holds(world: World, persona: Persona, claim: str, **parameters: object) -> bool:
    person = world.holder(persona.number)
    return answer(world, claim, person, parameters, TODAY) is Verdict.CONFIRMED


def _person(world: World, persona: Persona) -> Person:
    person = world.holder(persona.number)
    assert person is not None
    assert person.name == persona.name
    return person


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=300, max_value=600))
def test_every_city_has_them_and_they_are_what_they_must_be(seed: int, residents: int) -> None:
    world = build(residents, seed, TODAY)
    chosen = personas(world)
    assert len({each.number for each in chosen.everybody()}) == len(list(chosen.everybody())) == 10
    for persona in chosen.everybody():
        assert _holds(world, persona, "person.alive")
    for persona in (chosen.groom, chosen.bride):
        assert _holds(world, persona, "marriage.unmarried")
        assert _holds(world, persona, "person.marriage_age")
    assert _holds(world, chosen.groom, "person.registered_here")
    assert _holds(world, chosen.elder, "person.registered_here")
    assert _holds(world, chosen.elder, "person.age_at_least", years=80)
    for claim in ("dwelling.owns_this", "dwelling.sole_owner", "dwelling.free_of_mortgage"):
        assert _holds(world, chosen.owner, claim, certificate_no=chosen.certificate_no)
    assert _holds(world, chosen.borrower, "fund.account_active")
    assert _holds(world, chosen.borrower, "fund.balance_at_least", fen=1_000_000)
    assert _holds(world, chosen.borrower, "social.months_at_least", months=12)
    assert _holds(world, chosen.borrower, "dwelling.owns_none")
    assert _holds(world, chosen.mother, "marriage.married_to", spouse=chosen.father.number)
    assert _holds(world, chosen.mother, "medical.insured_now")
    for persona in (chosen.mother, chosen.father):
        assert _holds(world, persona, "person.resident_here")
    for persona in (chosen.buyer, chosen.buyer_spouse, chosen.buyer_child):
        assert _holds(world, persona, "dwelling.owns_none")
    assert _holds(world, chosen.buyer, "marriage.married_to", spouse=chosen.buyer_spouse.number)
    assert _holds(world, chosen.buyer, "person.local_or_insured", months=24)
    assert _holds(world, chosen.buyer_child, "person.child_of", parent=chosen.buyer.number)


def test_the_groom_once_had_fifteen_digits_and_the_brides_name_spoils_systems(city: City) -> None:
    groom, bride = _person(city.world, city.personas.groom), _person(city.world, city.personas.bride)
    assert city.personas.groom.former_number == fifteen(groom.number)
    assert years_between(groom.born, TODAY) < 40
    assert "·" in bride.name
    assert groom.sex is not bride.sex


def test_they_are_the_same_in_the_whole_city_as_in_its_first_block(city: City) -> None:
    first = next(blocks(RESIDENTS, SEED, TODAY, SETTINGS))
    assert personas(first) == personas(city.world) == city.personas


def test_they_are_written_with_the_truth_and_not_with_a_department(city: City) -> None:
    assert Personas.read(city.out) == city.personas
    assert [path.parent.name for path in city.out.rglob("personas.json")] == ["truth"]


def test_a_city_without_somebody_says_whom_it_lacks() -> None:
    with pytest.raises(NoPersona, match="nobody in the sample city can be groom"):
        personas(World(today=TODAY))
    assert SampleSettings().residents_min == 300
