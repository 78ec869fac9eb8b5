"""Wire messages are read strictly: any bytes give a value or Malformed, and everything has a bound."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Malformed, MalformedIdentity
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.call import MessageTooLarge, Named, Reader
from verifier.settings import VerifierSettings

BOUNDS = VerifierSettings()
READER = Reader(BOUNDS)
NUMBER, OTHER = "331081194001010010", "330102194506154000"
FORMS: dict[str, Callable[[bytes], object]] = {
    "opening": READER.opening,
    "item_call": READER.item_call,
    "named_call": READER.named_call,
    "closing": READER.closing,
    "item_asked": READER.item_asked,
    "nothing": READER.nothing,
}


def opening(**changes: Any) -> bytes:
    fields = {
        "item": "marriage_registration",
        "parties": [wire.Party(role="applicant", number=NUMBER)],
        "operator": "0731",
        "legal_basis": "《婚姻登记条例》",
        "presence": statement_pb2.PRESENCE_CARD_READ,
        "nonce": b"n" * 16,
    }
    return wire.OpenCaseRequest(**{**fields, **changes}).SerializeToString()


def question(**changes: Any) -> bytes:
    fields = {
        "case_number": "20261124-3f09c2a1be",
        "case_token": b"token",
        "parties": [wire.Party(role="applicant", number=NUMBER)],
        "nonce": b"n" * 16,
        "questions": [wire.Question(claim="person.alive", role="applicant")],
    }
    return wire.VerifyRequest(**{**fields, **changes}).SerializeToString()


@pytest.mark.parametrize("form", FORMS)
@given(raw=st.binary(max_size=400))
def test_any_bytes_are_a_call_or_malformed(form: str, raw: bytes) -> None:
    with suppress(Malformed):
        FORMS[form](raw)


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_opening_is_a_call_or_malformed(at: int, bit: int) -> None:
    raw = bytearray(opening(inputs={"certificate_no": "浙0001"}))
    raw[at % len(raw)] ^= 1 << bit
    with suppress(Malformed):
        READER.opening(bytes(raw))


def test_a_well_formed_call_keeps_its_bytes() -> None:
    raw = question()
    call = READER.named_call(raw)
    assert call.raw is raw
    assert call.named == (Named(claim="person.alive", role="applicant"),)
    assert call.parties[0].identity.number == NUMBER
    assert READER.item_call(question(questions=[])).named is None


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("item", {"item": ""}),
        ("item", {"item": "x" * (BOUNDS.role_length_max + 1)}),
        ("item", {"item": "two\nlines"}),
        ("operator", {"operator": ""}),
        ("operator", {"operator": "x" * (BOUNDS.operator_length_max + 1)}),
        ("legal_basis", {"legal_basis": ""}),
        ("legal_basis", {"legal_basis": "据" * (BOUNDS.basis_length_max + 1)}),
        ("presence", {"presence": statement_pb2.PRESENCE_UNSPECIFIED}),
        ("presence", {"presence": 99}),
        ("nonce", {"nonce": b"n" * 15}),
        ("nonce", {"nonce": b"n" * 65}),
        ("parties", {"parties": []}),
        ("parties", {"parties": [wire.Party(role=f"r{n}", number=NUMBER) for n in range(BOUNDS.parties_max + 1)]}),
        ("parties", {"parties": [wire.Party(role="a", number=NUMBER), wire.Party(role="a", number=OTHER)]}),
        ("parties[0].role", {"parties": [wire.Party(number=NUMBER)]}),
        ("parties[0].number", {"parties": [wire.Party(role="a")]}),
        ("parties[0].number", {"parties": [wire.Party(role="a", number="1" * 65)]}),
        ("parties[0].name", {"parties": [wire.Party(role="a", number=NUMBER, name="名" * 129)]}),
        ("inputs", {"inputs": {f"i{n}": "x" for n in range(BOUNDS.inputs_max + 1)}}),
        ("inputs", {"inputs": {"certificate_no": "x" * (BOUNDS.input_length_max + 1)}}),
        ("inputs", {"inputs": {"certificate_no": ""}}),
    ],
)
def test_every_bound_of_an_opening_is_kept_and_named(field: str, changes: dict[str, Any]) -> None:
    READER.opening(opening())
    with pytest.raises(Malformed) as caught:
        READER.opening(opening(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("case_number", {"case_number": ""}),
        ("case_token", {"case_token": b""}),
        ("case_token", {"case_token": b"x" * (BOUNDS.token_bytes_max + 1)}),
        ("nonce", {"nonce": b""}),
        ("questions", {"questions": []}),
        ("questions", {"questions": [wire.Question(claim="c", role="r")] * 2}),
        ("questions", {"questions": [wire.Question(claim=f"c{n}", role="r") for n in range(BOUNDS.questions_max + 1)]}),
        ("questions[0].role", {"questions": [wire.Question(claim="c")]}),
    ],
)
def test_every_bound_of_a_question_is_kept_and_named(field: str, changes: dict[str, Any]) -> None:
    READER.named_call(question())
    with pytest.raises(Malformed) as caught:
        READER.named_call(question(**changes))
    assert caught.value.field == field


def test_bounds_are_inclusive() -> None:
    raw = opening(nonce=b"n" * 64, operator="x" * BOUNDS.operator_length_max, item="i" * BOUNDS.role_length_max)
    assert READER.opening(raw).operator
    exact = Reader(replace(BOUNDS, request_bytes_max=len(raw)))
    assert exact.opening(raw).item
    with pytest.raises(MessageTooLarge):
        Reader(replace(BOUNDS, request_bytes_max=len(raw) - 1)).opening(raw)


def test_unknown_fields_are_refused_wherever_they_stand() -> None:
    unknown = b"\xa2\x06\x01x"
    with pytest.raises(Malformed):
        READER.opening(opening() + unknown)
    party = wire.Party.FromString(wire.Party(role="applicant", number=NUMBER).SerializeToString() + unknown)
    with pytest.raises(Malformed):
        READER.opening(opening(parties=[party]))


def test_a_malformed_number_is_not_repeated() -> None:
    wrong = NUMBER[:-1] + ("5" if NUMBER[-1] != "5" else "6")
    with pytest.raises(MalformedIdentity) as caught:
        READER.opening(opening(parties=[wire.Party(role="applicant", number=wrong)]))
    assert wrong not in str(caught.value)
    assert wrong not in repr(caught.value)
