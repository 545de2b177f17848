"""A firm on two Ethereum chains at once: what is instructed, signed and cleared on one means nothing on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from strongroom.chains.ethereum import addresses as eth
from strongroom.core.ids import AccountId, EntryId
from strongroom.core.records import EntryOrNone, HexBytes
from strongroom.core.registers import ClientAccount
from world_firm import Edit, World
from world_keys import ETH_ASSET, HOODI, HOODI_ASSET, HOODI_WALLET, USD_CONTRACT, chain_key, sorted_by_id
from world_registers import native_coin, token

COIN = native_coin(HOODI, HOODI_ASSET, "ETH", 18)


def two_chains(secret: str, edits: Mapping[str, Edit] | None = None) -> World:
    """The tests' firm with a second Ethereum chain.

    secret: whose key its address there has; that of `key:eth-1` gives one key, and one address, on both chains.
    edits: of that world, after the second chain was added. Clients may be paid at the same addresses on both.
    """
    public = chain_key(secret).public_key
    address = eth.render_address(eth.address_of(public.format(compressed=False)))
    second: dict[str, Edit] = {
        "addresses": lambda entries: (*entries, _address(entries, address)),
        "assets": lambda entries: (*entries, COIN, token(HOODI, USD_CONTRACT, "USDX", 6)),
        "clients": lambda entries: tuple(_with_account(e) for e in entries),
        "keys": lambda entries: (*entries, _key(entries, public.format())),
        "policy": _with_rule,
        "whitelist": lambda entries: (*entries, *_destinations(entries)),
    }
    return World(edits={name: _both(second.get(name), (edits or {}).get(name)) for name in {*second, *(edits or {})}})


def _both(first: Edit | None, then: Edit | None) -> Edit:
    """One edit after the other; registers are sorted again."""

    def edit(body: Any) -> Any:
        for each in (first, then):
            body = each(body) if each else body
        return sorted_by_id(body) if isinstance(body, tuple) else body

    return edit


def _address(entries: tuple[Any, ...], address: str) -> Any:
    model = next(e for e in entries if e.id == "address:eth-1")
    keys = (EntryId("key:hoodi-1"),)
    there = replace(model, account=EntryOrNone("account:harbour:hoodi"), address=address, chain=HOODI, keys=keys)
    return replace(there, id=EntryId("address:hoodi-1"), wallet=HOODI_WALLET)


def _key(entries: tuple[Any, ...], public: bytes) -> Any:
    model = next(e for e in entries if e.id == "key:eth-1")
    return replace(model, chain=HOODI, id=EntryId("key:hoodi-1"), public=HexBytes(public), wallet=HOODI_WALLET)


def _with_account(client: Any) -> Any:
    name = AccountId(f"account:{client.id.split(':')[1]}:hoodi")
    account = ClientAccount(asset=HOODI_ASSET, id=name, wallet=HOODI_WALLET)
    return replace(client, accounts=sorted_by_id([*client.accounts, account]))


def _destinations(entries: tuple[Any, ...]) -> list[Any]:
    return [
        replace(e, asset=HOODI_ASSET, chain=HOODI, id=EntryId(e.id.removesuffix("-eth") + "-hoodi"))
        for e in entries
        if e.asset == ETH_ASSET
    ]


def _with_rule(policy: Any) -> Any:
    model = next(rule for rule in policy.rules if rule.id == "rule:eth")
    there = replace(model, id=EntryId("rule:hoodi"), assets=(HOODI_ASSET,))
    return replace(policy, rules=sorted_by_id([*policy.rules, there]))
