"""Tapping the signature checks of a run: what each verified, to do exactly that again and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import coincurve
from Crypto.Hash import SHA256 as SECOND_SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.signing import VerifyKey

from strongroom.checker.reading import bitcoin_signed, ethereum
from strongroom.checker.reading import keys as second_keys
from strongroom.checker.reading import log as second_log
from strongroom.core import keys as first_keys
from strongroom.core import log as first_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One signature check, to be made again and alone. kind: library and algorithm.

    of_log: over a checkpoint, by the log or a witness; the others are statements'.
    """

    kind: str
    again: Callable[[], object]
    of_log: bool = False


@contextmanager
def tapped(found: list[Check]) -> Iterator[None]:
    """Note every signature check that is made meanwhile, in both readings."""
    with ExitStack() as stack:
        for target, name, note in _taps(found):
            honest = getattr(target, name)
            stack.enter_context(patch.object(target, name, _noting(honest, note)))
        yield


def _noting(honest: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    def call(*arguments: object) -> object:
        note(*arguments)
        return honest(*arguments)

    # A reading that remembers its answers is asked to forget them by whoever times it.
    call.cache_clear = getattr(honest, "cache_clear", lambda: None)  # type: ignore[attr-defined]
    return call


def _taps(found: list[Check]) -> Iterator[tuple[Any, str, Callable[..., None]]]:
    def first(key: first_keys.PublicKey, message: bytes, signature: bytes, _field: str) -> None:
        found.append(_first(key.alg is first_keys.Algorithm.P256, bytes(key.public), message, signature))

    seen: set[object] = set()

    def second(key: second_keys.Key, message: bytes, signature: bytes) -> None:
        if (key, message, signature) not in seen:
            # The second reading remembers what it has verified, so that the same check again costs nothing.
            seen.add((key, message, signature))
            found.append(_second(key.alg is second_keys.Algorithm.P256, key.public, message, signature))

    def first_note(public: bytes, signature: bytes, message: bytes) -> None:
        found.append(replace(_first(False, public, message, signature), of_log=True))  # noqa: FBT003 -- Ed25519.

    def second_note(signer: second_log.Signer, signature: bytes, message: bytes) -> None:
        check = _second(False, signer.public_key, message, signature)  # noqa: FBT003 -- Ed25519.
        found.append(replace(check, of_log=True))

    for module in [m for name, m in sys.modules.items() if name.startswith("strongroom.core.")]:
        if module is not first_keys and getattr(module, "check_signature", None) is first_keys.check_signature:
            yield module, "check_signature", first
    yield first_log, "_is_signed", first_note
    yield second_keys, "_is_signed", second
    yield second_log, "_is_signed_by", second_note
    yield bitcoin_signed, "_is_signed_by", lambda key, der, digest: found.append(_secp256k1(key, der, digest))
    yield ethereum, "_recover", lambda digest, y, r, s: found.append(_recovery(digest, y, r, s))


def _first(is_p256: bool, public: bytes, message: bytes, signature: bytes) -> Check:  # noqa: FBT001 -- the curve.
    if not is_p256:
        return Check(kind="cryptography ed25519", again=lambda: _ed25519(public).verify(signature, message))
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    algorithm = ec.ECDSA(SHA256())
    return Check(kind="cryptography p256", again=lambda: _p256(public).verify(der, message, algorithm))


def _second(is_p256: bool, public: bytes, message: bytes, signature: bytes) -> Check:  # noqa: FBT001 -- the curve.
    if not is_p256:
        return Check(kind="libsodium ed25519", again=lambda: _sodium(public).verify(message, signature))
    return Check(
        kind="pycryptodome p256",
        again=lambda: _pycryptodome(public).verify(SECOND_SHA256.new(message), signature),
    )


def _secp256k1(key: bytes, der: bytes, digest: bytes) -> Check:
    return Check(kind="coincurve secp256k1", again=lambda: _coincurve(key).verify(der, digest, None))


def _recovery(digest: bytes, y: int, r: int, s: int) -> Check:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y])
    recover = coincurve.PublicKey.from_signature_and_message
    return Check(kind="coincurve recovery", again=lambda: recover(raw, digest, None))


def forget_keys() -> None:
    """Let the next round read each distinct key from its bytes once, as a run has to."""
    for loader in (_ed25519, _p256, _sodium, _coincurve, _pycryptodome):
        loader.cache_clear()


@cache
def _ed25519(public: bytes) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(public)


@cache
def _p256(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)


@cache
def _sodium(public: bytes) -> VerifyKey:
    return VerifyKey(public)


@cache
def _coincurve(public: bytes) -> coincurve.PublicKey:
    return coincurve.PublicKey(public)


@cache
def _pycryptodome(public: bytes) -> Any:  # noqa: ANN401 -- the library has no name for what it makes.
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    return DSS.new(ECC.construct(curve="P-256", point_x=x, point_y=y), "fips-186-3")
