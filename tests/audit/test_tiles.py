"""The public form: paths and bundles as tlog-tiles says, and a tree that can be told from its tiles alone."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import open_checkpoint
from audit.log import AuditLog
from audit.merkle import check_consistency, check_inclusion, consistency_proof, inclusion_proof, leaf_hash, root_of
from audit.place import LogPlace
from audit.publish import Edge
from audit.record import Record
from audit.settings import AuditSettings
from audit.tiles import (
    TILE_WIDTH,
    Tile,
    TileReader,
    encode_bundle,
    fold,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    tiles_of,
)
from kernel.errors import Damaged, Malformed
from kernel.signing import SigningKey

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
tiles = st.builds(
    Tile, level=st.none() | st.integers(0, 63), index=st.integers(0, 10**9), width=st.integers(1, TILE_WIDTH)
)


def test_paths_are_those_of_the_specification() -> None:
    assert Tile(level=0, index=1234067).path == "tile/0/x001/x234/067"
    assert Tile(level=None, index=0, width=8).path == "tile/entries/000.p/8"
    by_level = [(tile.level, tile.width) for tile in tiles_of(70_000) if tile.level is not None]
    assert by_level.count((0, 256)) == 273
    assert by_level[273:] == [(0, 112), (1, 256), (1, 17), (2, 1)]
    assert [tile.path for tile in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@given(tiles)
def test_a_tile_comes_back_from_its_path(tile: Tile) -> None:
    assert parse_tile_path(tile.path) == tile


@given(st.text(max_size=30) | tiles.map(lambda tile: tile.path.replace("0", "00", 1)))
def test_any_path_names_one_tile_or_is_malformed(path: str) -> None:
    with suppress(Malformed):
        assert parse_tile_path(path).path == path


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=20))
def test_entries_come_back_from_their_bundle(entries: list[bytes]) -> None:
    assert parse_bundle(encode_bundle(entries), len(entries)) == tuple(entries)
    with pytest.raises(Malformed):
        parse_bundle(encode_bundle(entries), len(entries) + 1)


@given(st.binary(max_size=200), st.integers(1, 5))
def test_any_bytes_are_a_bundle_a_tile_or_malformed(raw: bytes, width: int) -> None:
    with suppress(Malformed):
        assert encode_bundle(parse_bundle(raw, width)) == raw
    with suppress(Malformed):
        assert b"".join(parse_tile(raw, width)) == raw


@given(st.integers(0, 3))
def test_the_edge_keeps_what_the_tree_needs(extra: int) -> None:
    edge = Edge()
    written = {}
    for number in range(TILE_WIDTH * 2 + extra):
        for tile, data in edge.append(b"%d" % number):
            written[tile.path] = data
    for tile, data in edge.partials():
        written[tile.path] = data
    assert sorted(written) == sorted(tile.path for tile in tiles_of(edge.size))
    leaves = [leaf_hash(b"%d" % number) for number in range(edge.size)]
    assert edge.compact().root() == root_of(
        edge.size, lambda level, index: fold(leaves[index << level : (index + 1) << level])
    )


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_a_stranger_tells_root_and_proofs_from_the_public_files_alone(
    size: int, open_log: Callable[..., AuditLog], record: Callable[..., Record], signer: SigningKey, tmp_path: Path
) -> None:
    log = open_log()
    futures = [log.submit(record(number)) for number in range(size)]
    logged = [future.result() for future in futures]
    log.close()
    public = tmp_path / "worker-0" / "public"
    checkpoint = open_checkpoint((public / "checkpoint").read_bytes(), ORIGIN, [signer.public])
    assert checkpoint.size == size
    reader = TileReader(directory=public, size=size)
    assert [reader.entry(index) for index in range(size)] == [each.entry for each in logged]
    assert root_of(size, reader.node) == checkpoint.root
    for index in {0, size // 2, size - 1}:
        proof = inclusion_proof(index, size, reader.node)
        check_inclusion(leaf_hash(logged[index].entry), index, size, proof, checkpoint.root)
    old = max(1, size // 3)
    proof = consistency_proof(old, size, reader.node)
    check_consistency(old, size, proof, root_of(old, reader.node), checkpoint.root)
    standing = {each.relative_to(public).as_posix() for each in (public / "tile").rglob("*") if each.is_file()}
    assert standing >= {tile.path for tile in tiles_of(size)}


def test_partial_tiles_go_once_the_full_one_stands(
    open_log: Callable[..., AuditLog], record: Callable[..., Record], tmp_path: Path
) -> None:
    tile = tmp_path / "worker-0" / "public" / "tile"
    log = open_log(settings=AuditSettings(publish_pause_ms=0, group_entries_max=100))
    log.append(record(0))
    log.close()
    assert (tile / "0" / "000.p" / "1").exists()
    log = open_log()
    for future in [log.submit(record(number)) for number in range(1, 300)]:
        future.result()
    log.close()
    assert (tile / "0" / "000").exists()
    assert not (tile / "0" / "000.p").exists()
    assert not (tile / "entries" / "000.p").exists()
    assert (tile / "0" / "001.p" / "44").exists()


def test_a_missing_tile_is_named(tmp_path: Path) -> None:
    place = LogPlace(directory=tmp_path / "worker-0", origin=ORIGIN)
    with pytest.raises(Damaged, match=r"public/tile/0/000\.p/5: is missing"):
        TileReader(directory=place.public, size=5).node(0, 2)
