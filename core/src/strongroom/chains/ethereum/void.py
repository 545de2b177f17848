"""The void twin of a transaction: nothing, from an account to itself, with the same nonce and the same prices of gas.

Whichever of the two is mined uses the nonce up, so the other can never be. It is built from the transfer and read
nowhere: a reader compares bytes with the ones that it built itself. Source: spec/docket.md, The void twin; EIP-1559.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from strongroom.chains.ethereum.addresses import ADDRESS_BYTES, MAX_CHAIN_ID, chain_of, render_address
from strongroom.chains.ethereum.curve import HALF_ORDER, ORDER
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.rlp import RlpItem, encode_integer, encode_rlp, parse_integer, parse_rlp
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks
from strongroom.core.money import MAX_UNITS
from strongroom.core.page_values import Line, build_quote

VOID_GAS = 21_000
"""What paying nothing to an account without code takes, exactly. Source: yellow paper, G_transaction."""
_TYPE = 0x02
_UNSIGNED_FIELDS = 9
_SIGNED_FIELDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """A transaction that moves nothing but its fee. source: the 20 bytes of the account that pays itself nothing."""

    chain_id: int
    nonce: int
    max_priority_fee_per_gas_wei: int
    max_fee_per_gas_wei: int
    source: bytes

    def __post_init__(self) -> None:
        run_checks(
            (
                partial(_check_range, self.chain_id, 1, MAX_CHAIN_ID, "chain_id"),
                partial(_check_range, self.nonce, 0, 2**64 - 2, "nonce"),
                partial(_check_range, self.max_fee_per_gas_wei, 0, MAX_UNITS // VOID_GAS, "max_fee_per_gas_wei"),
                partial(_check_range, self.max_priority_fee_per_gas_wei, 0, self.max_fee_per_gas_wei, "priority fee"),
                partial(_check_range, len(self.source), ADDRESS_BYTES, ADDRESS_BYTES, "source"),
            )
        )

    @property
    def max_fee_wei(self) -> int:
        """The most that the network can take."""
        return VOID_GAS * self.max_fee_per_gas_wei


def _check_range(value: int, minimum: int, maximum: int, field: str) -> None:
    if not minimum <= value <= maximum:
        raise refused(Code.TX_FIELD_INVALID, f"void.{field}", f"{minimum} to {maximum}", str(value))


def encode_void(void: Void) -> bytes:
    """The unsigned bytes: `0x02`, then the RLP list of nine fields; no value, no data, no access list."""
    return bytes([_TYPE]) + encode_rlp(_unsigned_items(void))


def encode_signed_void(void: Void, y_parity: int, r: int, s: int) -> bytes:
    """The bytes that nodes take. Raises SIGNATURE_HIGH_S, SIGNATURE_INVALID."""
    _check_signature(y_parity, r, s)
    signature = (encode_integer(y_parity), encode_integer(r), encode_integer(s))
    return bytes([_TYPE]) + encode_rlp((*_unsigned_items(void), *signature))


def strip_signed_void(raw: bytes) -> tuple[bytes, str]:
    """The unsigned bytes inside signed ones of type 2, and the transaction's hash.

    Nothing of the fields is judged: whoever calls compares the bytes with those of the void that it built itself.
    Raises TX_TYPE_REFUSED, TX_FIELD_INVALID, TX_NOT_CANONICAL, SIGNATURE_HIGH_S, SIGNATURE_INVALID.
    """
    if raw[:1] != bytes([_TYPE]):
        raise refused(Code.TX_TYPE_REFUSED, "transaction type", "fee market (EIP-1559)", raw[:1].hex() or "none")
    items = parse_rlp(raw[1:], "transaction after its type")
    if not isinstance(items, tuple) or len(items) != _SIGNED_FIELDS:
        raise malformed(Code.TX_FIELD_INVALID, "transaction", f"a list of {_SIGNED_FIELDS} fields", "another shape")
    names = ("y_parity", "r", "s")
    y_parity, r, s = (
        parse_integer(item, MAX_UNITS, name) for item, name in zip(items[_UNSIGNED_FIELDS:], names, strict=True)
    )
    _check_signature(y_parity, r, s)
    return bytes([_TYPE]) + encode_rlp(items[:_UNSIGNED_FIELDS]), "0x" + keccak256(raw).hex()


def void_signing_digest(void: Void) -> bytes:
    """The 32 bytes that the key signs."""
    return keccak256(encode_void(void))


def render_void(void: Void) -> tuple[str, ...]:
    """The transaction in English lines for a screen; nothing is shortened."""
    return tuple(line.text for line in build_void_lines(void))


def build_void_lines(void: Void) -> tuple[Line, ...]:
    """The same lines as message values."""
    pays = "Unsigned VOID transaction on {chain}: it pays nothing, to the account that sends it."
    uses = "It uses up number {nonce} of that account (its nonce), so that the transfer with it can never be mined."
    each = "  at most {most} wei for each unit of gas, of which at most"
    return (
        build_quote(pays, chain=chain_of(void.chain_id)),
        build_quote("  the account: {address}", address=render_address(void.source)),
        build_quote("  and does nothing else: no value, no contract call, no data, no access list."),
        build_quote(uses, nonce=str(void.nonce)),
        build_quote("Network fee: at most {fee} wei: gas limit {gas},", fee=str(void.max_fee_wei), gas=str(VOID_GAS)),
        build_quote(each, most=str(void.max_fee_per_gas_wei)),
        build_quote("  {tip} wei as a tip to who builds the block.", tip=str(void.max_priority_fee_per_gas_wei)),
        build_quote("Digest that is signed: {digest}", digest=f"0x{void_signing_digest(void).hex()}"),
    )


def _unsigned_items(void: Void) -> tuple[RlpItem, ...]:
    return (
        encode_integer(void.chain_id),
        encode_integer(void.nonce),
        encode_integer(void.max_priority_fee_per_gas_wei),
        encode_integer(void.max_fee_per_gas_wei),
        encode_integer(VOID_GAS),
        void.source,
        b"",
        b"",
        (),
    )


def _check_signature(y_parity: int, r: int, s: int) -> None:
    """Both values of s verify; anybody could turn one into the other and give our transaction a second hash (EIP-2)."""
    _check_range(y_parity, 0, 1, "y_parity")
    for value, name in ((r, "r"), (s, "s")):
        if not 1 <= value < ORDER:
            raise malformed(Code.SIGNATURE_INVALID, name, "1 to the curve's order minus 1", hex(value))
    if s > HALF_ORDER:
        raise refused(Code.SIGNATURE_HIGH_S, "s", f"at most {HALF_ORDER:#x}", f"{s:#x}")
