"""What the firm's people sign at the start: root, policy, prices and the entries of the five registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from demo.firm import DELEGATES, ETH, ETH_ASSET, LTC, LTC_ASSET, ORIGIN, TST, Client, Firm, now
from demo.vault import ETH_WALLET, LTC_WALLET
from strongroom.chains.bitcoin.addresses import render_address as render_ltc
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.chains.ethereum.addresses import address_of, render_address
from strongroom.core.bodies import Quorum
from strongroom.core.ids import AccountId, AssetId, ChainId, EntryId, PartyId, WalletId
from strongroom.core.policy import Effect, Parameters, Policy, Price, Prices, Rule, Window
from strongroom.core.records import DigestOrNone, EntryOrNone, HexBytes, Units
from strongroom.core.registers import (
    AddressEntry,
    AddressPurpose,
    ClientAccount,
    ClientEntry,
    KeyEntry,
    KeyState,
    WhitelistEntry,
)
from strongroom.core.roster import SEAL_SUITE, Delegation, Delegations, Floors, GateSeal, Holder, LogKey, Root

ASSETS = ("eth", "ltc", TST)
MOST_HKD = 5_000_000
"""What one payment, and three times that what one day may be worth."""
HOLDERS = ("person:h.fung", "person:h.mak", "person:h.yip")
CLIENT_NAMES = {
    "harbour": "Harbour Fund Ltd",
    "lantau": "Lantau Holdings Ltd",
    "peak": "Peak Partners Ltd",
    "house": "The operator itself",
}


def publish_everything(firm: Firm, in_the_vault: Callable[[], None]) -> None:
    """Root, roster, policy, five registers.

    in_the_vault: people whom the first roster names make the keys, and devices are enrolled; the second roster names
    the devices' keys, and the registers the assets'.
    """
    firm.publish("root", _root(firm), HOLDERS[:2])
    firm.publish_roster()
    in_the_vault()
    firm.publish_roster()
    firm.publish("policy", _policy(firm), DELEGATES["policy"])
    firm.publish_register("assets", [firm.asset(name) for name in ASSETS])
    firm.publish_register("clients", [_client_entry(firm, c) for c in firm.clients.values()])
    firm.publish_register("keys", _keys(firm))
    firm.publish_register("addresses", _addresses(firm))
    firm.publish("prices", _prices(firm), DELEGATES["prices"])
    firm.publish_register("whitelist", [e for c in firm.clients.values() for e in whitelist_entries(firm, c)])


def _delegation(firm: Firm, names: Iterable[str]) -> Delegation:
    holders = [Holder(id=PartyId(n), key=firm.people[n].key) for n in sorted(names)]
    return Delegation(keys=tuple(holders), threshold=2)


def _root(firm: Firm) -> Root:
    return Root(
        delegations=Delegations(**{name: _delegation(firm, people) for name, people in DELEGATES.items()}),
        expires=now() + timedelta(days=365),
        floors=Floors(groups=2, people=2),
        gate_seal=GateSeal(
            device=PartyId("device:gate-1"), public=HexBytes(bytes.fromhex(firm.seal)), suite=SEAL_SUITE
        ),
        holders=_delegation(firm, HOLDERS),
        log=LogKey(key=firm.log_key, origin=ORIGIN),
        previous=DigestOrNone("none"),
        version=1,
    )


def _policy(firm: Firm) -> Policy:
    return Policy(
        parameters=Parameters(
            approval_life_s=86_400,
            clear_life_s=900,
            clear_max_count=5,
            device_cool_off_s=1,
            freeze_lift_people=2,
            package_max_halts=10,
            price_max_age_s=86_400,
            reading_floor_s=2,
            sitting_max_count=10,
            sitting_rest_s=60,
            utc_offset_min=480,
            whitelist_min_age_s=86_400,
        ),
        previous=DigestOrNone("none"),
        rules=(
            _rule("rule:eth-cold", ETH_ASSET, 100 * 10**18, 10**16),
            _rule("rule:ltc-cold", LTC_ASSET, 1_000 * 10**8, 10**6),
            _rule("rule:tst-cold", firm.token.id, 100_000 * 10**6, 10**16),
        ),
        version=1,
    )


def _rule(name: str, asset: AssetId, most: int, fee: int) -> Rule:
    return Rule(
        above=Units(0),
        assets=(asset,),
        clients=(),
        effect=Effect.LIMIT,
        hours=(),
        id=EntryId(name),
        max_amount=Units(most),
        max_fee=Units(fee),
        max_hkd_cents=Units(MOST_HKD * 100),
        quorums=(Quorum(role="approver", people=2, groups=2),),
        wallets=(),
        windows=(
            Window(
                max_amount=Units(3 * most),
                max_count=20,
                max_fee=Units(20 * fee),
                max_hkd_cents=Units(3 * MOST_HKD * 100),
                seconds=86_400,
            ),
        ),
    )


def _prices(firm: Firm) -> Prices:
    """What the demo's assets are worth in Hong Kong dollars, for one day."""
    dollars = {ETH_ASSET: 31_250, LTC_ASSET: 780, firm.token.id: 8}
    found = [Price(asset=asset, microhkd=Units(price * 10**6)) for asset, price in sorted(dollars.items())]
    return Prices(as_of=now().replace(microsecond=0), prices=tuple(found))


def _client_entry(firm: Firm, client: Client) -> ClientEntry:
    name = client.id.split(":")[1]
    wallets = {"eth": ETH_WALLET, "ltc": LTC_WALLET, TST: ETH_WALLET}
    return ClientEntry(
        accounts=tuple(
            ClientAccount(asset=firm.asset(short).id, id=AccountId(f"account:{name}:{short}"), wallet=WalletId(wallet))
            for short, wallet in sorted(wallets.items())
        ),
        id=client.id,
        keys=(client.key,),
        name=CLIENT_NAMES[name],
    )


def whitelist_entries(firm: Firm, client: Client) -> list[WhitelistEntry]:
    """A client's own destinations, listed 41 days ago; tokens go where its ether goes."""
    name = client.id.split(":")[1]
    return [
        WhitelistEntry(
            added_at=now() - timedelta(days=41),
            address=client.destinations[firm.asset(short).chain],
            asset=firm.asset(short).id,
            chain=firm.asset(short).chain,
            client=client.id,
            id=EntryId(f"entry:{name}-{short}"),
            owner=CLIENT_NAMES[name],
            purpose="redemption",
        )
        for short in ASSETS
        if client.destinations
    ]


def _keys(firm: Firm) -> list[KeyEntry]:
    return [
        KeyEntry(
            chain=ETH if name.startswith("key:eth") else LTC,
            id=EntryId(name),
            public=HexBytes(bytes.fromhex(public)),
            state=KeyState.ACTIVE,
            terminal=terminal.id,
            wallet=WalletId(ETH_WALLET if name.startswith("key:eth") else LTC_WALLET),
        )
        for terminal in firm.terminals
        for name, public in terminal.publics.items()
    ]


def _addresses(firm: Firm) -> list[AddressEntry]:
    publics = {name: bytes.fromhex(public) for t in firm.terminals for name, public in t.publics.items()}
    eth_owners = {"eth-1": "account:harbour:eth", "eth-2": "account:house:eth"}
    found = [
        _address(
            f"address:{name}",
            ETH,
            render_address(address_of(publics[f"key:{name}"])),
            [f"key:{name}"],
            1,
            ETH_WALLET,
            owner,
        )
        for name, owner in eth_owners.items()
    ]
    for number, owner in enumerate(("harbour", "lantau", "peak", "house", "none"), start=1):
        keys = [f"key:ltc-{letter}-{number}" for letter in "abc"]
        script = p2wsh_script(multisig_script(2, [publics[k] for k in keys]))
        account = "none" if owner == "none" else f"account:{owner}:ltc"
        found.append(
            _address(f"address:ltc-{number}", LTC, render_ltc(script, LITECOIN_REGTEST), keys, 2, LTC_WALLET, account)
        )
    return found


def _address(
    name: str, chain: ChainId, address: str, keys: list[str], threshold: int, wallet: str, owner: str
) -> AddressEntry:
    return AddressEntry(
        account=EntryOrNone(owner),
        address=address,
        chain=chain,
        id=EntryId(name),
        keys=tuple(EntryId(k) for k in sorted(keys)),
        purpose=AddressPurpose.CHANGE if owner == "none" else AddressPurpose.DEPOSIT,
        threshold=threshold,
        wallet=WalletId(wallet),
    )
