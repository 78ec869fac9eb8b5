"""Evidence holds, or what does not is named: by our checker and by the stand-alone one alike."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import Malformed
from kernel.signing import SigningKey
from kernel.trust import Trust, TrustedKey, issue
from schemas.wire.v1 import statement_pb2
from verifier.client import AskedParty
from verifier.evidence import Evidence, FalseEvidence, believed, check

OPERATOR = {"operator": "0731", "legal_basis": "《婚姻登记条例》第五条"}
NAMES_FAULT = {
    "request": {"request"},
    "statement": {"signature", "entry"},
    "signature": {"signature"},
    "key_id": {"signature"},
    "entry": {"receipt"},
    "receipt": {"receipt"},
}
"""Whose step must not hold, at least, when one byte of a part has changed."""


@pytest.fixture(scope="session")
def pair(station: Any) -> tuple[Evidence, Evidence]:
    """Two genuine answers about one couple, from two cases."""
    people = station.town.people
    couple = (
        AskedParty(role="applicant", number=people.groom.number),
        AskedParty(role="partner", number=people.bride.number),
    )
    client = station.client()

    def asked() -> Evidence:
        return client.verify_item(client.open_case("marriage_registration", couple, **OPERATOR)).evidence

    return asked(), asked()


@pytest.fixture(scope="session")
def trust(station: Any) -> Trust:
    return station.town.hub.trust


@pytest.fixture
def alone(station: Any, root: Path, tmp_path: Path) -> Callable[[bytes], tuple[int, str]]:
    """Runs the stand-alone checker on a file's bytes: its exit code and what it printed."""

    def run(raw: bytes) -> tuple[int, str]:
        file = tmp_path / "some.evidence.json"
        file.write_bytes(raw)
        # -I: nothing of ours can be imported, whatever the environment says.
        command = [sys.executable, "-I", str(root / "tools" / "verify_evidence.py"), str(file)]
        command.append(str(station.town.hub.paths.trust))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout

    return run


@pytest.fixture(scope="session")
def checker(root: Path) -> Any:
    """The stand-alone checker as a module, for checks by the thousand."""
    place: dict[str, Any] = {"__name__": "verify_evidence"}
    source = (root / "tools" / "verify_evidence.py").read_text("utf-8")
    exec(compile(source, "verify_evidence.py", "exec"), place)  # noqa: S102 - it is no package, and imports nothing of ours
    return place


def faults(evidence: Evidence, trust: Trust) -> set[str]:
    return {step.name for step in check(evidence, trust) if step.fault}


def faults_alone(checker: Any, evidence: Evidence, trust_file: Path) -> set[str]:
    chain = checker["Chain"](json.loads(evidence.encode()), checker["read_trust"](trust_file))
    found = set()
    for name, step in chain.steps().items():
        try:
            step()
        except checker["Wrong"]:
            found.add(name)
    return found


def changed(part: bytes | str, at: int, bit: int) -> bytes | str:
    if isinstance(part, str):
        return part[:at] + chr(ord(part[at]) ^ 1) + part[at + 1 :]
    return part[:at] + bytes([part[at] ^ (1 << bit)]) + part[at + 1 :]


def test_genuine_evidence_holds(pair: tuple[Evidence, Evidence], trust: Trust, alone: Any) -> None:
    for evidence in pair:
        assert not faults(evidence, trust)
        code, printed = alone(evidence.encode())
        assert code == 0
        assert "FAIL" not in printed
        assert "partner: marriage.unmarried = CONFIRMED" in printed


@pytest.mark.parametrize("part", [each.name for each in fields(Evidence)])
def test_every_changed_byte_is_found_and_named(
    pair: tuple[Evidence, Evidence], trust: Trust, checker: Any, station: Any, part: str
) -> None:
    evidence = pair[0]
    trust_file = station.town.hub.paths.trust
    value = getattr(evidence, part)
    for at in range(len(value)):
        broken = replace(evidence, **{part: changed(value, at, at % 8)})
        assert faults(broken, trust) >= NAMES_FAULT[part], f"{part} byte {at}"
        # The entry and the checkpoint's size are read before they are proven: those steps may fall too, never fewer.
        assert faults_alone(checker, broken, trust_file) >= NAMES_FAULT[part], f"{part} byte {at}, alone"


@pytest.mark.parametrize("part", [each.name for each in fields(Evidence)])
def test_every_changed_character_of_the_file_is_found(pair: tuple[Evidence, Evidence], trust: Trust, part: str) -> None:
    """Base64 has many spellings of the same bytes; the file allows one."""
    text = pair[0].encode().decode()
    content = json.loads(text)[part]
    start = text.index(content)
    for at in range(start, start + len(content)):
        for other in "A9+/=":
            if other != text[at]:
                with pytest.raises(Malformed):
                    believed(Evidence.parse((text[:at] + other + text[at + 1 :]).encode()), trust)


def test_another_cases_genuine_entry_and_receipt_fail(
    pair: tuple[Evidence, Evidence], trust: Trust, alone: Any
) -> None:
    one, other = pair
    swapped = replace(one, entry=other.entry, receipt=other.receipt)
    assert faults(swapped, trust) == {"entry"}
    code, printed = alone(swapped.encode())
    assert code == 1
    assert "FAIL  entry" in printed
    assert faults(replace(one, receipt=other.receipt), trust) == {"receipt"}
    assert faults(replace(one, request=other.request), trust) == {"request"}


def test_a_re_serialised_statement_fails(pair: tuple[Evidence, Evidence], trust: Trust, alone: Any) -> None:
    evidence = pair[0]
    statement = statement_pb2.Statement.FromString(evidence.statement)
    # The same content with its last field first: protobuf reads it as equal.
    last = statement_pb2.Statement(agreements_digest=statement.agreements_digest).SerializeToString()
    assert evidence.statement.endswith(last)
    other = last + evidence.statement.removesuffix(last)
    assert statement_pb2.Statement.FromString(other) == statement
    again = replace(evidence, statement=other)
    assert faults(again, trust) == {"signature", "entry"}
    code, printed = alone(again.encode())
    assert code == 1
    assert "FAIL  signature" in printed
    assert "FAIL  entry" in printed


def test_every_fault_is_listed(pair: tuple[Evidence, Evidence], trust: Trust, alone: Any) -> None:
    one, other = pair
    broken = replace(one, request=other.request, signature=other.signature, entry=other.entry)
    assert faults(broken, trust) == {"request", "signature", "entry", "receipt"}
    with pytest.raises(FalseEvidence) as caught:
        believed(broken, trust)
    for step in ("request", "signature", "entry", "receipt"):
        assert f"{step}: " in caught.value.message
    assert alone(broken.encode())[1].count("FAIL") == 4


def test_a_trust_file_of_another_root_or_time_does_not_vouch(
    pair: tuple[Evidence, Evidence], trust: Trust, station: Any
) -> None:
    evidence = pair[0]
    root = SigningKey.generate()
    start = station.clock.now()

    def reissued(hub: str, keys: list[TrustedKey]) -> Trust:
        return Trust.parse(issue(root, hub, keys, now=start))

    later = [replace(each, valid_from=start.replace(year=start.year + 1)) for each in trust.keys]
    assert faults(evidence, reissued(trust.hub, later)) == {"signature"}
    assert faults(evidence, reissued("other.example", list(trust.keys))) == {"statement"}
    without_log = [each for each in trust.keys if not each.origin.endswith("worker-0")]
    assert faults(evidence, reissued(trust.hub, without_log)) == {"receipt"}
    stranger = [replace(each, key=SigningKey.generate().public) for each in trust.keys]
    assert faults(evidence, reissued(trust.hub, stranger)) == {"signature", "receipt"}


def test_an_entry_that_records_no_answer_fails(
    pair: tuple[Evidence, Evidence], trust: Trust, checker: Any, station: Any
) -> None:
    # Kind REFUSED (2) in place of the answer's: field 1, varint.
    evidence = pair[0]
    assert evidence.entry[:1] == b"\x08"
    other = replace(evidence, entry=b"\x08\x02" + evidence.entry[2:])
    assert faults(other, trust) == {"entry", "receipt"}
    assert faults_alone(checker, other, station.town.hub.paths.trust) == {"entry", "receipt"}


def test_a_file_that_is_none_is_refused_by_both(alone: Any, pair: tuple[Evidence, Evidence]) -> None:
    content = json.loads(pair[0].encode())
    for raw in (
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({**content, "format": "mianzheng.evidence/2"}).encode(),
        json.dumps({**content, "more": 1}).encode(),
        json.dumps({**content, "entry": 5}).encode(),
        json.dumps({**content, "key_id": 5}).encode(),
        json.dumps({k: v for k, v in content.items() if k != "receipt"}).encode(),
    ):
        with pytest.raises(Malformed):
            Evidence.parse(raw)
        assert alone(raw)[0] == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_an_evidence_file_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        Evidence.parse(raw)


@settings(deadline=None)
@given(st.fixed_dictionaries({each.name: st.binary(max_size=80) for each in fields(Evidence) if each.name != "key_id"}))
def test_any_parts_are_judged_alike_and_without_a_crash(
    checker: Any, station: Any, trust: Trust, parts: dict[str, bytes]
) -> None:
    evidence = Evidence(key_id="0" * 16, **parts)
    assert faults(evidence, trust)
    assert faults_alone(checker, evidence, station.town.hub.paths.trust)


@given(
    st.builds(
        Evidence,
        request=st.binary(),
        statement=st.binary(),
        signature=st.binary(),
        key_id=st.text(),
        entry=st.binary(),
        receipt=st.binary(),
    )
)
def test_evidence_files_round_trip(evidence: Evidence) -> None:
    assert Evidence.parse(evidence.encode()) == evidence
    assert base64.b64encode(evidence.entry).decode() in evidence.encode().decode()
