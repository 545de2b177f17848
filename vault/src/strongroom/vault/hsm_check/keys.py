"""Making keys and signing with them, on each curve."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.errors import MalformedError
from strongroom.vault.hsm.ecdsa import parse_ec_point
from strongroom.vault.hsm.handles import SigningKey, as_signing_key, as_verifying_key
from strongroom.vault.hsm.quirks import Nonces
from strongroom.vault.hsm_check.bench import Bench, attempt, make_pair
from strongroom.vault.hsm_check.curves import TEST_KEY, Curve
from strongroom.vault.hsm_check.judge import (
    Denied,
    Origin,
    Signed,
    finding,
    judge_distinct_r,
    judge_encoding,
    judge_low_s,
    judge_origin,
    judge_rfc6979,
    judge_signatures,
    judge_verify,
)
from strongroom.vault.hsm_check.points import CURVE_POINTS, GENERATE, Finding, Verdict

SEALED: dict[Attribute, object] = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
_PROGRESS_EVERY = 250
_COMPARED = 16


def check_curve(bench: Bench, curve: Curve) -> Iterator[Finding]:
    """Every point of one curve, in the order of `CURVE_POINTS`."""
    with bench.session() as session:
        pair = attempt(lambda: make_pair(session, curve, SEALED))
        if isinstance(pair, Denied):
            verdict = pair.verdict_where_yes_is_wanted
            yield finding(GENERATE, verdict, pair.error, curve.name)
            for point in CURVE_POINTS[1:]:
                yield finding(point, verdict, "there is no such key", curve.name)
            return
        public, private = pair
        yield finding(GENERATE, Verdict.PASS, "made", curve.name)
        yield judge_origin(_origin(private), curve.name)
        raw = bytes(public[Attribute.EC_POINT])
        yield judge_encoding(raw, curve.name)
        signed = _sign_many(bench, private, curve)
        place = _readable_point(raw)
        yield judge_signatures(curve, place, signed)
        yield _check_verify(public, signed[0], curve)
        yield judge_low_s(curve, place, signed)
        yield judge_distinct_r(signed, curve.name)
        declared = bench.quirks.nonces
        pairs = attempt(lambda: _deterministic_pairs(session, curve)) if declared is Nonces.RFC6979 else ()
        yield judge_rfc6979(declared, pairs, curve)


def sign_and_verify(private: object, curve: Curve, point: bytes) -> bool:
    """One signature by this key, checked with the other library. Raises the module's own errors."""
    digest = hashlib.sha256(b"strongroom-hsm check").digest()
    return curve.verifies(point, digest, _signing(private).sign(digest, mechanism=Mechanism.ECDSA))


def _signing(found: object) -> SigningKey:
    return as_signing_key(found, "key of the check")


def _origin(private: pkcs11.PrivateKey) -> Origin:
    def said(name: Attribute) -> bool | None:
        answer = attempt(lambda: bool(private[name]))
        return None if isinstance(answer, Denied) else answer

    return Origin(
        local=said(Attribute.LOCAL),
        always_sensitive=said(Attribute.ALWAYS_SENSITIVE),
        never_extractable=said(Attribute.NEVER_EXTRACTABLE),
    )


def _readable_point(raw: bytes) -> bytes:
    # An unreadable point has already failed its own point of the run; nothing verifies under the empty one.
    try:
        return parse_ec_point(raw, "EC_POINT")
    except MalformedError:
        return b""


def _sign_many(bench: Bench, private: pkcs11.PrivateKey, curve: Curve) -> list[Signed]:
    signed = []
    key = _signing(private)
    for number in range(bench.signatures):
        digest = hashlib.sha256(f"strongroom-hsm check {number}".encode()).digest()
        signed.append(Signed(digest=digest, raw=key.sign(digest, mechanism=Mechanism.ECDSA)))
        if number % _PROGRESS_EVERY == 0 or number + 1 == bench.signatures:
            bench.progress(f"signatures on {curve.name}", number + 1, bench.signatures)
    return signed


def _check_verify(public: pkcs11.PublicKey, one: Signed, curve: Curve) -> Finding:
    key = as_verifying_key(public, "key of the check")
    changed = bytes([one.digest[0] ^ 1]) + one.digest[1:]
    return judge_verify(
        attempt(lambda: bool(key.verify(one.digest, one.raw, mechanism=Mechanism.ECDSA))),
        attempt(lambda: bool(key.verify(changed, one.raw, mechanism=Mechanism.ECDSA))),
        curve.name,
    )


def _deterministic_pairs(session: pkcs11.Session, curve: Curve) -> list[tuple[bytes, bytes]]:
    imported = _signing(
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.KEY_TYPE: KeyType.EC,
                Attribute.EC_PARAMS: encode_named_curve_parameters(curve.name),
                Attribute.VALUE: TEST_KEY,
                Attribute.TOKEN: False,
                Attribute.SIGN: True,
            }
        )
    )
    digests = [hashlib.sha256(f"RFC 6979 {number}".encode()).digest() for number in range(_COMPARED)]
    return [(imported.sign(d, mechanism=Mechanism.ECDSA), curve.sign(d)) for d in digests]
