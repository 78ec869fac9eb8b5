"""Who may ask what: every client group, channel, item and claim against tables that people wrote."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from audit.entry import timestamp
from kernel.clock import SHANGHAI, FixedClock
from kernel.errors import ClaimOutsideItem, Denied, NoGrant, OutsideHours, OutsidePlace, PresenceTooWeak
from schemas.archive import FOLDERS
from schemas.catalogue import ROOT, Catalogue, load_catalogue
from schemas.client import Client
from schemas.grant import Grant
from schemas.needs import Proof
from schemas.title import Title
from schemas.wire.v1 import statement_pb2
from verifier.authorise import authorise, handles
from verifier.call import Named
from verifier.client import AskedParty, OpenCase, VerificationClient
from verifier.explain import explain

HERE = Path(__file__).parent
NOON = datetime(2026, 11, 30, 12, tzinfo=SHANGHAI)
OPERATOR = {"operator": "0731", "legal_basis": "《政务数据共享条例》"}
DEVICES = ("counter-hall-01", "counter-daxi-01", "kiosk-zeguo-01", "bank-icbc-01")
PRESENCE = {
    proof.key: number for number in statement_pb2.Presence.values() if (proof := Proof.of(number)) is not Proof.NOTHING
}
LOAN = """  - id: bank.fund_loan
    item: fund_loan
    claims: [fund.account_active, fund.balance_at_least, dwelling.owns_none, social.months_at_least]
    values: false
    channels: [bank]
    places: ['3310', '330106']
    hours: [mon-fri 08:30-17:30, sat 09:00-12:00]
    presence: card_read
  - id: bank.fund_loan.app
    item: fund_loan
    claims: [fund.account_active, fund.balance_at_least, dwelling.owns_none, social.months_at_least]
    values: false
    channels: [app]
    places: ['331081100']
    hours: [sun 22:00-24:00, mon 00:00-06:00]
    presence: remote
    legalBasis: 《住房公积金管理条例》
"""


def rows(name: str) -> Iterator[list[str]]:
    """A table's rows."""
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split()


SHIPPED = {tuple(row[:4]): row[4] for row in rows("grants_shipped.txt")}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The agreements with a loan that is granted on two channels, each with conditions of its own."""
    root = tmp_path_factory.mktemp("agreements")
    for each in FOLDERS:
        shutil.copytree(ROOT / each, root / each)
    grants = root / "grants/bank.yaml"
    text = grants.read_text("utf-8")
    grants.write_text(text[: text.index("  - id: bank.fund_loan")] + LOAN, "utf-8")
    clients = root / "clients/bank.yaml"
    clients.write_text(clients.read_text("utf-8").replace("channel: bank", "channels: [bank, app]"), "utf-8")
    return load_catalogue(root)


def client_of(group: str, channel: str, place: str = "331081001") -> Client:
    spiffe = f"spiffe://wenling.mianzheng.example/{channel}/x"
    return Client(id=spiffe, group=group, channel=channel, device="x", title=Title(zh="某", en="X"), place=place)


def decision(*asked: Any, **how: Any) -> Mapping[str, Grant] | NoGrant:
    """What `authorise` decides."""
    try:
        return authorise(*asked, **how)
    except NoGrant as refusal:
        return refusal


def test_every_group_channel_item_and_claim_is_allowed_exactly_where_the_table_says(catalogue: Catalogue) -> None:
    channels = sorted({channel for group in catalogue.groups.values() for channel in group.channels} | {"app"})
    combinations = list(product(catalogue.groups, channels, catalogue.items, catalogue.claims))
    found: dict[tuple[str, ...], str] = {}
    for group, channel, item, claim in combinations:
        client, asked = client_of(group, channel), catalogue.items[item]
        (explained,) = explain(catalogue, client, asked, [claim], proof=Proof.CARD_READ, now=NOON)
        decided = decision(catalogue, client, asked, [claim], presence=statement_pb2.PRESENCE_CARD_READ, now=NOON)
        if isinstance(decided, NoGrant):
            assert (explained.allowed, explained.code) == (False, decided.code)
            assert decided.claims == (claim,)
        else:
            assert explained.allowed
            assert explained.grant is decided[claim]
            found[group, channel, item, claim] = "disclose" if decided[claim].values else "verify"
    assert found == SHIPPED
    assert len(combinations) == 3 * 4 * 7 * 21


def test_a_question_is_refused_whole_naming_every_claim_that_is_not_granted(catalogue: Catalogue) -> None:
    asked = ["fund.account_active", "marriage.unmarried", "person.alive"]
    with pytest.raises(NoGrant) as caught:
        authorise(
            catalogue,
            client_of("bank", "bank"),
            catalogue.items["fund_loan"],
            asked,
            presence=statement_pb2.PRESENCE_CARD_READ,
            now=NOON,
        )
    assert caught.value.claims == ("marriage.unmarried", "person.alive")


@pytest.mark.parametrize(
    ("channel", "place", "when", "presence", "outcome"), [tuple(row) for row in rows("grants_bound.txt")]
)
def test_conditions_allow_exactly_what_the_table_says(
    bound: Catalogue, channel: str, place: str, when: str, presence: str, outcome: str
) -> None:
    client, item = client_of("bank", channel, place.strip("-")), bound.items["fund_loan"]
    now = datetime.fromisoformat(when).replace(tzinfo=SHANGHAI)
    decided = decision(bound, client, item, item.claims, presence=PRESENCE[presence], now=now)
    if isinstance(decided, NoGrant):
        assert (decided.code, decided.claims) == (outcome, item.claims)
    else:
        assert outcome == "allowed"
        assert {each.id for each in decided.values()} == {f"bank.fund_loan{'.app' if channel == 'app' else ''}"}
    for each in explain(bound, client, item, item.claims, proof=Proof[presence.upper()], now=now):
        assert (each.code or "allowed") == outcome
        assert each.source.startswith("grants/bank.yaml:")
        assert each.why.zh
        assert each.why.en
    # Hours and presence may change while a client looks on; its place and channel do not.
    assert handles(bound, client, "fund_loan") == (outcome not in {"outside_place", "no_grant"})


def test_presence_that_nobody_established_proves_nothing(bound: Catalogue) -> None:
    item, client = bound.items["fund_loan"], client_of("bank", "app", "331081100")
    night = datetime(2026, 12, 6, 22, tzinfo=SHANGHAI)
    with pytest.raises(PresenceTooWeak):
        authorise(bound, client, item, item.claims, presence=statement_pb2.PRESENCE_UNSPECIFIED, now=night)
    with pytest.raises(PresenceTooWeak):
        authorise(bound, client, item, item.claims, presence=99, now=night)


def test_a_group_that_is_no_more_may_nothing(catalogue: Catalogue) -> None:
    client = client_of("former", "counter")
    with pytest.raises(NoGrant):
        authorise(catalogue, client, catalogue.items["fund_loan"], ["person.alive"], presence=1, now=NOON)
    assert not handles(catalogue, client, "fund_loan")


def test_a_grants_legal_basis_is_the_items_unless_it_names_its_own(bound: Catalogue) -> None:
    by_id = {each.id: each for each in bound.grants}
    assert by_id["bank.fund_loan"].legal_basis == bound.items["fund_loan"].legal_basis
    assert by_id["bank.fund_loan.app"].legal_basis == "《住房公积金管理条例》"


def cases(town: Any) -> Mapping[str, dict[str, Any]]:
    """Parties and inputs for each item."""
    people = town.people

    def party(role: str, who: Any) -> AskedParty:
        return AskedParty(role=role, number=who.number, name=who.name)

    return {
        "elderly_courtesy_card": {"parties": (party("applicant", people.elder),)},
        "senior_allowance": {"parties": (party("applicant", people.elder),)},
        "marriage_registration": {"parties": (party("applicant", people.groom), party("partner", people.bride))},
        "property_registration": {
            "parties": (
                party("applicant", people.buyer),
                party("spouse", people.buyer_spouse),
                party("child", people.buyer_child),
            )
        },
        "property_mortgage": {
            "parties": (party("applicant", people.owner),),
            "inputs": {"certificate_no": people.certificate_no},
        },
        "fund_loan": {"parties": (party("applicant", people.borrower),)},
        "birth_registration": {"parties": (party("mother", people.mother), party("father", people.father))},
    }


def asked_to_open(client: VerificationClient, item: str, **parts: Any) -> OpenCase | NoGrant:
    """The case, or why there is none."""
    try:
        return client.open_case(item, **parts, **OPERATOR)
    except NoGrant as refusal:
        return refusal


def asked_alone(client: VerificationClient, case: Any, claim: str, roles: list[str]) -> str:
    """How a claim may be asked alone about some party: not at all, verify, or disclose."""
    for role in roles:
        try:
            statement = client.verify(case, [Named(claim=claim, role=role)]).statement
        except ClaimOutsideItem:
            continue
        return "disclose" if any(each.disclosed for each in statement.answers) else "verify"
    return ""


@pytest.mark.parametrize("device", DEVICES)
def test_a_served_client_gets_exactly_what_the_table_says(station: Any, device: str) -> None:
    client = station.client(device)
    agreed = station.verifier.desk.agreements.current.catalogue
    known = next(each for each in agreed.clients.values() if each.device == device)
    given = cases(station.town)
    assert given.keys() == agreed.items.keys()
    got: dict[tuple[str, ...], str] = {}
    for item, parts in given.items():
        opened = asked_to_open(client, item, **parts)
        if isinstance(opened, NoGrant):
            assert opened.claims
            assert set(opened.claims) <= set(agreed.items[item].claims)
            continue
        assert client.verify_item(opened).statement.item == item
        roles = [each.role for each in parts["parties"]]
        for claim in agreed.claims:
            how = asked_alone(client, opened, claim, roles)
            if how:
                got[known.group, known.channel, item, claim] = how
    expected = {key: how for key, how in SHIPPED.items() if key[:2] == (known.group, known.channel)}
    # `marriage.unmarried` of a buyer is asked only where no spouse is named.
    expected.pop(("counter", "counter", "property_registration", "marriage.unmarried"), None)
    assert got.keys() == expected.keys()
    # Values go along only with what is confirmed and has any to show: never without a grant.
    assert not [key for key, how in got.items() if how == "disclose" and expected[key] != "disclose"]
    assert {each.item for each in client.items()} == {key[2] for key in expected}


def test_a_case_opened_in_hours_is_not_answered_after_them(new_station: Any, town: Any, bound: Catalogue) -> None:
    monday = datetime.now(SHANGHAI).replace(hour=10, minute=0, second=0, microsecond=0)
    monday += timedelta(days=7 - monday.weekday())
    clock = FixedClock(instant=monday)
    station = new_station(catalogue=bound, facts=town.hub.exchange.under(bound.readable), clock=clock)
    client = station.client("bank-icbc-01")
    parties = cases(town)["fund_loan"]["parties"]
    read = statement_pb2.PresenceEvidence(device="reader-1", at=timestamp(monday), record_digest=b"d" * 32)
    shown = {"presence": statement_pb2.PRESENCE_CARD_READ, "evidence": read}
    case = client.open_case("fund_loan", parties, **shown, **OPERATOR)
    client.verify_item(case)
    # Without its evidence a card read is the operator's word.
    for presence in (statement_pb2.PRESENCE_OPERATOR_WORD, statement_pb2.PRESENCE_CARD_READ):
        with pytest.raises(PresenceTooWeak):
            client.open_case("fund_loan", parties, presence=presence, **OPERATOR)
    clock.instant = monday.replace(hour=17, minute=45)
    with pytest.raises(OutsideHours) as caught:
        client.verify_item(case)
    kind, detail = station.last()
    assert (kind, detail.refusal, detail.case_number) == ("REFUSED", "outside_hours", case.number)
    assert set(detail.refused_claims) == set(caught.value.claims) == set(bound.items["fund_loan"].claims)


def test_an_item_is_neither_listed_nor_shown_nor_opened_where_it_is_not_granted(
    new_station: Any, town: Any, bound: Catalogue
) -> None:
    elsewhere = {
        name: replace(each, place="330105") if each.group == "bank" else each for name, each in bound.clients.items()
    }
    station = new_station(catalogue=replace(bound, clients=elsewhere), facts=town.hub.exchange.under(bound.readable))
    client = station.client("bank-icbc-01")
    assert client.items() == ()
    for ask in (
        lambda: client.item("fund_loan"),
        lambda: client.open_case("fund_loan", cases(town)["fund_loan"]["parties"], **OPERATOR),
    ):
        with pytest.raises(OutsidePlace):
            ask()
    assert issubclass(OutsidePlace, Denied)
