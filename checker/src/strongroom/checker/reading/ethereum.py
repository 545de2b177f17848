"""The second reading of Ethereum payments: `rlp`, `eth-abi`, `eth-account` and `coincurve`, and our rules once more.

Written from EIP-1559, EIP-2718 and the rules of spec/docket.md, not from `strongroom.chains`: a mistake in one reading
shows as a disagreement with the other. The libraries are not trusted to be strict: whatever they understood is encoded
again and compared with what was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import rlp  # type: ignore[import-untyped]
from coincurve import PublicKey
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError as DecodingAbiError
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from rlp.exceptions import DecodingError  # type: ignore[import-untyped]

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed, refused

_TYPE_NAMES: Final = {1: "access list (EIP-2930)", 3: "blob (EIP-4844)", 4: "set code (EIP-7702)"}
_GAS: Final = 21_000
_TOKEN_GAS: Final = (30_000, 200_000)
"""From two balances changed and nothing else (EIP-2929) to more than any plain token takes."""
_CALL: Final = ("address", "uint256")
_SELECTOR: Final = keccak(text="transfer(address,uint256)")[:4]
_LARGEST_WORD: Final = 2**256 - 1
_LARGEST_NONCE: Final = 2**64 - 2
_LARGEST_CHAIN: Final = 2**64 // 2 - 37
_MOST_BYTES: Final = 128 * 1024
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_RLP_FAULTS: Final = {
    "superfluous bytes": Code.TX_TRAILING_BYTES,
    "single byte was possible": Code.TX_NOT_CANONICAL,
    "starts with zero bytes": Code.TX_NOT_CANONICAL,
    "prefix used for short": Code.TX_NOT_CANONICAL,
}
"""What `rlp` says of bytes that it refuses; the rest of its refusals are of bytes that end too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EthereumReading:
    """A payment as this reading understands it.

    recipient: 20 bytes: who is paid, and units how much. contract: 20 bytes of the token that is paid; None for the
    chain's own coin. max_fee_wei: gas limit times the highest price of gas. signing_digest: the 32 bytes that are
    signed. unsigned_bytes: the unsigned transaction; for a signed one, what is left without the signature.
    """

    chain_id: int
    nonce: int
    recipient: bytes
    units: int
    contract: bytes | None
    gas_limit: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int
    max_fee_wei: int
    signing_digest: bytes
    unsigned_bytes: bytes


def read_ethereum_unsigned(raw: bytes) -> EthereumReading:
    """Read an unsigned payment. Raises the TX_ codes and TOO_LARGE."""
    return _read_payment(_read_list(raw, 9))


def read_ethereum_signed(raw: bytes) -> tuple[EthereumReading, int, int, int, bytes]:
    """Read a signed payment; return it with y_parity, r, s and the 20 bytes of the sender, recovered.

    Raises the TX_ codes, TOO_LARGE, SIGNATURE_HIGH_S, SIGNATURE_INVALID (also for one that no key can have made).
    """
    items = _read_list(raw, 12)
    reading = _read_payment(items[:9])
    return reading, *_read_signature(items[9:], reading.signing_digest)


def split_ethereum_signed(raw: bytes) -> tuple[bytes, int, bytes]:
    """The unsigned bytes inside signed ones, r, and the 20 bytes of the sender; what they do is not judged.

    Only for bytes that are compared, whole, with ones that were built here: a void twin pays nothing and is no payment.
    """
    items = _read_list(raw, 12)
    unsigned = b"\x02" + bytes(rlp.encode(items[:9]))
    _, r, _, sender = _read_signature(items[9:], keccak(unsigned))
    return unsigned, r, sender


def read_ethereum_fees(unsigned: bytes) -> tuple[int, int]:
    """The price of gas and the tip inside it, in wei, as eth-account reads them out of unsigned bytes."""
    items = _read_list(unsigned, 9)
    said = TypedTransaction.from_bytes(HexBytes(b"\x02" + rlp.encode([*items, b"", b"\x01", b"\x01"]))).as_dict()
    return int(said["maxFeePerGas"]), int(said["maxPriorityFeePerGas"])


def _read_signature(items: list[object], digest: bytes) -> tuple[int, int, int, bytes]:
    y_parity, r, s = (_read_number(item, name) for item, name in zip(items, ("y_parity", "r", "s"), strict=True))
    if y_parity > 1:
        raise refused(Code.TX_FIELD_INVALID, "y_parity", "0 or 1", str(y_parity))
    for value, name in ((r, "r"), (s, "s")):
        if value == 0 or value >= _ORDER:
            raise malformed(Code.SIGNATURE_INVALID, name, "a scalar of secp256k1", hex(value))
    if 2 * s > _ORDER:
        raise refused(Code.SIGNATURE_HIGH_S, "s", "the lower of both values", hex(s))
    return y_parity, r, s, _recover(digest, y_parity, r, s)


def _read_list(raw: bytes, count: int) -> list[object]:
    """The items of a transaction of type 2; every other type is refused by its name."""
    if not raw:
        raise malformed(Code.TX_TRUNCATED, "transaction type", "1 byte", "none")
    if raw[0] != 2:
        name = _TYPE_NAMES.get(raw[0], "legacy" if raw[0] >= 0xC0 else f"unknown type {raw[0]:#04x}")
        raise refused(Code.TX_TYPE_REFUSED, "transaction type", "fee market (EIP-1559)", name)
    if len(raw) > _MOST_BYTES:
        raise malformed(Code.TOO_LARGE, "transaction", f"at most {_MOST_BYTES} bytes", str(len(raw)))
    items = _decode_rlp(raw[1:])
    if not isinstance(items, list) or len(items) != count:
        got = f"{len(items)} fields" if isinstance(items, list) else "a byte string"
        raise malformed(Code.TX_FIELD_INVALID, "transaction", f"{count} fields", got)
    return items


def _decode_rlp(payload: bytes) -> object:
    try:
        items: object = rlp.decode(payload, strict=True)
    except DecodingError as error:
        code = next((code for text, code in _RLP_FAULTS.items() if text in str(error)), Code.TX_TRUNCATED)
        raise malformed(code, "transaction", "strict RLP", str(error)) from error
    except RecursionError as error:
        # The library follows lists in lists by calling itself; nothing that we sign nests at all.
        raise malformed(Code.TOO_LARGE, "transaction", "a flat list", "lists nested too deeply") from error
    if rlp.encode(items) != payload:
        raise malformed(Code.TX_NOT_CANONICAL, "transaction", rlp.encode(items).hex(), payload.hex())
    return items


def _read_number(item: object, name: str) -> int:
    if not isinstance(item, bytes):
        raise malformed(Code.TX_FIELD_INVALID, name, "a number", "a list")
    if item.startswith(b"\x00"):
        raise malformed(Code.TX_NOT_CANONICAL, name, "no leading zeros", item.hex())
    return int.from_bytes(item, "big")


def _read_payment(items: list[object]) -> EthereumReading:
    """Nine items as a payment. Everything that makes them more than a payment, or another one, is reported at once."""
    chain_id, nonce, tip, price, gas, to, value, data, access_list = items
    if not isinstance(to, bytes) or not isinstance(data, bytes) or not isinstance(access_list, list):
        raise malformed(Code.TX_FIELD_INVALID, "to, data and access_list", "bytes, bytes and a list", "another shape")
    _check_nothing_else(to, data, access_list)
    sent = _read_number(value, "value_wei")
    recipient, units = _read_call(to, data) if data else (to, sent)
    unsigned = b"\x02" + rlp.encode(items)
    reading = EthereumReading(
        chain_id=_read_number(chain_id, "chain_id"),
        nonce=_read_number(nonce, "nonce"),
        recipient=recipient,
        units=units,
        contract=to if data else None,
        gas_limit=_read_number(gas, "gas_limit"),
        max_fee_per_gas_wei=_read_number(price, "max_fee_per_gas_wei"),
        max_priority_fee_per_gas_wei=_read_number(tip, "max_priority_fee_per_gas_wei"),
        max_fee_wei=_read_number(gas, "gas_limit") * _read_number(price, "max_fee_per_gas_wei"),
        signing_digest=keccak(unsigned),
        unsigned_bytes=unsigned,
    )
    _check_ranges(reading, sent)
    _check_with_eth_account(reading, items)
    return reading


def _read_call(contract: bytes, data: bytes) -> tuple[bytes, int]:
    """Recipient and units of a token's transfer.

    Decoding would forgive what the re-encoding does not: dirty bytes before an address, bytes after the last argument.
    """
    arguments = data[4:]
    try:
        recipient, units = decode(_CALL, arguments)
    except (DecodingAbiError, OverflowError) as error:
        raise malformed(Code.TX_TOKEN_CALL, "data", "an address and a number of units", data.hex()) from error
    if encode(_CALL, (recipient, units)) != arguments:
        raise malformed(Code.TX_TOKEN_CALL, "data", encode(_CALL, (recipient, units)).hex(), arguments.hex())
    raw = bytes.fromhex(recipient[2:])
    if not any(raw) or raw == contract:
        raise refused(Code.TX_TOKEN_CALL, "recipient", "neither nobody nor the contract itself", recipient)
    if not units:
        raise refused(Code.TX_TOKEN_CALL, "units", "at least 1", "0")
    return raw, int(units)


def _check_nothing_else(to: bytes, data: bytes, access_list: list[object]) -> None:
    found: list[Refusal] = []
    if not to:
        found.append(Refusal(code=Code.TX_CONTRACT_CREATION, field="to", expected="an address", got="none"))
    elif len(to) != 20:
        found.append(Refusal(code=Code.TX_FIELD_INVALID, field="to", expected="20 bytes", got=to.hex()))
    if data and data[:4] != _SELECTOR:
        expected = f"none, or {_SELECTOR.hex()}"
        found.append(Refusal(code=Code.TX_CONTRACT_CALL, field="data", expected=expected, got=data.hex()))
    if access_list:
        got = f"{len(access_list)} entries"
        found.append(Refusal(code=Code.TX_ACCESS_LIST, field="access_list", expected="empty", got=got))
    if found:
        raise RefusedError(*found)


def _check_ranges(reading: EthereumReading, sent: int) -> None:
    """Each number within what the network and our rules allow: gas for a payment alone, a tip inside the price.

    sent: wei that go to `to`. None go along with a token.
    """
    price = reading.max_fee_per_gas_wei
    coin = reading.contract is None
    gas, value = ((_GAS, _GAS), (1, _LARGEST_WORD)) if coin else (_TOKEN_GAS, (0, 0))
    rules = (
        ("chain_id", reading.chain_id, 1, _LARGEST_CHAIN),
        ("nonce", reading.nonce, 0, _LARGEST_NONCE),
        ("gas_limit", reading.gas_limit, *gas),
        ("value_wei", sent, *value),
        ("max_fee_per_gas_wei", price, 0, _LARGEST_WORD),
        ("max_priority_fee_per_gas_wei", reading.max_priority_fee_per_gas_wei, 0, price),
        ("value and fee", sent + reading.max_fee_wei, 0, _LARGEST_WORD),
    )
    found = [
        Refusal(code=Code.TX_FIELD_INVALID, field=name, expected=f"{low} to {high}", got=str(value))
        for name, value, low, high in rules
        if not low <= value <= high
    ]
    if found:
        raise RefusedError(*found)


def _check_with_eth_account(reading: EthereumReading, items: list[object]) -> None:
    """Let eth-account read the same payment, and compare every field and the digest with ours.

    It wants twelve fields and a signature that could be one, so it is given y = 0, r = 1, s = 1; its digest is of the
    unsigned part and does not cover them.
    """
    try:
        theirs = TypedTransaction.from_bytes(HexBytes(b"\x02" + rlp.encode([*items, b"", b"\x01", b"\x01"])))
    except (TypeError, ValueError) as error:
        raise refused(Code.READINGS_DISAGREE, "transaction", "a payment to eth-account too", str(error)) from error
    said = theirs.as_dict()
    to, data = bytes(said["to"]), bytes(said["data"])
    recipient, units = _read_call(to, data) if data else (to, said["value"])
    seen = {
        "chain_id": said["chainId"],
        "nonce": said["nonce"],
        "recipient": recipient,
        "units": units,
        "contract": to if data else None,
        "gas_limit": said["gas"],
        "max_fee_per_gas_wei": said["maxFeePerGas"],
        "max_priority_fee_per_gas_wei": said["maxPriorityFeePerGas"],
        "signing_digest": bytes(theirs.hash()),
    }
    for name, value in seen.items():
        if getattr(reading, name) != value:
            raise refused(Code.READINGS_DISAGREE, name, str(getattr(reading, name)), str(value))


def _recover(digest: bytes, y_parity: int, r: int, s: int) -> bytes:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise malformed(Code.SIGNATURE_INVALID, "signature", "one that a key can have made", signature.hex()) from error
    return _address_of(key)


def _address_of(key: PublicKey) -> bytes:
    return keccak(key.format(compressed=False)[1:])[12:]


def ethereum_address_of(public_key: bytes) -> bytes:
    """The 20 bytes of the address of a public key of 33 or 65 bytes. Raises ADDRESS_INVALID for anything else."""
    if (len(public_key), public_key[:1]) not in {(33, b"\x02"), (33, b"\x03"), (65, b"\x04")}:
        raise malformed(Code.ADDRESS_INVALID, "public_key", "a key of 33 or 65 bytes", public_key.hex())
    try:
        return _address_of(PublicKey(public_key))
    except ValueError as error:
        raise malformed(Code.ADDRESS_INVALID, "public_key", "a point of secp256k1", public_key.hex()) from error


def ethereum_transaction_hash(raw_signed: bytes) -> bytes:
    """The 32 bytes under which nodes know a signed payment. Raises as `read_ethereum_signed` does."""
    read_ethereum_signed(raw_signed)
    return keccak(raw_signed)


def bytes_to_ethereum_address(raw: bytes) -> str:
    """Spell 20 bytes in EIP-55. Raises ADDRESS_INVALID."""
    if len(raw) != 20:
        raise malformed(Code.ADDRESS_INVALID, "address", "20 bytes", raw.hex())
    return str(to_checksum_address(raw))


def ethereum_address_to_bytes(text: str) -> bytes:
    """The 20 bytes of an address in EIP-55; every other spelling is ADDRESS_INVALID."""
    digits = text[2:]
    if len(text) != 42 or not text.startswith("0x") or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise malformed(Code.ADDRESS_INVALID, "address", "0x and 40 hex digits", repr(text))
    raw = bytes.fromhex(digits)
    if bytes_to_ethereum_address(raw) != text:
        raise malformed(Code.ADDRESS_INVALID, "address", "the EIP-55 checksum", text)
    return raw
