"""Signing, sealing and the trust file."""

import hmac
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Conflict, Malformed
from kernel.sealing import BadSeal, Sealer, keyed_hash, new_key
from kernel.signing import BadSignature, SigningKey, pae
from kernel.trust import ANSWER, LOG, Trust, TrustedKey, issue, log_verifier_key, parse_log_verifier_key

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_encoding_is_that_of_the_dsse_specification() -> None:
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_signature_holds_for_its_bytes_alone() -> None:
    key = SigningKey.generate()
    signature = key.sign(b"statement")
    key.public.check(signature, b"statement")
    with pytest.raises(BadSignature):
        key.public.check(signature, b"statement.")
    with pytest.raises(BadSignature):
        SigningKey.generate().public.check(signature, b"statement")


def test_another_tool_checks_our_signature(tmp_path: Path, openssl: str) -> None:
    key = SigningKey.generate()
    (tmp_path / "message").write_bytes(b"statement")
    (tmp_path / "signature").write_bytes(key.sign(b"statement"))
    # The fixed head of an Ed25519 SubjectPublicKeyInfo, RFC 8410.
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + key.public.raw)
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]
    command += ["-in", "message", "-sigfile", "signature"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout


def test_a_key_is_kept_private_and_never_overwritten(tmp_path: Path) -> None:
    key = SigningKey.generate()
    key.write(tmp_path / "answer.key")
    assert (tmp_path / "answer.key").stat().st_mode & 0o777 == 0o600
    assert SigningKey.read(tmp_path / "answer.key").public.raw == key.public.raw
    with pytest.raises(Conflict):
        key.write(tmp_path / "answer.key")


@given(st.binary(), st.integers(0, 400), st.integers(0, 7))
def test_a_changed_seal_is_found(plain: bytes, place: int, bit: int) -> None:
    sealer = Sealer(new_key())
    sealed = bytearray(sealer.seal(plain, b"detail"))
    assert sealer.unseal(bytes(sealed), b"detail") == plain
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(BadSeal):
        sealer.unseal(bytes(sealed), b"detail")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_keyed_hash_is_hmac_sha256(key: bytes, data: bytes) -> None:
    assert keyed_hash(key, data) == hmac.digest(key, data, "sha256")
    assert keyed_hash(key, data) == hmac.digest(key, data, "sha256"), "and again, from the states that are kept"


def test_a_seal_is_for_one_purpose() -> None:
    sealer = Sealer(new_key())
    with pytest.raises(BadSeal):
        sealer.unseal(sealer.seal(b"plain", b"case"), b"detail")


def trusted(root: SigningKey) -> bytes:
    answer, log = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
    keys = (
        TrustedKey(use=ANSWER, key=answer.public, valid_from=NOW, valid_until=NOW + timedelta(days=1)),
        TrustedKey(use=LOG, key=log.public, valid_from=NOW, origin="hub.example/audit/worker-0"),
    )
    return issue(root, "hub.example", keys, now=NOW)


def test_a_trust_file_tells_which_key_might_sign_when() -> None:
    root = SigningKey.generate()
    trust = Trust.parse(trusted(root))
    answer = SigningKey(b"\x01" * 32).public
    assert trust.hub == "hub.example"
    assert trust.answer_key(answer.id, NOW, NOW).raw == answer.raw
    for issued, logged in ((1, 1), (0, 1), (1, 0)):
        with pytest.raises(Malformed):
            trust.answer_key(answer.id, NOW + timedelta(days=issued), NOW + timedelta(days=logged))
    with pytest.raises(Malformed):
        trust.answer_key(answer.id, NOW - timedelta(seconds=1), NOW)
    assert trust.origins == ("hub.example/audit/worker-0",)
    assert trust.log_keys("hub.example/audit/worker-1") == ()


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_trust_file_is_refused_or_means_the_same(place: int, bit: int) -> None:
    raw = bytearray(trusted(SigningKey(b"\x03" * 32)))
    before = Trust.parse(bytes(raw))
    raw[place % len(raw)] ^= 1 << bit
    with suppress(Malformed):
        after = Trust.parse(bytes(raw))
        assert [each.key.raw for each in after.keys] == [each.key.raw for each in before.keys]
        assert after.root.raw == before.root.raw


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_trust_file_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        Trust.parse(raw)


def test_a_log_verifier_key_is_that_of_the_signed_note_specification() -> None:
    # The verifier key of the specification's example, C2SP signed-note.
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    origin, key = parse_log_verifier_key(vkey)
    assert log_verifier_key(origin, key) == vkey
    with pytest.raises(Malformed):
        parse_log_verifier_key(vkey.replace("c74f20a3", "c74f20a4"))
