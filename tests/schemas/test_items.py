"""What an item asks of which case, and who may ask it."""

import pytest

from kernel.errors import Invalid
from schemas.catalogue import Catalogue
from schemas.item import CoveredBy, Source


def asked(catalogue: Catalogue, item: str, *roles: str, inputs: tuple[str, ...] = ()) -> set[str]:
    return {material.id for material in catalogue.items[item].asked(roles, inputs)}


def test_a_family_is_asked_about_each_member(catalogue: Catalogue) -> None:
    everybody = asked(catalogue, "property_registration", "applicant", "spouse", "child")
    assert {"applicant_no_home", "spouse_no_home", "child_no_home", "marriage", "parentage"} <= everybody
    assert "single" not in everybody


def test_who_names_no_spouse_must_be_single(catalogue: Catalogue) -> None:
    alone = asked(catalogue, "property_registration", "applicant")
    assert "single" in alone
    assert not alone & {"spouse_no_home", "child_no_home", "marriage", "parentage"}


def test_a_mortgage_is_asked_about_the_certificate_that_the_case_names(catalogue: Catalogue) -> None:
    item = catalogue.items["property_mortgage"]
    (ownership,) = (each for each in item.materials if each.id == "ownership")
    assert [(b.parameter, b.source, b.value) for b in ownership.bindings] == [
        ("certificate_no", Source.INPUT, "certificate_no")
    ]
    assert "ownership" in asked(catalogue, item.id, "applicant", inputs=("certificate_no",))
    assert "ownership" not in asked(catalogue, item.id, "applicant")


@pytest.mark.parametrize("value", ["", "短", "有 空格的证号", "9" * 61, "浙\n换行"])
def test_an_input_of_another_form_is_refused(catalogue: Catalogue, value: str) -> None:
    declared = catalogue.items["property_mortgage"].inputs["certificate_no"]
    assert declared.check("浙(2024)温岭市不动产权第0012345号")
    with pytest.raises(Invalid) as caught:
        declared.check(value)
    assert caught.value.field == "inputs.certificate_no"


def test_thresholds_come_from_the_item(catalogue: Catalogue) -> None:
    for item in catalogue.items.values():
        for material in item.materials:
            for binding in material.bindings:
                assert (binding.source is Source.CONSTANT) == isinstance(binding.value, int)


def test_what_no_claim_covers_is_said(catalogue: Catalogue) -> None:
    photo = catalogue.items["marriage_registration"].materials[-1]
    assert (photo.covered_by, photo.claim) == (CoveredBy.PAPER, "")
    covers = {material.covered_by for item in catalogue.items.values() for material in item.materials}
    assert covers == set(CoveredBy)


def test_seven_items_stand_on_law(catalogue: Catalogue) -> None:
    assert len(catalogue.items) == 7
    assert all(item.legal_basis.startswith("《") for item in catalogue.items.values())


def test_every_group_holds_what_its_items_need_and_nothing_else(catalogue: Catalogue) -> None:
    needed = {
        (group.id, item, channel, claim)
        for group in catalogue.groups.values()
        for item in group.items
        for channel in group.channels
        for claim in catalogue.items[item].claims
    }
    assert {(*key, claim) for key, rights in catalogue.rights.items() for claim in rights.grants} == needed


def test_default_deny(catalogue: Catalogue) -> None:
    assert not catalogue.right("bank", "marriage_registration", "bank").grants
    assert not catalogue.right("bank", "fund_loan", "counter").grants
    assert "marriage.unmarried" not in catalogue.right("kiosk", "senior_allowance", "kiosk").grants
    assert not catalogue.right("bank", "fund_loan", "bank").grants["fund.balance_at_least"].values


def test_clients_are_known_by_their_certificate(catalogue: Catalogue) -> None:
    client = catalogue.clients["spiffe://wenling.mianzheng.example/kiosk/kiosk-zeguo-01"]
    assert (client.group, client.channel, client.device) == ("kiosk", "kiosk", "kiosk-zeguo-01")
    assert len(catalogue.clients) == 4
    assert {each.group for each in catalogue.clients.values()} == {"counter", "kiosk", "bank"}
