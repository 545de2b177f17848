"""The networks of the Bitcoin family that we serve, and what tells them apart.

Bitcoin-family bytes name no network: the same transaction parses on all of them. So a `Network` always travels beside
the bytes and is signed with them, as a CAIP-2 chain id made from the genesis block.
Sources: Bitcoin Core and Litecoin Core `chainparams.cpp`; BIP-122 chain ids; SLIP-44 coin types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId, ChainId

COIN_SAT = 100_000_000
"""Smallest units in one coin: satoshi in a bitcoin, litoshi in a litecoin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network: how it is named and how it spells addresses.

    genesis_hash: 64 hex digits as nodes print it. chain: CAIP-2, `bip122:` and the first 32 of those digits.
    asset: CAIP-19 of the native coin; a test network carries its coin's own SLIP-44 type, since the chain part already
    says that it is worthless. p2sh_versions: the first is rendered and parsed; any other is an older spelling that
    parses as another network's address too, and is refused.
    mweb: the network has MimbleWimble extension blocks, which we never pay into.
    max_money_sat: more than all coins that can exist. dust_relay_sat_per_kvb: the nodes' default dust rate.
    """

    name: str
    genesis_hash: str
    chain: ChainId
    asset: AssetId
    symbol: str
    decimals: int
    p2pkh_version: int
    p2sh_versions: tuple[int, ...]
    hrp: str
    mweb: bool
    max_money_sat: int
    dust_relay_sat_per_kvb: int


BITCOIN = Network(
    name="Bitcoin",
    genesis_hash="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    chain=ChainId("bip122:000000000019d6689c085ae165831e93"),
    asset=AssetId("bip122:000000000019d6689c085ae165831e93/slip44:0"),
    symbol="BTC",
    decimals=8,
    p2pkh_version=0x00,
    p2sh_versions=(0x05,),
    hrp="bc",
    mweb=False,
    max_money_sat=21_000_000 * COIN_SAT,
    dust_relay_sat_per_kvb=3_000,
)

BITCOIN_REGTEST = Network(
    name="Bitcoin regtest",
    genesis_hash="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    chain=ChainId("bip122:0f9188f13cb7b2c71f2a335e3a4fc328"),
    asset=AssetId("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0"),
    symbol="BTC",
    decimals=8,
    p2pkh_version=0x6F,
    p2sh_versions=(0xC4,),
    hrp="bcrt",
    mweb=False,
    max_money_sat=21_000_000 * COIN_SAT,
    dust_relay_sat_per_kvb=3_000,
)

LITECOIN = Network(
    name="Litecoin",
    genesis_hash="12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
    chain=ChainId("bip122:12a765e31ffd4059bada1e25190f6e98"),
    asset=AssetId("bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2"),
    symbol="LTC",
    decimals=8,
    p2pkh_version=0x30,
    p2sh_versions=(0x32, 0x05),
    hrp="ltc",
    mweb=True,
    max_money_sat=84_000_000 * COIN_SAT,
    dust_relay_sat_per_kvb=30_000,
)

LITECOIN_REGTEST = Network(
    name="Litecoin regtest",
    genesis_hash="530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",
    chain=ChainId("bip122:530827f38f93b43ed12af0b3ad25a288"),
    asset=AssetId("bip122:530827f38f93b43ed12af0b3ad25a288/slip44:2"),
    symbol="LTC",
    decimals=8,
    p2pkh_version=0x6F,
    p2sh_versions=(0x3A, 0xC4),
    hrp="rltc",
    mweb=True,
    max_money_sat=84_000_000 * COIN_SAT,
    dust_relay_sat_per_kvb=30_000,
)

NETWORKS: Mapping[ChainId, Network] = MappingProxyType(
    {network.chain: network for network in (BITCOIN, BITCOIN_REGTEST, LITECOIN, LITECOIN_REGTEST)}
)
"""Every network that we serve, by CAIP-2 chain id."""


def network_of(chain: ChainId) -> Network:
    """The network of a chain id. Refuses a chain that is not of this family with TX_WRONG_CHAIN."""
    network = NETWORKS.get(chain)
    if network is None:
        raise refused(Code.TX_WRONG_CHAIN, "chain", " or ".join(sorted(NETWORKS)), chain)
    return network
