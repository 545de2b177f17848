"""A FIDO2 key's signature over a statement: a WebAuthn assertion, read strictly; spec/statement.md, "FIDO2 keys".

A FIDO2 key signs no message of ours but its own data and a small JSON that holds a challenge; the challenge is SHA-256
of what we want signed. Both are compared with the only bytes that they may be: whoever could choose a byte of them
could spell one signature in two ways, or bring one that was made for another site.
The origin is one that no browser writes: a page, also the relying party's own login, chooses the challenge that a
browser has signed, and would else collect signatures of statements from people who only log in.
Source: W3C Web Authentication Level 2, 5.8.1, 6.1 and 7.2.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, malformed, refused
from strongroom.core.records import Base64Bytes, encode_record, parse_record

MAX_ASSERTION_BYTES = 2048
MAX_RP_ID = 253
ORIGIN_SCHEME = "strongroom:"
"""Before the relying party, in place of `https://`: a browser writes the origin of a page, and no page has this one."""
PRESENT_AND_VERIFIED = 0x05
"""Flags UP and UV and no other: nothing attached, no extension, and a key that is not synchronised to other devices."""
_AUTHENTICATOR_BYTES = 37
_RP_ID = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What stands in an envelope as `sig`. signature: `r || s`, 64 bytes, low-S."""

    authenticator_data: Base64Bytes
    client_data: Base64Bytes
    signature: Base64Bytes

    def encode(self) -> bytes:
        """The canonical bytes."""
        return encode_canonical(encode_record(self))


def parse_rp_id(raw: bytes, field: str) -> str:
    """The relying party of a key: a host name in lower case. Raises FIELD_INVALID."""
    text = raw.decode("ascii", errors="replace")
    if len(text) > MAX_RP_ID or not _RP_ID.fullmatch(text):
        raise malformed(Code.FIELD_INVALID, field, "a host name in lower case", repr(text)[:80])
    return text


def build_challenge(message: bytes) -> str:
    """What the key is asked to sign for a message: base64url of its SHA-256, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(message).digest()).rstrip(b"=").decode()


def build_client_data(rp_id: str, message: bytes) -> bytes:
    """The client data as our own signers make it, in WebAuthn's order of fields; there is no other spelling."""
    # Neither a challenge nor a host name holds a character that JSON would escape.
    return b'{"type":"webauthn.get","challenge":"%s","origin":"%s%s","crossOrigin":false}' % (
        build_challenge(message).encode(),
        ORIGIN_SCHEME.encode(),
        rp_id.encode(),
    )


def read_assertion(raw: bytes, rp_id: str, message: bytes, field: str) -> tuple[bytes, bytes]:
    """Check everything but the curve: returns the bytes that the key signed, and its signature of 64 bytes.

    1. One canonical record. 2. The client data: as our signers make it, byte for byte.
    3. The authenticator's data: this relying party, a person present and verified, nothing attached.
    Raises RefusedError SIGNATURE_INVALID.
    """
    assertion = _parse(raw, field)
    client_data = build_client_data(rp_id, message)
    if assertion.client_data != client_data:
        got = ascii(bytes(assertion.client_data))[:200]
        raise refused(Code.SIGNATURE_INVALID, f"{field}.client_data", client_data.decode(), got)
    data = assertion.authenticator_data
    if len(data) != _AUTHENTICATOR_BYTES or data[:32] != hashlib.sha256(rp_id.encode()).digest():
        raise refused(Code.SIGNATURE_INVALID, f"{field}.authenticator_data", f"37 bytes for {rp_id}", data.hex()[:80])
    if data[32] != PRESENT_AND_VERIFIED:
        raise refused(
            Code.SIGNATURE_INVALID, f"{field}.authenticator_data", "a person present and verified", f"0x{data[32]:02x}"
        )
    return bytes(data) + hashlib.sha256(assertion.client_data).digest(), bytes(assertion.signature)


def _parse(raw: bytes, field: str) -> Assertion:
    try:
        found = parse_record(Assertion, parse_canonical(raw, limit=MAX_ASSERTION_BYTES), field)
    except (MalformedError, RefusedError) as error:
        raise refused(Code.SIGNATURE_INVALID, field, "a canonical assertion", f"{len(raw)} other bytes") from error
    if len(found.signature) != 64:
        raise refused(Code.SIGNATURE_INVALID, f"{field}.signature", "64 bytes", f"{len(found.signature)} bytes")
    return found
