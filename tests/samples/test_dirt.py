"""Dirt: a known share of records, of every kind, noted in full, never on the personas, never in the world."""

from collections import Counter

import pytest

from kernel.errors import MalformedIdentity
from kernel.identity import parse_person
from samples.city import build
from samples.deliveries import deliver_city
from samples.dirt import Soiler, Spared
from samples.doubt import may_fail
from samples.manifest import Foldable, Kind, Manifest, canonical
from samples.registry import REGISTRIES
from samples.settings import DEFAULTS
from samples.tables import PERSON_ALIASES, TABLES, Table
from samples.truth import CLAIMS
from tests.samples.delivered import SETTINGS, TODAY, City, read

TOLERANCE = 0.03
NEVER = {
    # Its key is the number itself, and it counts nothing.
    "population": {Kind.MISSING_KEY, Kind.IMPOSSIBLE_AMOUNT},
    "marriages": {Kind.IMPOSSIBLE_AMOUNT},
    "dwellings": {Kind.IMPOSSIBLE_AMOUNT},
    "medical_insurance": {Kind.IMPOSSIBLE_AMOUNT},
    "social_insurance": set(),
    "fund_accounts": set(),
}
FLIPS = {
    "population": "person.registered_here",
    "marriages": "marriage.unmarried",
    "dwellings": "dwelling.owns_none",
    "social_insurance": "social.insured_now",
    "medical_insurance": "medical.insured_now",
    "fund_accounts": "fund.account_active",
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_the_share_of_bad_records_is_near_what_was_set_and_under_tolerance(city: City, table: Table) -> None:
    share = city.manifest.bad_share(table.dataset)
    assert share < TOLERANCE
    if city.manifest.records[table.dataset] > 200:
        assert share > SETTINGS.dirty_share * 0.9


def test_the_default_city_has_between_half_and_one_percent_of_dirt(tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("default")
    manifest = deliver_city(out, residents=3_000, seed=2, today=TODAY, settings=DEFAULTS)
    bad = sum(manifest.bad_rows(table.dataset) for table in TABLES)
    assert 0.005 < bad / sum(manifest.records.values()) < 0.01


@pytest.mark.parametrize("dataset", NEVER)
def test_every_kind_of_dirt_is_there(city: City, dataset: str) -> None:
    found = {each.kind for each in city.manifest.planted if each.dataset == dataset}
    assert found >= set(Kind) - NEVER[dataset] - {Kind.UNATTRIBUTABLE}
    assert not found & NEVER[dataset]


def test_some_records_name_nobody_and_are_extra(city: City) -> None:
    nobodys = [each for each in city.manifest.planted if each.kind is Kind.UNATTRIBUTABLE]
    assert nobodys
    assert all(each.extra and not each.subjects and not each.names for each in nobodys)


@pytest.mark.parametrize("dataset", FLIPS)
def test_half_of_the_dirt_would_turn_a_claim_round(city: City, dataset: str) -> None:
    lost = [e for e in city.manifest.planted if e.dataset == dataset and e.kind is not Kind.UNATTRIBUTABLE]
    flipping = [each for each in lost if each.flips.startswith(FLIPS[dataset])]
    assert len(flipping) >= len(lost) // 2 > 0
    if dataset != "population":
        assert any(not each.extra for each in flipping), "some of them leave no proper record beside"


def test_remarriages_and_only_dwellings_are_among_the_dirt(city: City) -> None:
    flips = Counter(each.flips for each in city.manifest.planted)
    assert flips["marriage.unmarried, remarried"] > 0
    assert flips["dwelling.owns_none"] > 0


def test_planted_numbers_are_unreadable_or_lost_and_near_the_right_one(city: City) -> None:
    broken = {Kind.BAD_CHECK_CHARACTER, Kind.WRONG_DIGIT, Kind.TRUNCATED_NUMBER}
    for each in city.manifest.planted:
        if each.kind in broken:
            assert set(each.near) & set(each.subjects), "one edit away stands whom it is about"
        if each.kind in {Kind.GARBAGE_NUMBER, Kind.MISSING_NUMBER}:
            assert each.names


def test_as_many_delivered_numbers_are_unreadable_as_were_planted(city: City) -> None:
    kinds = {
        Kind.BAD_CHECK_CHARACTER, Kind.WRONG_DIGIT, Kind.TRUNCATED_NUMBER, Kind.GARBAGE_NUMBER, Kind.MISSING_NUMBER,
    }  # fmt: skip
    for table in TABLES:
        planted = [each for each in city.manifest.planted if each.dataset == table.dataset]
        nobodys = sum(each.kind is Kind.UNATTRIBUTABLE for each in planted) * len(table.subjects)
        wanted = sum(each.kind in kinds for each in planted) + nobodys
        unreadable = 0
        for row in city.rows(table):
            for column, _ in table.subjects:
                try:
                    parse_person(str(row[table.columns[column]] or ""))
                except MalformedIdentity:
                    unreadable += 1
        assert unreadable == wanted


def test_a_person_is_touched_once_in_the_whole_city(city: City) -> None:
    touched = Counter(subject for each in city.manifest.planted for subject in set(each.subjects))
    assert max(touched.values()) == 1


def test_no_dirt_touches_a_persona(city: City) -> None:
    for persona in city.personas.everybody():
        person = city.world.holder(persona.number)
        assert person is not None
        assert not any(city.manifest.touches(city.world, table.dataset, person) for table in TABLES)


def test_dirt_is_in_deliveries_and_not_in_the_world(city: City) -> None:
    for table in TABLES:
        registry = [list(record.values.values()) for record in REGISTRIES[table.dataset](city.world)]
        extra = sum(
            each.rows - 1 if each.kind in {Kind.IDENTICAL_DUPLICATE, Kind.CONFLICTING_DUPLICATE} else each.extra
            for each in city.manifest.planted
            if each.dataset == table.dataset
        )
        assert len(city.rows(table)) == len(registry) + extra


def test_numbers_written_oddly_are_the_same_numbers(city: City, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert city.manifest.foldable.keys() == set(Foldable)
    out = tmp_path_factory.mktemp("odd")
    settings = type(DEFAULTS)(dirty_share=0.0, unattributable_share=0.0, foldable_share=0.5)
    manifest = deliver_city(out, residents=400, seed=6, today=TODAY, settings=settings)
    assert not manifest.planted
    odd = 0
    for table in TABLES:
        for row in read(out, table):
            for column, _ in table.subjects:
                text = str(row[table.columns[column]])
                odd += text != parse_person(text).number and len(text.strip()) != 15
    assert odd > 300


def test_the_manifest_is_read_as_it_was_written(city: City) -> None:
    assert Manifest.read(city.out).text() == city.manifest.text()
    assert (city.out / "truth" / "dirt.json").is_file()


def test_a_manifest_says_whose_answers_may_fail_and_only_theirs(city: City) -> None:
    world, manifest = city.world, city.manifest
    for each in manifest.planted:
        for subject in each.subjects:
            person = world.holder(subject.partition(":")[2])
            assert person is not None
            assert manifest.touches(world, each.dataset, person)
    registered = [world.people[key] for key in world.residences]
    doubtful = sum(manifest.touches(world, "marriages", person) for person in registered)
    assert 0 < doubtful < len(registered) // 10


def test_where_a_number_is_lost_nobody_without_a_known_name_is_sure(city: City) -> None:
    world, manifest = city.world, city.manifest
    outsider = next(person for key, person in world.people.items() if key not in world.residences)
    assert manifest.touches(world, "marriages", outsider)
    assert manifest.touches(world, "marriages", None)
    assert not manifest.touches(world, "person_aliases", None)
    assert not Manifest().touches(world, "marriages", outsider)


def test_a_doubtful_spouse_makes_the_marriage_doubtful(city: City) -> None:
    world, manifest = city.world, city.manifest
    sure = world.holder(city.personas.groom.number)
    planted = next(each for each in manifest.planted if each.dataset == "marriages" and each.subjects)
    doubtful = planted.subjects[0].partition(":")[2]
    assert not may_fail(world, manifest, "marriage.unmarried", sure, {})
    assert not may_fail(world, manifest, "marriage.married_to", sure, {"spouse": city.personas.bride.number})
    assert may_fail(world, manifest, "marriage.married_to", sure, {"spouse": doubtful})


def test_in_a_large_city_links_between_numbers_are_spoilt_too() -> None:
    soiler = Soiler(seed=1, settings=SETTINGS, spared=Spared())
    world = build(300, 1, TODAY)
    links = next(iter(REGISTRIES["person_aliases"](world)))
    for _ in range(round(1 / SETTINGS.dirty_share) + 1):
        list(soiler.soil(world, PERSON_ALIASES, [links]))
    (planted,) = soiler.manifest().planted
    numbers = canonical(world.people[key] for key in links.people)
    assert set(planted.subjects) == set(numbers)
    for claim in CLAIMS:
        person = world.people[links.people[0]]
        ask = {"years": 1, "months": 1, "fen": 1, "certificate_no": "-", "spouse": "-", "parent": "-"}
        assert may_fail(world, soiler.manifest(), claim, person, ask)
