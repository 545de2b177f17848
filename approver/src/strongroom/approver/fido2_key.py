"""The person's own FIDO2 key: made for one relying party, unlocked by its PIN, touched for every signature.

It is spoken to directly, without a browser, so the client data is ours, byte for byte. The key asks for a touch by
itself; it also counts wrong PINs and locks itself, besides the device's own count. FIDO2's error tree ends here.
Source: FIDO CTAP 2.1, 6.1, 6.2 and 6.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice

from strongroom.approver.store import Credential
from strongroom.core.assertions import build_client_data, parse_rp_id
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, StrongroomError, UnavailableError, refused
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, PublicKey, encode_assertion
from strongroom.core.records import HexBytes

Devices = Callable[[], Iterable[CtapDevice]]
"""Lists the FIDO2 keys that are plugged in."""
_PIN_ERRORS = frozenset(
    {
        CtapError.ERR.PIN_INVALID,
        CtapError.ERR.PIN_BLOCKED,
        CtapError.ERR.PIN_AUTH_BLOCKED,
        CtapError.ERR.PIN_AUTH_INVALID,
        CtapError.ERR.PIN_NOT_SET,
    }
)


def list_devices() -> Iterable[CtapDevice]:
    """The keys on this machine's USB ports."""
    return CtapHidDevice.list_devices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fido2Key:
    """An unlocked key: its public side, and `sign` over a message, which waits for the person's touch."""

    key: PublicKey
    _ctap: Ctap2 = field(repr=False)
    _credential: bytes = field(repr=False)
    _pin: str = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The assertion over SHA-256 of the message. Raises KEY_NOT_IN_TOKEN, SIGNATURE_INVALID; UnavailableError."""
        digest = sha256(build_client_data(self.key.rp_id, message)).digest()
        with translated():
            # A key gives each permission once: so that a program that was unlocked cannot sign a second time unseen.
            parameter, version = _authorise(
                self._ctap, self._pin, ClientPin.PERMISSION.GET_ASSERTION, self.key.rp_id, digest
            )
            answer = self._ctap.get_assertion(
                self.key.rp_id,
                digest,
                [{"type": "public-key", "id": self._credential}],
                pin_uv_param=parameter,
                pin_uv_protocol=version,
            )
        return encode_assertion(self.key, message, bytes(answer.auth_data), answer.signature)


@contextmanager
def open_fido2(credential: Credential, pin: str, devices: Devices = list_devices) -> Iterator[Fido2Key]:
    """Unlock the one key that is plugged in. Raises PIN_WRONG; UnavailableError TOKEN_UNAVAILABLE, also for two."""
    key = PublicKey(alg=Algorithm.WEBAUTHN_P256, public=credential.public)
    with find_device(devices) as device:
        with translated():
            ctap = Ctap2(device)
            # Asked for now, so that a wrong PIN is told before the person reads a docket.
            ClientPin(ctap).get_pin_token(pin, ClientPin.PERMISSION.GET_ASSERTION, key.rp_id)
        yield Fido2Key(key=key, _ctap=ctap, _credential=credential.credential, _pin=pin)


def make_fido2_key(person: PartyId, rp_id: str, pin: str, devices: Devices = list_devices) -> Credential:
    """Make a key pair for one relying party in the key that is plugged in; the secret never leaves it.

    Raises FIELD_INVALID for the relying party, PIN_WRONG; UnavailableError TOKEN_UNAVAILABLE.
    """
    parse_rp_id(rp_id.encode(), "rp_id")
    # Nothing of this ceremony's challenge is kept: whose key it is says the roster, which its quorum signs.
    digest = sha256(b"strongroom-fido2-key/1\n" + person.encode()).digest()
    with find_device(devices) as device, translated():
        ctap = Ctap2(device)
        parameter, version = _authorise(ctap, pin, ClientPin.PERMISSION.MAKE_CREDENTIAL, rp_id, digest)
        made = ctap.make_credential(
            digest,
            {"id": rp_id, "name": rp_id},
            {"id": sha256(person.encode()).digest(), "name": person},
            [{"type": "public-key", "alg": ES256.ALGORITHM}],
            pin_uv_param=parameter,
            pin_uv_protocol=version,
        )
    data = made.auth_data.credential_data
    if data is None:
        raise _gone("a key that was made", "none")
    point = ec.EllipticCurvePublicNumbers(
        int.from_bytes(data.public_key[-2], "big"), int.from_bytes(data.public_key[-3], "big"), ec.SECP256R1()
    )
    raw = b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    return Credential(credential=HexBytes(bytes(data.credential_id)), public=HexBytes(raw + rp_id.encode()))


@contextmanager
def find_device(devices: Devices) -> Iterator[CtapDevice]:
    """The one key that is plugged in. Raises UnavailableError TOKEN_UNAVAILABLE, also for two: nothing is guessed."""
    try:
        found = list(devices())
    except OSError as error:
        raise _gone("one FIDO2 key", type(error).__name__) from error
    if len(found) != 1:
        raise _gone("one FIDO2 key", f"{len(found)} keys")
    with found[0] as device:
        yield device


@contextmanager
def translated() -> Iterator[None]:
    """Turn FIDO2's errors into ours."""
    try:
        yield
    except CtapError as error:
        raise _translate(error) from error
    except (OSError, ValueError) as error:
        raise _gone("a FIDO2 key that answers", type(error).__name__) from error


def _translate(error: CtapError) -> StrongroomError:
    if error.code in _PIN_ERRORS:
        return refused(Code.PIN_WRONG, "FIDO2 key", "the key's PIN", error.code.name)
    if error.code == CtapError.ERR.NO_CREDENTIALS:
        return refused(Code.KEY_NOT_IN_TOKEN, "FIDO2 key", "the key that the roster names", "another one")
    return _gone("a FIDO2 key that answers, and a touch", error.code.name)


def _authorise(ctap: Ctap2, pin: str, permission: ClientPin.PERMISSION, rp_id: str, digest: bytes) -> tuple[bytes, int]:
    client = ClientPin(ctap)
    token = client.get_pin_token(pin, permission, rp_id)
    return client.protocol.authenticate(token, digest), client.protocol.VERSION


def _gone(expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field="FIDO2 key", expected=expected, got=got))
