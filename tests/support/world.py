"""A whole custody firm in memory, with software keys: what tests build their dockets, packages and devices from.

`World()` has a root, roster, registers, policy, a witnessed log and two wallets: Ethereum with a token, and Litecoin
with addresses of 2-of-3 and of one key. `Trip` walks one transaction through the stages; every statement may be edited
before it is signed, and all later statements follow the edit, so that a test changes one thing and nothing else. Time
is the world's own and moves with each checkpoint.
"""

from __future__ import annotations

from world_chains import two_chains
from world_firm import Edit, World
from world_keys import (
    CLIENTS,
    DELEGATES,
    ETH,
    ETH_ASSET,
    ETH_WALLET,
    GWEI,
    HOLDERS,
    HOODI,
    HOODI_ASSET,
    HOODI_WALLET,
    LTC,
    LTC_ASSET,
    LTC_WALLET,
    MACHINES,
    ORIGIN,
    PEOPLE,
    START,
    TERMINALS,
    USD_ASSET,
    USD_CONTRACT,
    Signer,
    chain_key,
    ed25519_signer,
    p256_signer,
    seed,
    signer_of,
    sorted_by_id,
)
from world_log import MemoryLog
from world_registers import build_entries, ltc_key_names, native_coin, token, whitelist_entries
from world_sweep import SWEPT_ETH, SweepTrip, eth_sweep, ltc_sweep, safe_world
from world_trip import Trip
from world_trips import (
    bump_trip,
    eth_trip,
    hoodi_trip,
    ltc_trip,
    mixed_trip,
    one_key_trip,
    priced_trip,
    usd_trip,
    void_trip,
)

__all__ = [
    "CLIENTS",
    "DELEGATES",
    "ETH",
    "ETH_ASSET",
    "ETH_WALLET",
    "GWEI",
    "HOLDERS",
    "HOODI",
    "HOODI_ASSET",
    "HOODI_WALLET",
    "LTC",
    "LTC_ASSET",
    "LTC_WALLET",
    "MACHINES",
    "ORIGIN",
    "PEOPLE",
    "START",
    "SWEPT_ETH",
    "TERMINALS",
    "USD_ASSET",
    "USD_CONTRACT",
    "Edit",
    "MemoryLog",
    "Signer",
    "SweepTrip",
    "Trip",
    "World",
    "build_entries",
    "bump_trip",
    "chain_key",
    "ed25519_signer",
    "eth_sweep",
    "eth_trip",
    "hoodi_trip",
    "ltc_key_names",
    "ltc_sweep",
    "ltc_trip",
    "mixed_trip",
    "native_coin",
    "one_key_trip",
    "p256_signer",
    "priced_trip",
    "safe_world",
    "seed",
    "signer_of",
    "sorted_by_id",
    "token",
    "two_chains",
    "usd_trip",
    "void_trip",
    "whitelist_entries",
]
