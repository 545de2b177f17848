"""Signatures of FIDO2 keys, read a second time; spec/statement.md, "FIDO2 keys".

The client data is parsed here, field by field, and written again, where the first reading compares it with a template.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Final

from strongroom.checker.reading.canonical import parse_canonical
from strongroom.checker.reading.fields import Node
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused

MAX_BYTES: Final = 2048
_USER_PRESENT: Final = 1
_USER_VERIFIED: Final = 4
_LABEL: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def is_host_name(text: str) -> bool:
    """Whether it is a host name in lower case: labels of letters, digits and inner hyphens."""
    labels = text.split(".")
    return len(text) <= 253 and all(
        label and set(label) <= _LABEL and not label.startswith("-") and not label.endswith("-") for label in labels
    )


def read_assertion(raw: bytes, host: str, message: bytes, path: str) -> tuple[bytes, bytes]:
    """What the key signed, and its signature. Raises SIGNATURE_INVALID for everything that is not as it must be."""
    try:
        found = Node(parse_canonical(raw, limit=MAX_BYTES, path=path), path).members(
            "authenticator_data", "client_data", "signature"
        )
        data, client, signature = (found[name].base64() for name in ("authenticator_data", "client_data", "signature"))
    except (MalformedError, RefusedError) as error:
        raise _invalid(path, "an assertion in its one spelling") from error
    if len(signature) != 64:
        raise _invalid(f"{path}.signature", "64 bytes")
    _check_client_data(client, host, message, f"{path}.client_data")
    _check_authenticator_data(data, host, f"{path}.authenticator_data")
    return data + sha256(client).digest(), signature


def _check_client_data(raw: bytes, host: str, message: bytes, path: str) -> None:
    try:
        pairs = json.loads(raw.decode("ascii"), object_pairs_hook=list)
        again = json.dumps(dict(pairs), separators=(",", ":")).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise _invalid(path, "one JSON object") from error
    # Written again it must be the same bytes: no second spelling, no field twice.
    if again != raw:
        raise _invalid(path, "an object without a second spelling")
    names = [name for name, _ in pairs]
    if names != ["type", "challenge", "origin", "crossOrigin"]:
        raise _invalid(path, "type, challenge, origin and crossOrigin")
    fields = dict(pairs)
    # A browser signs whatever challenge a page chose, under the page's origin: none of those is an origin here, so that
    # nobody who logs in at a page signs a statement.
    if fields["type"] != "webauthn.get" or fields["origin"] != f"strongroom:{host}":
        raise _invalid(path, f"an assertion that no browser made, for strongroom:{host}")
    if fields["crossOrigin"] is not False:
        raise _invalid(path, "no frame of another origin")
    if _decode_challenge(fields["challenge"]) != sha256(message).digest():
        raise _invalid(path, "the digest of what is signed as the challenge")


def _check_authenticator_data(data: bytes, host: str, path: str) -> None:
    if len(data) != 37:
        raise _invalid(path, "37 bytes")
    if data[:32] != sha256(host.encode("ascii")).digest():
        raise _invalid(path, f"the digest of {host}")
    if data[32] != _USER_PRESENT | _USER_VERIFIED:
        raise _invalid(path, "a person present and verified, and nothing attached")


def _decode_challenge(value: object) -> bytes | None:
    """The 32 bytes, or None for a text that is not their one spelling in base64url without padding."""
    if not isinstance(value, str) or len(value) != 43 or not value.isascii():
        return None
    # 43 characters carry two bits more than 32 bytes have; they must be zero.
    if value[-1] not in "AEIMQUYcgkosw048" or "+" in value or "/" in value:
        return None
    try:
        raw = urlsafe_b64decode(value + "=")
    except Base64Error:
        return None
    return raw if len(raw) == 32 else None


def _invalid(path: str, expected: str) -> RefusedError:
    return refused(Code.SIGNATURE_INVALID, path, expected, "another")
