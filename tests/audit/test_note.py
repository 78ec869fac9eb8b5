"""Signed notes, against Go's own cases (module x/mod) and the specification's examples."""

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.note import Note, NoteKey, NoteSignature, sign
from kernel.errors import Malformed
from kernel.signing import BadSignature, SigningKey

lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20)
texts = st.lists(lines, min_size=1, max_size=4).map(lambda each: "\n".join(each) + "\n")
names = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="+"), min_size=1, max_size=20)
GOLANG_ERRORS = {
    None: None,
    "malformed note": "malformed",
    "invalid signature": "bad_signature",
    "note has no verifiable signatures": "unsigned",
}
signatures = st.builds(
    NoteSignature,
    name=names,
    key_id=st.binary(min_size=4, max_size=4),
    signature=st.binary(min_size=1, max_size=80),
)


@given(st.builds(Note, text=texts, signatures=st.lists(signatures, min_size=1, max_size=5).map(tuple)))
def test_a_note_comes_back_from_its_bytes(note: Note) -> None:
    assert Note.parse(note.encode()) == note


@given(st.binary(max_size=300) | texts.map(lambda text: (text + "\n— a b\n").encode()))
def test_any_bytes_are_a_note_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert Note.parse(raw).encode() == raw


def test_golang_keys_are_read_and_bad_ones_refused(vector: Callable[[str], Any]) -> None:
    keys = vector("signed-note/golang-note.json")["keys"]
    for text in keys["good_vkeys"]:
        assert NoteKey.parse(text).name == text.split("+")[0]
    for text in keys["bad_vkeys"]:
        with pytest.raises(Malformed):
            NoteKey.parse(text)


def test_golang_signature_is_made_byte_for_byte(vector: Callable[[str], Any]) -> None:
    case = vector("signed-note/golang-note.json")["keys"]["sign"]
    _, _, name, _, encoded = case["skey"].split("+", 4)
    signer = SigningKey(base64.b64decode(encoded)[1:])
    assert sign(case["text"], name, signer).decode() == case["want"]


def test_golang_notes_are_accepted_and_rejected_as_they_say(vector: Callable[[str], Any]) -> None:
    found = vector("signed-note/golang-note.json")
    assert len(found["open_cases"]) > 10
    for case in found["open_cases"]:
        keys = [NoteKey.parse(text) for text in case["vkeys"]]
        code, signers = None, []
        try:
            signers = [key.name for key in Note.parse(bytes.fromhex(case["note_hex"])).check(keys)]
        except Malformed as error:
            code = error.code
        assert code == GOLANG_ERRORS[case["error"]], case["id"]
        assert signers == [each.split("+")[0] for each in case["verified"]], case["id"]


def test_specification_example_is_signed_by_its_key(vector: Callable[[str], Any]) -> None:
    spec = vector("c2sp-spec-examples/signed-note.json")
    example = next(each for each in spec["fenced"] if "example.com/foo" in each)
    key = NoteKey.parse(spec["indented"][-1].strip())
    assert Note.parse(example.encode()).check([key]) == (key,)
    with pytest.raises(BadSignature):
        Note.parse(example.replace("an example", "no example").encode()).check([key])
