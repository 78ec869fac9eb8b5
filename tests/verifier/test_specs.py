"""The specifications say what the code does: every field, every code, and an example that holds."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor
from google.rpc import code_pb2

from kernel.digest import digest
from kernel.signing import SigningKey
from kernel.trust import Trust, issue, sign_history
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier.evidence import Evidence, check
from verifier.outcome import Outcome, Reason
from verifier.refusals import KINDS
from verifier.status import STATUS

ROOT_KEY = SigningKey(b"\x02" * 32)
NOT_ON_THE_WIRE = {"missing_columns", "refused", "bad_seal", "bad_signature", "bad_proof", "unsigned", "false_evidence"}
"""Codes of checks that a client makes, and of the root of the tree."""


def fields(message: Descriptor) -> set[tuple[int, str]]:
    return {(each.number, each.name) for each in message.fields}


def documented(text: str) -> set[tuple[int, str]]:
    """The numbered fields of a page's tables: `| 6, 7 | `item`, `item_version` |` are two."""
    found = set()
    for numbers, names in re.findall(r"^\| ([\d, –]+) \| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE):
        bounds = [int(each) for each in re.findall(r"\d+", numbers)]
        every = range(bounds[0], bounds[-1] + 1)
        found.update(zip(every, re.findall(r"`(\w+)`", names), strict=True))
    return found


def test_every_field_of_question_and_statement_is_documented(root: Path) -> None:
    page = (root / "docs" / "specs" / "statement.md").read_text("utf-8")
    question, rest = page.split("## Statement")
    statement, answer = rest.split("### Answer")
    assert documented(question) == fields(verification_pb2.VerifyRequest.DESCRIPTOR)
    assert documented(statement) == fields(statement_pb2.Statement.DESCRIPTOR)
    assert documented(answer) >= fields(statement_pb2.Answer.DESCRIPTOR)


def test_a_request_for_an_item_reads_as_one_for_claims() -> None:
    item = fields(verification_pb2.VerifyItemRequest.DESCRIPTOR)
    assert fields(verification_pb2.VerifyRequest.DESCRIPTOR) - item == {(5, "questions")}


def test_every_outcome_and_reason_is_documented_with_its_number(root: Path) -> None:
    page = (root / "docs" / "specs" / "statement.md").read_text("utf-8")
    for outcome in Outcome:
        assert f"| {outcome.value} `{outcome.name}` | {outcome.title.zh} |" in page
    for reason in set(Reason) - {Reason.NONE}:
        assert f"`{reason.name}` ({reason.value})" in page


def test_every_error_code_is_documented_with_its_status(root: Path) -> None:
    page = (root / "docs" / "reference" / "errors.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    told = {code: kind for code, kind in KINDS.items() if code not in NOT_ON_THE_WIRE}
    statuses = {
        code: code_pb2.Code.Name(next(STATUS[each] for each in kind.__mro__ if each in STATUS))
        for code, kind in told.items()
    }
    assert rows == statuses


def published(root: Path) -> Path:
    return root / "docs" / "specs" / "example" / "trust.json"


def as_before_histories_were_numbered(root: Path, folder: Path) -> Path:
    inner = json.loads(Trust.parse(published(root).read_bytes()).history)
    del inner["number"], inner["previous"]
    older = folder / "trust.json"
    older.write_bytes(sign_history(ROOT_KEY, json.dumps(inner).encode()))
    return older


@pytest.mark.parametrize("by", ["ours", "alone"])
@pytest.mark.parametrize("form", ["today's", "the oldest"])
def test_the_published_example_holds(root: Path, tmp_path: Path, form: str, by: str) -> None:
    evidence = root / "docs" / "specs" / "example" / "card.evidence.json"
    trust = published(root) if form == "today's" else as_before_histories_were_numbered(root, tmp_path)
    if by == "ours":
        assert not any(
            step.fault for step in check(Evidence.parse(evidence.read_bytes()), Trust.parse(trust.read_bytes()))
        )
        return
    command = [sys.executable, "-I", str(root / "tools" / "verify_evidence.py"), str(evidence), str(trust)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_examples_trust_file_is_what_its_root_would_sign_today(root: Path) -> None:
    raw = published(root).read_bytes()
    trust = Trust.parse(raw)
    assert issue(ROOT_KEY, trust.hub, trust.keys, now=trust.keys[0].valid_from) == raw


def test_the_examples_digests_are_those_that_the_page_prints(root: Path) -> None:
    page = (root / "docs" / "specs" / "evidence.md").read_text("utf-8")
    evidence = Evidence.parse((root / "docs" / "specs" / "example" / "card.evidence.json").read_bytes())
    for part in (evidence.request, evidence.statement):
        assert digest(part).hex() in page
        assert f"{len(part):,} bytes" in page
