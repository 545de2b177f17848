"""Merkle trees with the hashing of RFC 6962: roots, proofs that a leaf is in a tree, proofs that a tree only grew.

Used for the log (`log.py`) and for registers. Pure: nothing is read or stored. The log hands leaf *hashes* around, so
that a proof never needs the data; whoever holds the data calls `leaf_hash` first. Leaves and nodes are hashed with
different first bytes, so that nobody can present an inner node as a leaf (second preimage).
Source: RFC 6962 section 2.1 (hashing, building), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verifying).
Vectors: vectors/log/rfc6962.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, refused

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 section 2.1)."""
MAX_SIZE: Final = 2**63 - 1
"""More leaves than any log will have; keeps a size within 64 bits for every reader."""


def leaf_hash(data: bytes) -> bytes:
    """The 32-byte hash of one leaf: SHA-256 over 0x00 and the data."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of an inner node: SHA-256 over 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def tree_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over all the leaf hashes in their order; `EMPTY_ROOT` when there are none."""
    tree = Tree(leaf_hashes)
    return tree.root(tree.size)


def build_inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The proof that leaf `index` (from 0) is in the tree of all the leaves. For many proofs keep a `Tree`."""
    tree = Tree(leaf_hashes)
    return tree.inclusion(index, tree.size)


def build_consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """The proof that the tree of the first `old_size` leaves is a prefix of the tree of all the leaves."""
    tree = Tree(leaf_hashes)
    return tree.consistency(old_size, tree.size)


class Tree:
    """An append-only tree that keeps the hashes of all complete subtrees, level by level, in memory.

    `_levels[k][i]` is the root over the leaves from `i * 2**k` up to `(i + 1) * 2**k`: the same hashes that C2SP
    tlog-tiles stores in files. A complete subtree never changes again, so a root or a proof for any earlier size costs
    a number of hashes that grows with the logarithm of the size. About 64 bytes a leaf, plus Python's own overhead.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for each in leaf_hashes:
            self.append(each)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """Add one leaf hash at the end and return its index, from 0."""
        if len(leaf) != HASH_SIZE:
            raise _our_fault("leaf", f"a hash of {HASH_SIZE} bytes", f"{len(leaf)} bytes")
        index = self.size
        level, current = 0, leaf
        self._levels[0].append(current)
        while len(self._levels[level]) % 2 == 0:
            current = node_hash(self._levels[level][-2], current)
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(current)
        return index

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`."""
        if not 0 <= index < self.size:
            raise _our_fault("index", f"0 to {self.size - 1}", str(index))
        return self._levels[0][index]

    def root(self, size: int) -> bytes:
        """The root that the tree had when it had `size` leaves."""
        self._check_size(size)
        return self._subtree(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """The proof that leaf `index` is in the tree of `size` leaves, lowest sibling first (RFC 6962, 2.1.1)."""
        self._check_size(size)
        if not 0 <= index < size:
            raise _our_fault("index", f"0 to {size - 1}", str(index))
        proof: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """The proof that the tree of `new_size` leaves begins with the tree of `old_size` (RFC 6962 section 2.1.2).

        Empty when the sizes are equal or the older tree had no leaf: then there is nothing to prove.
        """
        self._check_size(new_size)
        if not 0 <= old_size <= new_size:
            raise _our_fault("old_size", f"0 to {new_size}", str(old_size))
        if old_size in {0, new_size}:
            return ()
        proof: list[bytes] = []
        start, end = 0, new_size
        while old_size != end:
            middle = start + _split(end - start)
            if old_size <= middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        # The verifier knows the old root already, so it is left out where the walk ended on it.
        if start > 0:
            proof.append(self._subtree(start, end))
        return tuple(reversed(proof))

    def _subtree(self, start: int, end: int) -> bytes:
        """The root over the leaves from `start` up to `end`, where `start` is aligned as in RFC 6962's splits."""
        parts: list[bytes] = []
        while start < end:
            level = (end - start).bit_length() - 1
            parts.append(self._levels[level][start >> level])
            start += 1 << level
        root = parts.pop()
        while parts:
            root = node_hash(parts.pop(), root)
        return root

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise _our_fault("size", f"0 to {self.size}", str(size))


def check_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes, field: str = "inclusion_proof"
) -> None:
    """Check that the leaf hash stands at `index` in the tree of `size` leaves with that root.

    leaf: the leaf's hash, never its data. index: from 0. proof: 32-byte hashes, lowest sibling first, exactly as many
    as the position needs. field: the name that the refusal carries. Raises PROOF_INVALID.
    Source: RFC 9162 section 2.1.3.2, step by step.
    """
    _check_hashes((leaf, root, *proof), Code.PROOF_INVALID, field)
    if not 0 <= index < size <= MAX_SIZE:
        raise refused(Code.PROOF_INVALID, field, f"an index below the size {size}", str(index))
    first, last = index, size - 1
    computed = leaf
    for sibling in proof:
        if last == 0:
            raise refused(Code.PROOF_INVALID, field, "no more hashes than the tree is high", f"{len(proof)} hashes")
        if first & 1 or first == last:
            computed = node_hash(sibling, computed)
            first, last = _climb(first, last)
        else:
            computed = node_hash(computed, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise refused(Code.PROOF_INVALID, field, "as many hashes as the tree is high", f"{len(proof)} hashes")
    if computed != root:
        raise refused(Code.PROOF_INVALID, field, root.hex(), computed.hex())


def check_consistency(
    *,
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
    field: str = "consistency_proof",
) -> None:
    """Check that the tree of `new_size` leaves begins with all leaves of the tree of `old_size`: nothing was rewritten.

    proof: 32-byte hashes, exactly as many as needed; none when the sizes are equal or the old tree is empty.
    Raises LOG_NOT_CONSISTENT. Source: RFC 9162 section 2.1.4.2, step by step.
    """
    _check_hashes((old_root, new_root, *proof), Code.LOG_NOT_CONSISTENT, field)
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise refused(Code.LOG_NOT_CONSISTENT, field, f"a size of at least {old_size}", str(new_size))
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise refused(Code.LOG_NOT_CONSISTENT, field, EMPTY_ROOT.hex(), old_root.hex())
    if old_size == new_size and old_root != new_root:
        raise refused(Code.LOG_NOT_CONSISTENT, field, old_root.hex(), new_root.hex())
    if old_size in {0, new_size}:
        if proof:
            raise refused(Code.LOG_NOT_CONSISTENT, field, "an empty proof", f"{len(proof)} hashes")
        return
    _check_growth(old_size, old_root, new_size, new_root, proof, field)


def _check_growth(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes], field: str
) -> None:
    """The case 0 < old_size < new_size of RFC 9162 section 2.1.4.2."""
    # Step 2: where the old size is a power of two, the old root is itself a node of the new tree and is not sent.
    path = (old_root, *proof) if old_size & (old_size - 1) == 0 else tuple(proof)
    if not proof:
        raise refused(Code.LOG_NOT_CONSISTENT, field, "a proof", "an empty proof")
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise refused(
                Code.LOG_NOT_CONSISTENT, field, "no more hashes than the tree is high", f"{len(proof)} hashes"
            )
        if first & 1 or first == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            first, last = _climb(first, last)
        else:
            new_computed = node_hash(new_computed, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise refused(Code.LOG_NOT_CONSISTENT, field, "as many hashes as the tree is high", f"{len(proof)} hashes")
    if old_computed != old_root:
        raise refused(Code.LOG_NOT_CONSISTENT, field, old_root.hex(), old_computed.hex())
    if new_computed != new_root:
        raise refused(Code.LOG_NOT_CONSISTENT, field, new_root.hex(), new_computed.hex())


def _climb(first: int, last: int) -> tuple[int, int]:
    """Skip the levels at which the node has no right sibling: it is the last one and moves up unchanged."""
    while first and not first & 1:
        first, last = first >> 1, last >> 1
    return first, last


def _split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962's k), for sizes from 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_hashes(hashes: Iterable[bytes], code: Code, field: str) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise refused(code, field, f"hashes of {HASH_SIZE} bytes", f"{len(each)} bytes")


def _our_fault(field: str, expected: str, got: str) -> InvariantError:
    return InvariantError(Refusal(code=Code.INVARIANT, field=field, expected=expected, got=got))
