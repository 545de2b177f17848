"""Merkle trees: Certificate Transparency's reference tree, a naive definition as oracle, every changed byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core import merkle
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, StrongroomError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/log/rfc6962.json").read_text("utf-8"))
REFERENCE = [merkle.leaf_hash(bytes.fromhex(each)) for each in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(each) for each in VECTORS["roots"]]
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(70)]

sizes = st.integers(min_value=1, max_value=len(LEAVES))


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], whole: str) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2; `whole` is its flag b."""
    if m == len(leaves):
        return [] if whole == "whole" else [naive_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], "part"), naive_root(leaves[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_reference_tree(size: int) -> None:
    assert ROOTS[size] == merkle.tree_root(REFERENCE[:size])
    assert ROOTS[size] == merkle.Tree(REFERENCE).root(size)


@pytest.mark.parametrize("vector", VECTORS["inclusion"])
def test_published_inclusion_proofs(vector: dict[str, object]) -> None:
    index, size, proof = read_inclusion(vector)
    assert proof == merkle.build_inclusion_proof(REFERENCE[:size], index)
    merkle.check_inclusion(leaf=REFERENCE[index], index=index, size=size, proof=proof, root=ROOTS[size])


@pytest.mark.parametrize("vector", VECTORS["consistency"])
def test_published_consistency_proofs(vector: dict[str, object]) -> None:
    old, new, proof = read_consistency(vector)
    assert proof == merkle.build_consistency_proof(REFERENCE[:new], old)
    merkle.check_consistency(old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new], proof=proof)


def read_inclusion(vector: dict[str, object]) -> tuple[int, int, tuple[bytes, ...]]:
    index, size, proof = vector["index"], vector["size"], vector["proof"]
    assert isinstance(index, int)
    assert isinstance(size, int)
    assert isinstance(proof, list)
    return index, size, tuple(bytes.fromhex(each) for each in proof)


def read_consistency(vector: dict[str, object]) -> tuple[int, int, tuple[bytes, ...]]:
    return read_inclusion({"index": vector["old_size"], "size": vector["new_size"], "proof": vector["proof"]})


@given(sizes, st.data())
def test_inclusion_is_the_naive_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = merkle.Tree(LEAVES).inclusion(index, size)
    assert naive_path(index, LEAVES[:size]) == list(proof)
    assert naive_root(LEAVES[:size]) == merkle.Tree(LEAVES).root(size)
    merkle.check_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=naive_root(LEAVES[:size]))


@given(sizes, st.data())
def test_consistency_is_the_naive_definition(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(min_value=1, max_value=new))
    proof = merkle.Tree(LEAVES).consistency(old, new)
    assert naive_subproof(old, LEAVES[:new], "whole") == list(proof)
    merkle.check_consistency(
        old_size=old, old_root=naive_root(LEAVES[:old]), new_size=new, new_root=naive_root(LEAVES[:new]), proof=proof
    )


@given(sizes, st.data())
def test_a_proof_for_another_place_is_refused(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.tuples(*[st.integers(min_value=0, max_value=size - 1)] * 2))
    proof = merkle.build_inclusion_proof(LEAVES[:size], index)
    root = merkle.tree_root(LEAVES[:size])
    merkle.check_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=root)
    if other != index:
        refuse_inclusion(leaf=LEAVES[index], index=other, size=size, proof=proof, root=root)
        refuse_inclusion(leaf=LEAVES[other], index=index, size=size, proof=proof, root=root)


@given(sizes, sizes, sizes, sizes)
def test_consistency_holds_for_the_true_sizes_only(old: int, new: int, claimed_old: int, claimed_new: int) -> None:
    old, new = min(old, new), max(old, new)
    proof = merkle.build_consistency_proof(LEAVES[:new], old)
    old_root, new_root = merkle.tree_root(LEAVES[:old]), merkle.tree_root(LEAVES[:new])
    merkle.check_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=proof)
    # Where a proof happens to have the same shape for other sizes, the hashes it rests on are still the true ones; the
    # sizes themselves are signed in the checkpoint. So only the claim "equal sizes, other roots" must always fall.
    if claimed_old == claimed_new and old != new:
        refuse_consistency(
            old_size=claimed_old, old_root=old_root, new_size=claimed_new, new_root=new_root, proof=proof
        )


def refuse_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    with pytest.raises(StrongroomError) as caught:
        merkle.check_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
    assert Code.PROOF_INVALID in caught.value.codes


def refuse_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    with pytest.raises(StrongroomError) as caught:
        merkle.check_consistency(
            old_size=old_size, old_root=old_root, new_size=new_size, new_root=new_root, proof=proof
        )
    assert Code.LOG_NOT_CONSISTENT in caught.value.codes


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 8), (5, 8), (2, 3), (1, 5), (6, 7)])
def test_every_flipped_byte_of_an_inclusion_proof_is_refused(index: int, size: int) -> None:
    proof = merkle.build_inclusion_proof(REFERENCE[:size], index)
    leaf, root = REFERENCE[index], ROOTS[size]
    merkle.check_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
    for place in range(32):
        refuse_inclusion(leaf=flip(leaf, place), index=index, size=size, proof=proof, root=root)
        refuse_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=flip(root, place))
        for changed in flips(proof, place):
            refuse_inclusion(leaf=leaf, index=index, size=size, proof=changed, root=root)


@pytest.mark.parametrize(("old", "new"), [(1, 8), (6, 8), (2, 5), (6, 7), (3, 7), (4, 8), (7, 8)])
def test_every_flipped_byte_of_a_consistency_proof_is_refused(old: int, new: int) -> None:
    proof = merkle.build_consistency_proof(REFERENCE[:new], old)
    a, b = ROOTS[old], ROOTS[new]
    merkle.check_consistency(old_size=old, old_root=a, new_size=new, new_root=b, proof=proof)
    for place in range(32):
        refuse_consistency(old_size=old, old_root=flip(a, place), new_size=new, new_root=b, proof=proof)
        refuse_consistency(old_size=old, old_root=a, new_size=new, new_root=flip(b, place), proof=proof)
        for changed in flips(proof, place):
            refuse_consistency(old_size=old, old_root=a, new_size=new, new_root=b, proof=changed)


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def flips(proof: tuple[bytes, ...], place: int) -> list[tuple[bytes, ...]]:
    return [(*proof[:i], flip(each, place), *proof[i + 1 :]) for i, each in enumerate(proof)]


PROOF_CHANGES: dict[str, Callable[[tuple[bytes, ...]], tuple[bytes, ...]]] = {
    "a hash too many at the end": lambda proof: (*proof, proof[0]),
    "a hash too many at the start": lambda proof: (proof[0], *proof),
    "the last hash missing": lambda proof: proof[:-1],
    "the first hash missing": lambda proof: proof[1:],
    "no hash": lambda proof: proof[:0],
    "two hashes swapped": lambda proof: (proof[1], proof[0], *proof[2:]),
    "a short hash": lambda proof: (proof[0][:31], *proof[1:]),
    "a long hash": lambda proof: (proof[0] + b"\0", *proof[1:]),
}


@pytest.mark.parametrize("change", PROOF_CHANGES)
def test_a_proof_has_one_length_and_one_order(change: str) -> None:
    altered = PROOF_CHANGES[change]
    proof = merkle.build_inclusion_proof(REFERENCE, 5)
    merkle.check_inclusion(leaf=REFERENCE[5], index=5, size=8, proof=proof, root=ROOTS[8])
    refuse_inclusion(leaf=REFERENCE[5], index=5, size=8, proof=altered(proof), root=ROOTS[8])
    for old in (4, 6):
        growth = merkle.build_consistency_proof(REFERENCE, old)
        if len(growth) > 1:
            a, b = ROOTS[old], ROOTS[8]
            merkle.check_consistency(old_size=old, old_root=a, new_size=8, new_root=b, proof=growth)
            refuse_consistency(old_size=old, old_root=a, new_size=8, new_root=b, proof=altered(growth))


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (9, 8), (0, 0), (0, 2**63)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    refuse_inclusion(leaf=REFERENCE[0], index=index, size=size, proof=(), root=REFERENCE[0])
    merkle.check_inclusion(leaf=REFERENCE[0], index=0, size=1, proof=(), root=REFERENCE[0])


def test_equal_sizes_and_the_empty_tree_prove_themselves_without_hashes() -> None:
    empty = merkle.EMPTY_ROOT
    merkle.check_consistency(old_size=8, old_root=ROOTS[8], new_size=8, new_root=ROOTS[8], proof=())
    merkle.check_consistency(old_size=0, old_root=empty, new_size=8, new_root=ROOTS[8], proof=())
    merkle.check_consistency(old_size=0, old_root=empty, new_size=0, new_root=empty, proof=())
    refuse_consistency(old_size=8, old_root=ROOTS[8], new_size=8, new_root=ROOTS[7], proof=())
    refuse_consistency(old_size=8, old_root=ROOTS[8], new_size=8, new_root=ROOTS[8], proof=(ROOTS[8],))
    refuse_consistency(old_size=0, old_root=ROOTS[1], new_size=8, new_root=ROOTS[8], proof=())
    refuse_consistency(old_size=0, old_root=empty, new_size=8, new_root=ROOTS[8], proof=(ROOTS[8],))
    refuse_consistency(old_size=0, old_root=empty, new_size=0, new_root=ROOTS[1], proof=())


def test_a_log_cannot_shrink() -> None:
    proof = merkle.build_consistency_proof(REFERENCE, 6)
    refuse_consistency(old_size=8, old_root=ROOTS[8], new_size=6, new_root=ROOTS[6], proof=proof)
    refuse_consistency(old_size=8, old_root=ROOTS[8], new_size=2**63, new_root=ROOTS[8], proof=proof)
    refuse_consistency(old_size=4, old_root=ROOTS[4], new_size=8, new_root=ROOTS[8], proof=())
    merkle.check_consistency(old_size=6, old_root=ROOTS[6], new_size=8, new_root=ROOTS[8], proof=proof)


def test_an_inner_node_is_no_leaf() -> None:
    inner = merkle.node_hash(REFERENCE[0], REFERENCE[1])
    merkle.check_inclusion(leaf=inner, index=0, size=2, proof=(REFERENCE[2],), root=ROOTS[3])
    # The hash of the same bytes as a leaf's data is another one, so data for that "leaf" cannot be shown.
    assert inner != merkle.leaf_hash(REFERENCE[0] + REFERENCE[1])


def test_a_rewritten_leaf_breaks_consistency() -> None:
    rewritten = [*REFERENCE[:2], merkle.leaf_hash(b"other"), *REFERENCE[3:]]
    proof = merkle.build_consistency_proof(rewritten, 5)
    refuse_consistency(old_size=5, old_root=ROOTS[5], new_size=8, new_root=merkle.tree_root(rewritten), proof=proof)
    honest = merkle.build_consistency_proof(REFERENCE, 5)
    merkle.check_consistency(old_size=5, old_root=ROOTS[5], new_size=8, new_root=ROOTS[8], proof=honest)


def test_a_tree_answers_for_every_earlier_size() -> None:
    tree = merkle.Tree()
    assert [0, 1, 2] == [tree.append(each) for each in LEAVES[:3]]
    assert LEAVES[1] == tree.leaf(1)
    grown = merkle.Tree(LEAVES)
    assert [merkle.tree_root(LEAVES[:n]) for n in range(71)] == [grown.root(n) for n in range(71)]


def test_questions_outside_the_tree_are_our_own_fault() -> None:
    tree = merkle.Tree(REFERENCE)
    questions: list[Callable[[], object]] = [
        lambda: tree.append(b"short"),
        lambda: tree.leaf(8),
        lambda: tree.leaf(-1),
        lambda: tree.root(9),
        lambda: tree.root(-1),
        lambda: tree.inclusion(8, 8),
        lambda: tree.inclusion(5, 5),
        lambda: tree.inclusion(0, 9),
        lambda: tree.consistency(7, 6),
        lambda: tree.consistency(1, 9),
    ]
    for question in questions:
        with pytest.raises(InvariantError) as caught:
            question()
        assert Code.INVARIANT in caught.value.codes
    assert (8, ()) == (tree.size, tree.consistency(8, 8))
