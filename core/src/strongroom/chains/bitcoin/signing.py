"""Signatures as bytes: strict DER, low S, and the witnesses of our two kinds of input.

No key is ever here. A token returns two numbers; these functions give them the one encoding that nodes relay.
Sources: BIP-66 (strict DER), BIP-146 (low S), BIP-141 and BIP-147 (witness of CHECKMULTISIG).
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.chains.bitcoin.scripts import p2wpkh_script, parse_multisig_script
from strongroom.chains.bitcoin.sighash import SIGHASH_ALL
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1 (SEC 2, 2.4.1)."""
HALF_ORDER = CURVE_ORDER // 2
_SEQUENCE_TAG = 0x30
_INTEGER_TAG = 0x02
_MAX_DER_BYTES = 72


def _check_scalar(value: int, field: str) -> None:
    if not 1 <= value < CURVE_ORDER:
        raise malformed(Code.SIGNATURE_INVALID, field, "1 to the curve's order minus 1", hex(value))


def normalize_s(r: int, s: int) -> tuple[int, int]:
    """Return the same signature with the smaller of its two s values.

    Both verify. Nodes relay only the low one, and anybody could turn one into the other, which would be a second
    encoding of our transaction. Raises SIGNATURE_INVALID when r or s is no scalar.
    """
    _check_scalar(r, "r")
    _check_scalar(s, "s")
    return r, min(s, CURVE_ORDER - s)


def check_low_s(s: int, field: str = "s") -> None:
    """Refuse a high s with SIGNATURE_HIGH_S."""
    if s > HALF_ORDER:
        raise refused(Code.SIGNATURE_HIGH_S, field, f"at most {HALF_ORDER:#x}", f"{s:#x}")


def _encode_integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([_INTEGER_TAG, len(data)]) + data


def encode_der_signature(r: int, s: int) -> bytes:
    """Encode r and s in strict DER, without a hash type byte. Raises SIGNATURE_INVALID when one is no scalar."""
    _check_scalar(r, "r")
    _check_scalar(s, "s")
    body = _encode_integer(r) + _encode_integer(s)
    return bytes([_SEQUENCE_TAG, len(body)]) + body


def parse_der_signature(der: bytes, field: str = "signature") -> tuple[int, int]:
    """Return r and s of a strict DER signature without a hash type byte.

    Raises SIGNATURE_INVALID for every second spelling (BIP-66) and for numbers that are no scalars. S may be high.
    """
    if len(der) > _MAX_DER_BYTES or len(der) < 8 or der[0] != _SEQUENCE_TAG or der[1] != len(der) - 2:
        raise malformed(Code.SIGNATURE_INVALID, field, "a DER sequence of its exact length", der.hex())
    r, rest = _parse_integer(der[2:], field)
    s, _ = _parse_integer(rest, field)
    # Trailing bytes, padding and negative numbers all show here: there is one encoding of r and s.
    if encode_der_signature(r, s) != der:
        raise malformed(Code.SIGNATURE_INVALID, field, encode_der_signature(r, s).hex(), der.hex())
    return r, s


def _parse_integer(data: bytes, field: str) -> tuple[int, bytes]:
    """Read one DER integer; return it and what follows. Second spellings are found by encoding again."""
    if len(data) < 2 or data[0] != _INTEGER_TAG or not 1 <= data[1] <= len(data) - 2:
        raise malformed(Code.SIGNATURE_INVALID, field, "a DER integer of its exact length", data.hex())
    end = 2 + data[1]
    return int.from_bytes(data[2:end], "big"), data[end:]


def build_witness(signatures_in_key_order: Sequence[bytes], witness_script: bytes) -> tuple[bytes, ...]:
    """The witness stack that spends one P2WSH m-of-n input.

    signatures_in_key_order: exactly `threshold` strict DER signatures without hash type, in the order of their keys in
    the script; CHECKMULTISIG walks both lists once. Every one gets the byte SIGHASH_ALL here: there is no other way.
    Raises SIGNATURES_MISSING, SIGNATURE_INVALID, SIGNATURE_HIGH_S, SCRIPT_UNKNOWN. Whether a signature is of its key
    is for the caller to verify.
    """
    threshold = parse_multisig_script(witness_script).threshold
    if len(signatures_in_key_order) != threshold:
        raise refused(Code.SIGNATURES_MISSING, "signatures", str(threshold), str(len(signatures_in_key_order)))
    for number, der in enumerate(signatures_in_key_order):
        _check_signature(der, f"signatures[{number}]")
    # The empty first element is what CHECKMULTISIG pops too many; BIP-147 wants it empty.
    return (b"", *(der + bytes([SIGHASH_ALL]) for der in signatures_in_key_order), witness_script)


def build_key_witness(der: bytes, public_key: bytes) -> tuple[bytes, ...]:
    """The witness stack that spends one P2WPKH input: its signature with the byte SIGHASH_ALL, and its key (33 bytes).

    Raises SIGNATURE_INVALID, SIGNATURE_HIGH_S, SCRIPT_UNKNOWN. Whether the signature is of the key is for the caller.
    """
    p2wpkh_script(public_key)
    _check_signature(der, "signature")
    return (der + bytes([SIGHASH_ALL]), public_key)


def _check_signature(der: bytes, field: str) -> None:
    _, s = parse_der_signature(der, field)
    check_low_s(s, f"{field}.s")
