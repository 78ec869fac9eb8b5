"""What each claim means, on rows written by hand: today is 24 November 2026."""

from datetime import date, timedelta
from typing import Any

import pytest

from kernel.errors import Malformed
from kernel.identity import Identity, IdentityKind
from schemas.catalogue import Catalogue
from schemas.claim import Claim, Fallback, NoRow, RowsExpected
from schemas.expression import Undetermined
from schemas.property import Sensitivity

TODAY = date(2026, 11, 24)
UNDETERMINED = "undetermined"
A = Identity(kind=IdentityKind.RESIDENT, number="332623196001010011")
B = Identity(kind=IdentityKind.RESIDENT, number="332623196202020024")
OLD_B = Identity(kind=IdentityKind.FOREIGN_PERMIT, number="FRA330062020201")
C = Identity(kind=IdentityKind.RESIDENT, number="33262319880303003X")

HOME = {"status": "现势", "use": "住宅", "certificate_no": "甲", "sharing": "单独所有", "mortgage_status": "未抵押"}
PENSION = {"scheme": "养老", "status": "正常", "months_paid": 24}

# Claim, rows by dataset, parameters, what it comes to.
CASES: list[tuple[str, dict[str, list[dict[str, Any]]], dict[str, Any], bool | str]] = [
    ("person.alive", {"population": [{"status": "户籍"}]}, {}, True),
    ("person.alive", {"population": [{"status": "居住"}]}, {}, True),
    ("person.alive", {"population": [{"status": "死亡"}]}, {}, False),
    ("person.alive", {"population": [{}]}, {}, UNDETERMINED),
    ("person.registered_here", {"population": [{"status": "户籍"}]}, {}, True),
    ("person.registered_here", {"population": [{"status": "居住"}]}, {}, False),
    ("person.registered_here", {"population": [{"status": "迁出"}]}, {}, False),
    ("person.resident_here", {"population": [{"status": "居住"}]}, {}, True),
    ("person.resident_here", {"population": [{"status": "死亡"}]}, {}, False),
    (
        "person.resident_years",
        {"population": [{"status": "居住", "registered_since": date(2021, 11, 24)}]},
        {"years": 5},
        True,
    ),
    (
        "person.resident_years",
        {"population": [{"status": "居住", "registered_since": date(2021, 11, 25)}]},
        {"years": 5},
        False,
    ),
    ("person.resident_years", {"population": [{"status": "迁出"}]}, {"years": 5}, False),
    ("person.resident_years", {"population": [{"status": "户籍"}]}, {"years": 5}, UNDETERMINED),
    (
        "person.age_at_least",
        {"population": [{"birth_date": date(1966, 11, 24), "status": "死亡"}]},
        {"years": 60},
        True,
    ),
    ("person.age_at_least", {"population": [{"birth_date": date(1966, 11, 25)}]}, {"years": 60}, False),
    ("person.age_at_least", {"population": [{}]}, {"years": 60}, UNDETERMINED),
    ("person.marriage_age", {"population": [{"sex": "男", "birth_date": date(2004, 11, 24)}]}, {}, True),
    ("person.marriage_age", {"population": [{"sex": "男", "birth_date": date(2004, 11, 25)}]}, {}, False),
    ("person.marriage_age", {"population": [{"sex": "女", "birth_date": date(2006, 11, 24)}]}, {}, True),
    ("person.marriage_age", {"population": [{"sex": "女", "birth_date": date(2006, 11, 25)}]}, {}, False),
    ("person.marriage_age", {"population": [{"birth_date": date(1990, 1, 1)}]}, {}, UNDETERMINED),
    (
        "person.child_of",
        {"population": [{"father_status": "已登记", "father_id": A, "mother_status": "未登记"}]},
        {"parent": A},
        True,
    ),
    (
        "person.child_of",
        {"population": [{"father_status": "未登记", "mother_status": "已登记", "mother_id": B}]},
        {"parent": B},
        True,
    ),
    (
        "person.child_of",
        {"population": [{"father_status": "已登记", "father_id": A, "mother_status": "未登记"}]},
        {"parent": B},
        False,
    ),
    (
        "person.child_of",
        {"population": [{"father_status": "已登记", "mother_status": "未登记"}]},
        {"parent": A},
        UNDETERMINED,
    ),
    ("person.child_of", {"population": [{"father_status": "未登记", "mother_status": "未登记"}]}, {"parent": A}, False),
    (
        "person.child_of",
        {"population": [{"father_status": "已登记", "father_id": OLD_B, "mother_status": "未登记"}]},
        {"parent": (B, OLD_B)},
        True,
    ),
    ("marriage.married_to", {"marriages": [{"status": "已婚", "husband_id": A, "wife_id": B}]}, {"spouse": B}, True),
    (
        "marriage.married_to",
        {"marriages": [{"status": "已婚", "husband_id": A, "wife_id": OLD_B}]},
        {"spouse": [B, OLD_B]},
        True,
    ),
    ("marriage.married_to", {"marriages": [{"status": "已婚", "husband_id": A, "wife_id": B}]}, {"spouse": C}, False),
    ("marriage.married_to", {"marriages": [{"status": "离婚", "husband_id": A, "wife_id": B}]}, {"spouse": B}, False),
    ("marriage.married_to", {"marriages": [{"status": "丧偶", "husband_id": A, "wife_id": B}]}, {"spouse": B}, False),
    ("marriage.married_to", {"marriages": [{"husband_id": A, "wife_id": B}]}, {"spouse": B}, UNDETERMINED),
    (
        "marriage.married_to",
        {
            "marriages": [
                {"status": "离婚", "husband_id": A, "wife_id": B},
                {"status": "已婚", "husband_id": A, "wife_id": B},
            ]
        },
        {"spouse": B},
        True,
    ),
    ("marriage.unmarried", {"marriages": []}, {}, True),
    ("marriage.unmarried", {"marriages": [{"status": "离婚"}, {"status": "丧偶"}]}, {}, True),
    ("marriage.unmarried", {"marriages": [{"status": "离婚"}, {"status": "已婚"}]}, {}, False),
    ("marriage.unmarried", {"marriages": [{"divorced_on": date(2020, 1, 1)}]}, {}, UNDETERMINED),
    ("marriage.never_married", {"marriages": []}, {}, True),
    ("marriage.never_married", {"marriages": [{"status": "离婚"}]}, {}, False),
    ("dwelling.owns_none", {"dwellings": []}, {}, True),
    ("dwelling.owns_none", {"dwellings": [{**HOME, "use": "商业"}, {**HOME, "status": "历史"}]}, {}, True),
    ("dwelling.owns_none", {"dwellings": [{**HOME, "status": "历史"}, HOME]}, {}, False),
    ("dwelling.owns_none", {"dwellings": [{"status": "现势"}]}, {}, UNDETERMINED),
    ("dwelling.owns_this", {"dwellings": [HOME]}, {"certificate_no": "甲"}, True),
    ("dwelling.owns_this", {"dwellings": [HOME]}, {"certificate_no": "乙"}, False),
    ("dwelling.owns_this", {"dwellings": [{**HOME, "status": "历史"}]}, {"certificate_no": "甲"}, False),
    ("dwelling.sole_owner", {"dwellings": [HOME]}, {"certificate_no": "甲"}, True),
    ("dwelling.sole_owner", {"dwellings": [{**HOME, "sharing": "共同共有"}]}, {"certificate_no": "甲"}, False),
    ("dwelling.sole_owner", {"dwellings": [{**HOME, "sharing": None}]}, {"certificate_no": "甲"}, UNDETERMINED),
    ("dwelling.mortgaged", {"dwellings": [{**HOME, "mortgage_status": "已抵押"}]}, {"certificate_no": "甲"}, True),
    ("dwelling.mortgaged", {"dwellings": [HOME]}, {"certificate_no": "甲"}, False),
    ("dwelling.free_of_mortgage", {"dwellings": [HOME]}, {"certificate_no": "甲"}, True),
    (
        "dwelling.free_of_mortgage",
        {"dwellings": [{**HOME, "mortgage_status": "已抵押"}]},
        {"certificate_no": "甲"},
        False,
    ),
    (
        "dwelling.free_of_mortgage",
        {"dwellings": [{**HOME, "mortgage_status": None}]},
        {"certificate_no": "甲"},
        UNDETERMINED,
    ),
    ("social.insured_now", {"social_insurance": [PENSION]}, {}, True),
    ("social.insured_now", {"social_insurance": [{**PENSION, "scheme": "失业"}]}, {}, False),
    ("social.insured_now", {"social_insurance": [{**PENSION, "status": "暂停"}]}, {}, False),
    ("social.months_at_least", {"social_insurance": [PENSION]}, {"months": 24}, True),
    ("social.months_at_least", {"social_insurance": [PENSION]}, {"months": 25}, False),
    ("social.months_at_least", {"social_insurance": [{**PENSION, "months_paid": None}]}, {"months": 1}, UNDETERMINED),
    ("medical.insured_now", {"medical_insurance": [{"status": "终止"}, {"status": "正常"}]}, {}, True),
    ("medical.insured_now", {"medical_insurance": [{"status": "终止"}]}, {}, False),
    ("fund.account_active", {"fund_accounts": [{"status": "正常"}]}, {}, True),
    ("fund.account_active", {"fund_accounts": [{"status": "封存"}]}, {}, False),
    ("fund.balance_at_least", {"fund_accounts": [{"status": "正常", "balance_fen": 100}]}, {"fen": 100}, True),
    ("fund.balance_at_least", {"fund_accounts": [{"status": "正常", "balance_fen": 99}]}, {"fen": 100}, False),
    ("fund.balance_at_least", {"fund_accounts": [{"status": "封存", "balance_fen": 999}]}, {"fen": 100}, False),
    ("fund.balance_at_least", {"fund_accounts": [{"status": "正常"}]}, {"fen": 100}, UNDETERMINED),
    ("person.local_or_insured", {"population": [{"status": "户籍"}], "social_insurance": []}, {"months": 24}, True),
    (
        "person.local_or_insured",
        {"population": [{"status": "居住"}], "social_insurance": [PENSION]},
        {"months": 24},
        True,
    ),
    ("person.local_or_insured", {"population": [], "social_insurance": [PENSION]}, {"months": 25}, False),
    ("person.local_or_insured", {"population": [], "social_insurance": []}, {"months": 24}, False),
    ("person.local_or_insured", {"population": [{}], "social_insurance": []}, {"months": 24}, UNDETERMINED),
]


def variables(claim: Claim, rows: dict[str, list[dict[str, Any]]], ask: dict[str, Any]) -> dict[str, Any]:
    """What the claim sees of these records, through bytes and back as the serving index holds them."""
    types = {name: claim.contracts[name].row for name in claim.datasets}
    held = {name: [types[name].parse(types[name].to_bytes(each)) for each in rows[name]] for name in claim.datasets}
    return claim.variables(held, ask, TODAY)


@pytest.mark.parametrize(("name", "rows", "ask", "expected"), CASES)
def test_a_claim_means_what_it_says(
    catalogue: Catalogue,
    name: str,
    rows: dict[str, list[dict[str, Any]]],
    ask: dict[str, Any],
    expected: bool | str,  # noqa: FBT001 (a case of the table)
) -> None:
    claim = catalogue.claims[name]
    seen = variables(claim, rows, ask)
    if expected == UNDETERMINED:
        with pytest.raises(Undetermined):
            claim.expression.holds(seen)
    else:
        assert claim.expression.holds(seen) is expected


def test_every_claim_has_a_case_each_way(catalogue: Catalogue) -> None:
    for answer in (True, False):
        assert {name for name, _, _, expected in CASES if expected is answer} == set(catalogue.claims)


def test_who_moved_away_is_not_covered(catalogue: Catalogue) -> None:
    coverage = catalogue.claims["person.alive"].coverage
    assert coverage is not None
    for status, covered in (("迁出", False), ("户籍", True), ("死亡", True)):
        seen = variables(catalogue.claims["person.alive"], {"population": [{"status": status}]}, {})
        assert coverage.holds(seen) is covered


def test_answers_from_absence_are_declared(catalogue: Catalogue) -> None:
    evaluated = {claim.id for claim in catalogue.claims.values() if claim.no_row is NoRow.EVALUATE}
    assert evaluated == {
        "marriage.unmarried",
        "marriage.never_married",
        "dwelling.owns_none",
        "person.local_or_insured",
    }
    assert {c.id for c in catalogue.claims.values() if c.from_absence} == evaluated - {"person.local_or_insured"}


def test_claims_about_one_person_expect_one_row(catalogue: Catalogue) -> None:
    for claim in catalogue.claims.values():
        one = claim.datasets == ("population",)
        assert claim.rows is (RowsExpected.ONE if one else RowsExpected.ANY)
        assert timedelta(hours=24) <= claim.max_age <= timedelta(days=31)
        assert claim.fallback
        assert set(claim.fallback) <= set(Fallback)


def test_nothing_restricted_is_ever_disclosed(catalogue: Catalogue) -> None:
    for claim in catalogue.claims.values():
        for each in claim.disclose:
            assert each.dataset in claim.datasets
            held = claim.contracts[each.dataset].by_name[each.property]
            assert held.sensitivity is not Sensitivity.RESTRICTED


def test_a_claim_is_shown_only_what_it_reads(catalogue: Catalogue) -> None:
    claim = catalogue.claims["person.registered_here"]
    seen = variables(claim, {"population": [{"status": "户籍", "name": "甲", "address": "某路"}]}, {})
    assert seen["population"] == [{"status": "户籍"}]


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("person.age_at_least", {}),
        ("person.age_at_least", {"years": "60"}),
        ("person.age_at_least", {"years": True}),
        ("person.age_at_least", {"years": 60, "more": 1}),
        ("dwelling.owns_this", {"certificate_no": 7}),
        ("marriage.married_to", {"spouse": "332623196202020024"}),
        ("marriage.married_to", {"spouse": ()}),
        ("marriage.married_to", {"spouse": ("332623196202020024",)}),
    ],
)
def test_a_parameter_that_is_missing_unknown_or_of_another_type_is_refused(
    catalogue: Catalogue, name: str, ask: dict[str, Any]
) -> None:
    claim = catalogue.claims[name]
    with pytest.raises(Malformed) as caught:
        claim.variables(dict.fromkeys(claim.datasets, ()), ask, TODAY)
    assert "332623" not in str(caught.value)


def test_a_claim_is_not_evaluated_over_more_rows_than_the_bound(catalogue: Catalogue) -> None:
    claim = catalogue.claims["medical.insured_now"]
    row = claim.contracts["medical_insurance"].row
    held = [row.parse(row.to_bytes({"status": "正常"}))] * (claim.rows_max + 1)
    with pytest.raises(Malformed):
        claim.variables({"medical_insurance": held}, {}, TODAY)
    assert claim.expression.holds(claim.variables({"medical_insurance": held[1:]}, {}, TODAY))
