"""What stands for a client's word: an operator's assertion, a device's evidence, an agent's basis; all told apart."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.entry import timestamp
from cli.main import main
from kernel.clock import FixedClock
from kernel.errors import FalseAssertion, Invalid, Malformed, MalformedIdentity
from kernel.sealing import Sealer
from kernel.signing import SigningKey, pae
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.assertion import ASSERTION_TYPE, Claims
from verifier.cases import unsealed
from verifier.client import AskedParty
from verifier.peer import Peer
from verifier.roll import Operator, Roll, Rolls

KEY, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
ALLOWANCE = "senior_allowance"
HALL, DAXI, BANK = "counter-hall-01", "counter-daxi-01", "bank-icbc-01"
ASSERTED, PROVED = statement_pb2.ASSURANCE_ASSERTED, statement_pb2.ASSURANCE_PROVED


@pytest.fixture
def served(new_station: Any, town: Any, tmp_path: Path) -> Any:
    """A worker on whose roll one operator stands."""
    path = tmp_path / "operators.json"
    secret = town.hub.lasting_secret
    operator = Operator(id="0731", groups=("counter",), key=KEY.public.raw)
    path.write_bytes(Roll(operators={operator.id: operator}).encode(secret))
    return new_station(rolls=Rolls(path, secret), clock=FixedClock(instant=town.now))


def claims_of(station: Any, device: str = HALL, **changes: Any) -> Claims:
    now = station.clock.now()
    claims = Claims(
        hub=station.town.name,
        operator="0731",
        certificate=Peer.of_certificate(station.town.tls(device).certificate).fingerprint,
        issued_at=now,
        expires_at=now + timedelta(hours=8),
    )
    return replace(claims, **changes)


def test_an_operator_who_signs_is_proved_and_one_who_does_not_is_asserted(
    served: Any, elder: tuple[AskedParty, ...]
) -> None:
    client = served.client()
    assertion = claims_of(served).signed(KEY)
    for given_assertion, assured in ((assertion, PROVED), (None, ASSERTED)):
        case = client.open_case(ALLOWANCE, elder, assertion=given_assertion, **OPERATOR)
        assert served.last()[1].operator_assurance == assured
        assert client.verify_item(case).statement.operator_assurance == assured
        assert served.last()[1].operator_assurance == assured
        client.close_case(case)
        assert served.last()[1].operator_assurance == assured
    # Within its time it is good for many cases of the same client.
    client.open_case(ALLOWANCE, elder, assertion=assertion, **OPERATOR)


FALSE: list[tuple[str, Callable[[Any], verification_pb2.Assertion]]] = [
    ("another key", lambda s: claims_of(s).signed(OTHER)),
    ("another client's", lambda s: claims_of(s, DAXI).signed(KEY)),
    ("no certificate", lambda s: claims_of(s, certificate=b"").signed(KEY)),
    ("another operator's", lambda s: claims_of(s, operator="0732").signed(KEY)),
    ("another hub's", lambda s: claims_of(s, hub="elsewhere.example").signed(KEY)),
    ("expired", lambda s: claims_of(s, expires_at=s.clock.now()).signed(KEY)),
    ("of the future", lambda s: claims_of(s, issued_at=s.clock.now() + timedelta(minutes=6)).signed(KEY)),
    ("too long", lambda s: claims_of(s, expires_at=s.clock.now() + timedelta(hours=12, seconds=1)).signed(KEY)),
    (
        "of another type",
        lambda s: verification_pb2.Assertion(
            payload=claims_of(s).encode(), signature=KEY.sign(pae("text/plain", claims_of(s).encode()))
        ),
    ),
    ("since ever", lambda s: claims_of(s, issued_at=datetime.min.replace(tzinfo=UTC)).signed(KEY)),
    ("for ever", lambda s: claims_of(s, expires_at=datetime.max.replace(tzinfo=UTC)).signed(KEY)),
    ("without signature", lambda s: verification_pb2.Assertion(payload=claims_of(s).encode())),
]


@pytest.mark.parametrize(("what", "make"), FALSE, ids=[each for each, _ in FALSE])
def test_an_assertion_that_does_not_hold_is_refused_and_never_taken_for_none(
    served: Any, elder: tuple[AskedParty, ...], what: str, make: Callable[[Any], verification_pb2.Assertion]
) -> None:
    with pytest.raises(FalseAssertion):
        served.client().open_case(ALLOWANCE, elder, assertion=make(served), **OPERATOR)
    kind, detail = served.last()
    assert (kind, detail.refusal) == ("REFUSED", "false_assertion")
    assert detail.client.endswith(HALL)
    assert what


def test_an_operator_of_another_group_or_off_the_roll_is_not_proved(served: Any, elder: tuple[AskedParty, ...]) -> None:
    kiosk = "kiosk-zeguo-01"
    with pytest.raises(FalseAssertion):
        served.client(kiosk).open_case(ALLOWANCE, elder, assertion=claims_of(served, kiosk).signed(KEY), **OPERATOR)
    stranger = claims_of(served, operator="0799").signed(KEY)
    with pytest.raises(FalseAssertion):
        served.client().open_case(ALLOWANCE, elder, assertion=stranger, **{**OPERATOR, "operator": "0799"})


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_an_assertion_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        Claims.parse(raw)


@pytest.mark.parametrize(
    "change", [{"extra": "x"}, {"operator": 1}, {"format": "2"}, {"certificate": "zz"}, {"hub": None}]
)
def test_an_assertion_says_exactly_what_it_must(change: dict[str, Any]) -> None:
    now = datetime(2026, 11, 24, 4, tzinfo=UTC)
    claims = Claims(hub="h", operator="o", certificate=b"c" * 32, issued_at=now, expires_at=now)
    assert Claims.parse(claims.encode()) == claims
    with pytest.raises(Malformed):
        Claims.parse(json.dumps({**json.loads(claims.encode()), **change}).encode())
    assert ASSERTION_TYPE.endswith("+json")


def read_at(now: datetime, **changes: Any) -> statement_pb2.PresenceEvidence:
    fields = {"device": "reader-3", "at": timestamp(now.replace(microsecond=0)), "record_digest": b"d" * 32, **changes}
    return statement_pb2.PresenceEvidence(**fields)


def test_presence_counts_for_what_stands_behind_it(station: Any, elder: tuple[AskedParty, ...]) -> None:
    client = station.client()
    evidence = read_at(station.clock.now())
    card, face, word, remote = 1, 2, 3, 4
    for claimed, shown, counted in (
        (card, evidence, card),
        (face, evidence, face),
        (card, None, word),
        (face, None, word),
        (word, None, word),
        (remote, None, remote),
    ):
        case = client.open_case(ALLOWANCE, elder, presence=claimed, evidence=shown, **OPERATOR)
        opened = station.last()[1]
        statement = client.verify_item(case).statement
        answered = station.last()[1]
        for each in (opened, statement, answered):
            assert each.presence == counted
            assert each.HasField("presence_evidence") == (shown is not None)
            if shown is not None:
                assert each.presence_evidence == evidence
        # What is put together from parts is what protobuf writes.
        raw = client.verify_item(case).evidence.statement
        assert statement_pb2.Statement.FromString(raw).SerializeToString(deterministic=True) == raw


@pytest.mark.parametrize(
    ("error", "presence", "change"),
    [
        (Invalid, 3, {}),
        (Invalid, 4, {}),
        (Invalid, 1, {"ago": 901}),
        (Invalid, 1, {"ago": -302}),
        (Malformed, 1, {"record_digest": b"d" * 31}),
        (Malformed, 1, {"device": ""}),
        (Malformed, 1, {"device": "x" * 65}),
        (Malformed, 1, {"at": None}),
    ],
)
def test_evidence_that_cannot_be_is_refused(
    station: Any, elder: tuple[AskedParty, ...], error: type[Exception], presence: Any, change: dict[str, Any]
) -> None:
    ago = change.pop("ago", 0)
    evidence = read_at(station.clock.now() - timedelta(seconds=ago), **change)
    with pytest.raises(error):
        station.client().open_case(ALLOWANCE, elder, presence=presence, evidence=evidence, **OPERATOR)
    assert station.last()[0] == "REFUSED"


def test_who_acts_for_an_applicant_is_named_by_tag_and_basis_and_can_be_forgotten(
    new_station: Any, town: Any, elder: tuple[AskedParty, ...]
) -> None:
    station = new_station()
    client = station.client()
    number = town.people.buyer.number
    agent = verification_pb2.Agent(number=number, name=town.people.buyer.name, basis="委托书 2026-17")
    case = client.open_case(ALLOWANCE, elder, agent=agent, **OPERATOR)
    opened = station.last()[1]
    checked = client.verify_item(case)
    answered = station.last()[1]
    client.close_case(case)
    closed = station.last()[1]
    for each in (opened, checked.statement, answered, closed):
        assert (each.agent.role, each.agent_basis) == ("agent", "委托书 2026-17")
        assert each.agent.tag == checked.statement.agent.tag
    assert number.encode() not in checked.evidence.statement
    kept = unsealed(case.token, Sealer(town.hub.secret("case")))
    assert kept.agent is not None
    assert (kept.agent.identity.number, kept.agent.basis) == (number, "委托书 2026-17")
    # The agent's tag leads to the case's key, as the applicant's does.
    assert station.detail_keys.destroy([checked.statement.agent]) == 1
    for wrong, error in (
        ({"number": "123"}, MalformedIdentity),
        ({"basis": ""}, Malformed),
        ({"basis": "x\n"}, Malformed),
    ):
        fields = {"number": number, "name": "", "basis": "b", **wrong}
        with pytest.raises(error):
            client.open_case(ALLOWANCE, elder, agent=verification_pb2.Agent(**fields), **OPERATOR)


@pytest.fixture
def run(
    new_station: Any, town: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """The command line, with a worker that looks at the home's roll, on the machine's clock."""
    path = town.hub.paths.roll
    station = new_station(rolls=Rolls(path, town.hub.lasting_secret, check_seconds=0.0))
    monkeypatch.setenv("MIANZHENG_HOME", str(town.hub.paths.home))
    monkeypatch.setenv("MIANZHENG_CLIENT_ADDRESS", station.address)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mianzheng", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return (code, *capsys.readouterr())

    yield call
    path.unlink(missing_ok=True)


def test_a_clerk_proves_who_they_are_and_what_the_device_read(run: Any, town: Any, tmp_path: Path) -> None:
    key, out, record = tmp_path / "0731.key", tmp_path / "shift.json", tmp_path / "read.bin"
    record.write_bytes(os.urandom(64))
    why = ("--reason", "新员工 new", "--by", "li")
    public = run("operators", "key", "--key", str(key))[1].strip()
    assert key.stat().st_mode & 0o777 == 0o600
    assert run("operators", "enter", "0731", "--public", public, "--group", "counter", *why)[0] == 0
    assert "0731: counter" in run("operators", "list")[1]
    assert run("operators", "enter", "x", "--public", "00", "--group", "counter", *why)[0] == 2
    assert run("operators", "enter", "x", "--public", public, "--group", "nobody", *why)[0] == 2
    signed = ("operators", "assert", "0731", "--key", str(key), "--client", HALL, "--out", str(out))
    assert run(*signed)[0] == 0
    asked = (
        *("ask", "--item", ALLOWANCE, "--party", f"applicant={town.people.elder.number}", "--operator", "0731"),
        *("--assertion", str(out), "--presence", "card_read", "--device", "reader-3", "--record", str(record)),
        *("--agent", town.people.buyer.number, "--agent-basis", "委托书", "--out", str(tmp_path / "kept"), "--json"),
    )
    code, shown, errors = run(*asked)
    assert (code, errors) == (0, "")
    evidence = json.loads(Path(json.loads(shown)["evidence"]).read_bytes())
    assert evidence
    assert run("operators", "revoke", "0731", *why)[0] == 0
    assert run(*asked)[0] == 3
