"""The one transaction that we sign on Ethereum: of type 2 (EIP-1559), a payment of the native coin or of a token.

A payment of the native coin has no data. A payment of a token has no value and exactly the call that `tokens.py`
reads. Everything else is refused by name: older and newer types, contract creation, other call data, access lists. A
`Transfer` that exists has passed every check here; whether it was instructed is for others to judge.
Sources: EIP-1559, EIP-2718, EIP-2; vectors/ethereum/eip1559.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

from strongroom.chains.ethereum.addresses import ADDRESS_BYTES, MAX_CHAIN_ID
from strongroom.chains.ethereum.curve import HALF_ORDER, ORDER
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.rlp import RlpItem, encode_integer, encode_rlp, parse_integer, parse_rlp
from strongroom.chains.ethereum.tokens import TokenTransfer, encode_token_transfer, parse_token_transfer
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks
from strongroom.core.money import MAX_UNITS

_TYPE = 0x02
_REFUSED_TYPES = {1: "access list (EIP-2930)", 3: "blob (EIP-4844)", 4: "set code (EIP-7702)"}
_LEGACY_FIRST = 0xC0
"""Any first byte from here on opens a list, and so a transaction without a type (EIP-2718)."""
GAS_LIMIT = 21_000
"""What a payment to an account without code takes, exactly: nothing is left that code at the destination could use."""
MIN_TOKEN_GAS = 30_000
"""Less cannot move a token: 21,000 for the transaction and two stored balances (EIP-2929) at 5,000 each."""
MAX_TOKEN_GAS = 200_000
"""A transfer takes 30,000 to 65,000, behind a proxy some more. The bound keeps a contract from burning our fee."""
MAX_NONCE = 2**64 - 2
"""EIP-2681."""
_NUMBER_NAMES = ("chain_id", "nonce", "max_priority_fee_per_gas_wei", "max_fee_per_gas_wei", "gas_limit")
"""The first five fields, in the order of the bytes."""
_UNSIGNED_FIELDS = 9
_SIGNED_FIELDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A payment; it cannot be made without passing every check.

    to: 20 bytes: who is paid, or the contract of the token that is paid. token: None for a payment of the native coin.
    The most that it can cost is value plus `max_fee_wei`; the bytes name no sender.
    """

    chain_id: int
    nonce: int
    max_priority_fee_per_gas_wei: int
    max_fee_per_gas_wei: int
    gas_limit: int
    to: bytes
    value_wei: int
    token: TokenTransfer | None = None

    def __post_init__(self) -> None:
        run_checks(
            (
                partial(_check_range, self.chain_id, 1, MAX_CHAIN_ID, "chain_id"),
                partial(_check_range, self.nonce, 0, MAX_NONCE, "nonce"),
                partial(_check_fees, self),
                partial(_check_gas, self),
                partial(_check_destination, self.to),
                partial(_check_value, self),
                partial(_check_token_recipient, self),
                partial(_check_total, self),
            )
        )

    @property
    def recipient(self) -> bytes:
        """Who is paid, 20 bytes: never the contract of a token."""
        return self.to if self.token is None else self.token.recipient

    @property
    def units(self) -> int:
        """How much is paid, in smallest units of the coin or of the token."""
        return self.value_wei if self.token is None else self.token.units


def _check_range(value: int, minimum: int, maximum: int, field: str) -> None:
    if not minimum <= value <= maximum:
        expected = f"{minimum} to {maximum}" if minimum < maximum else str(minimum)
        raise refused(Code.TX_FIELD_INVALID, field, expected, str(value))


def _check_fees(transfer: Transfer) -> None:
    """The tip is part of the fee; a higher one is a slip or a trick, and no node takes it (EIP-1559)."""
    _check_range(transfer.max_fee_per_gas_wei, 0, MAX_UNITS, "max_fee_per_gas_wei")
    tip = transfer.max_priority_fee_per_gas_wei
    _check_range(tip, 0, transfer.max_fee_per_gas_wei, "max_priority_fee_per_gas_wei")


def _check_gas(transfer: Transfer) -> None:
    least, most = (GAS_LIMIT, GAS_LIMIT) if transfer.token is None else (MIN_TOKEN_GAS, MAX_TOKEN_GAS)
    _check_range(transfer.gas_limit, least, most, "gas_limit")


def _check_value(transfer: Transfer) -> None:
    """Coins sent along with a token's transfer are lost in its contract, or make the call fail."""
    least, most = (1, MAX_UNITS) if transfer.token is None else (0, 0)
    _check_range(transfer.value_wei, least, most, "value_wei")


def _check_token_recipient(transfer: Transfer) -> None:
    """Tokens paid to their own contract are the commonest way to lose them: nobody can take them out again."""
    if transfer.token is not None and transfer.token.recipient == transfer.to:
        raise refused(Code.TX_TOKEN_CALL, "recipient", "another address than the contract", transfer.to.hex())


def _check_destination(to: bytes) -> None:
    if not to:
        raise refused(Code.TX_CONTRACT_CREATION, "to", f"an address of {ADDRESS_BYTES} bytes", "none")
    if len(to) != ADDRESS_BYTES:
        raise malformed(Code.TX_FIELD_INVALID, "to", f"an address of {ADDRESS_BYTES} bytes", to.hex())


def _check_total(transfer: Transfer) -> None:
    """No account can hold more than the EVM's word; above it, arithmetic elsewhere would wrap around."""
    total = transfer.value_wei + max_fee_wei(transfer)
    if total > MAX_UNITS:
        raise refused(Code.TX_FIELD_INVALID, "value and fee", f"together at most {MAX_UNITS}", str(total))


def max_fee_wei(transfer: Transfer) -> int:
    """The most that the network can take: gas limit times the highest price of gas."""
    return transfer.gas_limit * transfer.max_fee_per_gas_wei


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransfer:
    """A payment and its signature: y_parity 0 or 1, r and s scalars of secp256k1, s low (EIP-2).

    Whose signature it is, only recovery tells; nothing here has verified it.
    """

    transfer: Transfer
    y_parity: int
    r: int
    s: int

    def __post_init__(self) -> None:
        run_checks(
            (
                partial(_check_range, self.y_parity, 0, 1, "y_parity"),
                partial(_check_scalar, self.r, "r"),
                partial(_check_low_s, self.s),
            )
        )


def _check_scalar(value: int, field: str) -> None:
    if not 1 <= value < ORDER:
        raise malformed(Code.SIGNATURE_INVALID, field, "1 to the curve's order minus 1", hex(value))


def _check_low_s(s: int) -> None:
    """Both values of s verify; anybody could turn one into the other and give our transaction a second hash."""
    _check_scalar(s, "s")
    if s > HALF_ORDER:
        raise refused(Code.SIGNATURE_HIGH_S, "s", f"at most {HALF_ORDER:#x}", f"{s:#x}")


def _unsigned_items(transfer: Transfer) -> tuple[RlpItem, ...]:
    """The nine fields of EIP-1559: ours, the call data of a token's transfer or none, no access list."""
    return (
        encode_integer(transfer.chain_id),
        encode_integer(transfer.nonce),
        encode_integer(transfer.max_priority_fee_per_gas_wei),
        encode_integer(transfer.max_fee_per_gas_wei),
        encode_integer(transfer.gas_limit),
        transfer.to,
        encode_integer(transfer.value_wei),
        b"" if transfer.token is None else encode_token_transfer(transfer.token),
        (),
    )


def encode_unsigned(transfer: Transfer) -> bytes:
    """The bytes that are approved and signed: `0x02`, then the RLP list of nine fields."""
    return bytes([_TYPE]) + encode_rlp(_unsigned_items(transfer))


def encode_signed(transfer: Transfer, y_parity: int, r: int, s: int) -> bytes:
    """The bytes that nodes take. Raises SIGNATURE_HIGH_S, SIGNATURE_INVALID, TX_FIELD_INVALID as `SignedTransfer`."""
    signed = SignedTransfer(transfer=transfer, y_parity=y_parity, r=r, s=s)
    signature = (encode_integer(signed.y_parity), encode_integer(signed.r), encode_integer(signed.s))
    return bytes([_TYPE]) + encode_rlp((*_unsigned_items(transfer), *signature))


@lru_cache(maxsize=64)
def parse_unsigned(raw: bytes) -> Transfer:
    """Read an unsigned payment, whole and in its one byte form; once for the same bytes, if they are one.

    Raises TX_TYPE_REFUSED (`got` names the type), TX_CONTRACT_CREATION, TX_CONTRACT_CALL, TX_TOKEN_CALL,
    TX_ACCESS_LIST, TX_FIELD_INVALID, TX_NOT_CANONICAL, TX_TRUNCATED, TX_TRAILING_BYTES, TOO_LARGE.
    """
    transfer = _parse_transfer(_parse_fields(raw, _UNSIGNED_FIELDS))
    # The last line of defence: whatever we understood must encode to exactly what we were given.
    if encode_unsigned(transfer) != raw:
        raise malformed(Code.TX_NOT_CANONICAL, "transaction", encode_unsigned(transfer).hex(), raw.hex())
    return transfer


def parse_signed(raw: bytes) -> SignedTransfer:
    """Read a signed payment. Raises as `parse_unsigned` does, and SIGNATURE_INVALID, SIGNATURE_HIGH_S."""
    fields = _parse_fields(raw, _SIGNED_FIELDS)
    signed = SignedTransfer(
        transfer=_parse_transfer(fields),
        y_parity=parse_integer(fields[9], MAX_UNITS, "y_parity"),
        r=parse_integer(fields[10], MAX_UNITS, "r"),
        s=parse_integer(fields[11], MAX_UNITS, "s"),
    )
    again = encode_signed(signed.transfer, signed.y_parity, signed.r, signed.s)
    if again != raw:
        raise malformed(Code.TX_NOT_CANONICAL, "transaction", again.hex(), raw.hex())
    return signed


def _parse_fields(raw: bytes, count: int) -> tuple[RlpItem, ...]:
    """The fields of a transaction of type 2. Refuses every other type by its name."""
    _check_type(raw)
    items = parse_rlp(raw[1:], "transaction after its type")
    if not isinstance(items, tuple):
        raise malformed(Code.TX_FIELD_INVALID, "transaction", f"a list of {count} fields", "a byte string")
    if len(items) != count:
        raise malformed(Code.TX_FIELD_INVALID, "transaction", f"{count} fields", f"{len(items)} fields")
    return items


def _check_type(raw: bytes) -> None:
    if not raw:
        raise malformed(Code.TX_TRUNCATED, "transaction type", "1 byte", "none")
    if raw[0] == _TYPE:
        return
    name = "legacy" if raw[0] >= _LEGACY_FIRST else _REFUSED_TYPES.get(raw[0], f"unknown type {raw[0]:#04x}")
    raise refused(Code.TX_TYPE_REFUSED, "transaction type", "fee market (EIP-1559)", name)


def _parse_transfer(fields: tuple[RlpItem, ...]) -> Transfer:
    """Read the nine unsigned fields; what makes them more than a payment is reported at once."""
    run_checks(
        (
            partial(_check_destination, _parse_bytes(fields[5], "to")),
            partial(_check_call, _parse_bytes(fields[7], "data")),
            partial(_check_no_access_list, fields[8]),
        )
    )
    chain_id, nonce, tip, max_fee, gas_limit = (
        parse_integer(item, MAX_UNITS, name) for item, name in zip(fields, _NUMBER_NAMES, strict=False)
    )
    return Transfer(
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas_wei=tip,
        max_fee_per_gas_wei=max_fee,
        gas_limit=gas_limit,
        to=_parse_bytes(fields[5], "to"),
        value_wei=parse_integer(fields[6], MAX_UNITS, "value_wei"),
        token=_parse_call(_parse_bytes(fields[7], "data")),
    )


def _parse_bytes(item: RlpItem, field: str) -> bytes:
    if not isinstance(item, bytes):
        raise malformed(Code.TX_FIELD_INVALID, field, "bytes", "a list")
    return item


def _check_call(data: bytes) -> None:
    _parse_call(data)


def _parse_call(data: bytes) -> TokenTransfer | None:
    return parse_token_transfer(data) if data else None


def _check_no_access_list(item: RlpItem) -> None:
    if isinstance(item, bytes):
        raise malformed(Code.TX_FIELD_INVALID, "access_list", "a list", item.hex() or "an empty byte string")
    if item:
        raise refused(Code.TX_ACCESS_LIST, "access_list", "empty", f"{len(item)} entries")


def signing_digest(raw_unsigned: bytes) -> bytes:
    """The 32 bytes that the key signs, for bytes that `parse_unsigned` accepts and for no others."""
    parse_unsigned(raw_unsigned)
    return keccak256(raw_unsigned)


def transaction_hash(raw_signed: bytes) -> bytes:
    """The 32 bytes under which nodes know the transaction, for bytes that `parse_signed` accepts and for no others."""
    parse_signed(raw_signed)
    return keccak256(raw_signed)
