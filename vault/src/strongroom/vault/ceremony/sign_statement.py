"""A person signs a governance statement (root, roster, policy, lease, HSM register and the like) with their own token.

The whole statement is shown from the bytes to be signed, and the word `sign` is typed. Signatures are added one by one,
each by its holder, possibly in other rooms on other days; the payload never changes on the way.
"""

from __future__ import annotations

from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.keys import PublicKey, Sign
from strongroom.core.records import Base64Bytes
from strongroom.core.statements import (
    Envelope,
    StatementType,
    add_signature,
    parse_envelope_bytes,
    parse_statement,
    payload_type,
    sign_payload,
)
from strongroom.vault.terminal.files import load_file

GOVERNANCE = frozenset(
    {
        StatementType.ROOT,
        StatementType.ROSTER,
        StatementType.POLICY,
        StatementType.PRICES,
        StatementType.REGISTER,
        StatementType.FREEZE_LIFT,
        StatementType.LEASE,
        StatementType.HSM_REGISTER,
        StatementType.RELEASE_MANIFEST,
        StatementType.CEREMONY,
        StatementType.KEY_STATE,
        StatementType.SWEEP,
    }
)
MAX_BYTES = 1024 * 1024


def load_payload(path: Path) -> tuple[StatementType, bytes]:
    """A payload file: the canonical JSON that will be signed. Only governance statements are signed here."""
    raw = load_file(path, MAX_BYTES)
    value = parse_canonical(raw, limit=MAX_BYTES)
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in {k.value for k in GOVERNANCE}:
        names = ", ".join(sorted(k.value for k in GOVERNANCE))
        raise refused(Code.TYPE_MISMATCH, "payload.type", names, str(kind))
    return StatementType(str(kind)), raw


def render_payload(raw: bytes) -> tuple[str, ...]:
    """Every field of the payload on a line of its own, by its path; nothing is left out."""
    return tuple(_lines(parse_canonical(raw, limit=MAX_BYTES), ""))


def sign(kind: StatementType, raw: bytes, envelope: Path, signer: tuple[PublicKey, Sign]) -> Envelope:
    """The envelope with one more signature; a new one where the file is not there yet.

    Raises DIGEST_MISMATCH when the file holds signatures over another payload.
    """
    if not envelope.exists():
        fresh = sign_payload(payload_type(kind), raw, [signer])
        # Parsed before it leaves: nobody signs a statement that no reader would accept.
        parse_statement(fresh)
        return fresh
    known = parse_envelope_bytes(load_file(envelope, MAX_BYTES))
    if known.payload != Base64Bytes(raw) or known.payloadType != payload_type(kind):
        raise refused(Code.DIGEST_MISMATCH, str(envelope), "signatures over the same payload", "another payload")
    return add_signature(known, *signer)


def _lines(value: Json, path: str) -> list[str]:
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _lines(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [line for i, item in enumerate(value) for line in _lines(item, f"{path}[{i}]")] or [f"{path}: none"]
    return [f"{path}: {value if isinstance(value, str) else encode_canonical(value).decode()}"]
