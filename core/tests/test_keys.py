"""Keys: lengths, ids, and signatures that verify in one spelling only."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey, check_signature
from strongroom.core.records import HexBytes
from world import ed25519_signer, p256_signer

from .refusals import flip, refuse

MESSAGE = b"one message"
SIGNERS = {"ed25519": ed25519_signer("a"), "p256": p256_signer("a")}


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signature_is_of_one_key_over_one_message(name: str) -> None:
    signer, other = SIGNERS[name], {"ed25519": ed25519_signer("b"), "p256": p256_signer("b")}[name]
    signature = signer.sign(MESSAGE)
    check_signature(signer.key, MESSAGE, signature, "sig")
    refuse(Code.SIGNATURE_INVALID, lambda: check_signature(other.key, MESSAGE, signature, "sig"))
    refuse(Code.SIGNATURE_INVALID, lambda: check_signature(signer.key, b"another", signature, "sig"))
    for raw in (b"", signature[:-1], signature + b"\0", bytes(64)):
        refuse(Code.SIGNATURE_INVALID, lambda raw=raw: check_signature(signer.key, MESSAGE, raw, "sig"))


@pytest.mark.parametrize("name", SIGNERS)
@given(at=st.integers(0, 511))
def test_no_bit_of_a_signature_is_free(name: str, at: int) -> None:
    signer = SIGNERS[name]
    signature = bytearray(signer.sign(MESSAGE))
    check_signature(signer.key, MESSAGE, bytes(signature), "sig")
    signature[at // 8] ^= 1 << at % 8
    with pytest.raises(Exception, match=r"SIGNATURE_(INVALID|HIGH_S)"):
        check_signature(signer.key, MESSAGE, bytes(signature), "sig")


def test_a_high_s_is_refused() -> None:
    """Both s and n - s verify, so without the rule a stranger could spell one signature in a second way."""
    signer = p256_signer("a")
    signature = signer.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "big")
    assert s <= P256_ORDER // 2
    high = signature[:32] + (P256_ORDER - s).to_bytes(32, "big")
    refuse(Code.SIGNATURE_HIGH_S, lambda: check_signature(signer.key, MESSAGE, high, "sig"))
    check_signature(signer.key, MESSAGE, signature, "sig")


def test_a_key_has_its_length_and_form() -> None:
    good = p256_signer("a").key
    assert PublicKey(alg=Algorithm.ED25519, public=HexBytes(bytes(32)))
    for alg, public in (
        (Algorithm.ED25519, bytes(31)),
        (Algorithm.ED25519, good.public),
        (Algorithm.P256, good.public[1:]),
        (Algorithm.P256, b"\2" + good.public[1:33]),
        (Algorithm.P256, b"\6" + good.public[1:]),
    ):
        refuse(Code.FIELD_INVALID, lambda alg=alg, public=public: PublicKey(alg=alg, public=HexBytes(public)))


def test_a_point_off_the_curve_signs_nothing() -> None:
    signer = p256_signer("a")
    off = replace(signer.key, public=flip(signer.key.public, 64))
    refuse(Code.SIGNATURE_INVALID, lambda: check_signature(off, MESSAGE, signer.sign(MESSAGE), "sig"))


def test_the_algorithm_is_part_of_the_key_id() -> None:
    key = ed25519_signer("a").key
    assert "sha256:" + hashlib.sha256(b"ed25519\0" + key.public).hexdigest() == key.key_id
