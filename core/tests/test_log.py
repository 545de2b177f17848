"""Signed notes, checkpoints and cosignatures: C2SP's examples, our own vectors, and every changed byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core import log, merkle
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, StrongroomError

FOLDER = Path(__file__).parents[2] / "vectors/log"
NOTES = json.loads((FOLDER / "notes.json").read_text("utf-8"))
OURS = json.loads((FOLDER / "witnessed.json").read_text("utf-8"))

LOG = log.NoteKey(name=OURS["log"]["name"], public_key=bytes.fromhex(OURS["log"]["public_key"]))
WITNESSES = [log.NoteKey(name=each["name"], public_key=bytes.fromhex(each["public_key"])) for each in OURS["witnesses"]]
LOG_SIGN = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).sign
WITNESS_SIGN = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32).sign
FIRST, SECOND = OURS["checkpoints"]


def refuse(code: Code, question: Callable[[], object]) -> None:
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes


def read(text: str) -> log.WitnessedCheckpoint:
    return log.check_witnessed(log.parse_note(text), log=LOG, witnesses=WITNESSES)


def checkpoint_of(vector: dict[str, str]) -> log.Checkpoint:
    return log.Checkpoint(origin=LOG.name, size=int(vector["size"]), root=bytes.fromhex(vector["root"]))


# Signed notes


def test_the_example_of_sumdb_note_verifies() -> None:
    vector = NOTES["verified"]
    note, public_key = log.parse_note(vector["text"]), bytes.fromhex(vector["public_key"])
    assert vector["key_hash"] == log.key_hash(vector["name"], log.ED25519_NOTE, public_key).hex()
    log.check_log_signature(note, vector["name"], public_key)
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_log_signature(note, "another", public_key))
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_log_signature(note, vector["name"], LOG.public_key))


@pytest.mark.parametrize("text", NOTES["readable"])
def test_examples_of_c2sp_are_read_and_written_again(text: str) -> None:
    assert text == log.encode_note(log.parse_note(text))


def test_the_text_of_a_note_may_hold_empty_lines() -> None:
    note = log.parse_note(NOTES["readable"][0])
    assert "trafitto da un raggio di sole:\n\ned è subito sera.\n".encode() == note.body[37:]
    assert ["quasimodo.example/salvatore"] == [each.name for each in note.signatures]


def test_the_checkpoint_of_c2sp_is_read() -> None:
    vector = NOTES["checkpoint"]
    note = log.parse_note(vector["text"])
    expected = log.Checkpoint(origin=vector["origin"], size=vector["size"], root=bytes.fromhex(vector["root"]))
    assert expected == log.parse_checkpoint_body(note.body)
    assert note.body == log.encode_checkpoint_body(expected)
    assert vector["cosignature_time_s"] == log.parse_cosignature(note.signatures[1].signature)[0]


@pytest.mark.parametrize("vector", NOTES["refused"], ids=lambda vector: vector["why"])
def test_a_note_has_one_spelling(vector: dict[str, str]) -> None:
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_note(vector["text"]))
    log.parse_note(NOTES["verified"]["text"])


def test_a_note_is_bounded() -> None:
    head, line = NOTES["verified"]["text"].split("\n\n")
    log.parse_note(head + "\n\n" + line * log.MAX_SIGNATURES)
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_note(head + "\n\n" + line * (log.MAX_SIGNATURES + 1)))
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_note("a" * log.MAX_NOTE_CHARACTERS + "\n\n" + line))
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_note("\ud800\n\n" + line))


@given(st.text())
def test_any_text_is_read_in_one_spelling_or_refused(text: str) -> None:
    try:
        note = log.parse_note(text)
    except StrongroomError as error:
        codes = error.codes
    else:
        codes = frozenset()
        assert text == log.encode_note(note)
    assert codes <= {Code.CHECKPOINT_INVALID}


# Checkpoints

BODY = log.encode_checkpoint_body(checkpoint_of(SECOND))
BAD_BODIES = {
    "a leading zero": BODY.replace(b"\n5\n", b"\n05\n"),
    "a plus sign": BODY.replace(b"\n5\n", b"\n+5\n"),
    "a space": BODY.replace(b"\n5\n", b"\n 5\n"),
    "an underscore": BODY.replace(b"\n5\n", b"\n1_0\n"),
    "other digits": BODY.replace(b"\n5\n", "\n\u0665\n".encode()),
    "no size": BODY.replace(b"\n5\n", b"\n\n"),
    "a negative size": BODY.replace(b"\n5\n", b"\n-5\n"),
    "too large a size": BODY.replace(b"\n5\n", b"\n9223372036854775808\n"),
    "an extension line": BODY + b"extension\n",
    "no root": b"\n".join([*BODY.split(b"\n")[:2], b""]),
    "no final line feed": BODY[:-1],
    "an empty origin": b"\n5\n" + BODY.split(b"\n")[2] + b"\n",
    "a space in the origin": b"a " + BODY,
    "a plus in the origin": b"a+" + BODY,
    "a short root": BODY.split(b"\n5\n")[0] + b"\n5\nQUJD\n",
    "a root that is not base64": BODY.split(b"\n5\n")[0] + b"\n5\n" + b"!" * 44 + b"\n",
    "not ASCII": "\u00e9".encode() + BODY,
    "not UTF-8": b"\xff" + BODY,
}


@pytest.mark.parametrize("why", BAD_BODIES)
def test_a_checkpoint_body_has_one_spelling(why: str) -> None:
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_checkpoint_body(BAD_BODIES[why]))
    assert checkpoint_of(SECOND) == log.parse_checkpoint_body(BODY)


@given(st.integers(min_value=0, max_value=merkle.MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_checkpoints_are_written_and_read_again(size: int, root: bytes) -> None:
    checkpoint = log.Checkpoint(origin="strongroom.example/log", size=size, root=root)
    assert checkpoint == log.parse_checkpoint_body(log.encode_checkpoint_body(checkpoint))


# Witnessed checkpoints


@pytest.mark.parametrize("vector", OURS["checkpoints"], ids=lambda vector: f"size {vector['size']}")
def test_our_witnessed_checkpoints_verify(vector: dict[str, str]) -> None:
    expected = log.WitnessedCheckpoint(
        checkpoint=checkpoint_of(vector), time_s=int(vector["time_s"]), witnesses=tuple(vector["witnesses"])
    )
    assert expected == read(vector["note"])


@pytest.mark.parametrize("vector", OURS["refused"], ids=lambda vector: vector["why"])
def test_our_refused_checkpoints(vector: dict[str, str]) -> None:
    refuse(Code(vector["code"]), lambda: read(vector["note"]))
    read(SECOND["note"])


def test_our_checkpoints_are_built_again_byte_for_byte() -> None:
    body = log.encode_checkpoint_body(checkpoint_of(FIRST))
    signatures = (
        log.build_log_signature(body=body, key=LOG, sign=LOG_SIGN),
        log.build_cosignature(body=body, key=WITNESSES[0], timestamp_s=FIRST["time_s"], sign=WITNESS_SIGN),
    )
    assert FIRST["note"] == log.encode_note(log.Note(body=body, signatures=signatures))


def test_every_flipped_character_of_a_witnessed_checkpoint_is_refused() -> None:
    text = SECOND["note"]
    read(text)
    for place, character in enumerate(text):
        changed = text[:place] + chr(ord(character) ^ 1) + text[place + 1 :]
        with pytest.raises(StrongroomError):
            read(changed)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    other = log.NoteKey(name="strongroom.example/other", public_key=LOG.public_key)
    note = log.parse_note(FIRST["note"])
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_witnessed(note, log=other, witnesses=WITNESSES))
    log.check_witnessed(note, log=LOG, witnesses=WITNESSES)


def test_a_cosignature_needs_its_witness_in_the_roster() -> None:
    note = log.parse_note(FIRST["note"])
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_witnessed(note, log=LOG, witnesses=WITNESSES[1:]))
    refuse(
        Code.CHECKPOINT_NOT_WITNESSED,
        lambda: log.check_cosignature(note, WITNESSES[1].name, WITNESSES[1].public_key),
    )
    assert FIRST["time_s"] == log.check_cosignature(note, WITNESSES[0].name, WITNESSES[0].public_key)


def test_a_cosignature_under_a_wrong_time_is_refused() -> None:
    note = log.parse_note(FIRST["note"])
    time_s, signature = log.parse_cosignature(note.signatures[1].signature)
    later = log.NoteSignature(
        name=note.signatures[1].name,
        key_hash4=note.signatures[1].key_hash4,
        signature=(time_s + 1).to_bytes(8, "big") + signature,
    )
    dated = log.Note(body=note.body, signatures=(note.signatures[0], later))
    key = WITNESSES[0]
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_cosignature(dated, key.name, key.public_key))
    assert FIRST["time_s"] == log.check_cosignature(note, key.name, key.public_key)


@pytest.mark.parametrize("raw", [b"", bytes(71), bytes(73), bytes(72), b"\x80" + bytes(71)])
def test_a_cosignature_has_one_length_and_a_time(raw: bytes) -> None:
    refuse(Code.CHECKPOINT_INVALID, lambda: log.parse_cosignature(raw))
    assert (1, bytes(64)) == log.parse_cosignature((1).to_bytes(8, "big") + bytes(64))


def test_two_lines_of_one_key_are_refused() -> None:
    note = log.parse_note(FIRST["note"])
    doubled = log.Note(body=note.body, signatures=(note.signatures[0], *note.signatures))
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_log_signature(doubled, LOG.name, LOG.public_key))
    log.check_log_signature(note, LOG.name, LOG.public_key)


def test_a_log_is_not_its_own_witness() -> None:
    # The roster lists the log's key as a witness by mistake; the line itself is a valid cosignature.
    own = log.NoteKey(name="service:witness-1", public_key=LOG.public_key)
    body = log.encode_checkpoint_body(checkpoint_of(FIRST))
    by_log = log.build_log_signature(body=body, key=LOG, sign=LOG_SIGN)
    note = log.Note(
        body=body,
        signatures=(by_log, log.build_cosignature(body=body, key=own, timestamp_s=1732000000, sign=LOG_SIGN)),
    )
    refuse(Code.CHECKPOINT_INVALID, lambda: log.check_witnessed(note, log=LOG, witnesses=[own]))
    log.check_witnessed(log.parse_note(FIRST["note"]), log=LOG, witnesses=WITNESSES)


def test_signing_with_an_unusable_name_or_time_is_our_own_fault() -> None:
    spaced = log.NoteKey(name="a b", public_key=LOG.public_key)
    attempts: list[Callable[[], object]] = [
        lambda: log.build_log_signature(body=BODY, key=spaced, sign=LOG_SIGN),
        lambda: log.build_cosignature(body=BODY, key=spaced, timestamp_s=1, sign=LOG_SIGN),
        lambda: log.build_cosignature(body=BODY, key=WITNESSES[0], timestamp_s=0, sign=WITNESS_SIGN),
    ]
    for attempt in attempts:
        with pytest.raises(InvariantError) as caught:
            attempt()
        assert Code.INVARIANT in caught.value.codes


# Growth and inclusion


def test_a_checkpoint_extends_the_one_before() -> None:
    older, newer = checkpoint_of(FIRST), checkpoint_of(SECOND)
    proof = [bytes.fromhex(each) for each in SECOND["consistency"]]
    log.check_extends(older=older, newer=newer, proof=proof)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: log.check_extends(older=newer, newer=older, proof=proof))
    refuse(Code.LOG_NOT_CONSISTENT, lambda: log.check_extends(older=older, newer=newer, proof=proof[:-1]))
    other = log.Checkpoint(origin="strongroom.example/other", size=newer.size, root=newer.root)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: log.check_extends(older=older, newer=other, proof=proof))


@pytest.mark.parametrize("index", range(5))
def test_a_statement_is_in_the_log(index: int) -> None:
    checkpoint, envelope = checkpoint_of(SECOND), OURS["leaves"][index].encode()
    proof = [bytes.fromhex(each) for each in OURS["inclusion"][index]["proof"]]
    log.check_in_log(envelope=envelope, index=index, checkpoint=checkpoint, proof=proof)
    for place in range(len(envelope)):
        changed = envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]
        with pytest.raises(StrongroomError) as caught:
            log.check_in_log(envelope=changed, index=index, checkpoint=checkpoint, proof=proof)
        assert frozenset({Code.NOT_IN_LOG, Code.PROOF_INVALID}) == caught.value.codes
    refuse(
        Code.NOT_IN_LOG,
        lambda: log.check_in_log(envelope=envelope, index=index, checkpoint=checkpoint_of(FIRST), proof=proof),
    )
