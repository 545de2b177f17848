"""The entries of the tests' firm: clients, destinations, keys, addresses and assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.ids import AccountId, AssetId, ChainId, EntryId, PartyId, WalletId
from strongroom.core.records import EntryOrNone, HexBytes
from strongroom.core.registers import (
    AddressEntry,
    AddressPurpose,
    AssetEntry,
    AssetKind,
    ClientAccount,
    ClientEntry,
    KeyEntry,
    KeyState,
    WhitelistEntry,
)
from world_keys import (
    CLIENTS,
    ETH,
    ETH_ASSET,
    ETH_WALLET,
    LTC,
    LTC_ASSET,
    LTC_WALLET,
    START,
    TERMINALS,
    USD_ASSET,
    USD_CONTRACT,
    chain_key,
    seed,
    signer_of,
    sorted_by_id,
)


def ltc_key_names(address: str) -> tuple[str, ...]:
    """The three keys of a Litecoin address, one in each terminal."""
    return tuple(f"key:{address}-{i + 1}" for i in range(3))


def ltc_addresses() -> dict[str, tuple[tuple[str, ...], int]]:
    """Keys and threshold of each Litecoin address: 2-of-3 over three terminals, and of one key in the first."""
    several = {name: (ltc_key_names(name), 2) for name in ("ltc-1", "ltc-2", "ltc-change")}
    return several | {name: ((f"key:{name}",), 1) for name in ("one-1", "one-2", "one-change")}


def build_entries() -> dict[str, tuple[Any, ...]]:
    """Entries of the five registers."""
    keys, addresses = [], []
    for name, purpose in (("eth-1", "deposit"), ("eth-2", "deposit")):
        key = chain_key(f"key:{name}").public_key
        keys.append(_key(f"key:{name}", ETH, key.format(), "device:terminal-1", ETH_WALLET))
        address = eth.render_address(eth.address_of(key.format(compressed=False)))
        owner = "account:harbour:eth" if name == "eth-1" else "none"
        addresses.append(_address(f"address:{name}", ETH, address, (f"key:{name}",), purpose, 1, ETH_WALLET, owner))
    owners = {f"ltc-{i + 1}": f"account:{CLIENTS[i].split(':')[1]}:ltc" for i in range(2)}
    for name, (names, threshold) in ltc_addresses().items():
        publics = [chain_key(n).public_key.format() for n in names]
        keys += [_key(n, LTC, p, t, LTC_WALLET) for n, p, t in zip(names, publics, TERMINALS, strict=False)]
        address = render_address(own_script(threshold, publics)[0], LITECOIN_REGTEST)
        purpose = "change" if name.endswith("change") else "deposit"
        owner = owners.get(name, "none")
        addresses.append(_address(f"address:{name}", LTC, address, names, purpose, threshold, LTC_WALLET, owner))
    return {
        "addresses": sorted_by_id(addresses),
        "assets": (
            native_coin(LTC, LTC_ASSET, "LTC", 8),
            token(ETH, USD_CONTRACT, "USDX", 6),
            native_coin(ETH, ETH_ASSET, "ETH", 18),
        ),
        "clients": sorted_by_id(_client(c) for c in CLIENTS),
        "keys": sorted_by_id(keys),
        "whitelist": sorted_by_id(w for c in CLIENTS for w in whitelist_entries(c)),
    }


def native_coin(chain: ChainId, asset: AssetId, symbol: str, decimals: int) -> AssetEntry:
    """A chain's own coin."""
    return AssetEntry(
        chain=chain,
        code_hash="none",
        contract="none",
        decimals=decimals,
        id=asset,
        kind=AssetKind.NATIVE,
        symbol=symbol,
    )


def token(chain: ChainId, contract: str, symbol: str, decimals: int, code: bytes = b"test token") -> AssetEntry:
    """An ERC-20 token at a contract. code: what stands there."""
    return AssetEntry(
        chain=chain,
        code_hash=f"keccak256:{keccak256(code).hex()}",
        contract=contract,
        decimals=decimals,
        id=eth.token_asset(chain, contract),
        kind=AssetKind.ERC20,
        symbol=symbol,
    )


def _key(name: str, chain: ChainId, public: bytes, terminal: str, wallet: WalletId) -> KeyEntry:
    return KeyEntry(
        chain=chain,
        id=EntryId(name),
        public=HexBytes(public),
        state=KeyState.ACTIVE,
        terminal=PartyId(terminal),
        wallet=wallet,
    )


def _address(
    name: str,
    chain: ChainId,
    address: str,
    keys: tuple[str, ...],
    purpose: str,
    threshold: int,
    wallet: WalletId,
    owner: str,
) -> AddressEntry:
    return AddressEntry(
        account=EntryOrNone(owner),
        address=address,
        chain=chain,
        id=EntryId(name),
        keys=tuple(EntryId(k) for k in sorted(keys)),
        purpose=AddressPurpose(purpose),
        threshold=threshold,
        wallet=wallet,
    )


def _client(client: str) -> ClientEntry:
    name = client.split(":")[1]
    return ClientEntry(
        accounts=(
            ClientAccount(asset=ETH_ASSET, id=AccountId(f"account:{name}:eth"), wallet=ETH_WALLET),
            ClientAccount(asset=LTC_ASSET, id=AccountId(f"account:{name}:ltc"), wallet=LTC_WALLET),
            ClientAccount(asset=USD_ASSET, id=AccountId(f"account:{name}:usd"), wallet=ETH_WALLET),
        ),
        id=PartyId(client),
        keys=(signer_of(client).key,),
        name=f"{name.title()} Fund Ltd",
    )


def whitelist_entries(client: str) -> tuple[WhitelistEntry, ...]:
    """A client's own destinations: for ether, for litecoin, and for the token at the address of the ether."""
    name = client.split(":")[1]
    own = chain_key(f"{client} own").public_key
    eth_address = eth.render_address(eth.address_of(own.format(compressed=False)))
    ltc_address = render_address(b"\x00\x14" + seed(client)[:20], LITECOIN_REGTEST)
    return (
        _whitelisted(f"entry:{name}-eth", client, ETH, ETH_ASSET, eth_address),
        _whitelisted(f"entry:{name}-ltc", client, LTC, LTC_ASSET, ltc_address),
        _whitelisted(f"entry:{name}-usd", client, ETH, USD_ASSET, eth_address),
    )


def _whitelisted(name: str, client: str, chain: ChainId, asset: AssetId, address: str) -> WhitelistEntry:
    return WhitelistEntry(
        added_at=START - timedelta(days=41),
        address=address,
        asset=asset,
        chain=chain,
        client=PartyId(client),
        id=EntryId(name),
        owner=f"{client.split(':')[1].title()} Fund Ltd",
        purpose="redemption",
    )
