"""The chains that the second reading knows, and what tells them apart: chain ids, address spellings, native assets.

Written down from the networks' own parameters (Bitcoin Core and Litecoin Core `chainparams.cpp`, BIP-122, SLIP-44,
EIP-155) and not taken from core, so that a wrong prefix there shows here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId, ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinNetwork:
    """How one network of the Bitcoin family spells addresses. p2pkh, p2sh: the version byte. coin: SLIP-44 type."""

    name: str
    p2pkh: bytes
    p2sh: bytes
    hrp: str
    coin: int


_BITCOIN_FAMILY: Final = {
    "000000000019d6689c085ae165831e93": BitcoinNetwork(name="Bitcoin", p2pkh=b"\x00", p2sh=b"\x05", hrp="bc", coin=0),
    "0f9188f13cb7b2c71f2a335e3a4fc328": BitcoinNetwork(
        name="Bitcoin regtest", p2pkh=b"\x6f", p2sh=b"\xc4", hrp="bcrt", coin=0
    ),
    "12a765e31ffd4059bada1e25190f6e98": BitcoinNetwork(name="Litecoin", p2pkh=b"\x30", p2sh=b"\x32", hrp="ltc", coin=2),
    "530827f38f93b43ed12af0b3ad25a288": BitcoinNetwork(
        name="Litecoin regtest", p2pkh=b"\x6f", p2sh=b"\x3a", hrp="rltc", coin=2
    ),
}
"""By the first 32 hex digits of the genesis block's hash (BIP-122 chain ids in CAIP-2)."""
_ETHEREUM: Final = re.compile(r"eip155:([1-9][0-9]*)", re.ASCII)
_LARGEST_CHAIN: Final = 9_223_372_036_854_775_771
"""EIP-2294."""


def is_ethereum(chain: ChainId) -> bool:
    """Whether this chain id is of the Ethereum family."""
    return chain.startswith("eip155:")


def bitcoin_network_of(chain: ChainId) -> BitcoinNetwork:
    """The network behind `bip122:…`. Raises TX_WRONG_CHAIN for a chain that is not of this family or not known."""
    space, _, reference = chain.partition(":")
    network = _BITCOIN_FAMILY.get(reference)
    if space != "bip122" or network is None:
        raise refused(Code.TX_WRONG_CHAIN, "chain", "Bitcoin or Litecoin, main or regtest", chain)
    return network


def ethereum_number_of(chain: ChainId) -> int:
    """N of `eip155:N`. Raises TX_WRONG_CHAIN for another family or another spelling of the number."""
    found = _ETHEREUM.fullmatch(chain)
    if found is None or len(found[1]) > 19 or int(found[1]) > _LARGEST_CHAIN:
        raise refused(Code.TX_WRONG_CHAIN, "chain", f"eip155:1 to eip155:{_LARGEST_CHAIN}", chain)
    return int(found[1])


def native_asset_of(chain: ChainId) -> AssetId:
    """CAIP-19 of the coin in which a chain's fees are paid. Raises TX_WRONG_CHAIN."""
    if is_ethereum(chain):
        return AssetId(f"eip155:{ethereum_number_of(chain)}/slip44:60")
    return AssetId(f"{chain}/slip44:{bitcoin_network_of(chain).coin}")
