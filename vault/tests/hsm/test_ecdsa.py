"""Points, low-S and DER, against an independent library."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError
from strongroom.vault.hsm.ecdsa import (
    P256_ORDER,
    SECP256K1_ORDER,
    compress_point,
    encode_der_signature,
    encode_p256_spki,
    encode_signature,
    parse_ec_point,
    split_signature,
)

NUMBERS = st.integers(min_value=1, max_value=SECP256K1_ORDER - 1)


def test_the_orders_are_those_of_the_curves() -> None:
    assert P256_ORDER == ec.SECP256R1().group_order
    assert SECP256K1_ORDER == ec.SECP256K1().group_order


@given(r=NUMBERS, s=NUMBERS)
def test_der_equals_the_one_of_another_library(r: int, s: int) -> None:
    assert encode_dss_signature(r, s) == encode_der_signature(r, s)


@given(r=NUMBERS, s=NUMBERS)
def test_a_split_signature_is_always_low_s(r: int, s: int) -> None:
    low = min(s, SECP256K1_ORDER - s)
    assert (r, low) == split_signature(encode_signature(r, s), SECP256K1_ORDER, "key")


def test_a_high_s_is_turned_and_its_low_twin_is_kept() -> None:
    half = SECP256K1_ORDER // 2
    assert (5, half) == split_signature(encode_signature(5, half), SECP256K1_ORDER, "key")
    assert (5, half) == split_signature(encode_signature(5, half + 1), SECP256K1_ORDER, "key")
    assert (5, 1) == split_signature(encode_signature(5, SECP256K1_ORDER - 1), SECP256K1_ORDER, "key")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        encode_signature(1, 1)[:-1],
        encode_signature(1, 1) + b"\x00",
        encode_signature(0, 1),
        encode_signature(1, 0),
        encode_signature(SECP256K1_ORDER, 1),
        encode_signature(1, SECP256K1_ORDER),
    ],
)
def test_what_is_no_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(InvariantError) as caught:
        split_signature(raw, SECP256K1_ORDER, "key")
    assert Code.SIGNATURE_INVALID in caught.value.codes


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP256K1()])
def test_points_in_both_spellings_of_tokens(curve: ec.EllipticCurve) -> None:
    for _ in range(8):
        key = ec.generate_private_key(curve).public_key()
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert point == parse_ec_point(point, "key") == parse_ec_point(b"\x04\x41" + point, "key")
        assert key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint) == compress_point(point)


def test_spki_equals_the_one_of_another_library() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == encode_p256_spki(point)


@pytest.mark.parametrize(
    "raw", [b"", b"\x04" * 64, b"\x02" * 65, b"\x04\x41" + b"\x03" * 65, b"\x04\x41" + b"\x04" * 64]
)
def test_other_points_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_ec_point(raw, "key")
    assert Code.FIELD_INVALID in caught.value.codes
