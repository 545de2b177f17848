"""A FIDO2 key on the other side of CTAP 2: it speaks the protocol's bytes, with a PIN, to test a client's code.

What it signs is made by `authenticator.SoftwareAuthenticator`, whose answers keep the contract with a real browser's.
Source: FIDO CTAP 2.1, 6.1, 6.2, 6.4 and 6.5 (PIN protocol one).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event
from typing import Any, Self, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice
from fido2.hid import CAPABILITY

from authenticator import UP, UV, SoftwareAuthenticator

MAKE, GET, INFO, PIN = 0x01, 0x02, 0x04, 0x06
AGREE, TOKEN_BY_PIN = 0x02, 0x09
OK, INVALID_COMMAND, NO_CREDENTIALS, PIN_INVALID, PIN_BLOCKED, PIN_AUTH_INVALID, NOT_TOUCHED = (
    b"\x00",
    b"\x01",
    b"\x2e",
    b"\x31",
    b"\x32",
    b"\x33",
    b"\x2f",
)
ATTACHED = 0x40
HANDLE = b"a handle that only this key understands"


class CtapKey(CtapDevice):
    """One key. pin: of its owner. is_touched: whether somebody touches it when it asks."""

    def __init__(self, software: SoftwareAuthenticator, pin: str = "2468-fido") -> None:
        self.software = software
        self.pin = pin
        self.is_touched = True
        self.tries = 8
        self._agreement = ec.generate_private_key(ec.SECP256R1())
        self._token = b""
        self._permissions = 0

    @property
    def capabilities(self) -> int:
        return int(CAPABILITY.CBOR)

    def __enter__(self) -> Self:
        return self

    def call(
        self,
        cmd: int,  # noqa: ARG002  # The library's interface: CTAPHID_CBOR is the only one that is used.
        data: bytes = b"",
        event: Event | None = None,  # noqa: ARG002  # As cmd.
        on_keepalive: Callable[[STATUS], None] | None = None,  # noqa: ARG002  # As cmd.
    ) -> bytes:
        fields = cast("Mapping[int, Any]", cbor.decode(data[1:]) if len(data) > 1 else {})
        answers = {INFO: self._info, PIN: self._client_pin, MAKE: self._make, GET: self._get}
        answer = answers.get(data[0])
        return answer(fields) if answer else INVALID_COMMAND

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())

    def _info(self, _fields: Mapping[int, Any]) -> bytes:
        options = {"rk": True, "up": True, "clientPin": True, "pinUvAuthToken": True}
        return OK + cbor.encode({1: ["FIDO_2_1"], 3: bytes(16), 4: options, 5: 2048, 6: [1]})

    def _client_pin(self, fields: Mapping[int, Any]) -> bytes:
        if fields[2] == AGREE:
            numbers = self._agreement.public_key().public_numbers()
            point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
            return OK + cbor.encode({1: {1: 2, 3: -25, -1: 1, **point}})
        if fields[2] != TOKEN_BY_PIN:
            return INVALID_COMMAND
        if self.tries == 0:
            return PIN_BLOCKED
        secret = self._shared(fields[3])
        if _aes(secret).decryptor().update(fields[6]) != hashlib.sha256(self.pin.encode()).digest()[:16]:
            self.tries -= 1
            return PIN_INVALID
        self.tries = 8
        self._token, self._permissions = hashlib.sha256(secret).digest(), fields[9]
        return OK + cbor.encode({2: _aes(secret).encryptor().update(self._token)})

    def _make(self, fields: Mapping[int, Any]) -> bytes:
        refusal = self._refuse(fields[1], fields.get(8), 0x01)
        if refusal:
            return refusal
        numbers = self.software.private.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attached = bytes(16) + len(HANDLE).to_bytes(2, "big") + HANDLE + cbor.encode(public)
        made = replace(self.software, rp_id=fields[2]["id"], flags=UP | UV | ATTACHED, attached=attached)
        return OK + cbor.encode({1: "none", 2: made.authenticator_data(), 3: {}})

    def _get(self, fields: Mapping[int, Any]) -> bytes:
        refusal = self._refuse(fields[2], fields.get(6), 0x02)
        if refusal:
            return refusal
        if fields[1] != self.software.rp_id or HANDLE not in {each["id"] for each in fields[3]}:
            return NO_CREDENTIALS
        data = self.software.authenticator_data()
        signature = self.software.private.sign(data + fields[2], ec.ECDSA(hashes.SHA256()))
        return OK + cbor.encode({1: {"type": "public-key", "id": HANDLE}, 2: data, 3: signature})

    def _refuse(self, digest: bytes, parameter: bytes | None, permission: int) -> bytes | None:
        """A token is used up by one touch, and allows only what it was asked for."""
        token, self._token = self._token, b""
        wanted = hmac.new(token, digest, "sha256").digest()[:16]
        if not token or parameter != wanted or not self._permissions & permission:
            return PIN_AUTH_INVALID
        return None if self.is_touched else NOT_TOUCHED

    def _shared(self, theirs: Mapping[int, Any]) -> bytes:
        x, y = (int.from_bytes(theirs[name], "big") for name in (-2, -3))
        point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        return hashlib.sha256(self._agreement.exchange(ec.ECDH(), point)).digest()


def _aes(secret: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(secret), modes.CBC(bytes(16)))
