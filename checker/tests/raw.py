"""Statements as raw JSON, signed with the world's software keys: what core's own records would refuse to hold."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from strongroom.checker.reading.canonical import encode_canonical
from strongroom.checker.reading.envelopes import Envelope, parse_envelope
from strongroom.checker.reading.fields import Node
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from world import signer_of

HEADER = {
    "environment": "development",
    "issued_at": "2027-03-14T02:00:00Z",
    "organization": "test-custody",
    "version": 1,
}


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, written once more."""
    return b" ".join([b"DSSEv1", b"%d" % len(payload_type), payload_type.encode(), b"%d" % len(payload), payload])


def envelope_of(kind: str, body: object, issuer: str, signers: Iterable[str], **header: object) -> dict[str, Any]:
    """A signed envelope with any body."""
    payload = encode_canonical({**HEADER, "body": body, "issuer": issuer, "type": kind, **header})  # type: ignore[dict-item]
    return signed(f"application/vnd.strongroom.{kind}.v1+json", payload, signers)


def signed(payload_type: str, payload: bytes, signers: Iterable[str]) -> dict[str, Any]:
    """An envelope around any payload."""
    message = pae(payload_type, payload)
    signatures = [
        {"keyid": str(s.key.key_id), "sig": b64encode(s.sign(message)).decode()} for s in map(signer_of, signers)
    ]
    return {
        "payload": b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": sorted(signatures, key=lambda each: each["keyid"]),
    }


def read(value: Mapping[str, Any], path: str = "it") -> Envelope:
    """The checker's reading of an envelope."""
    return parse_envelope(Node(dict(value), path))


def payload_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """What an envelope says, as plain JSON."""
    found: dict[str, Any] = json.loads(b64decode(value["payload"]))
    return found


def codes_of(work: Callable[[], object]) -> frozenset[Code]:
    """The codes that a call refuses with; empty when it holds."""
    try:
        work()
    except StrongroomError as error:
        return error.codes
    return frozenset()
