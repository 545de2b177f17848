"""The checker's reading of the log: the same vectors as core's, and agreement with core on everything else.

Core is imported by this test only, as the other side of the comparison; the checker itself never does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.checker.reading import log as reading
from strongroom.core import log as core_log
from strongroom.core import merkle
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

FOLDER = Path(__file__).parents[3] / "vectors/log"
TREE = json.loads((FOLDER / "rfc6962.json").read_text("utf-8"))
NOTES = json.loads((FOLDER / "notes.json").read_text("utf-8"))
OURS = json.loads((FOLDER / "witnessed.json").read_text("utf-8"))

REFERENCE = [merkle.leaf_hash(bytes.fromhex(each)) for each in TREE["leaves"]]
ROOTS = [bytes.fromhex(each) for each in TREE["roots"]]
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(70)]
LOG = reading.Signer(name=OURS["log"]["name"], public_key=bytes.fromhex(OURS["log"]["public_key"]))
WITNESSES = [
    reading.Signer(name=each["name"], public_key=bytes.fromhex(each["public_key"])) for each in OURS["witnesses"]
]
CORE_LOG = core_log.NoteKey(name=LOG.name, public_key=LOG.public_key)
CORE_WITNESSES = [core_log.NoteKey(name=each.name, public_key=each.public_key) for each in WITNESSES]
FIRST, SECOND = OURS["checkpoints"]

small = st.integers(min_value=-1, max_value=12)
hashes = st.sampled_from([*LEAVES[:3], *ROOTS, b"short"])


def refuse(code: Code, question: Callable[[], object]) -> None:
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes


def outcome(question: Callable[[], object]) -> frozenset[Code]:
    """The codes that a reading refuses with; none when it accepts."""
    try:
        question()
    except StrongroomError as error:
        return error.codes
    return frozenset()


def read(text: str) -> reading.HeadRead:
    return reading.check_head(text, log=LOG, witnesses=WITNESSES)


def core_read(text: str) -> core_log.WitnessedCheckpoint:
    return core_log.check_witnessed(core_log.parse_note(text), log=CORE_LOG, witnesses=CORE_WITNESSES)


# Proofs


@pytest.mark.parametrize("vector", TREE["inclusion"])
def test_published_inclusion_proofs(vector: dict[str, int]) -> None:
    proof = [bytes.fromhex(each) for each in TREE["inclusion"][TREE["inclusion"].index(vector)]["proof"]]
    leaf, root = REFERENCE[vector["index"]], ROOTS[vector["size"]]
    reading.check_inclusion(leaf=leaf, index=vector["index"], size=vector["size"], proof=proof, root=root)
    for place in range(32):
        changed = root[:place] + bytes([root[place] ^ 1]) + root[place + 1 :]
        with pytest.raises(StrongroomError) as caught:
            reading.check_inclusion(leaf=leaf, index=vector["index"], size=vector["size"], proof=proof, root=changed)
        assert Code.PROOF_INVALID in caught.value.codes


@pytest.mark.parametrize("vector", TREE["consistency"])
def test_published_consistency_proofs(vector: dict[str, int]) -> None:
    proof = [bytes.fromhex(each) for each in TREE["consistency"][TREE["consistency"].index(vector)]["proof"]]
    old, new = vector["old_size"], vector["new_size"]
    check_both_growth(old, ROOTS[old], new, ROOTS[new], proof, frozenset())
    check_both_growth(old, ROOTS[old], new, ROOTS[new], [*proof, ROOTS[1]], frozenset({Code.LOG_NOT_CONSISTENT}))
    check_both_growth(old, ROOTS[old], new, ROOTS[0], proof, frozenset({Code.LOG_NOT_CONSISTENT}))
    check_both_growth(old, ROOTS[0], new, ROOTS[new], proof, frozenset({Code.LOG_NOT_CONSISTENT}))


def check_both_growth(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes], expected: frozenset[Code]
) -> None:
    assert expected == outcome(
        lambda: reading.check_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=proof)
    )
    assert expected == outcome(
        lambda: merkle.check_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=proof)
    )


@given(st.integers(min_value=1, max_value=70), st.data())
def test_what_core_proves_is_accepted(size: int, data: st.DataObject) -> None:
    tree = merkle.Tree(LEAVES[:size])
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = tree.inclusion(index, size)
    reading.check_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=tree.root(size))
    growth = tree.consistency(index, size)
    reading.check_consistency(
        old_size=index, old_root=tree.root(index), new_size=size, new_root=tree.root(size), proof=growth
    )


@given(leaf=hashes, index=small, size=small, proof=st.lists(hashes, max_size=5), root=hashes)
def test_core_and_checker_agree_on_any_inclusion_claim(
    leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
) -> None:
    ours = outcome(lambda: reading.check_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root))
    theirs = outcome(lambda: merkle.check_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root))
    assert theirs == ours


@given(old=small, old_root=hashes, new=small, new_root=hashes, proof=st.lists(hashes, max_size=5))
def test_core_and_checker_agree_on_any_growth_claim(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]
) -> None:
    theirs = outcome(
        lambda: merkle.check_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=proof)
    )
    check_both_growth(old, old_root, new, new_root, proof, theirs)


@given(old=st.integers(0, 20), new=st.integers(0, 20), claimed=st.tuples(small, small), drop=st.integers(0, 3))
def test_core_and_checker_agree_on_proofs_for_other_sizes(
    old: int, new: int, claimed: tuple[int, int], drop: int
) -> None:
    old, new = min(old, new), max(old, new)
    tree = merkle.Tree(LEAVES)
    proof = list(tree.consistency(old, new))[drop:]
    theirs = outcome(
        lambda: merkle.check_consistency(
            old_size=claimed[0], old_root=tree.root(old), new_size=claimed[1], new_root=tree.root(new), proof=proof
        )
    )
    check_both_growth(claimed[0], tree.root(old), claimed[1], tree.root(new), proof, theirs)


# Notes and heads


@pytest.mark.parametrize("text", [NOTES["verified"]["text"], *NOTES["readable"]])
def test_examples_are_read_as_core_reads_them(text: str) -> None:
    ours, theirs = reading.parse_note(text), core_log.parse_note(text)
    assert theirs.body == ours.body
    assert [(s.name, s.key_hash4, s.signature) for s in theirs.signatures] == [
        (line.name, line.hint, line.signature) for line in ours.lines
    ]


@pytest.mark.parametrize("vector", NOTES["refused"], ids=lambda vector: vector["why"])
def test_a_note_has_one_spelling(vector: dict[str, str]) -> None:
    refuse(Code.CHECKPOINT_INVALID, lambda: reading.parse_note(vector["text"]))
    reading.parse_note(NOTES["verified"]["text"])


def test_a_note_is_bounded() -> None:
    head, line = NOTES["verified"]["text"].split("\n\n")
    reading.parse_note(head + "\n\n" + line * 32)
    refuse(Code.CHECKPOINT_INVALID, lambda: reading.parse_note(head + "\n\n" + line * 33))
    refuse(Code.CHECKPOINT_INVALID, lambda: reading.parse_note("a" * 16_384 + "\n\n" + line))
    refuse(Code.CHECKPOINT_INVALID, lambda: reading.parse_note("\ud800\n\n" + line))


@pytest.mark.parametrize("vector", OURS["checkpoints"], ids=lambda vector: f"size {vector['size']}")
def test_our_witnessed_checkpoints_verify(vector: dict[str, str]) -> None:
    expected = reading.HeadRead(
        origin=LOG.name,
        size=int(vector["size"]),
        root=bytes.fromhex(vector["root"]),
        time_s=int(vector["time_s"]),
        witnesses=tuple(vector["witnesses"]),
    )
    assert expected == read(vector["note"])


@pytest.mark.parametrize("vector", OURS["refused"], ids=lambda vector: vector["why"])
def test_our_refused_checkpoints(vector: dict[str, str]) -> None:
    refuse(Code(vector["code"]), lambda: read(vector["note"]))
    read(SECOND["note"])


def test_every_flipped_character_is_refused_by_both() -> None:
    text = SECOND["note"]
    for place, character in enumerate(text):
        for bit in (1, 2, 32):
            changed = text[:place] + chr(ord(character) ^ bit) + text[place + 1 :]
            refusal = outcome(partial(read, changed))
            assert refusal
            assert outcome(partial(core_read, changed)) == refusal


@given(st.integers(0, 500), st.integers(0, 12), st.text(max_size=6))
def test_both_refuse_or_accept_any_edit(start: int, removed: int, inserted: str) -> None:
    text = SECOND["note"]
    changed = text[:start] + inserted + text[start + removed :]
    assert bool(outcome(lambda: core_read(changed))) == bool(outcome(lambda: read(changed)))
    assert (changed == text) or outcome(lambda: read(changed))


def test_a_witness_that_shares_the_logs_key_does_not_count() -> None:
    own = reading.Signer(name=WITNESSES[0].name, public_key=LOG.public_key)
    by_log = next(each["note"] for each in OURS["refused"] if each["why"].startswith("only the log"))
    refuse(Code.CHECKPOINT_INVALID, lambda: reading.check_head(by_log, log=LOG, witnesses=[own]))
    reading.check_head(FIRST["note"], log=LOG, witnesses=WITNESSES)


def test_a_head_extends_the_one_before() -> None:
    older, newer = read(FIRST["note"]), read(SECOND["note"])
    proof = [bytes.fromhex(each) for each in SECOND["consistency"]]
    reading.check_growth(older=older, newer=newer, proof=proof)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: reading.check_growth(older=newer, newer=older, proof=proof))
    refuse(Code.LOG_NOT_CONSISTENT, lambda: reading.check_growth(older=older, newer=newer, proof=proof[:-1]))
    other = reading.HeadRead(origin="other", size=5, root=newer.root, time_s=1, witnesses=())
    refuse(Code.LOG_NOT_CONSISTENT, lambda: reading.check_growth(older=older, newer=other, proof=proof))


@pytest.mark.parametrize("index", range(5))
def test_a_statement_is_in_the_log(index: int) -> None:
    head, envelope = read(SECOND["note"]), OURS["leaves"][index].encode()
    proof = [bytes.fromhex(each) for each in OURS["inclusion"][index]["proof"]]
    reading.check_statement_in_log(envelope=envelope, index=index, head=head, proof=proof)
    with pytest.raises(StrongroomError) as caught:
        reading.check_statement_in_log(envelope=envelope + b" ", index=index, head=head, proof=proof)
    assert frozenset({Code.NOT_IN_LOG, Code.PROOF_INVALID}) == caught.value.codes
    refuse(
        Code.NOT_IN_LOG,
        lambda: reading.check_statement_in_log(envelope=envelope, index=index, head=read(FIRST["note"]), proof=proof),
    )


def test_the_checkers_reading_imports_no_reading_of_core() -> None:
    source = Path(str(reading.__file__)).read_text("utf-8")
    imported = {
        line.split()[1] for line in source.splitlines() if line.startswith(("from strongroom", "import strong"))
    }
    assert {"strongroom.core.codes", "strongroom.core.errors"} == imported
