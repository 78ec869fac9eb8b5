"""The Merkle tree of RFC 6962, section 2.1, over SHA-256: hashes, proofs and their checks.

A *perfect* node `(level, index)` is the hash of the `2**level` leaves from `index * 2**level` on. Every root and proof
is put together from perfect nodes, so whoever can look those up (`Node`) can prove anything about the tree.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kernel.digest import DIGEST_SIZE
from kernel.errors import Malformed

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

SIZE_MAX = 1 << 63
"""Trees have fewer leaves than this."""

Node = Callable[[int, int], bytes]
"""Gives the hash of the perfect node `(level, index)`."""

_T = TypeVar("_T")


class BadProof(Malformed):
    """The proof does not prove what it is said to prove."""

    code = "bad_proof"


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf; 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two nodes; 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """What must be kept of a tree to go on growing it: its perfect nodes from left to right, at most one a level."""

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Take a size and its perfect nodes, the largest first."""
        self.size = size
        self.nodes = list(nodes)
        if len(self.nodes) != size.bit_count():
            raise Malformed("does not have the nodes of its size", field="compact range")

    def append(self, leaf: bytes) -> None:
        """Grow the tree by one leaf, given by its hash."""
        size, node = self.size, leaf
        while size & 1:
            node = node_hash(self.nodes.pop(), node)
            size >>= 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A tree that has just grown from `first` to `size` leaves, with all that the proofs of its new leaves need.

    `levels[l]` is the index of the first perfect node kept at that level, and the nodes from there on; `ragged[l]` is
    the hash of the leaves to the right of the last perfect node of that level, or None. Memory is O(log size + new).
    """

    first: int
    size: int
    levels: tuple[tuple[int, list[bytes]], ...]
    ragged: tuple[bytes | None, ...]
    after: CompactRange

    @classmethod
    def of(cls, before: CompactRange, leaves: Sequence[bytes]) -> "Growth":
        """Grow a tree (which stays as it is) by leaf hashes."""
        first, size = before.size, before.size + len(leaves)
        waiting = list(before.nodes)
        levels: list[tuple[int, list[bytes]]] = []
        ragged: list[bytes | None] = [None]
        kept: list[bytes] = []
        nodes = list(leaves)
        for level in range(size.bit_length()):
            start = first >> level
            if start & 1:
                nodes.insert(0, waiting.pop())
                start -= 1
            levels.append((start, nodes))
            right = ragged[level]
            if (size >> level) & 1:
                kept.append(nodes[-1])
                right = nodes[-1] if right is None else node_hash(nodes[-1], right)
            ragged.append(right)
            nodes = [node_hash(nodes[at], nodes[at + 1]) for at in range(0, len(nodes) - 1, 2)]
        after = CompactRange(size, reversed(kept))
        return cls(first=first, size=size, levels=tuple(levels), ragged=tuple(ragged), after=after)

    def root(self) -> bytes:
        """The root of the grown tree."""
        return self.after.root()

    def paths(self, top: _T, join: Callable[[bytes, _T], _T]) -> list[_T]:
        """The inclusion proof of every new leaf, in order, folded from the root (`top`) down.

        Neighbours share the upper part of their proofs, so each part is made once: `join` puts a sibling's hash before
        the proof of the parent.
        """
        above = [top]
        for level in range((self.size - 1).bit_length() - 1, -1, -1):
            begin, parent = self.first >> level, self.first >> (level + 1)
            start, nodes = self.levels[level]
            perfect = self.size >> level
            below = []
            for index in range(begin, ((self.size - 1) >> level) + 1):
                path = above[(index >> 1) - parent]
                sibling = index ^ 1
                if sibling < perfect:
                    path = join(nodes[sibling - start], path)
                elif sibling == perfect and (right := self.ragged[level]) is not None:
                    path = join(right, path)
                below.append(path)
            above = below
        return above if self.size > self.first else []


def root_of(size: int, node: Node) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return _span(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1), from the leaf's sibling up."""
    if not 0 <= index < size:
        raise BadProof("no such leaf in a tree of that size", field="index")
    low, high, proof = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_span(middle, high, node))
            high = middle
        else:
            proof.append(_span(low, middle, node))
            low = middle
    return tuple(reversed(proof))


def left_spans(index: int, size: int) -> tuple[tuple[int, int] | None, ...]:
    """For each hash of the proof of leaf `index` in a tree of `size`: the leaves (from, to) that it is the hash of.

    Only where they stand to the left: those trees are perfect, and stay in every larger one. None where to the right.
    """
    if not 0 <= index < size:
        raise BadProof("no such leaf in a tree of that size", field="index")
    low, high = 0, size
    spans: list[tuple[int, int] | None] = []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            spans.append(None)
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return tuple(reversed(spans))


def span_hash(low: int, high: int, node: Node) -> bytes:
    """The hash of the perfect tree of the leaves from `low` up to `high`."""
    return _span(low, high, node)


def consistency_proof(old: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of `old` leaves is a prefix of that of `size` leaves (RFC 6962, 2.1.2)."""
    if not 0 < old <= size:
        raise BadProof("no such older tree", field="old size")
    low, high, proof = 0, size, []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_span(middle, high, node))
            high = middle
        else:
            proof.append(_span(low, middle, node))
            low = middle
    if low:
        proof.append(_span(low, high, node))
    return tuple(reversed(proof))


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if leaf hash `leaf` is number `index` under `root`; raises BadProof (RFC 9162, 2.1.3.2)."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise BadProof("no such leaf in a tree of that size", field="index")
    found = leaf
    for sibling, is_left in zip(proof, _turns(index, size - 1, len(proof)), strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    if found != root:
        raise BadProof("the proof does not lead to the root", field="inclusion proof")


def check_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Return if the tree under `old_root` is a prefix of that under `root`; raises BadProof (RFC 9162, 2.1.4.2).

    From the empty tree only the empty tree follows here: a prefix of nothing proves nothing.
    """
    if not (0 < old <= size or old == size == 0):
        raise BadProof("no such older tree", field="old size")
    if old == size:
        if proof or old_root != root or (size == 0 and root != EMPTY_ROOT):
            raise BadProof("trees of one size have one root and no proof", field="consistency proof")
        return
    _check_hashes(old_root, root, *proof)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise BadProof("the proof is too short", field="consistency proof")
    # The older tree's last leaf climbs to the smallest perfect node that ends the older tree: the path begins there.
    climbed = _trailing_ones(old - 1)
    turns = _turns((old - 1) >> climbed, (size - 1) >> climbed, len(path) - 1)
    before = after = path[0]
    for node, is_left in zip(path[1:], turns, strict=True):
        if is_left:
            before, after = node_hash(node, before), node_hash(node, after)
        else:
            after = node_hash(after, node)
    if before != old_root or after != root:
        raise BadProof("the proof does not lead to the roots", field="consistency proof")


def _turns(at: int, last: int, steps: int) -> list[bool]:
    """For each step up from node `at` of a level that ends with `last`: whether the sibling is the left one."""
    turns = []
    for _ in range(steps):
        if last == 0:
            raise BadProof("the proof is too long", field="proof")
        is_left = bool(at & 1) or at == last
        turns.append(is_left)
        # A node without a right sibling rises unchanged until it is a right child itself.
        while is_left and at and not at & 1:
            at >>= 1
            last >>= 1
        at >>= 1
        last >>= 1
    if last:
        raise BadProof("the proof is too short", field="proof")
    return turns


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != DIGEST_SIZE for each in hashes):
        raise BadProof("a hash has 32 bytes", field="proof")


def _split(count: int) -> int:
    """The largest power of two below a count."""
    return 1 << ((count - 1).bit_length() - 1)


def _span(low: int, high: int, node: Node) -> bytes:
    """The hash of the leaves from `low` up to `high`, of which no perfect part is split further."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(count)
    return node_hash(_span(low, middle, node), _span(middle, high, node))
