"""Entries and details: what is said, in which bytes, and what is refused."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.detail import OPEN, DetailKey, detail_bytes, encode_detail, open_detail, parse_detail, seal_detail
from audit.entry import KINDS, Entry
from audit.record import Record
from kernel.digest import digest
from kernel.errors import Malformed
from kernel.sealing import BadSeal
from schemas.wire.v1 import audit_pb2

NOW = datetime(2026, 11, 24, 4, 0, 0, 5, tzinfo=UTC)
hashes = st.binary(min_size=32, max_size=32)
entries = st.builds(
    Entry,
    kind=st.sampled_from(sorted(KINDS)),
    time=st.datetimes(timezones=st.just(UTC)),
    statement_digest=hashes | st.just(b""),
    detail_digest=hashes,
)


@given(entries)
def test_an_entry_comes_back_from_its_bytes(entry: Entry) -> None:
    assert Entry.parse(entry.encode()) == entry


@given(st.binary(max_size=120) | entries.map(lambda entry: entry.encode() + b"\x28\x01"))
def test_any_bytes_are_an_entry_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert Entry.parse(raw).encode() == raw


@given(entries)
def test_an_entry_in_another_spelling_is_refused(entry: Entry) -> None:
    raw = entry.encode()
    with pytest.raises(Malformed):
        Entry.parse(raw + raw)
    with pytest.raises(Malformed):
        Entry.parse(raw[:-1])


def test_an_entrys_bytes_are_those_of_the_specification() -> None:
    entry = Entry(kind=1, time=NOW, statement_digest=b"", detail_digest=b"\xaa" * 32)
    assert entry.encode().hex() == "0801" + "120908c09794d806108827" + "2220" + "aa" * 32


def test_a_detail_begins_with_a_fresh_blind() -> None:
    first, second = (encode_detail(audit_pb2.Detail(client="c"), 1, NOW) for _ in range(2))
    assert first[:2] == b"\x0a\x20"
    assert first[2:34] != second[2:34]
    assert first[34:] == second[34:]


def test_a_details_bytes_are_those_that_the_whole_message_gives() -> None:
    raw = encode_detail(audit_pb2.Detail(client="c", attributes={"b": "2", "a": "1"}), 1, NOW)
    assert parse_detail(raw).SerializeToString(deterministic=True) == raw


@pytest.mark.parametrize("field", [{"blind": b"x"}, {"kind": 1}])
def test_what_is_the_logs_to_fill_in_is_refused(field: dict[str, bytes | int]) -> None:
    with pytest.raises(Malformed):
        encode_detail(audit_pb2.Detail(**field), 1, NOW)  # type: ignore[arg-type]


@given(st.binary(max_size=80))
def test_any_bytes_are_a_detail_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert len(parse_detail(raw).blind) == 32


def test_a_sealed_detail_opens_under_its_key_and_for_its_entry_only(key: DetailKey) -> None:
    raw = encode_detail(audit_pb2.Detail(client="c"), 1, NOW)
    sealed = seal_detail(raw, key)
    assert raw not in sealed
    assert open_detail(sealed, key, digest(raw)).client == "c"
    with pytest.raises(Malformed, match="commits"):
        open_detail(sealed, key, digest(b"other"))
    with pytest.raises(BadSeal):
        open_detail(sealed, DetailKey(id=b"o" * 16, key=key.key), digest(raw))
    with pytest.raises(BadSeal):
        open_detail(sealed, DetailKey(id=key.id, key=b"o" * 32), digest(raw))
    for at in range(16, len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(BadSeal):
            open_detail(changed, key, digest(raw))


def test_an_open_detail_is_open_to_everybody() -> None:
    assert detail_bytes(seal_detail(b"said", OPEN), OPEN) == b"said"


def test_a_record_commits_to_statement_and_detail(record: Callable[..., Record], key: DetailKey) -> None:
    made = record(1)
    before = made.detail.SerializeToString()
    prepared = made.prepare(NOW, 1 << 20)
    entry = Entry.parse(prepared.entry)
    assert entry.statement_digest == digest(made.statement)
    assert entry.time == NOW
    assert open_detail(prepared.sealed, key, entry.detail_digest).request == b"r1"
    assert made.detail.SerializeToString() == before
    assert b"r1" not in prepared.sealed


def test_too_large_a_detail_is_refused(record: Callable[..., Record]) -> None:
    with pytest.raises(Malformed, match="more than 10 bytes"):
        record(1).prepare(NOW, 10)


def test_a_keys_bytes_are_not_printed(key: DetailKey) -> None:
    assert key.key.hex() not in repr(key)
    assert "ssss" not in repr(key)
