"""Checkpoints and receipts: round trips, strictness, the specifications' examples, and what must not be believed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.merkle import BadProof, CompactRange, Growth, leaf_hash
from audit.note import Note
from audit.receipt import Receipt, receipts
from kernel.errors import Malformed
from kernel.signing import BadSignature, SigningKey

ORIGIN = "hub.example/audit/a"
hashes = st.binary(min_size=32, max_size=32)
lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20)
checkpoints = st.builds(
    Checkpoint,
    origin=lines,
    size=st.integers(0, (1 << 63) - 1),
    root=hashes,
    extensions=st.lists(lines, max_size=2).map(tuple),
)


@given(checkpoints)
def test_a_checkpoint_comes_back_from_its_text(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(st.text(max_size=120) | checkpoints.map(lambda each: each.text().replace("1", "01", 1)))
def test_any_text_is_a_checkpoint_or_malformed(text: str) -> None:
    with suppress(Malformed):
        assert Checkpoint.parse(text).text() == text


def test_specification_checkpoint_and_golang_tree_text(vector: Callable[[str], Any]) -> None:
    example = vector("c2sp-spec-examples/tlog-checkpoint.json")["fenced"][0]
    found = Checkpoint.parse(Note.parse(example.encode()).text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    golang = vector("signed-note/golang-tlog-tree.json")["format"]
    tree = Checkpoint(origin="go.sum database tree", size=golang["n"], root=leaf_hash(golang["record"].encode()))
    assert Checkpoint.parse(golang["golden"]).text() == golang["golden"]
    assert Checkpoint.parse(golang["golden"]).size == tree.size


def test_specification_proof_is_read_up_to_what_it_leaves_out(vector: Callable[[str], Any]) -> None:
    example = vector("c2sp-spec-examples/tlog-proof.json")["fenced"][0]
    head, _, _ = example.partition("\n\n")
    kept = "\n".join(line for line in head.split("\n") if not line.startswith("extra "))  # its base 64 is cut short
    note = Checkpoint(origin="example.com/fancylog", size=109482, root=bytes(32)).sign(SigningKey.generate())
    receipt = Receipt.parse(kept.encode() + b"\n\n" + note)
    assert (receipt.index, len(receipt.proof), receipt.origin) == (73894, 5, "example.com/fancylog")


@given(
    st.builds(
        Receipt,
        index=st.integers(0, (1 << 63) - 1),
        proof=st.lists(hashes, max_size=63).map(tuple),
        note=st.just(Checkpoint(origin=ORIGIN, size=9, root=bytes(32)).sign(SigningKey(bytes(32)))),
        extra=st.none() | st.binary(max_size=40),
    )
)
def test_a_receipt_comes_back_from_its_bytes(receipt: Receipt) -> None:
    assert Receipt.parse(receipt.encode()) == receipt


@given(st.data())
def test_a_changed_byte_in_a_receipt_is_never_accepted(data: st.DataObject) -> None:
    signer = SigningKey(bytes(32))
    entries = [b"entry %d" % number for number in range(7)]
    growth = Growth.of(CompactRange(), [leaf_hash(each) for each in entries])
    note = Checkpoint(origin=ORIGIN, size=7, root=growth.root()).sign(signer)
    index = data.draw(st.integers(0, 6))
    raw = receipts(growth, note)[index]
    Receipt.parse(raw).check(entries[index], ORIGIN, [signer.public])
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(1, 255))
    changed = raw[:at] + bytes([raw[at] ^ byte]) + raw[at + 1 :]
    with pytest.raises(Malformed):
        Receipt.parse(changed).check(entries[index], ORIGIN, [signer.public])


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"c2sp.org/tlog-proof@v1\nindex " + tail))
def test_any_bytes_are_a_receipt_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert Receipt.parse(raw).encode() == raw


def test_another_entrys_receipt_another_log_and_another_key_fail(signer: SigningKey) -> None:
    entries = [b"one", b"two", b"three"]
    growth = Growth.of(CompactRange(), [leaf_hash(each) for each in entries])
    note = Checkpoint(origin=ORIGIN, size=3, root=growth.root()).sign(signer)
    first, second, _ = (Receipt.parse(each) for each in receipts(growth, note))
    first.check(b"one", ORIGIN, [signer.public])
    with pytest.raises(BadProof):
        second.check(b"one", ORIGIN, [signer.public])
    with pytest.raises(Malformed, match="another log"):
        first.check(b"one", "hub.example/audit/b", [signer.public])
    with pytest.raises(Malformed, match="known key"):
        first.check(b"one", ORIGIN, [SigningKey.generate().public])


def test_a_checkpoint_signed_in_another_name_is_not_the_logs(signer: SigningKey) -> None:
    checkpoint = Checkpoint(origin=ORIGIN, size=0, root=bytes(32))
    note = Note.parse(checkpoint.sign(signer))
    other = Note.parse(Checkpoint(origin="x", size=0, root=bytes(32)).sign(signer))
    with pytest.raises(Malformed):
        open_checkpoint(Note(text=note.text, signatures=other.signatures).encode(), ORIGIN, [signer.public])
    spoiled = note.encode().replace(b"\n0\n", b"\n1\n")
    with pytest.raises(BadSignature):
        open_checkpoint(spoiled, ORIGIN, [signer.public])
