"""The arithmetic of a token, tried on keys that are thrown away, on both curves."""

from __future__ import annotations

import hashlib

import coincurve
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError, refused
from strongroom.core.keys import Algorithm, PublicKey, check_signature
from strongroom.core.records import HexBytes
from strongroom.vault.hsm.ecdsa import (
    P256_ORDER,
    SECP256K1_ORDER,
    encode_der_signature,
    encode_signature,
    parse_ec_point,
    split_signature,
)
from strongroom.vault.hsm.handles import as_signing_key
from strongroom.vault.hsm.module import token_errors

_MESSAGE = b"strongroom-token-self-test/1\n"


def check_token_arithmetic(session: pkcs11.Session) -> None:
    """Make a session key of each curve, sign, and verify with libraries that share nothing with the token.

    session: the user's. Nothing of it stays in the token. Raises RefusedError SELF_TEST_FAILED; UnavailableError.
    """
    point, r, s = _sign_once(session, "secp256k1", SECP256K1_ORDER)
    digest = hashlib.sha256(_MESSAGE).digest()
    if not coincurve.PublicKey(point).verify(encode_der_signature(r, s), digest, hasher=None):
        raise _failed("secp256k1")
    point, r, s = _sign_once(session, "secp256r1", P256_ORDER)
    try:
        key = PublicKey(alg=Algorithm.P256, public=HexBytes(point))
        check_signature(key, _MESSAGE, encode_signature(r, s), "token self-test")
    except RefusedError as error:
        raise _failed("secp256r1") from error


def _sign_once(session: pkcs11.Session, curve: str, order: int) -> tuple[bytes, int, int]:
    """A new key's point (65 bytes) and its signature over SHA-256 of the message, low-S."""
    field = f"token self-test {curve}"
    with token_errors(field):
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}, local=True
        )
        public, private = parameters.generate_keypair(
            store=False,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        try:
            raw = as_signing_key(private, field).sign(hashlib.sha256(_MESSAGE).digest(), mechanism=Mechanism.ECDSA)
            point = parse_ec_point(public[Attribute.EC_POINT], field)
        finally:
            private.destroy()
            public.destroy()
    try:
        return point, *split_signature(raw, order, field)
    except StrongroomError as error:
        raise _failed(curve) from error


def _failed(curve: str) -> RefusedError:
    return refused(Code.SELF_TEST_FAILED, f"token self-test {curve}", "a signature that verifies", "one that does not")
