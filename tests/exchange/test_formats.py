"""The exchange's own formats: what was written is read back, and any bytes give a value or one error."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.current import Current
from exchange.index import IndexEntry, IndexReader, pack, unpack, write_index
from exchange.layout import Layout
from exchange.manifest import Counts, FileDigest, Manifest, Shape
from exchange.masking import shape
from kernel.errors import Damaged, Malformed
from tests.exchange.registry import CONTRACTS

digests = st.binary(min_size=32, max_size=32)
counts = st.integers(0, 1 << 40)
entries = st.builds(IndexEntry, rows=st.lists(st.binary(max_size=300), max_size=5).map(tuple), tainted=st.booleans())
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)
manifests = st.builds(
    Manifest,
    dataset=texts,
    version=texts,
    contract_version=texts,
    contract_digest=digests,
    run=texts,
    built_at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 (bounds have no zone)
    data_as_of=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 (the same)
    watermark=texts,
    delivery_digest=digests,
    counts=st.builds(
        Counts, delivered=counts, published=counts, duplicates=counts, quarantined=counts, unattributable=counts
    ),
    absence_allowed=st.booleans(),
    name_tainted=st.booleans(),
    index_key_id=texts,
    shape=st.just(Shape.of(CONTRACTS["marriages"])),
    full_at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 (the same)
    base=texts,
    files=st.dictionaries(texts, st.builds(FileDigest, size=counts, sha256=digests), max_size=4),
)


@given(manifests)
def test_a_manifest_is_read_back(manifest: Manifest) -> None:
    assert Manifest.parse(manifest.to_bytes()) == manifest


@given(entries)
def test_an_index_entry_is_read_back(entry: IndexEntry) -> None:
    assert unpack(pack(entry.rows, tainted=entry.tainted)) == entry


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_damaged(raw: bytes) -> None:
    for parse in (Manifest.parse, Current.parse, unpack):
        with suppress(Damaged):
            parse(raw)


@given(st.recursive(st.none() | st.integers() | texts, lambda inner: st.dictionaries(texts, inner, max_size=3)))
def test_any_json_is_a_value_or_damaged(data: object) -> None:
    raw = json.dumps({"format": "mianzheng.snapshot/1", "dataset": "x", "counts": data, "contract": data}).encode()
    for parse in (Manifest.parse, Current.parse):
        with suppress(Damaged):
            parse(raw)


@given(version=st.from_regex(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}", fullmatch=True), manifest=digests)
def test_a_pointer_is_read_back(version: str, manifest: bytes) -> None:
    current = Current(version=version, manifest_digest=manifest)
    assert Current.parse(current.to_bytes()) == current


@pytest.mark.parametrize("version", ["../../etc", "", ".", "a/b", "a" * 200])
def test_a_pointer_never_leads_out_of_the_store(version: str) -> None:
    with pytest.raises(Damaged):
        Current.parse(Current(version=version, manifest_digest=b"\0" * 32).to_bytes())


@pytest.mark.parametrize("run", ["", ".", "..", "../x", "a/b", ".hidden", "x" * 201, "a b"])
def test_a_run_id_is_a_safe_file_name(run: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        Layout.of(tmp_path, "population").run(run)


def test_an_airflow_run_id_is_a_run_id(tmp_path: Path) -> None:
    assert Layout.of(tmp_path, "x").run("scheduled__2026-11-24T02:00:00+08:00").parent.name == "runs"


def test_index_keys_must_ascend(tmp_path: Path) -> None:
    entries = [(b"b" * 16, pack((), tainted=True)), (b"a" * 16, pack((), tainted=True))]
    with pytest.raises(ValueError, match="ascend"):
        write_index(tmp_path / "index.mdb", entries, b"k" * 32, map_bytes=1 << 20)


def test_a_value_moved_to_another_key_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "index.mdb"
    write_index(path, [(b"a" * 16, pack((b"row",)))], b"k" * 32, map_bytes=1 << 20)
    environment = lmdb.open(str(path), subdir=False, lock=False)
    with environment.begin(write=True) as transaction:
        transaction.put(b"b" * 16, transaction.get(b"a" * 16))
    environment.close()
    reader = IndexReader(path, b"k" * 32)
    assert reader.get(b"a" * 16).rows == (b"row",)
    with pytest.raises(Damaged):
        reader.get(b"b" * 16)
    with pytest.raises(Damaged):
        list(reader.entries())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("33108119900101123X", "99999999999999999A"),
        ("阿依古丽·买买提", "字字字字·字字字"),
        ("３３１０", "９９９９"),
        (" 王 ", " 字 "),
        (None, ""),
        ("a" * 100, "A" * 60 + "…(+40)"),
    ],
)
def test_a_sample_shows_a_shape_and_no_value(text: str | None, masked: str) -> None:
    assert shape(text) == masked


def test_a_changed_field_or_subject_makes_an_index_unreadable_under_a_contract() -> None:
    contract = CONTRACTS["marriages"]
    assert Shape.of(contract).serves(contract)
    first, *others = contract.properties
    renumbered = replace(contract, properties=(replace(first, number=others[0].number), replace(others[0], number=99)))
    assert not Shape.of(contract).serves(renumbered)
    assert not Shape.of(contract).serves(replace(contract, subject_keys=contract.subject_keys[:1]))
    added = replace(contract, properties=(*contract.properties, replace(first, name="more", number=99)))
    assert Shape.of(contract).serves(added)
