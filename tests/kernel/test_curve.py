"""Public keys that nobody should hold are refused; keys that are made are not."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.curve import check_public_key
from kernel.errors import Malformed
from kernel.signing import SigningKey, VerifyKey

PRIME = 2**255 - 19
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
ORDER_8_NEGATED = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"


def spelt(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def signed(text: str) -> bytes:
    raw = bytearray.fromhex(text)
    raw[31] |= 0x80
    return bytes(raw)


SMALL = [
    spelt(1),
    spelt(PRIME - 1),
    spelt(0),
    spelt(0, 1),
    bytes.fromhex(ORDER_8),
    signed(ORDER_8),
    bytes.fromhex(ORDER_8_NEGATED),
    signed(ORDER_8_NEGATED),
]
SPELT_TWICE = [
    spelt(1, 1),
    spelt(PRIME - 1, 1),
    *(spelt(PRIME + each, sign) for each in range(19) for sign in (0, 1)),
]


@pytest.mark.parametrize("raw", SMALL, ids=bytes.hex)
def test_a_key_of_small_order_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed, match="small order"):
        VerifyKey(raw)


@pytest.mark.parametrize("raw", SPELT_TWICE, ids=bytes.hex)
def test_a_key_in_another_spelling_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        VerifyKey(raw)


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(Malformed, match="no point"):
        VerifyKey(b"\x02" + b"\0" * 31)
    for length in (0, 31, 33):
        with pytest.raises(Malformed):
            VerifyKey(b"\x01" * length)


@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_is_made_is_taken(seed: bytes) -> None:
    key = SigningKey(seed)
    check_public_key(key.public.raw)
    key.public.check(key.sign(b"x"), b"x")


@given(st.binary(max_size=40))
def test_any_bytes_are_a_key_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert VerifyKey(raw).raw == raw
