"""A FIDO2 key in software: it answers as a security key answers, and can be told to answer wrongly.

The bytes that it signs are made here from the standard and not by the code under test. The contract tests hold it
against an assertion that a real browser's authenticator made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.records import HexBytes
from world_keys import seed

UP, UV = 0x01, 0x04


@dataclass(kw_only=True)
class SoftwareAuthenticator:
    """One credential for one relying party. Every field may be made wrong; None leaves the honest value."""

    name: str
    rp_id: str = "approvals.strongroom.example"
    flags: int = UP | UV
    counter: int = 7
    kind: str = "webauthn.get"
    origin: str | None = None
    challenge: str | None = None
    hashed_rp_id: str | None = None
    attached: bytes = b""
    extra: dict[str, object] = field(default_factory=lambda: {"crossOrigin": False})

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(seed("fido2 " + self.name), "big") % (P256_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())

    @property
    def key(self) -> PublicKey:
        numbers = self.private.public_key().public_numbers()
        point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        return PublicKey(alg=Algorithm.WEBAUTHN_P256, public=HexBytes(point + self.rp_id.encode()))

    def client_data(self, message: bytes) -> bytes:
        digest = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).decode().rstrip("=")
        fields: dict[str, object] = {
            "type": self.kind,
            "challenge": self.challenge if self.challenge is not None else digest,
            "origin": self.origin if self.origin is not None else f"strongroom:{self.rp_id}",
            **self.extra,
        }
        return json.dumps(fields, separators=(",", ":")).encode()

    def authenticator_data(self) -> bytes:
        hashed = hashlib.sha256((self.hashed_rp_id or self.rp_id).encode()).digest()
        return hashed + bytes([self.flags]) + self.counter.to_bytes(4, "big") + self.attached

    def sign_raw(self, data: bytes) -> bytes:
        """`r || s`, low-S."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")

    def sign(self, message: bytes) -> bytes:
        """The assertion as it stands in an envelope."""
        return self.assemble(self.authenticator_data(), self.client_data(message))

    def assemble(self, data: bytes, client: bytes) -> bytes:
        """Any authenticator data and client data, rightly signed."""
        signature = self.sign_raw(data + hashlib.sha256(client).digest())
        return record(data, client, signature)


def record(data: bytes, client: bytes, signature: bytes) -> bytes:
    """The three parts as canonical JSON."""
    parts = {"authenticator_data": data, "client_data": client, "signature": signature}
    found = {name: base64.b64encode(part).decode() for name, part in parts.items()}
    return json.dumps(found, separators=(",", ":")).encode()
