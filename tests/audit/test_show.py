"""What the auditor sees of a case, in words and in JSON, and that an outsider can check it."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.detail_keys import DetailKeys
from audit.files import UnflushedFiles
from audit.logs import Logs
from audit.receipt import Receipt
from audit.record import Record
from audit.report import case_json, case_lines, hub_json, hub_lines
from audit.settings import AuditSettings
from audit.show import Proof, Row, case_rows
from audit.verify_hub import verify_hub
from kernel.clock import FixedClock
from kernel.errors import Damaged, Invalid
from kernel.signing import SigningKey
from kernel.trust import LOG, Trust, TrustedKey, issue
from schemas.wire.v1 import audit_pb2
from schemas.wire.v1.statement_pb2 import OUTCOME_CANNOT_VERIFY, OUTCOME_CONFIRMED, REASON_STALE, Answer, PartyTag

HUB = "wenling.mianzheng.example"
CASE = "20261124-3f09c2a1be"
NUMBER = "331081199001011234"
TAG = PartyTag(role="applicant", tag=b"t" * 32, tag_epoch="2026")
SIGNER = SigningKey(bytes(32))
Rows = Callable[..., tuple[Row, ...]]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[DetailKeys]:
    store = DetailKeys(tmp_path / "keys.sqlite", bytes(32), epoch="2026")
    yield store
    store.close()


@pytest.fixture
def trust() -> Trust:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    origins = (f"{HUB}/audit/{name}" for name in ("root", "desk", "worker-0", "worker-1"))
    keys = [TrustedKey(use=LOG, key=SIGNER.public, valid_from=since, origin=origin) for origin in origins]
    return Trust.parse(issue(SigningKey.generate(), HUB, keys, now=since))


@pytest.fixture
def logs(tmp_path: Path, clock: FixedClock, keys: DetailKeys) -> Logs:
    """Two workers' logs with three records of one case between others."""
    settings = AuditSettings(publish_pause_ms=0)
    logs = Logs(
        tmp_path / "audit", hub=HUB, signers=lambda _: SIGNER, clock=clock, settings=settings, files=UnflushedFiles()
    )
    case = keys.for_case(CASE, [TAG])
    other = keys.for_case("20261124-other", [])
    shown = audit_pb2.Detail(client="spiffe://hub/counter/1", operator="op-7", case_number=CASE, item="marriage")
    shown.parties.append(TAG)
    answered = audit_pb2.Detail(request=NUMBER.encode())
    answered.MergeFrom(shown)
    answered.answers.extend(
        [
            Answer(claim="marriage.unmarried", role="applicant", outcome=OUTCOME_CONFIRMED, grant="g-1"),
            Answer(claim="person.alive", role="applicant", outcome=OUTCOME_CANNOT_VERIFY, reason=REASON_STALE),
        ]
    )
    refused = audit_pb2.Detail(client="c", refusal="no_grant", refused_claims=["fund.balance_at_least"])
    with logs.open("worker-0") as log:
        log.append(Record(kind=audit_pb2.ENTRY_KIND_CASE_OPENED, detail=shown, seal=case))
        log.append(Record(kind=audit_pb2.ENTRY_KIND_CASE_OPENED, detail=audit_pb2.Detail(item="else"), seal=other))
    with logs.open("worker-1") as log:
        clock.advance(timedelta(minutes=1))
        log.append(Record(kind=audit_pb2.ENTRY_KIND_ANSWERED, detail=answered, seal=case, statement=b"s"))
        clock.advance(timedelta(minutes=1))
        log.append(Record(kind=audit_pb2.ENTRY_KIND_REFUSED, detail=refused, seal=case))
    return logs


@pytest.fixture
def rows(logs: Logs, trust: Trust, keys: DetailKeys) -> Rows:
    return lambda case=CASE, most=10: case_rows(logs.directory, trust, keys, case, rows_max=most)


def test_a_cases_records_are_found_in_every_log_in_the_order_of_time_each_proven(rows: Rows) -> None:
    found = rows()
    assert [(row.log, row.index, row.entry.kind_name) for row in found] == [
        ("worker-0", 0, "CASE_OPENED"),
        ("worker-1", 0, "ANSWERED"),
        ("worker-1", 1, "REFUSED"),
    ]
    assert {row.proof for row in found} == {Proof.PROVEN}
    assert [row.detail.item for row in found if row.detail] == ["marriage", "marriage", ""]


def test_an_outsider_can_check_every_row(rows: Rows, trust: Trust) -> None:
    shown = json.loads(json.dumps(case_json(CASE, rows())))
    assert len(shown["rows"]) == 3
    for row in shown["rows"]:
        receipt = Receipt.parse(row["receipt"].encode())
        receipt.check(base64.b64decode(row["entry"]), f"{HUB}/audit/{row['log']}", trust.log_keys(receipt.origin))


def test_what_is_shown_is_in_both_languages_and_without_the_request(rows: Rows) -> None:
    text = "\n".join(case_lines(rows()))
    for words in (
        "12:01:00",
        "已证明 proven",
        "核验项 claim marriage.unmarried",
        "CANNOT_VERIFY STALE",
        "no_grant",
        "共 3 条",
    ):
        assert words in text
    assert NUMBER not in text
    shown = json.dumps(case_json(CASE, rows()))
    assert NUMBER not in shown
    assert base64.b64encode(NUMBER.encode()).decode() not in shown
    assert "sha256:" in shown


def test_an_erased_case_shows_its_proofs_without_its_details(rows: Rows, keys: DetailKeys) -> None:
    keys.destroy([TAG])
    found = rows()
    assert [row.detail for row in found] == [None] * 3
    assert {row.proof for row in found} == {Proof.PROVEN}
    assert "已销毁" in "\n".join(case_lines(found))


def test_what_is_not_published_yet_says_so(rows: Rows, logs: Logs) -> None:
    (logs.directory / "worker-1" / "public" / "checkpoint").unlink()
    assert [row.proof for row in rows()] == [Proof.PROVEN, Proof.UNPUBLISHED, Proof.UNPUBLISHED]


@pytest.mark.parametrize("file", ["checkpoint", "tile/0/000.p/2"])
def test_a_row_that_cannot_be_proven_says_so(file: str, rows: Rows, logs: Logs) -> None:
    path = logs.directory / "worker-1" / "public" / file
    raw = path.read_bytes()
    path.write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
    assert Proof.FAILED in {row.proof for row in rows()}


def test_a_changed_detail_is_named(rows: Rows, logs: Logs) -> None:
    path = logs.directory / "worker-0" / "journal"
    raw = path.read_bytes()
    path.write_bytes(raw[:-60] + bytes([raw[-60] ^ 1]) + raw[-59:])
    with pytest.raises(Damaged, match="journal"):
        rows()


def test_an_unknown_case_and_too_large_a_case_are_one_clear_error(rows: Rows) -> None:
    with pytest.raises(Invalid, match="no case has this number"):
        rows("20261124-unknown")
    with pytest.raises(Invalid, match="more than 2"):
        rows(CASE, 2)


def test_a_sound_hub_and_a_damaged_one_are_told_in_both_languages(logs: Logs, trust: Trust, keys: DetailKeys) -> None:
    report = verify_hub(logs.directory, trust, keys)
    assert "审计日志完好" in "\n".join(hub_lines(report))
    assert hub_json(report)["sound"] is True
    path = logs.directory / "worker-1" / "public" / "tile" / "0" / "000.p" / "2"
    path.write_bytes(bytes(64))
    report = verify_hub(logs.directory, trust, keys)
    text = "\n".join(hub_lines(report))
    assert "tile/0/000.p/2 条目 entry 0: 哈希块中的哈希被改动" in text
    assert "2 faults found" in text
    assert json.loads(json.dumps(hub_json(report)))["findings"][0]["code"] == "hash_in_tile"
