"""One question from end to end: over mutual TLS, through the published snapshots, into the log, and back with proof."""

from typing import Any

import pytest

from kernel.digest import digest
from kernel.errors import CaseClosed
from schemas.wire.v1 import statement_pb2
from verifier.call import Named
from verifier.client import AskedParty
from verifier.evidence import Evidence, believed

OPERATOR = {"operator": "0731", "legal_basis": "《婚姻登记条例》第五条"}


def outcomes(statement: statement_pb2.Statement) -> dict[str, str]:
    return {a.material: statement_pb2.Outcome.Name(a.outcome).removeprefix("OUTCOME_") for a in statement.answers}


def test_a_couple_that_may_marry_needs_no_paper_but_a_photograph(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = client.open_case("marriage_registration", couple, **OPERATOR)
    checked = client.verify_item(case)
    client.close_case(case)
    assert outcomes(checked.statement) == {
        "applicant_age": "CONFIRMED",
        "partner_age": "CONFIRMED",
        "applicant_unmarried": "CONFIRMED",
        "partner_unmarried": "CONFIRMED",
        "household": "CONFIRMED",
    }
    with pytest.raises(CaseClosed):
        client.verify_item(case)


def test_a_statement_says_who_asked_what_of_which_snapshots(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = client.open_case("marriage_registration", couple, **OPERATOR)
    checked = client.verify_item(case)
    statement = checked.statement
    hub = station.town.hub
    assert statement.hub == station.town.name
    assert statement.client == f"spiffe://{station.town.name}/counter/counter-hall-01"
    assert (statement.operator, statement.legal_basis) == (OPERATOR["operator"], OPERATOR["legal_basis"])
    assert statement.operator_assurance == statement_pb2.ASSURANCE_ASSERTED
    assert statement.presence == statement_pb2.PRESENCE_OPERATOR_WORD
    assert statement.request_digest == digest(checked.evidence.request)
    assert statement.evaluation_date == station.clock.today().isoformat()
    assert [each.role for each in statement.parties] == ["applicant", "partner"]
    assert all(len(each.tag) == 32 and each.tag_epoch == hub.settings.tag_epoch for each in statement.parties)
    assert len(statement.hub_random) == 16
    pinned = hub.exchange.pin(["marriages"]).snapshots
    unmarried = next(each for each in statement.answers if each.material == "partner_unmarried")
    (used,) = unmarried.snapshots
    assert (used.version, used.manifest_digest) == (pinned["marriages"].version, pinned["marriages"].manifest_digest)
    assert unmarried.claim_digest == hub.catalogue.claims["marriage.unmarried"].digest
    assert (
        unmarried.grant
        == hub.catalogue.right("counter", "marriage_registration", "counter").grants["marriage.unmarried"].id
    )
    assert {each.dataset for each in statement.identity_snapshots} == {"population", "person_aliases"}


def test_no_number_or_name_stands_in_a_statement_or_an_entry(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    checked = client.verify_item(client.open_case("marriage_registration", couple, **OPERATOR))
    for raw in (checked.evidence.statement, checked.evidence.entry, checked.evidence.receipt):
        for party in couple:
            assert party.number.encode() not in raw
            assert party.name.encode() not in raw


def test_a_number_of_fifteen_digits_is_the_same_person(station: Any, couple: tuple[AskedParty, ...]) -> None:
    former = station.town.people.groom.former_number
    assert len(former) == 15
    client = station.client()
    case = client.open_case(
        "marriage_registration", (AskedParty(role="applicant", number=former), couple[1]), **OPERATOR
    )
    checked = client.verify_item(case)
    assert set(outcomes(checked.statement).values()) == {"CONFIRMED"}


def test_some_claims_can_be_asked_alone(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = client.open_case("marriage_registration", couple, **OPERATOR)
    checked = client.verify(case, [Named(claim="marriage.unmarried", role="partner")])
    assert outcomes(checked.statement) == {"partner_unmarried": "CONFIRMED"}


def test_materials_of_an_absent_optional_role_are_not_asked(station: Any) -> None:
    people = station.town.people
    buyer = AskedParty(role="applicant", number=people.buyer.number)
    spouse = AskedParty(role="spouse", number=people.buyer_spouse.number)
    client = station.client()
    alone = client.verify_item(client.open_case("property_registration", (buyer,), **OPERATOR))
    both = client.verify_item(client.open_case("property_registration", (buyer, spouse), **OPERATOR))
    assert "spouse_no_home" not in outcomes(alone.statement)
    assert outcomes(alone.statement)["single"] == "NOT_CONFIRMED"
    assert outcomes(both.statement)["spouse_no_home"] == "CONFIRMED"
    assert outcomes(both.statement)["marriage"] == "CONFIRMED"
    assert dict(next(a for a in both.statement.answers if a.material == "marriage").parameters) == {"spouse": "spouse"}


def test_values_are_disclosed_only_where_the_grant_lets_them_be_seen(station: Any) -> None:
    people = station.town.people
    bank = station.client("bank-icbc-01")
    owner = (AskedParty(role="applicant", number=people.owner.number),)
    case = bank.open_case("property_mortgage", owner, inputs={"certificate_no": people.certificate_no}, **OPERATOR)
    seen = bank.verify_item(case).statement
    kind, detail = station.last()
    ownership = next(each for each in seen.answers if each.material == "ownership")
    assert dict(ownership.disclosed).keys() == {"dwellings.use", "dwellings.area", "dwellings.registered_on"}
    assert ownership.parameters["certificate_no"] == people.certificate_no
    assert kind == "DISCLOSED"
    assert not any(each.disclosed for each in detail.answers)

    borrower = (AskedParty(role="applicant", number=people.borrower.number),)
    unseen = bank.verify_item(bank.open_case("fund_loan", borrower, **OPERATOR)).statement
    account = next(each for each in unseen.answers if each.claim == "fund.account_active")
    assert station.town.hub.catalogue.claims[account.claim].disclose
    assert account.outcome == statement_pb2.OUTCOME_CONFIRMED
    assert not any(each.disclosed for each in unseen.answers)


def test_a_case_leaves_its_trail_in_the_log(new_station: Any, elder: tuple[AskedParty, ...]) -> None:
    station = new_station()
    client = station.client("kiosk-zeguo-01")
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    checked = client.verify_item(case)
    client.close_case(case)
    entries = station.entries()
    assert [entry.kind_name for entry, _ in entries] == ["CASE_OPENED", "ANSWERED", "CASE_CLOSED"]
    answered, detail = entries[1]
    assert answered.statement_digest == digest(checked.evidence.statement)
    assert detail.request == checked.evidence.request
    assert detail.case_number == case.number
    assert (detail.channel, detail.operator, detail.item) == ("kiosk", OPERATOR["operator"], "senior_allowance")
    assert list(detail.answers) == list(checked.statement.answers)
    assert list(detail.parties) == list(checked.statement.parties)


def test_evidence_survives_its_file(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    checked = client.verify_item(client.open_case("marriage_registration", couple, **OPERATOR))
    again = Evidence.parse(checked.evidence.encode())
    assert again == checked.evidence
    assert believed(again, station.town.hub.trust) == checked.statement


def test_the_catalogue_tells_what_need_not_be_brought(station: Any) -> None:
    client = station.client("kiosk-zeguo-01")
    assert {each.item for each in client.items()} == {"elderly_courtesy_card", "senior_allowance"}
    item = station.client().item("marriage_registration")
    brought = [each.material for each in item.materials if not each.waived]
    assert brought == ["photograph"]
    assert next(m for m in item.materials if m.claim == "marriage.unmarried").department
