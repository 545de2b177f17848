"""The log's signed heads: C2SP signed notes, checkpoints and witness cosignatures, all Ed25519; spec/log.md.

A log signs its size and root; a witness signs the same bytes with its own clock, after it has checked that the log only
grew. Who has a witnessed checkpoint and an inclusion proof knows that a statement was in the log by that time, and that
everybody else who trusts the witness sees the same log. Pure: a signature is made by a function that is handed in.
Public keys are 32 raw bytes. Where C2SP lets a reader accept several spellings, this one accepts the one that
`encode_note` writes, so that every changed byte of a docket is refused.
Source: c2sp.org/signed-note@v1.0.0, c2sp.org/tlog-checkpoint@v1.0.0, c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature

from strongroom.core import merkle
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, Refusal, RefusedError, malformed, refused
from strongroom.core.keys import ed25519_key

ED25519_NOTE: Final = 0x01
"""Signature type of a log's own signature (signed-note, `signature types`)."""
ED25519_COSIGNATURE: Final = 0x04
"""Signature type of a timestamped witness cosignature, `cosignature/v1`."""
MAX_NOTE_CHARACTERS: Final = 16_384
MAX_SIGNATURES: Final = 32
"""A C2SP reader must accept at least 16."""
MAX_TIMESTAMP_S: Final = 2**63 - 1

_SIGNATURE_SIZE: Final = 64
_NAME = re.compile(r"[!-*,-~]{1,200}")  # Printable ASCII without space and plus: no two names that look alike.
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = re.compile(r"\u2014 ([^ \n]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's head. origin: the log's name, also its key's name. size: leaves. root: 32 bytes (RFC 6962)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line. key_hash4: four bytes that name key and algorithm, a hint and no proof.

    signature: what the algorithm wrote; 64 bytes from a log, 8 bytes of time and 64 from a witness.
    """

    name: str
    key_hash4: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A signed note. body: the signed bytes with their final newline. Nothing here is verified yet."""

    body: bytes
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """A key that the roster names: the signer's name in notes (a service's id, or the log's origin) and 32 bytes."""

    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessedCheckpoint:
    """A checkpoint whose log signature and cosignatures are verified.

    time_s: POSIX seconds by the witness; with several the latest, so that no witness alone can back-date.
    witnesses: the names that cosigned, in the order of the note.
    """

    checkpoint: Checkpoint
    time_s: int
    witnesses: tuple[str, ...]


def encode_checkpoint_body(checkpoint: Checkpoint) -> bytes:
    """The bytes that log and witness sign: origin, size and root in base64, one line each; no extension lines."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()


def parse_checkpoint_body(body: bytes, field: str = "checkpoint") -> Checkpoint:
    """Read a checkpoint's body; exactly three lines, each in its one spelling. Raises CHECKPOINT_INVALID.

    Extension lines are refused: C2SP advises against them, no monitor can audit them, and nothing of ours uses them.
    """
    try:
        lines = body.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _invalid(field, "printable ASCII", f"byte {error.start}") from error
    if len(lines) != 4 or lines[3]:
        raise _invalid(field, "three lines: origin, size, root", f"{len(lines) - 1} lines")
    origin, size, root = lines[:3]
    if not _NAME.fullmatch(origin):
        raise _invalid(f"{field}.origin", "printable ASCII without space and plus", origin)
    if not _SIZE.fullmatch(size) or int(size) > merkle.MAX_SIZE:
        raise _invalid(f"{field}.size", "a decimal number of leaves", size)
    parsed = Checkpoint(origin=origin, size=int(size), root=_parse_base64(root, f"{field}.root"))
    if len(parsed.root) != merkle.HASH_SIZE:
        raise _invalid(f"{field}.root", f"{merkle.HASH_SIZE} bytes", f"{len(parsed.root)} bytes")
    return parsed


def key_hash(name: str, algorithm_byte: int, public_key: bytes) -> bytes:
    """The four bytes that name a key in a signature line (signed-note, `key ID`)."""
    return sha256(name.encode() + b"\n" + bytes([algorithm_byte]) + public_key).digest()[:4]


def encode_note(note: Note) -> str:
    """The note as text: body, blank line, signature lines in the order given."""
    lines = [
        f"\u2014 {each.name} {base64.b64encode(each.key_hash4 + each.signature).decode()}\n" for each in note.signatures
    ]
    return note.body.decode() + "\n" + "".join(lines)


def parse_note(text: str, field: str = "note") -> Note:
    """Read a signed note; nothing is verified by this. Raises CHECKPOINT_INVALID.

    What is read is written again and compared, so that a note has one spelling: no second form of base64, of the
    dash or of a line end.
    """
    if len(text) > MAX_NOTE_CHARACTERS:
        raise _invalid(field, f"at most {MAX_NOTE_CHARACTERS} characters", str(len(text)))
    control = _CONTROL.search(text)
    if control:
        raise _invalid(field, "no control characters but newlines", f"one at character {control.start()}")
    # signed-note: the text may contain empty lines, so it is the last empty line that separates.
    body, separator, block = text.rpartition("\n\n")
    if not separator or not body or not block.endswith("\n"):
        raise _invalid(field, "a text, an empty line, then signature lines", text[-80:])
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _invalid(field, f"at most {MAX_SIGNATURES} signatures", str(len(lines)))
    signatures = tuple(_parse_signature_line(line, f"{field}.signatures[{i}]") for i, line in enumerate(lines))
    try:
        note = Note(body=(body + "\n").encode(), signatures=signatures)
    except UnicodeEncodeError as error:
        raise _invalid(field, "valid UTF-8", f"character {error.start}") from error
    if encode_note(note) != text:
        raise _invalid(field, "the one spelling of this note", "another")
    return note


def build_log_signature(*, body: bytes, key: NoteKey, sign: Callable[[bytes], bytes]) -> NoteSignature:
    """The log's signature over a checkpoint body. sign: makes a plain Ed25519 signature of 64 bytes."""
    _check_key(key)
    return NoteSignature(
        name=key.name, key_hash4=key_hash(key.name, ED25519_NOTE, key.public_key), signature=sign(body)
    )


def check_log_signature(note: Note, name: str, public_key: bytes, field: str = "checkpoint") -> None:
    """Check that the note carries exactly one valid signature of this log key. Raises CHECKPOINT_INVALID."""
    signature = _signature_of(note, name, key_hash(name, ED25519_NOTE, public_key))
    if signature is None:
        raise refused(Code.CHECKPOINT_INVALID, field, f"one signature of {name}", _names(note))
    if not _is_signed(public_key, signature.signature, note.body):
        raise refused(Code.CHECKPOINT_INVALID, field, f"a valid signature of {name}", "one that does not verify")


def cosignature_message(timestamp_s: int, body: bytes) -> bytes:
    """The bytes that a witness signs at that POSIX time over a checkpoint body (tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {timestamp_s}\n".encode() + body


def build_cosignature(*, body: bytes, key: NoteKey, timestamp_s: int, sign: Callable[[bytes], bytes]) -> NoteSignature:
    """A witness's cosignature. The caller has checked the log's signature and that the log only grew."""
    _check_key(key)
    if not 0 < timestamp_s <= MAX_TIMESTAMP_S:
        raise _our_fault("timestamp_s", f"1 to {MAX_TIMESTAMP_S}", str(timestamp_s))
    signature = timestamp_s.to_bytes(8, "big") + sign(cosignature_message(timestamp_s, body))
    hash4 = key_hash(key.name, ED25519_COSIGNATURE, key.public_key)
    return NoteSignature(name=key.name, key_hash4=hash4, signature=signature)


def parse_cosignature(signature: bytes, field: str = "cosignature") -> tuple[int, bytes]:
    """Split a cosignature into its POSIX time in seconds and the 64 bytes of Ed25519. Raises CHECKPOINT_INVALID."""
    if len(signature) != 8 + _SIGNATURE_SIZE:
        raise _invalid(field, f"{8 + _SIGNATURE_SIZE} bytes", f"{len(signature)} bytes")
    timestamp_s = int.from_bytes(signature[:8], "big")
    if not 0 < timestamp_s <= MAX_TIMESTAMP_S:
        raise _invalid(f"{field}.time", f"1 to {MAX_TIMESTAMP_S}", str(timestamp_s))
    return timestamp_s, signature[8:]


def check_cosignature(note: Note, name: str, public_key: bytes, field: str = "checkpoint") -> int:
    """Check that the note carries exactly one valid cosignature of this witness; return its POSIX time in seconds.

    Raises CHECKPOINT_NOT_WITNESSED when there is none, CHECKPOINT_INVALID when there is one that does not verify.
    """
    found = _signature_of(note, name, key_hash(name, ED25519_COSIGNATURE, public_key))
    if found is None:
        raise refused(Code.CHECKPOINT_NOT_WITNESSED, field, f"a cosignature of {name}", _names(note))
    timestamp_s, signature = parse_cosignature(found.signature, f"{field}.cosignature")
    if not _is_signed(public_key, signature, cosignature_message(timestamp_s, note.body)):
        raise refused(Code.CHECKPOINT_INVALID, field, f"a valid cosignature of {name}", "one that does not verify")
    return timestamp_s


def check_witnessed(
    note: Note, *, log: NoteKey, witnesses: Sequence[NoteKey], field: str = "checkpoint"
) -> WitnessedCheckpoint:
    """Check a checkpoint as dockets carry it, and return what it says.

    witnesses: the services with the role `witness` in the roster in force, under their ids.
    1. The body is a checkpoint of this log. 2. The first line is the log's valid signature. 3. Every further line is a
    valid cosignature of a witness, each at most once, in the order of their names; an unknown line is refused here,
    although C2SP lets a reader skip it, since it would be a part of the docket that nobody vouches for. 4. There is at
    least one, and not with the log's own key. Raises CHECKPOINT_INVALID or CHECKPOINT_NOT_WITNESSED.
    """
    checkpoint = parse_checkpoint_body(note.body, field)  # 1
    if checkpoint.origin != log.name:
        raise refused(Code.CHECKPOINT_INVALID, f"{field}.origin", log.name, checkpoint.origin)
    check_log_signature(note, log.name, log.public_key, field)  # 2
    lines = [(each.name, each.key_hash4) for each in note.signatures]
    if lines[0] != (log.name, key_hash(log.name, ED25519_NOTE, log.public_key)):
        raise refused(Code.CHECKPOINT_INVALID, field, "the log's signature first", _names(note))
    known = {  # 3
        (each.name, key_hash(each.name, ED25519_COSIGNATURE, each.public_key)): each
        for each in witnesses
        if each.public_key != log.public_key  # 4
    }
    for line in lines[1:]:
        if line not in known:
            raise refused(Code.CHECKPOINT_INVALID, field, "cosignatures of the roster's witnesses only", line[0])
    if lines[1:] != sorted(set(lines[1:])):
        raise refused(Code.CHECKPOINT_INVALID, field, "each witness once, in the order of their names", _names(note))
    times = [check_cosignature(note, known[line].name, known[line].public_key, field) for line in lines[1:]]
    if not times:  # 4
        raise refused(Code.CHECKPOINT_NOT_WITNESSED, field, "a cosignature of a witness", _names(note))
    return WitnessedCheckpoint(checkpoint=checkpoint, time_s=max(times), witnesses=tuple(name for name, _ in lines[1:]))


def check_extends(*, older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes], field: str = "checkpoint") -> None:
    """Check that the newer checkpoint is of the same log and contains everything of the older one.

    proof: a consistency proof (`merkle.check_consistency`). Raises LOG_NOT_CONSISTENT.
    """
    if older.origin != newer.origin:
        raise refused(Code.LOG_NOT_CONSISTENT, f"{field}.origin", older.origin, newer.origin)
    merkle.check_consistency(
        old_size=older.size,
        old_root=older.root,
        new_size=newer.size,
        new_root=newer.root,
        proof=proof,
        field=f"{field}.consistency",
    )


def check_in_log(
    *, envelope: bytes, index: int, checkpoint: Checkpoint, proof: Sequence[bytes], field: str = "log"
) -> None:
    """Check that a statement's envelope is the log's leaf at `index` under that checkpoint.

    envelope: the canonical JSON bytes of the DSSE envelope, signatures included. Raises NOT_IN_LOG, with PROOF_INVALID
    beside it, which says what is wrong with the proof.
    """
    try:
        merkle.check_inclusion(
            leaf=merkle.leaf_hash(envelope),
            index=index,
            size=checkpoint.size,
            proof=proof,
            root=checkpoint.root,
            field=f"{field}.inclusion",
        )
    except RefusedError as error:
        place = Refusal(
            code=Code.NOT_IN_LOG,
            field=field,
            expected=f"this statement at index {index} of {checkpoint.origin} at size {checkpoint.size}",
            got="a proof that does not show it",
        )
        raise RefusedError(place, *error.refusals) from error


def _parse_signature_line(line: str, field: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if not match or not _NAME.fullmatch(match[1]):
        raise _invalid(field, "a dash, a space, a name, a space and base64", line)
    raw = _parse_base64(match[2], field)
    if len(raw) <= 4:
        raise _invalid(field, "more than 4 bytes", f"{len(raw)} bytes")
    return NoteSignature(name=match[1], key_hash4=raw[:4], signature=raw[4:])


def _parse_base64(text: str, field: str) -> bytes:
    """Read standard base64 in its one spelling; `validate=True` alone would take both `QQ==` and `QR==`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _invalid(field, "standard base64", text) from error
    if base64.b64encode(raw).decode() != text:
        raise _invalid(field, base64.b64encode(raw).decode(), text)
    return raw


def _signature_of(note: Note, name: str, hash4: bytes) -> NoteSignature | None:
    """The one line of this key; `None` when there is none. Two lines of one key are refused: one of them is idle."""
    found = [each for each in note.signatures if each.name == name and each.key_hash4 == hash4]
    if len(found) > 1:
        raise refused(Code.CHECKPOINT_INVALID, "signatures", f"one signature of {name}", f"{len(found)}")
    return found[0] if found else None


@lru_cache(maxsize=2048)
def _is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        ed25519_key(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _check_key(key: NoteKey) -> None:
    if not _NAME.fullmatch(key.name) or len(key.public_key) != 32:
        raise _our_fault("key", "a name without space and plus, and 32 bytes", key.name)


def _names(note: Note) -> str:
    return "signatures of " + ", ".join(each.name for each in note.signatures)


def _invalid(field: str, expected: str, got: str) -> MalformedError:
    return malformed(Code.CHECKPOINT_INVALID, field, expected, got)


def _our_fault(field: str, expected: str, got: str) -> InvariantError:
    return InvariantError(Refusal(code=Code.INVARIANT, field=field, expected=expected, got=got))
