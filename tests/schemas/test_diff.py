"""Two versions of a contract: every change is told, with what it breaks and which version it demands."""

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from kernel.errors import Faulty, Invalid
from schemas.catalogue import ROOT, Catalogue
from schemas.changes import MEANING, Bump, Change, Kind
from schemas.contract import Contract, IdentityAliases, Property, PropertyType, Sensitivity, SubjectKey
from schemas.diff import compare, demanded, honoured, raised
from schemas.impact import impact, readers
from schemas.single import read_single
from schemas.title import Title

MARRIAGES = (ROOT / "datasets/civil_affairs/marriages.odcs.yaml").read_text("utf-8")
POPULATION = (ROOT / "datasets/public_security/population.odcs.yaml").read_text("utf-8")
WIFE = MARRIAGES[MARRIAGES.index("      - name: wife_name") : MARRIAGES.index("      - name: registered_on\n")]
DIVORCED = MARRIAGES[MARRIAGES.index("      - name: divorced_on") : MARRIAGES.index("      - name: updated_at")]
ADDED = WIFE.replace("wife_name", "place").replace("女方姓名", "登记地").replace("value: 5", "value: 10")

SUBJECT_OPTIONAL = "Husband\n        logicalType: string"
ORGANISATION = "{property: fieldNumber, value: 4}\n          - {property: identityType, value: organisation}"
KEY_RULE = "[registration_no]}\n        mustBeLessOrEqualTo: 5"
STATUS_RULE = MARRIAGES[MARRIAGES.index("        quality:\n          - id: status_values") :].partition(
    "        custom"
)[0]
STRICT = STATUS_RULE.replace("status_values", "place_values").replace("OrEqualTo: 5", "OrEqualTo: 0")


def edited(text: str, *changes: tuple[str, str]) -> Contract:
    for old, new in changes:
        assert old in text, f"the contract no longer says {old}"
        text = text.replace(old, new, 1)
    return read_single(text.encode(), "new.odcs.yaml")


# Each: what is edited, the kinds of change that are told with their places, and whether that breaks anything.
TABLE: list[tuple[str, list[tuple[str, str]], list[tuple[Kind, str]], bool]] = [
    ("a comment", [("# Marriages", "# The marriages")], [(Kind.TEXT_CHANGED, "")], False),
    ("a new property", [(WIFE, WIFE + ADDED)], [(Kind.PROPERTY_ADDED, "place")], False),
    (
        "a new property with a rule",
        [(WIFE, WIFE + ADDED.replace("        custom", STRICT + "        custom"))],
        [(Kind.PROPERTY_ADDED, "place"), (Kind.RULE_ADDED, "place_values")],
        True,
    ),
    (
        "a rule that is now asked of a new property",
        [
            (STATUS_RULE, ""),
            (WIFE, WIFE + ADDED.replace("        custom", STATUS_RULE + "        custom")),
        ],
        [(Kind.PROPERTY_ADDED, "place"), (Kind.RULE_CHANGED, "status_values"), (Kind.READ_VALUES_WIDENED, "status")],
        True,
    ),
    (
        "a new required property",
        [(WIFE, WIFE + ADDED.replace("        classification", "        required: true\n        classification"))],
        [(Kind.REQUIRED_PROPERTY_ADDED, "place")],
        True,
    ),
    (
        "a property removed",
        [
            (DIVORCED, ""),
            ("divorced_on is null or (status = '离婚' and divorced_on >= registered_on)", "wife_id is not null"),
        ],
        [(Kind.PROPERTY_REMOVED, "divorced_on"), (Kind.RULE_CHANGED, "divorce_dated")],
        True,
    ),
    (
        "a property renamed",
        [("name: wife_name", "name: bride_name"), ("name: wife_name}", "name: bride_name}")],
        [(Kind.PROPERTY_RENAMED, "wife_name"), (Kind.SUBJECT_NAMES_CHANGED, "subjectKeys")],
        True,
    ),
    (
        "a column renamed",
        [("physicalName: 女方姓名", "physicalName: 妻子")],
        [(Kind.COLUMN_RENAMED, "wife_name")],
        True,
    ),
    ("a number changed", [("value: 5}", "value: 50}")], [(Kind.FIELD_NUMBER_CHANGED, "wife_name")], True),
    (
        "a number used again",
        [
            (DIVORCED, ADDED.replace("value: 10", "value: 8")),
            ("divorced_on is null or (status = '离婚' and divorced_on >= registered_on)", "wife_id is not null"),
        ],
        [(Kind.FIELD_NUMBER_REUSED, "divorced_on"), (Kind.RULE_CHANGED, "divorce_dated")],
        True,
    ),
    (
        "another type",
        [("Last change of the record\n        logicalType: timestamp", "Last change\n        logicalType: date")],
        [(Kind.RETYPED, "updated_at"), (Kind.TITLE_CHANGED, "updated_at")],
        True,
    ),
    ("another format", [("format: yyyy-MM-dd", "format: yyyyMMdd")], [(Kind.FORMAT_CHANGED, "registered_on")], True),
    (
        "required",
        [
            (
                "name\n        logicalType: string\n        classification",
                "name\n        logicalType: string\n        required: true\n        classification",
            )
        ],
        [(Kind.MADE_REQUIRED, "husband_name")],
        True,
    ),
    (
        "no longer required",
        [("Status\n        logicalType: string\n        required: true", "Status\n        logicalType: string")],
        [(Kind.MADE_OPTIONAL, "status")],
        False,
    ),
    (
        "a subject that may be left out",
        [("Husband's identity number\n        logicalType: string\n        required: true", SUBJECT_OPTIONAL)],
        [(Kind.SUBJECT_MADE_OPTIONAL, "husband_id"), (Kind.TITLE_CHANGED, "husband_id")],
        True,
    ),
    ("fewer values", [("[已婚, 离婚, 丧偶]", "[已婚, 离婚]")], [(Kind.VALUES_NARROWED, "status")], True),
    ("more values, which claims read", [("丧偶]", "丧偶, 无效]")], [(Kind.READ_VALUES_WIDENED, "status")], True),
    ("a wider range", [("'1950-01-01'", "'1940-01-01'")], [(Kind.RANGE_WIDENED, "registered_on")], False),
    ("a narrower range", [("'1950-01-01'", "'1960-01-01'")], [(Kind.RANGE_NARROWED, "registered_on")], True),
    (
        "a range that nobody can compare",
        [("maximum: today", "maximum: '2030-01-01'")],
        [(Kind.RANGE_NARROWED, "registered_on")],
        True,
    ),
    (
        "another key",
        [("Husband's identity number\n", "Husband\n        primaryKey: true\n        primaryKeyPosition: 2\n")],
        [(Kind.PRIMARY_KEY_CHANGED, "primaryKey"), (Kind.TITLE_CHANGED, "husband_id")],
        True,
    ),
    (
        "the key's rule stricter under another name",
        [("id: primary_key\n", "id: one_record\n"), (KEY_RULE, KEY_RULE.replace("OrEqualTo: 5", "OrEqualTo: 0"))],
        [(Kind.TOLERANCE_LOWERED, "one_record")],
        True,
    ),
    (
        "the key's rule under another name",
        [("id: primary_key\n", "id: one_record\n")],
        [(Kind.TEXT_CHANGED, "")],
        False,
    ),
    (
        "unique otherwise",
        [("{properties: [registration_no]", "{properties: [registration_no, husband_id]")],
        [(Kind.RULE_CHANGED, "primary_key")],
        True,
    ),
    (
        "fewer subjects",
        [("      - {property: wife_id, name: wife_name}\n", "")],
        [(Kind.SUBJECT_KEYS_CHANGED, "subjectKeys")],
        True,
    ),
    ("another scope", [("全国婚姻登记（", "浙江省婚姻登记（")], [(Kind.COMPLETE_FOR_CHANGED, "completeFor")], True),
    ("a lower tolerance", [("value: 0.05", "value: 0.01")], [(Kind.TOLERANCE_LOWERED, "tolerance")], True),
    ("a higher tolerance", [("value: 0.05", "value: 0.5")], [(Kind.TOLERANCE_RAISED, "tolerance")], False),
    ("a lower bound", [("value: 0.002", "value: 0.001")], [(Kind.BOUND_LOWERED, "unattributableBound")], True),
    ("fresher", [("value: 36, unit: h", "value: 24, unit: h")], [(Kind.FRESHNESS_SHORTENED, "freshness")], True),
    ("older", [("value: 36, unit: h", "value: 40, unit: h")], [(Kind.FRESHNESS_LENGTHENED, "freshness")], False),
    ("kept shorter", [("value: 3, unit: y", "value: 1, unit: y")], [(Kind.RETENTION_SHORTENED, "retention")], True),
    ("kept longer", [("value: 3, unit: y", "value: 5, unit: y")], [(Kind.RETENTION_LENGTHENED, "retention")], False),
    ("at another hour", [("'30 1 * * *'", "'30 3 * * *'")], [(Kind.SCHEDULE_CHANGED, "frequency")], False),
    ("elsewhere", [("registry.sqlite", "register.sqlite")], [(Kind.SERVER_CHANGED, "servers.url")], True),
    (
        "a rule changed",
        [("husband_id <> wife_id", "wife_id <> husband_id")],
        [(Kind.RULE_CHANGED, "spouses_differ")],
        True,
    ),
    ("another title", [("{zh: 婚姻登记, en: M", "{zh: 婚姻, en: M")], [(Kind.TITLE_CHANGED, "title")], False),
]


@pytest.mark.parametrize(("edits", "told", "breaking"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_change_is_told_with_what_it_breaks(
    catalogue: Catalogue, edits: list[tuple[str, str]], told: list[tuple[Kind, str]], *, breaking: bool
) -> None:
    old, new = edited(MARRIAGES), edited(MARRIAGES, *edits)
    changes = compare(old, new, readers=readers(catalogue, "marriages"))
    assert sorted((each.kind, each.place) for each in changes) == sorted(told)
    assert any(each.breaking for each in changes) == breaking
    assert (demanded(changes) is Bump.MAJOR) == breaking
    for each in changes:
        assert each.reason.zh
        assert each.reason.en
    # The way back is a change as well.
    assert compare(new, old)


def test_the_same_contract_has_no_change() -> None:
    old, new = edited(MARRIAGES), edited(MARRIAGES)
    assert compare(old, new) == ()
    assert demanded(()) is Bump.NONE
    assert honoured(old, new, Bump.NONE)


def test_no_field_of_a_contract_changes_unseen() -> None:
    """Whatever a contract comes to say, a change of it is told: every field is changed here, one by one."""
    old = edited(MARRIAGES)
    other = edited(POPULATION)
    # What names the contract itself, and where it was read.
    itself = {"id", "version", "digest", "raw_path", "settings"}
    others = {"name_register": "wife_name", "identity_aliases": IdentityAliases(former="husband_id", current="wife_id")}
    for each in fields(Contract):
        if each.name in itself:
            continue
        value = others.get(each.name, getattr(other, each.name))
        value = value + timedelta(1) if isinstance(value, timedelta) else value
        value = value * 2 if isinstance(value, float | int) else value
        if each.name == "deciders":
            value = ("somebody",)
        assert value != getattr(old, each.name), each.name
        assert compare(old, replace(old, **{each.name: value})), each.name


def test_no_field_of_a_property_changes_unseen() -> None:
    old = edited(MARRIAGES)
    changed: dict[str, object] = {
        "name": "other",
        "physical_name": "别的",
        "type": PropertyType.INTEGER,
        "title": Title(zh="别的", en="Other"),
        "number": 77,
        "required": False,
        "absence_means": "无",
        "sensitivity": Sensitivity.RESTRICTED,
        "valid_values": ("甲",),
        "pattern": "x",
        "minimum": "1",
        "maximum": "2",
        "format": "yyyy",
    }
    assert changed.keys() == {each.name for each in fields(Property)}
    at = [each.name for each in old.properties].index("status")
    for name, value in changed.items():
        held = replace(old.properties[at], **{name: value})  # type: ignore[arg-type]
        properties = (*old.properties[:at], held, *old.properties[at + 1 :])
        assert compare(old, replace(old, properties=properties)), name


def test_every_kind_of_change_has_a_meaning_in_both_languages() -> None:
    assert MEANING.keys() == set(Kind)
    assert all(zh and en and bump is not Bump.NONE for bump, zh, en in MEANING.values())


def test_new_values_of_what_no_claim_reads_break_nothing() -> None:
    old, new = edited(MARRIAGES), edited(MARRIAGES, ("丧偶]", "丧偶, 无效]"))
    assert [each.kind for each in compare(old, new)] == [Kind.VALUES_WIDENED]


def test_a_subject_that_is_named_elsewhere_is_no_change_of_the_order() -> None:
    old = edited(MARRIAGES)
    moved = replace(old, properties=tuple(reversed(old.properties)))
    assert [each.kind for each in compare(old, moved)] == [Kind.ORDER_CHANGED]
    keys = replace(old, subject_keys=tuple(reversed(old.subject_keys)))
    assert compare(old, keys) == ()
    unnamed = replace(old, subject_keys=tuple(SubjectKey(property=each.property) for each in old.subject_keys))
    assert [each.kind for each in compare(old, unnamed)] == [Kind.SUBJECT_NAMES_CHANGED]


@pytest.mark.parametrize(
    ("bump", "version", "held"),
    [
        (Bump.MAJOR, "2.0.0", True),
        (Bump.MAJOR, "1.9.9", False),
        (Bump.MINOR, "1.1.0", True),
        (Bump.MINOR, "2.0.0", True),
        (Bump.MINOR, "1.0.9", False),
        (Bump.PATCH, "1.0.1", True),
        (Bump.PATCH, "1.0.0", False),
        (Bump.NONE, "1.0.0", True),
        (Bump.NONE, "0.9.0", False),
    ],
)
def test_the_version_is_raised_as_the_changes_demand(bump: Bump, version: str, *, held: bool) -> None:
    old = edited(MARRIAGES)
    assert honoured(old, replace(old, version=version), bump) == held
    assert raised("1.2.3", Bump.MINOR) == "1.3.0"


def test_contracts_of_two_datasets_are_not_compared() -> None:
    with pytest.raises(Invalid, match="two datasets"):
        compare(edited(MARRIAGES), edited(POPULATION))


def test_a_faulty_contract_is_told_with_the_name_that_it_has() -> None:
    with pytest.raises(Faulty, match=r"new\.odcs\.yaml:\d+: domain"):
        edited(MARRIAGES, ("domain: civil_affairs", "domain: Civil Affairs"))


def test_the_claims_that_break_are_found_by_compiling_them(catalogue: Catalogue) -> None:
    old = edited(MARRIAGES)
    new = edited(MARRIAGES, ("name: status\n", "name: state\n"), ("(status = '离婚'", "(state = '离婚'"))
    changes = compare(old, new, readers=readers(catalogue, "marriages"))
    found = impact(catalogue, ROOT, new, changes)
    assert set(found.broken) == {"marriage.married_to", "marriage.unmarried"}
    assert all("status" in fault.what for faults in found.broken.values() for fault in faults)
    # Whether anybody ever married says nothing about the state of it.
    assert "marriage.never_married" not in found.broken
    assert {"marriage_registration", "property_registration", "birth_registration"} <= set(found.items)
    assert "senior_allowance" not in found.items
    assert "counter.marriage_registration" in found.grants
    assert not any(each.startswith("kiosk") for each in found.grants)


def test_a_compatible_change_breaks_no_claim(catalogue: Catalogue) -> None:
    new = edited(MARRIAGES, (WIFE, WIFE + ADDED))
    found = impact(catalogue, ROOT, new, compare(edited(MARRIAGES), new))
    assert (found.broken, found.review, found.items, found.grants) == ({}, (), (), ())


def test_claims_over_something_that_means_another_thing_are_to_be_reviewed(catalogue: Catalogue) -> None:
    for edit in (("丧偶]", "丧偶, 无效]"), ("全国婚姻登记（", "浙江省婚姻登记（")):
        new = edited(MARRIAGES, edit)
        found = impact(catalogue, ROOT, new, compare(edited(MARRIAGES), new, readers=readers(catalogue, "marriages")))
        assert not found.broken
        assert "marriage.unmarried" in found.review


def test_answers_from_absence_are_reviewed_where_a_subject_may_be_left_out(catalogue: Catalogue) -> None:
    required = "Husband's identity number\n        logicalType: string\n        required: true"
    assert set(reviewed(catalogue, (required, SUBJECT_OPTIONAL))) >= {"marriage.unmarried", "marriage.never_married"}


@pytest.mark.parametrize(
    "edits",
    [
        [("      - {property: wife_id, name: wife_name}\n", "")],
        [("{property: fieldNumber, value: 4}\n          - {property: identityType, value: person}", ORGANISATION)],
        [("physicalName: 女方证件号", "physicalName: 女方证件号码")],
    ],
    ids=["dropped", "retyped", "renamed"],
)
def test_answers_from_absence_are_reviewed_where_other_subjects_are_named(
    catalogue: Catalogue, edits: list[tuple[str, str]]
) -> None:
    old, new = edited(MARRIAGES), edited(MARRIAGES, *edits)
    found = impact(catalogue, ROOT, new, compare(old, new, readers=readers(catalogue, "marriages")))
    assert {*found.review, *found.broken} >= {"marriage.unmarried", "marriage.never_married"}
    assert "marriage.never_married" in found.review


def test_answers_from_absence_are_reviewed_where_the_register_changes(catalogue: Catalogue) -> None:
    absent = next(each for each in catalogue.claims.values() if each.from_absence)
    (dataset, *_) = absent.datasets
    change = Change(kind=Kind.REGISTER_CHANGED, place="identityAliases")
    assert absent.id in impact(catalogue, ROOT, catalogue.readable[dataset], [change]).review


def reviewed(catalogue: Catalogue, *edits: tuple[str, str]) -> tuple[str, ...]:
    """The claims to be reviewed after an edit of the marriages' contract that breaks none."""
    old, new = edited(MARRIAGES), edited(MARRIAGES, *edits)
    found = impact(catalogue, ROOT, new, compare(old, new, readers=readers(catalogue, "marriages")))
    assert not found.broken
    return found.review


def test_without_its_completeness_a_registry_answers_nothing_from_absence(catalogue: Catalogue, tmp_path: Path) -> None:
    text = MARRIAGES.replace("  - property: completeFor\n    value: 全国婚姻登记（民政部汇总）\n", "")
    assert tmp_path
    new = read_single(text.encode(), "new.odcs.yaml")
    found = impact(catalogue, ROOT, new, compare(edited(MARRIAGES), new))
    assert {"marriage.unmarried", "marriage.never_married", "marriage.married_to"} == set(found.broken)
