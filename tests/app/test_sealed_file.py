"""What a backup seals: whole files come back, and nothing can be changed, cut, doubled, moved or opened by others."""

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from app.custody import CustodySettings
from app.envelope import CannotOpen, Holder, Passphrase, Recipient
from app.sealed_file import HEAD, PIECE_SIZE, seal_file, unseal_file
from kernel.errors import Invalid, Malformed
from kernel.sealing import BadSeal
from tests.app.small_hub import QUICK, WORDS

KEY, OTHER = bytes(range(32)), bytes(32)
SEALED_PIECE = PIECE_SIZE + 16


def sealed(plain: bytes, key: bytes = KEY, purpose: bytes = b"keys/a.key") -> bytes:
    return b"".join(seal_file(io.BytesIO(plain), key, purpose))


def unsealed(raw: bytes, key: bytes = KEY, purpose: bytes = b"keys/a.key") -> bytes:
    return b"".join(unseal_file(io.BytesIO(raw), key, purpose))


@pytest.mark.parametrize("size", [0, 1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE])
def test_a_file_of_any_length_comes_back(size: int) -> None:
    plain = bytes(size)
    assert unsealed(sealed(plain)) == plain


def test_equal_files_under_equal_keys_give_equal_bytes() -> None:
    """So that a backup can give what the one before holds a second name."""
    assert sealed(b"data") == sealed(b"data")
    assert sealed(b"data") != sealed(b"data", OTHER)
    assert sealed(b"data") != sealed(b"data", purpose=b"keys/b.key")


@given(st.binary(max_size=200), st.data())
def test_a_changed_byte_is_found(plain: bytes, data: st.DataObject) -> None:
    raw = bytearray(sealed(plain))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadSeal):
        unsealed(bytes(raw))


def test_pieces_cannot_be_cut_off_doubled_or_swapped() -> None:
    raw = sealed(b"a" * PIECE_SIZE + b"b" * PIECE_SIZE + b"c")
    first, second, last = (raw[len(HEAD) + at * SEALED_PIECE : len(HEAD) + (at + 1) * SEALED_PIECE] for at in range(3))
    assert unsealed(HEAD + first + second + last).endswith(b"c")
    for forged in (first + second, first + last, second + first + last, first + first + second + last, last, b""):
        with pytest.raises(BadSeal):
            unsealed(HEAD + forged)
    with pytest.raises(BadSeal):
        unsealed(raw + b"\0")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_file_or_one_error(raw: bytes) -> None:
    with pytest.raises(BadSeal):
        unsealed(raw)


def test_only_its_own_key_and_purpose_open_a_file() -> None:
    for key, purpose in ((OTHER, b"keys/a.key"), (KEY, b"keys/b.key")):
        with pytest.raises(BadSeal):
            unsealed(sealed(b"x"), key, purpose)


def test_a_passphrase_opens_what_it_closed_and_no_other_does(passphrase: Passphrase) -> None:
    envelope = passphrase.close(KEY)
    assert passphrase.open(envelope) == KEY
    assert envelope["log2_n"] == QUICK.scrypt_log2_n
    assert passphrase.close(KEY)["salt"] != envelope["salt"]
    with pytest.raises(CannotOpen, match="passphrase"):
        Passphrase(text="another, just as long a one", settings=QUICK).open(envelope)
    assert WORDS not in repr(passphrase)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(Invalid, match="at least 16"):
        Passphrase(text="short", settings=CustodySettings())


@pytest.mark.parametrize(
    "changes",
    [
        {"log2_n": 40},
        {"log2_n": 0},
        {"r": 100_000},
        {"p": 0},
        {"log2_n": "x"},
        {"salt": "?"},
        {"sealed": 1},
        {"r": None},
    ],
)
def test_an_envelope_asks_for_no_unbounded_work(changes: dict[str, object], passphrase: Passphrase) -> None:
    with pytest.raises(Malformed):
        passphrase.open({**passphrase.close(KEY), **changes})


def test_a_public_key_closes_what_only_its_private_key_opens(passphrase: Passphrase) -> None:
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    envelope = Recipient.parse(public).close(KEY)
    assert Holder.parse(pem).open(envelope) == KEY
    with pytest.raises(CannotOpen, match="another key"):
        Holder(key=X25519PrivateKey.generate()).open(envelope)
    with pytest.raises(CannotOpen, match="changed"):
        Holder.parse(pem).open({**envelope, "sealed": Recipient.parse(public).close(KEY)["sealed"][:-8]})
    with pytest.raises(CannotOpen, match="private key"):
        passphrase.open(envelope)
    with pytest.raises(CannotOpen, match="passphrase"):
        Holder.parse(pem).open(passphrase.close(KEY))


def test_other_keys_are_no_recipients() -> None:
    other = Ed25519PrivateKey.generate()
    for pem in (b"", other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(Malformed):
            Recipient.parse(pem)
    for pem in (b"", other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        with pytest.raises(Malformed):
            Holder.parse(pem)
