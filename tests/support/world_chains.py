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


def two_chains(secret: str, edits: Mapping[str, Edit] | None = None) -> World:
    """The tests' firm with a second Ethereum chain.

    secret: whose key its address there has; that of `key:eth-1` gives one key, and one address, on both chains.
    edits: of that world, after the second chain was added. Clients may be paid at the same addresses on both.
    """
    public = chain_key(secret).public_key
    address = eth.render_address(eth.address_of(public.format(compressed=False)))

    def keys(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        model = next(e for e in entries if e.id == "key:eth-1")
        public_point = HexBytes(public.format())
        return (
            *entries,
            replace(model, chain=HOODI, id=EntryId("key:hoodi-1"), public=public_point, wallet=HOODI_WALLET),
        )

    def addresses(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        model = next(e for e in entries if e.id == "address:eth-1")
        there = replace(model, account=EntryOrNone("account:harbour:hoodi"), address=address, chain=HOODI)
        return (
            *entries,
            replace(there, id=EntryId("address:hoodi-1"), keys=(EntryId("key:hoodi-1"),), wallet=HOODI_WALLET),
        )

    def clients(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        def with_account(entry: Any) -> Any:
            name = AccountId(f"account:{entry.id.split(':')[1]}:hoodi")
            account = ClientAccount(asset=HOODI_ASSET, id=name, wallet=HOODI_WALLET)
            return replace(entry, accounts=sorted_by_id([*entry.accounts, account]))

        return tuple(with_account(e) for e in entries)

    def whitelist(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        there = [
            replace(e, asset=HOODI_ASSET, chain=HOODI, id=EntryId(e.id.removesuffix("-eth") + "-hoodi"))
            for e in entries
            if e.asset == ETH_ASSET
        ]
        return (*entries, *there)

    def policy(body: Any) -> Any:
        model = next(rule for rule in body.rules if rule.id == "rule:eth")
        there = replace(model, id=EntryId("rule:hoodi"), assets=(HOODI_ASSET,))
        return replace(body, rules=sorted_by_id([*body.rules, there]))

    second: dict[str, Edit] = {
        "addresses": addresses,
        "assets": lambda entries: (
            *entries,
            native_coin(HOODI, HOODI_ASSET, "ETH", 18),
            token(HOODI, USD_CONTRACT, "USDX", 6),
        ),
        "clients": clients,
        "keys": keys,
        "policy": policy,
        "whitelist": whitelist,
    }
    wanted = edits or {}

    def both(name: str) -> Edit:
        def edit(body: Any) -> Any:
            changed = second.get(name, lambda same: same)(body)
            changed = wanted.get(name, lambda same: same)(changed)
            return sorted_by_id(changed) if isinstance(changed, tuple) else changed

        return edit

    return World(edits={name: both(name) for name in {*second, *wanted}})
