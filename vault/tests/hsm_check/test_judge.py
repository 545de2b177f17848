"""Every point of the conformance run judged on evidence: the honest one passes, each planted fault fails."""

from __future__ import annotations

import hashlib

import coincurve
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.vault.hsm.quirks import Nonces, PulledOut
from strongroom.vault.hsm_check import judge
from strongroom.vault.hsm_check.curves import CURVES, P256, SECP256K1, TEST_KEY, Curve
from strongroom.vault.hsm_check.judge import Denial, Denied, Origin, Signed
from strongroom.vault.hsm_check.points import READ_VALUE, Finding, Verdict

YES, NAY = True, False
NO = Denied(error="AttributeReadOnly")
LACK = Denied(error="MechanismInvalid", kind=Denial.LACK)
FAULT = Denied(error="DeviceError", kind=Denial.FAULT)
PASS, FAIL, NOT_OFFERED = Verdict.PASS, Verdict.FAIL, Verdict.NOT_OFFERED
ALL = Origin(local=True, always_sensitive=True, never_extractable=True)


def point_of(curve: Curve) -> bytes:
    """The public point of the key that everybody knows."""
    if curve is SECP256K1:
        return coincurve.PrivateKey(TEST_KEY).public_key.format(compressed=False)
    key = ec.derive_private_key(int.from_bytes(TEST_KEY, "big"), ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def honest(curve: Curve, count: int = 4) -> list[Signed]:
    """Good signatures over different digests."""
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(count)]
    return [Signed(digest=digest, raw=curve.sign(digest)) for digest in digests]


def with_s(one: Signed, curve: Curve, *, high: bool) -> Signed:
    """The same signature with the high or the low s."""
    s = int.from_bytes(one.raw[32:], "big")
    wanted = max(s, curve.order - s) if high else min(s, curve.order - s)
    return Signed(digest=one.digest, raw=one.raw[:32] + wanted.to_bytes(32, "big"))


def is_(verdict: Verdict, found: Finding) -> None:
    assert verdict is found.verdict, found


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_signatures_verify_or_fail(curve: Curve) -> None:
    good = honest(curve)
    is_(PASS, judge.judge_signatures(curve, point_of(curve), good))
    is_(PASS, judge.judge_signatures(curve, point_of(curve), [with_s(one, curve, high=YES) for one in good]))
    swapped = Signed(digest=good[0].digest, raw=good[1].raw)
    is_(FAIL, judge.judge_signatures(curve, point_of(curve), [*good, swapped]))
    is_(FAIL, judge.judge_signatures(curve, point_of(curve), []))
    for raw in (b"", good[0].raw[:63], good[0].raw + b"\x00", bytes(64), b"\xff" * 64):
        is_(FAIL, judge.judge_signatures(curve, point_of(curve), [Signed(digest=good[0].digest, raw=raw)]))


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_high_s_is_told_and_made_low_and_a_wrong_one_fails(curve: Curve) -> None:
    good = honest(curve)
    found = judge.judge_low_s(curve, point_of(curve), [with_s(one, curve, high=YES) for one in good])
    is_(PASS, found)
    assert found.got.startswith("4 of 4")
    is_(PASS, judge.judge_low_s(curve, point_of(curve), [with_s(one, curve, high=NAY) for one in good]))
    s_of_another = Signed(digest=good[0].digest, raw=good[0].raw[:32] + good[1].raw[32:])
    is_(FAIL, judge.judge_low_s(curve, point_of(curve), [s_of_another]))
    too_big = Signed(digest=good[0].digest, raw=good[0].raw[:32] + curve.order.to_bytes(32, "big"))
    is_(FAIL, judge.judge_low_s(curve, point_of(curve), [too_big]))
    is_(FAIL, judge.judge_low_s(curve, point_of(curve), []))


def test_an_r_that_comes_twice_fails() -> None:
    good = honest(SECP256K1, 8)
    is_(PASS, judge.judge_distinct_r(good, "secp256k1"))
    repeated = Signed(digest=hashlib.sha256(b"other").digest(), raw=good[3].raw[:32] + bytes(32))
    found = judge.judge_distinct_r([*good, repeated], "secp256k1")
    is_(FAIL, found)
    assert found.got == "1 repeated in 9 signatures"
    is_(FAIL, judge.judge_distinct_r(good[:1], "secp256k1"))


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_rfc6979_is_compared_only_where_it_is_declared(curve: Curve) -> None:
    good = honest(curve)
    same = [(one.raw, with_s(one, curve, high=True).raw) for one in good]
    is_(PASS, judge.judge_rfc6979(Nonces.RFC6979, same, curve))
    is_(FAIL, judge.judge_rfc6979(Nonces.RFC6979, [*same, (good[0].raw, good[1].raw)], curve))
    is_(FAIL, judge.judge_rfc6979(Nonces.RFC6979, [], curve))
    is_(NOT_OFFERED, judge.judge_rfc6979(Nonces.RFC6979, NO, curve))
    is_(NOT_OFFERED, judge.judge_rfc6979(Nonces.RANDOM, same, curve))
    is_(NOT_OFFERED, judge.judge_rfc6979(Nonces.UNDECLARED, same, curve))


def test_a_vector_of_rfc6979_that_is_not_ours() -> None:
    # RFC 6979 A.2.5: P-256, SHA-256 of "sample"; the k given there makes this r. Our reference signer is checked here.
    key = ec.derive_private_key(
        0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1()
    ).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    r = bytes.fromhex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716")
    s = bytes.fromhex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")
    assert P256.verifies(point, hashlib.sha256(b"sample").digest(), r + s)
    assert not P256.verifies(point, hashlib.sha256(b"test").digest(), r + s)


def test_a_point_in_any_third_spelling_fails() -> None:
    point = point_of(P256)
    is_(PASS, judge.judge_encoding(point, "secp256r1"))
    is_(PASS, judge.judge_encoding(b"\x04\x41" + point, "secp256r1"))
    for raw in (b"", point[1:], b"\x02" + point[1:33], b"\x04\x42" + point, b"\x04\x41" + point + b"\x00"):
        is_(FAIL, judge.judge_encoding(raw, "secp256r1"))


@pytest.mark.parametrize("field", ["local", "always_sensitive", "never_extractable"])
@pytest.mark.parametrize("said", [False, None])
def test_a_key_that_does_not_say_it_was_born_sealed_fails(field: str, said: object) -> None:
    is_(PASS, judge.judge_origin(ALL, "secp256k1"))
    values = {"local": True, "always_sensitive": True, "never_extractable": True, field: said}
    is_(FAIL, judge.judge_origin(Origin(**values), "secp256k1"))  # type: ignore[arg-type]  # A table of bools.


def test_a_token_that_says_yes_to_everything_does_not_verify() -> None:
    is_(PASS, judge.judge_verify(YES, NAY, ""))
    is_(PASS, judge.judge_verify(YES, Denied(error="SignatureInvalid"), ""))
    is_(FAIL, judge.judge_verify(YES, YES, ""))
    is_(FAIL, judge.judge_verify(NAY, NAY, ""))
    is_(NOT_OFFERED, judge.judge_verify(LACK, LACK, ""))
    is_(FAIL, judge.judge_verify(FAULT, FAULT, ""))


def test_an_attribute_is_judged_by_what_it_is_afterwards() -> None:
    is_(PASS, judge.judge_attribute("SENSITIVE False", NAY, NO, YES))
    is_(PASS, judge.judge_attribute("SENSITIVE False", NAY, YES, YES))
    is_(FAIL, judge.judge_attribute("SENSITIVE False", NAY, YES, NAY))
    is_(FAIL, judge.judge_attribute("SENSITIVE False", NAY, NO, NAY))
    is_(FAIL, judge.judge_attribute("EXTRACTABLE True", YES, YES, YES))
    is_(FAIL, judge.judge_attribute("EXTRACTABLE True", YES, NO, FAULT))


def test_a_copy_that_is_more_open_fails() -> None:
    is_(PASS, judge.judge_copy("EXTRACTABLE True", YES, NO))
    is_(PASS, judge.judge_copy("EXTRACTABLE True", YES, NAY))
    is_(FAIL, judge.judge_copy("EXTRACTABLE True", YES, YES))
    is_(FAIL, judge.judge_copy("SENSITIVE False", NAY, NAY))
    is_(NOT_OFFERED, judge.judge_copy("SENSITIVE False", NAY, LACK))
    is_(FAIL, judge.judge_copy("SENSITIVE False", NAY, FAULT))


def test_a_readable_value_fails_and_is_not_shown() -> None:
    is_(PASS, judge.judge_refused(READ_VALUE, Denied(error="AttributeSensitive")))
    found = judge.judge_refused(READ_VALUE, TEST_KEY)
    is_(FAIL, found)
    assert TEST_KEY.hex() not in repr(found)
    assert repr(TEST_KEY) not in repr(found)
    is_(NOT_OFFERED, judge.judge_refused(READ_VALUE, LACK))
    is_(FAIL, judge.judge_refused(READ_VALUE, FAULT))


def test_a_blob_that_unwraps_readable_fails() -> None:
    is_(PASS, judge.judge_unwrap(Denied(error="TemplateInconsistent"), YES))
    is_(PASS, judge.judge_unwrap(NAY, YES))
    is_(FAIL, judge.judge_unwrap(YES, YES))
    is_(FAIL, judge.judge_unwrap(NO, NAY))
    is_(FAIL, judge.judge_unwrap(NO, FAULT))
    is_(NOT_OFFERED, judge.judge_unwrap(LACK, LACK))


def test_a_key_that_outlives_its_session_fails() -> None:
    closed = Denied(error="SessionHandleInvalid", kind=Denial.FAULT)
    is_(PASS, judge.judge_session(closed, 0, YES))
    is_(FAIL, judge.judge_session(YES, 0, YES))
    is_(FAIL, judge.judge_session(closed, 1, YES))
    is_(FAIL, judge.judge_session(closed, 0, NAY))
    is_(FAIL, judge.judge_session(closed, 0, FAULT))


def test_a_wrong_pin_must_be_refused_as_one() -> None:
    wrong = Denied(error="PinIncorrect")
    is_(PASS, judge.judge_wrong_pin(wrong, YES, None))
    is_(FAIL, judge.judge_wrong_pin(None, NAY, None))
    is_(FAIL, judge.judge_wrong_pin(FAULT, NAY, None))
    is_(FAIL, judge.judge_wrong_pin(wrong, YES, Denied(error="PinLocked")))


def test_a_missing_pin_lock_is_never_called_passed() -> None:
    is_(PASS, judge.judge_pin_lock(10, Denied(error="PinLocked")))
    is_(NOT_OFFERED, judge.judge_pin_lock(10, None))


def test_signing_without_the_token_fails() -> None:
    gone = Denied(error="DeviceRemoved", kind=Denial.FAULT)
    is_(PASS, judge.judge_pulled_out(PulledOut.REMOVABLE, gone, YES))
    is_(FAIL, judge.judge_pulled_out(PulledOut.REMOVABLE, YES, YES))
    is_(FAIL, judge.judge_pulled_out(PulledOut.REMOVABLE, gone, FAULT))
    is_(FAIL, judge.judge_pulled_out(PulledOut.REMOVABLE, gone, NAY))
    is_(NOT_OFFERED, judge.judge_pulled_out(PulledOut.STAYS_IN_MEMORY, YES, YES))
