"""The one contract call that we sign: `transfer(address,uint256)` of an ERC-20 token, in exactly 68 bytes.

Contracts read call data loosely: they ignore what follows the arguments, and some ignore the twelve bytes before an
address. Here every byte is fixed or shown, so that nothing can hide in the data. Every other function is refused by
its absence, `approve`, `transferFrom` and `permit` first: each would let somebody else move the tokens later.
Sources: ERC-20; Solidity's contract ABI specification, "Function Selector and Argument Encoding".
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.chains.ethereum.addresses import ADDRESS_BYTES
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.money import MAX_UNITS

SELECTOR = bytes.fromhex("a9059cbb")
"""The first four bytes of Keccak-256 over `transfer(address,uint256)`."""
_PADDING = bytes(12)
_WORD = 32
CALL_BYTES = len(SELECTOR) + 2 * _WORD


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTransfer:
    """What the call data says: whom the contract shall credit and with how many of the token's smallest units.

    recipient: 20 bytes, not the zero address: OpenZeppelin's contracts fail there, and others burn.
    """

    recipient: bytes
    units: int

    def __post_init__(self) -> None:
        if len(self.recipient) != ADDRESS_BYTES:
            raise malformed(Code.TX_TOKEN_CALL, "recipient", f"{ADDRESS_BYTES} bytes", self.recipient.hex())
        if self.recipient == bytes(ADDRESS_BYTES):
            raise refused(Code.TX_TOKEN_CALL, "recipient", "an address other than zero", self.recipient.hex())
        if not 1 <= self.units <= MAX_UNITS:
            raise refused(Code.TX_TOKEN_CALL, "units", f"1 to {MAX_UNITS}", str(self.units))


def encode_token_transfer(transfer: TokenTransfer) -> bytes:
    """The 68 bytes of the call."""
    return SELECTOR + _PADDING + transfer.recipient + transfer.units.to_bytes(_WORD, "big")


def parse_token_transfer(data: bytes) -> TokenTransfer:
    """Read call data. Raises TX_CONTRACT_CALL for another function, TX_TOKEN_CALL for a transfer that is not plain."""
    if data[: len(SELECTOR)] != SELECTOR:
        raise refused(Code.TX_CONTRACT_CALL, "data", f"none, or a transfer ({SELECTOR.hex()})", data.hex())
    if len(data) != CALL_BYTES:
        raise malformed(Code.TX_TOKEN_CALL, "data", f"{CALL_BYTES} bytes", f"{len(data)} bytes: {data.hex()}")
    first, second = data[len(SELECTOR) : -_WORD], data[-_WORD:]
    if first[: len(_PADDING)] != _PADDING:
        raise malformed(Code.TX_TOKEN_CALL, "recipient", "12 zero bytes before it", first.hex())
    return TokenTransfer(recipient=first[len(_PADDING) :], units=int.from_bytes(second, "big"))
