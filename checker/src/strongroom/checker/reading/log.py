"""The checker's own reading of the log: notes, checkpoints, cosignatures and Merkle proofs; spec/log.md.

Written from the specification and not from `strongroom.core`, in another way on purpose: proofs are folded back by the
recursive definitions of RFC 6962 (core follows RFC 9162's loops), notes are taken apart by hand (core uses patterns and
writes them again), and Ed25519 is libsodium's. A mistake in one reading shows as a disagreement with the other.
The checker never signs or extends a log, so nothing here builds anything.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, malformed, refused

LOG_TYPE: Final = 1
WITNESS_TYPE: Final = 4
LARGEST: Final = 2**63 - 1
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A log or a witness as root and roster name it: the name in notes and 32 bytes of Ed25519 public key."""

    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One line below a note. hint: the four bytes that name key and type. signature: the rest."""

    name: str
    hint: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRead:
    """A note taken apart; nothing verified. body: the signed text, in bytes, with its last line feed."""

    body: bytes
    lines: tuple[SignatureLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRead:
    """A verified head of the log. time_s: POSIX seconds, the latest of the witnesses. root: 32 bytes."""

    origin: str
    size: int
    root: bytes
    time_s: int
    witnesses: tuple[str, ...]


def parse_note(text: str, field: str = "note") -> NoteRead:
    """Take a signed note apart. Raises CHECKPOINT_INVALID for anything but the one spelling of spec/log.md."""
    if len(text) > 16_384:
        raise _unreadable(field, "at most 16384 characters", str(len(text)))
    if any(character < " " and character != "\n" for character in text):
        raise _unreadable(field, "no control characters but line feeds", "one")
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _unreadable(field, "text in UTF-8", f"character {error.start}") from error
    cut = raw.rfind(b"\n\n")
    if cut < 1 or not raw.endswith(b"\n") or cut + 2 == len(raw):
        raise _unreadable(field, "a text, an empty line and signature lines", repr(text[-40:]))
    rows = raw[cut + 2 : -1].decode().split("\n")
    if len(rows) > 32:
        raise _unreadable(field, "at most 32 signatures", str(len(rows)))
    lines = tuple(_parse_line(row, f"{field}.signatures[{i}]") for i, row in enumerate(rows))
    return NoteRead(body=raw[: cut + 1], lines=lines)


def check_head(text: str, *, log: Signer, witnesses: Sequence[Signer], field: str = "checkpoint") -> HeadRead:
    """Read a witnessed checkpoint of that log. witnesses: the roster's, under their ids.

    Raises CHECKPOINT_INVALID, or CHECKPOINT_NOT_WITNESSED when nobody cosigned.
    """
    note = parse_note(text, field)
    origin, size, root = _parse_body(note.body, field)
    if origin != log.name:
        raise refused(Code.CHECKPOINT_INVALID, f"{field}.origin", log.name, origin)
    first, *others = note.lines
    if first.name != log.name or first.hint != _hint(log, LOG_TYPE):
        raise refused(Code.CHECKPOINT_INVALID, field, f"the signature of {log.name} first", first.name)
    if not _is_signed_by(log, first.signature, note.body):
        raise refused(Code.CHECKPOINT_INVALID, field, f"a valid signature of {log.name}", "another")
    if not others:
        raise refused(Code.CHECKPOINT_NOT_WITNESSED, field, "a cosignature of a witness", "none")
    times: list[int] = []
    before: tuple[str, bytes] | None = None
    for line in others:
        if before is not None and (line.name, line.hint) <= before:
            raise refused(Code.CHECKPOINT_INVALID, field, "witnesses in ascending order, each once", line.name)
        before = (line.name, line.hint)
        times.append(_check_cosignature(note.body, line, log, witnesses, field))
    return HeadRead(
        origin=origin, size=size, root=root, time_s=max(times), witnesses=tuple(line.name for line in others)
    )


def check_growth(*, older: HeadRead, newer: HeadRead, proof: Sequence[bytes], field: str = "checkpoint") -> None:
    """Check that the newer head contains all that the older one did. Raises LOG_NOT_CONSISTENT."""
    if older.origin != newer.origin:
        raise refused(Code.LOG_NOT_CONSISTENT, f"{field}.origin", older.origin, newer.origin)
    check_consistency(
        old_size=older.size,
        old_root=older.root,
        new_size=newer.size,
        new_root=newer.root,
        proof=proof,
        field=f"{field}.consistency",
    )


def check_statement_in_log(
    *, envelope: bytes, index: int, head: HeadRead, proof: Sequence[bytes], field: str = "log"
) -> None:
    """Check that the canonical envelope bytes are leaf `index` under the head. Raises NOT_IN_LOG and PROOF_INVALID."""
    leaf = sha256(b"\x00" + envelope).digest()
    try:
        check_inclusion(leaf=leaf, index=index, size=head.size, proof=proof, root=head.root, field=f"{field}.inclusion")
    except RefusedError as error:
        expected = f"this statement at index {index} of {head.origin} at size {head.size}"
        missing = Refusal(code=Code.NOT_IN_LOG, field=field, expected=expected, got="a proof that does not show it")
        raise RefusedError(missing, *error.refusals) from error


def check_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes, field: str = "inclusion_proof"
) -> None:
    """Check that the leaf hash is number `index` (from 0) of `size` under that root; registers use it too.

    Raises PROOF_INVALID. Source: PATH of RFC 6962 section 2.1.1, folded back.
    """
    if not 0 <= index < size <= LARGEST:
        raise refused(Code.PROOF_INVALID, field, f"an index below the size {size}", str(index))
    if any(len(each) != 32 for each in (leaf, root, *proof)):
        raise refused(Code.PROOF_INVALID, field, "hashes of 32 bytes", "another length")
    reached = _fold_path(index, size, leaf, list(proof))
    if reached is None:
        raise refused(Code.PROOF_INVALID, field, "as many hashes as the tree is high", f"{len(proof)} hashes")
    if reached != root:
        raise refused(Code.PROOF_INVALID, field, root.hex(), reached.hex())


def check_consistency(
    *,
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
    field: str = "consistency_proof",
) -> None:
    """Check that the tree only grew. Raises LOG_NOT_CONSISTENT.

    Source: PROOF of RFC 6962 section 2.1.2, folded back.
    """
    if not 0 <= old_size <= new_size <= LARGEST:
        raise refused(Code.LOG_NOT_CONSISTENT, field, f"a size of at least {old_size}", str(new_size))
    if any(len(each) != 32 for each in (old_root, new_root, *proof)):
        raise refused(Code.LOG_NOT_CONSISTENT, field, "hashes of 32 bytes", "another length")
    if old_size == 0:
        # An empty log grows into any log, so there is nothing to fold; only its own root can be wrong.
        folded = (sha256(b"").digest(), new_root if new_size else sha256(b"").digest())
        if proof:
            raise refused(Code.LOG_NOT_CONSISTENT, field, "no hashes", f"{len(proof)} hashes")
    else:
        found = _fold_growth(old_size, new_size, list(proof), old_root)
        if found is None:
            raise refused(Code.LOG_NOT_CONSISTENT, field, "as many hashes as needed", f"{len(proof)} hashes")
        folded = found
    if folded[0] != old_root:
        raise refused(Code.LOG_NOT_CONSISTENT, field, old_root.hex(), folded[0].hex())
    if folded[1] != new_root:
        raise refused(Code.LOG_NOT_CONSISTENT, field, new_root.hex(), folded[1].hex())


def _fold_path(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes | None:
    """The root that the path leads to; `None` when the path has not the length that the place needs."""
    if size == 1:
        return None if proof else leaf
    if not proof:
        return None
    half = _half(size)
    sibling = proof.pop()
    if index < half:
        below = _fold_path(index, half, leaf, proof)
        return None if below is None else _join(below, sibling)
    below = _fold_path(index - half, size - half, leaf, proof)
    return None if below is None else _join(sibling, below)


def _fold_growth(old_size: int, size: int, proof: list[bytes], known: bytes | None) -> tuple[bytes, bytes] | None:
    """The old and the new root that a growth proof leads to; `None` when its length is wrong.

    known: the old root while the walk has kept to the left edge, where the proof leaves it out (flag b of the RFC).
    """
    if old_size == size:
        if known is not None:
            return None if proof else (known, known)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    half = _half(size)
    sibling = proof.pop()
    if old_size <= half:
        below = _fold_growth(old_size, half, proof, known)
        return None if below is None else (below[0], _join(below[1], sibling))
    below = _fold_growth(old_size - half, size - half, proof, None)
    return None if below is None else (_join(sibling, below[0]), _join(sibling, below[1]))


def _half(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    half = 1
    while half + half < size:
        half += half
    return half


def _join(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _check_cosignature(body: bytes, line: SignatureLine, log: Signer, witnesses: Sequence[Signer], field: str) -> int:
    """Check one witness line and return its time. A stranger's line is refused: a docket holds nothing unvouched."""
    signer = next((w for w in witnesses if w.name == line.name and _hint(w, WITNESS_TYPE) == line.hint), None)
    if signer is None or signer.public_key == log.public_key:
        raise refused(Code.CHECKPOINT_INVALID, field, "cosignatures of the roster's witnesses only", line.name)
    time_s = int.from_bytes(line.signature[:8], "big")
    if len(line.signature) != 72 or not 1 <= time_s <= LARGEST:
        raise _unreadable(field, "eight bytes of time and a signature", f"{len(line.signature)} bytes")
    message = b"cosignature/v1\ntime " + str(time_s).encode() + b"\n" + body
    if not _is_signed_by(signer, line.signature[8:], message):
        raise refused(Code.CHECKPOINT_INVALID, field, f"a valid cosignature of {signer.name}", "another")
    return time_s


def _parse_body(body: bytes, field: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint's three lines."""
    rows = body.split(b"\n")
    if len(rows) != 4 or rows[3] or not body.isascii():
        raise _unreadable(field, "three lines in ASCII: origin, size, root", f"{len(rows) - 1} lines")
    origin, digits, root = rows[0].decode(), rows[1].decode(), rows[2].decode()
    if not _is_name(origin):
        raise _unreadable(f"{field}.origin", "printable ASCII without space and plus", origin)
    plain = digits.isdecimal() and len(digits) <= 19 and (digits == "0" or digits[0] != "0")
    if not plain or int(digits) > LARGEST:
        raise _unreadable(f"{field}.size", "a decimal number of leaves", digits)
    raw = _decode_base64(root, f"{field}.root")
    if len(raw) != 32:
        raise _unreadable(f"{field}.root", "32 bytes", f"{len(raw)} bytes")
    return origin, int(digits), raw


def _parse_line(row: str, field: str) -> SignatureLine:
    parts = row.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not _is_name(parts[1]):
        raise _unreadable(field, "a dash, a name and base64", row)
    raw = _decode_base64(parts[2], field)
    if len(raw) < 5:
        raise _unreadable(field, "more than 4 bytes", f"{len(raw)} bytes")
    return SignatureLine(name=parts[1], hint=raw[:4], signature=raw[4:])


def _decode_base64(text: str, field: str) -> bytes:
    """Standard base64: full groups, padding only at the end, and the bits that padding leaves over are zero."""
    digits = text.rstrip("=")
    padding = len(text) - len(digits)
    spare_bits = {0: 0, 1: 2, 2: 4}.get(padding)
    if spare_bits is None or len(text) % 4 or not digits or any(each not in _ALPHABET for each in digits):
        raise _unreadable(field, "standard base64", text)
    if _ALPHABET.index(digits[-1]) & ((1 << spare_bits) - 1):
        raise _unreadable(field, "base64 with its spare bits zero", text)
    return b64decode(text)


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= 200 and all("!" <= each <= "~" and each != "+" for each in text)


def _hint(signer: Signer, kind: int) -> bytes:
    return sha256(b"%s\n%c%s" % (signer.name.encode(), kind, signer.public_key)).digest()[:4]


def _is_signed_by(signer: Signer, signature: bytes, message: bytes) -> bool:
    if len(signer.public_key) != 32 or len(signature) != 64:
        return False
    try:
        VerifyKey(signer.public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _unreadable(field: str, expected: str, got: str) -> MalformedError:
    return malformed(Code.CHECKPOINT_INVALID, field, expected, got)
