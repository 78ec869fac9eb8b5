"""Who may not ask gets one clear error with a stable code; it is recorded first, and it tells nothing about anybody."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import (
    CaseClosed,
    CaseExpired,
    ClaimOutsideItem,
    Invalid,
    Malformed,
    MalformedIdentity,
    MianzhengError,
    NoGrant,
    NotYourCase,
    PartiesMismatch,
    UnknownClaim,
    UnknownItem,
)
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.call import MessageTooLarge, Named
from verifier.client import AskedParty, OpenCase, VerificationClient
from verifier.closures import CHECK_SECONDS

OPERATOR = {"operator": "0731", "legal_basis": "《婚姻登记条例》第五条"}
MARRIAGE = "marriage_registration"
SERVICE = "/mianzheng.v1.VerificationService/"
METHODS = {
    **dict.fromkeys(("OpenCase", "VerifyItem", "Verify", "CloseCase"), SERVICE),
    **dict.fromkeys(("ListItems", "GetItem"), "/mianzheng.v1.CatalogueService/"),
}


def opened(client: VerificationClient, couple: tuple[AskedParty, ...]) -> OpenCase:
    return client.open_case(MARRIAGE, couple, **OPERATOR)


def refused(station: Any, error: type[MianzhengError], ask: Callable[[], object], numbers: tuple[str, ...]) -> Any:
    """Ask; it is refused so, the refusal stands in the log, and neither the error nor the entry tells a number."""
    before = len(station.entries())
    with pytest.raises(error) as caught:
        ask()
    entries = station.entries()
    assert len(entries) == before + 1
    entry, detail = entries[-1]
    assert entry.kind_name == "REFUSED"
    assert detail.refusal == error.code == caught.value.code
    assert detail.client.startswith("spiffe://")
    for number in numbers:
        assert number not in str(caught.value)
    return caught.value, detail


def numbers(parties: tuple[AskedParty, ...]) -> tuple[str, ...]:
    return tuple(each.number for each in parties)


def test_an_unknown_item_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    error, detail = refused(
        station, UnknownItem, lambda: client.open_case("no_such_item", couple, **OPERATOR), numbers(couple)
    )
    assert error.field == "item"
    assert len(detail.parties) == 2


def test_an_item_that_the_group_does_not_handle_is_refused_naming_every_claim(
    station: Any, couple: tuple[AskedParty, ...]
) -> None:
    kiosk = station.client("kiosk-zeguo-01")
    error, detail = refused(station, NoGrant, lambda: opened(kiosk, couple), numbers(couple))
    expected = ("person.marriage_age", "marriage.unmarried", "person.registered_here")
    assert error.claims == expected
    assert tuple(detail.refused_claims) == expected


def test_a_claim_without_a_grant_refuses_the_whole_call(new_station: Any, couple: tuple[AskedParty, ...]) -> None:
    station = new_station()
    client = station.client()
    case = opened(client, couple)
    catalogue = station.verifier.desk.agreements.current.catalogue
    key = ("counter", MARRIAGE, "counter")
    left = {claim: grant for claim, grant in catalogue.rights[key].grants.items() if claim == "person.registered_here"}
    rights = {**catalogue.rights, key: replace(catalogue.rights[key], grants=left)}
    poorer = new_station(catalogue=replace(catalogue, rights=rights))
    error, detail = refused(poorer, NoGrant, lambda: poorer.client().verify_item(case), numbers(couple))
    assert error.claims == ("person.marriage_age", "marriage.unmarried")
    assert tuple(detail.refused_claims) == error.claims
    assert detail.case_number == case.number
    checked = poorer.client().verify(case, [Named(claim="person.registered_here", role="applicant")])
    assert len(checked.statement.answers) == 1


def test_a_claim_outside_the_item_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = opened(client, couple)
    asked = [Named(claim="dwelling.owns_none", role="applicant"), Named(claim="marriage.unmarried", role="applicant")]
    error, _ = refused(station, ClaimOutsideItem, lambda: client.verify(case, asked), numbers(couple))
    assert error.claims == ("dwelling.owns_none",)
    asked = [Named(claim="person.registered_here", role="partner")]
    refused(station, ClaimOutsideItem, lambda: client.verify(case, asked), numbers(couple))
    asked = [Named(claim="no.such_claim", role="partner")]
    refused(station, UnknownClaim, lambda: client.verify(case, asked), numbers(couple))


def test_a_closed_case_is_closed_for_every_worker_within_a_second(
    new_station: Any, couple: tuple[AskedParty, ...]
) -> None:
    first = new_station()
    second = new_station()
    client = first.client()
    case = opened(client, couple)
    second.client().verify_item(case)
    client.close_case(case)
    time.sleep(CHECK_SECONDS)
    refused(second, CaseClosed, lambda: second.client().verify_item(case), numbers(couple))
    refused(first, CaseClosed, lambda: client.verify_item(case), numbers(couple))


def test_closing_a_case_again_succeeds_and_is_recorded_again(new_station: Any, couple: tuple[AskedParty, ...]) -> None:
    station = new_station()
    client = station.client()
    case = opened(client, couple)
    client.close_case(case)
    client.close_case(case)
    assert [entry.kind_name for entry, _ in station.entries()] == ["CASE_OPENED", "CASE_CLOSED", "CASE_CLOSED"]


def test_an_expired_case_is_refused(new_station: Any, couple: tuple[AskedParty, ...]) -> None:
    station = new_station(case_seconds=3600)
    client = station.client()
    case = opened(client, couple)
    station.clock.advance(timedelta(seconds=3599))
    client.verify_item(case)
    station.clock.advance(timedelta(seconds=1))
    refused(station, CaseExpired, lambda: client.verify_item(case), numbers(couple))
    refused(station, CaseExpired, lambda: client.close_case(case), numbers(couple))


def test_another_clients_case_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    case = opened(station.client(), couple)
    other = station.client("counter-daxi-01")
    _, detail = refused(station, NotYourCase, lambda: other.verify_item(case), numbers(couple))
    # The thief's own client is named, and nothing of the case, which is not theirs.
    assert detail.client.endswith("counter-daxi-01")
    assert detail.case_number == ""
    assert detail.request == b""
    assert detail.attributes["request_digest"].startswith("sha256:")


def test_a_changed_token_or_another_cases_number_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case, other = opened(client, couple), opened(client, couple)
    changed = replace(case, token=case.token[:-1] + bytes([case.token[-1] ^ 1]))
    refused(station, NotYourCase, lambda: client.verify_item(changed), numbers(couple))
    refused(station, NotYourCase, lambda: client.verify_item(replace(case, number=other.number)), numbers(couple))


def test_other_parties_than_the_cases_are_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = opened(client, couple)
    groom, bride = couple
    stranger = station.town.people.elder.number
    others = (
        (groom,),
        (replace(groom, role="partner"), replace(bride, role="applicant")),
        (groom, replace(bride, number=stranger)),
        (groom, replace(bride, name="别人")),
        (groom, bride, replace(bride, role="witness", number=stranger)),
    )
    for parties in others:
        asked = replace(case, parties=parties)
        refused(station, PartiesMismatch, lambda asked=asked: client.verify_item(asked), (*numbers(couple), stranger))
    client.verify_item(replace(case, parties=(bride, replace(groom, name=""))))


def test_a_malformed_number_is_refused_naming_its_place_only(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    wrong = couple[1].number[:-1] + ("1" if couple[1].number[-1] != "1" else "2")
    parties = (couple[0], replace(couple[1], number=wrong))
    error, detail = refused(station, MalformedIdentity, lambda: opened(client, parties), (wrong, couple[0].number))
    assert error.field == "parties[1].number"
    assert detail.request == b""


def test_a_case_that_the_item_does_not_know_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    groom, bride = couple
    for parties in ((groom,), (*couple, replace(bride, role="witness")), (groom, replace(groom, role="partner"))):
        error, _ = refused(station, Invalid, lambda parties=parties: opened(client, parties), numbers(couple))
        assert error.field.startswith("parties")
    owner = (AskedParty(role="applicant", number=station.town.people.owner.number),)
    for inputs in ({}, {"certificate_no": "x y"}, {"certificate_no": "浙0001", "other": "1"}):
        asked = {"inputs": inputs, **OPERATOR}
        error, _ = refused(
            station,
            Invalid,
            lambda asked=asked: client.open_case("property_mortgage", owner, **asked),
            numbers(owner),
        )
        assert error.field.startswith("inputs")


def test_a_request_that_is_too_long_is_refused_and_recorded(station: Any) -> None:
    call = station.channel().unary_unary(SERVICE + "VerifyItem")
    raw = wire.VerifyItemRequest(case_token=b"x" * 40_000).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        call(raw, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    kind, detail = station.last()
    assert (kind, detail.refusal) == ("REFUSED", MessageTooLarge.code)
    assert detail.attributes["request_bytes"] == str(len(raw))


def test_a_field_that_the_hub_does_not_know_is_refused(station: Any, couple: tuple[AskedParty, ...]) -> None:
    client = station.client()
    case = opened(client, couple)
    raw = wire.CloseCaseRequest(case_number=case.number, case_token=case.token).SerializeToString()
    call = station.channel().unary_unary(SERVICE + "CloseCase")
    with pytest.raises(grpc.RpcError) as caught:
        call(raw + b"\xaa\x06\x01x", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert station.last()[1].refusal == Malformed.code
    client.verify_item(case)


def test_an_error_carries_its_code_its_domain_and_the_field(station: Any, couple: tuple[AskedParty, ...]) -> None:
    request = wire.OpenCaseRequest(item=MARRIAGE, nonce=b"n" * 15, presence=statement_pb2.PRESENCE_REMOTE)
    with pytest.raises(grpc.RpcError) as caught:
        station.channel().unary_unary(SERVICE + "OpenCase")(request.SerializeToString(), timeout=10)
    status = rpc_status.from_call(caught.value)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (info.reason, info.domain) == ("malformed", station.town.name)
    assert bad.field_violations[0].field == "nonce"
    request = wire.OpenCaseRequest(
        item=MARRIAGE,
        parties=[wire.Party(role=each.role, number=each.number) for each in couple],
        nonce=b"n" * 16,
        presence=statement_pb2.PRESENCE_REMOTE,
        **OPERATOR,
    )
    with pytest.raises(grpc.RpcError) as caught:
        station.channel("kiosk-zeguo-01").unary_unary(SERVICE + "OpenCase")(request.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert rpc_status.from_call(caught.value).details[0].Unpack(info)
    assert info.metadata["claims"] == "person.marriage_age,marriage.unmarried,person.registered_here"


def test_the_catalogue_refuses_what_a_group_does_not_handle(station: Any) -> None:
    kiosk = station.client("kiosk-zeguo-01")
    refused(station, NoGrant, lambda: kiosk.item(MARRIAGE), ())
    refused(station, UnknownItem, lambda: kiosk.item("no_such_item"), ())


@pytest.mark.parametrize("method", METHODS)
def test_any_bytes_give_an_error_and_never_a_crash(station: Any, method: str) -> None:
    call = station.channel().unary_unary(METHODS[method] + method)
    entries = len(station.entries())
    asked = 0

    @given(st.binary(max_size=300))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(raw: bytes) -> None:
        nonlocal asked
        asked += 1
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x0a\x01x" + raw, timeout=10)
        assert caught.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}

    ask()
    assert len(station.entries()) == entries + asked
