"""Addresses in their one checksummed spelling, addresses of keys, and the names of chains.

What `parse_address` accepts, `render_address` spells identically. All lower case, all upper case and a spelling without
`0x` are refused, although wallets take them: they carry no checksum, so one wrong digit would pay a stranger.
"""

from __future__ import annotations

import re
from functools import lru_cache

from strongroom.chains.ethereum.curve import parse_point
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import AssetId, ChainId

ADDRESS_BYTES = 20
MAX_CHAIN_ID = 2**63 - 37
"""Higher ids overflow the v of older signatures in common software. Source: EIP-2294."""
_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_CHAIN = re.compile(r"eip155:([1-9][0-9]{0,18})", re.ASCII)


@lru_cache(maxsize=4096)
def render_address(raw: bytes) -> str:
    """Spell 20 bytes as an address with its checksum in the case of the letters. Raises ADDRESS_INVALID.

    Source: EIP-55; vectors/ethereum/eip55.json.
    """
    if len(raw) != ADDRESS_BYTES:
        raise malformed(Code.ADDRESS_INVALID, "address", f"{ADDRESS_BYTES} bytes", raw.hex() or "no bytes")
    digits = raw.hex()
    checksum = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(d.upper() if int(c, 16) >= 8 else d for d, c in zip(digits, checksum, strict=False))


def parse_address(text: str, field: str = "address") -> bytes:
    """Return the 20 bytes of an address in its EIP-55 spelling; every other spelling is ADDRESS_INVALID."""
    if not _HEX_ADDRESS.fullmatch(text):
        raise malformed(Code.ADDRESS_INVALID, field, "0x and 40 hex digits", repr(text))
    raw = bytes.fromhex(text[2:])
    if render_address(raw) != text:
        # The right spelling is not told: who mistyped a digit must look again, and not copy our answer.
        raise malformed(Code.ADDRESS_INVALID, field, "the EIP-55 checksum in the case of the letters", text)
    return raw


def address_of(public_key: bytes) -> bytes:
    """The 20 bytes of the address that a public key (33 or 65 bytes) controls. Raises ADDRESS_INVALID.

    Source: Ethereum Yellow Paper, appendix F: the last 20 bytes of Keccak-256 over both coordinates.
    """
    x, y = parse_point(public_key)
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-ADDRESS_BYTES:]


def chain_id_of(chain: ChainId) -> int:
    """The number in `eip155:N`. Refuses any other chain, and a second spelling of the number, with TX_WRONG_CHAIN."""
    found = _CHAIN.fullmatch(chain)
    if found is None or int(found[1]) > MAX_CHAIN_ID:
        raise refused(Code.TX_WRONG_CHAIN, "chain", f"eip155:1 to eip155:{MAX_CHAIN_ID}", chain)
    return int(found[1])


def chain_of(chain_id: int) -> ChainId:
    """CAIP-2 of an EIP-155 chain id. Refuses an id out of range with TX_WRONG_CHAIN."""
    if not 1 <= chain_id <= MAX_CHAIN_ID:
        raise refused(Code.TX_WRONG_CHAIN, "chain_id", f"1 to {MAX_CHAIN_ID}", str(chain_id))
    return ChainId(f"eip155:{chain_id}")


def native_asset(chain: ChainId) -> AssetId:
    """CAIP-19 of the coin that pays for gas, `eip155:N/slip44:60`. Raises TX_WRONG_CHAIN."""
    return AssetId(f"{chain_of(chain_id_of(chain))}/slip44:60")


def token_asset(chain: ChainId, contract: str) -> AssetId:
    """CAIP-19 of an ERC-20 token, `eip155:N/erc20:0x...` with the contract in EIP-55. Raises as `parse_address`."""
    return AssetId(f"{chain_of(chain_id_of(chain))}/erc20:{render_address(parse_address(contract, 'contract'))}")
