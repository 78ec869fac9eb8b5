"""The specifications' examples are what the code makes: a stranger can begin from them."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.entry import KINDS, Entry, kind_name
from audit.journal import parse_frame
from audit.merkle import leaf_hash
from audit.note import NoteKey
from audit.receipt import Receipt
from kernel.signing import SigningKey
from kernel.trust import log_verifier_key
from schemas.wire.v1 import audit_pb2

SPECS = Path(__file__).parents[2] / "docs" / "specs"
ORIGIN = "wenling.mianzheng.example/audit/worker-0"


def blocks(name: str) -> list[str]:
    return re.findall(r"^```\n(.*?)^```$", (SPECS / name).read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def entry() -> bytes:
    return bytes.fromhex(blocks("entry.md")[0].strip())


def test_the_example_entry_is_what_it_is_said_to_be(entry: bytes) -> None:
    time = datetime(2026, 11, 24, 4, 0, 1, tzinfo=UTC)
    said = Entry(kind=1, time=time, statement_digest=b"\x11" * 32, detail_digest=b"\x01" * 32)
    assert Entry.parse(entry) == said


def test_the_example_receipt_holds_for_the_example_entry(entry: bytes) -> None:
    receipt, vkey = blocks("receipt.md")
    key = NoteKey.parse(vkey.strip())
    assert vkey.strip() == log_verifier_key(ORIGIN, SigningKey(bytes(range(32))).public)
    assert Receipt.parse(receipt.encode()).check(entry, ORIGIN, [key.key]).size == 3
    assert leaf_hash(entry).hex() in (SPECS / "receipt.md").read_text("utf-8")


def test_the_steps_that_the_specification_gives_lead_to_the_root(entry: bytes) -> None:
    """The five steps, written down once more from the page, without our tree code."""
    receipt = Receipt.parse(blocks("receipt.md")[0].encode())
    from_page = leaf_hash(entry)
    index, last = receipt.index, 2
    for sibling in receipt.proof:
        assert last
        if index % 2 or index == last:
            from_page = hashlib.sha256(b"\x01" + sibling + from_page).digest()
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            from_page = hashlib.sha256(b"\x01" + from_page + sibling).digest()
        index, last = index // 2, last // 2
    assert last == 0
    assert receipt.note.decode().splitlines()[2] == base64.b64encode(from_page).decode()


def test_the_example_frame_holds() -> None:
    first, records = parse_frame(bytes.fromhex(blocks("log.md")[0].strip()))
    assert first == 0
    assert Entry.parse(records[0].entry).kind == audit_pb2.ENTRY_KIND_CASE_OPENED
    assert records[0].sealed == bytes(16) + b"\xaa" * 28


def test_every_kind_is_in_the_specification() -> None:
    page = (SPECS / "entry.md").read_text("utf-8")
    assert [kind for kind in sorted(KINDS) if f"`{kind_name(kind)}`" not in page] == []
