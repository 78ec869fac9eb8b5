"""The tree, against RFC 6962's own words and against other people's vectors."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import (
    EMPTY_ROOT,
    BadProof,
    CompactRange,
    Growth,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)

sizes = st.integers(0, 130)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def looked_up(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    return lambda level, index: plain_root(leaves[index << level : (index + 1) << level])


def grown(leaves: list[bytes]) -> CompactRange:
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree


@given(sizes)
def test_a_tree_grown_leaf_by_leaf_has_the_root_of_the_standard(size: int) -> None:
    leaves = leaves_of(size)
    assert grown(leaves).root() == plain_root(leaves) == root_of(size, looked_up(leaves))


@given(sizes, st.integers(1, 130))
def test_a_group_gives_every_new_leaf_the_proof_that_a_look_up_gives(before: int, group: int) -> None:
    leaves = leaves_of(before + group)
    growth = Growth.of(grown(leaves[:before]), leaves[before:])
    proofs = growth.paths((), lambda sibling, path: (sibling, *path))
    node = looked_up(leaves)
    assert proofs == [inclusion_proof(index, len(leaves), node) for index in range(before, len(leaves))]
    assert growth.root() == plain_root(leaves)
    assert growth.after.nodes == grown(leaves).nodes


@given(st.integers(1, 130), st.data())
def test_every_inclusion_proof_holds_and_for_no_other_leaf(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, looked_up(leaves))
    check_inclusion(leaves[index], index, size, proof, plain_root(leaves))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: size == 1 or number != index))
    if size > 1:
        with pytest.raises(BadProof):
            check_inclusion(leaves[other], index, size, proof, plain_root(leaves))
        with pytest.raises(BadProof):
            check_inclusion(leaves[index], other, size, proof, plain_root(leaves))


@given(st.integers(1, 130), st.data())
def test_every_consistency_proof_holds_and_for_no_other_root(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, looked_up(leaves))
    check_consistency(old, size, proof, plain_root(leaves[:old]), plain_root(leaves))
    with pytest.raises(BadProof):
        check_consistency(old, size, proof, leaf_hash(b"other"), plain_root(leaves))
    with pytest.raises(BadProof):
        check_consistency(old, size, proof, plain_root(leaves[:old]), leaf_hash(b"other"))


@given(st.integers(0, 1 << 64), st.integers(0, 1 << 64), st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_no_proof_of_any_length_makes_a_check_end_otherwise(index: int, size: int, proof: list[bytes]) -> None:
    with pytest.raises(BadProof):
        check_inclusion(bytes(32), index, size, proof, leaf_hash(b""))
    if index != size:
        with pytest.raises(BadProof):
            check_consistency(index, size, proof, bytes(32), leaf_hash(b""))


def test_no_proof_is_made_for_what_is_not_there() -> None:
    with pytest.raises(BadProof):
        inclusion_proof(5, 5, looked_up(leaves_of(5)))
    with pytest.raises(BadProof):
        consistency_proof(6, 5, looked_up(leaves_of(5)))


def test_reference_roots_and_nodes(vector: Callable[[str], Any]) -> None:
    found = vector("rfc6962-reference/reference.json")
    leaves = [leaf_hash(bytes.fromhex(each)) for each in found["leaf_inputs_hex"]]
    for size, root in enumerate(found["root_hashes_by_size"]):
        assert grown(leaves[:size]).root().hex() == root
    node = looked_up(leaves)
    for level, row in enumerate(found["node_hashes_by_level"]):
        assert [node(level, index).hex() for index in range(len(row))] == row
    hasher = found["hasher"]
    assert EMPTY_ROOT.hex() == hasher["empty_root"]
    assert leaf_hash(b"").hex() == hasher["empty_leaf"]
    assert leaf_hash(hasher["leaf"]["in_ascii"].encode()).hex() == hasher["leaf"]["hash"]
    pair = hasher["node"]
    assert node_hash(pair["left_ascii"].encode(), pair["right_ascii"].encode()).hex() == pair["hash"]


def unpack(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_proof_vectors_are_accepted_and_rejected_as_they_say(
    kind: str, vectors: Path, vector: Callable[[str], Any]
) -> None:
    files = sorted((vectors / "merkle" / kind).rglob("*.json"))
    assert len(files) > 50
    for path in files:
        case = vector(str(path.relative_to(vectors)))
        proof = [unpack(each) for each in case["proof"] or []]
        accepted = True
        try:
            if kind == "inclusion":
                leaf, root = unpack(case["leafHash"]), unpack(case["root"])
                check_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
            else:
                check_consistency(case["size1"], case["size2"], proof, unpack(case["root1"]), unpack(case["root2"]))
        except BadProof:
            accepted = False
        assert accepted != case["wantErr"], path.relative_to(vectors)
