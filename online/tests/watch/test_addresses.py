"""Alerts of addresses: retired ones that move, one key that guards too much, coins that came to nobody's address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firm import ETHER, Firm, change_register
from strongroom.core.codes import Code
from strongroom.core.records import DigestOrNone, EntryOrNone, Units
from strongroom.core.registers import KeyState
from strongroom.core.wallets import Wallet, WalletState
from strongroom.online.governance.store import publish
from wallets import ETH_COLD
from world import DELEGATES, ETH, ETH_ASSET


def say_wallet(firm: Firm, body: Wallet) -> str:
    """A wallet statement by its delegates; returns its id."""
    firm.world.now = firm.clock()
    envelope = firm.world.sign(body, DELEGATES["addresses"][0], DELEGATES["addresses"])
    return publish(firm.platform.connection, envelope, (), ()).id


def told(firm: Firm) -> list[tuple[str, str]]:
    """Code and subject of what is open."""
    rows = firm.query("select code, subject from watch.alerts where closed_at is null order by id")
    return [(str(code), str(subject)) for code, subject in rows]


def pay(firm: Firm, name: str, units: int = ETHER) -> None:
    """A deposit, mined and followed."""
    firm.deposit(name, units)
    firm.mine()


def test_movement_at_an_address_of_a_retired_wallet_is_told(firm: Firm) -> None:
    first = say_wallet(firm, ETH_COLD)
    pay(firm, "eth-1")
    assert [] == told(firm)
    say_wallet(firm, replace(ETH_COLD, previous=DigestOrNone(first), state=WalletState.RETIRED))
    pay(firm, "eth-1")
    assert [(Code.RETIRED_ADDRESS_ACTIVITY, "address:eth-1")] == told(firm)


def test_movement_at_an_address_of_a_destroyed_key_is_told(firm: Firm) -> None:
    key = firm.world.registers["keys"].find("key:eth-1", "keys")
    change_register(firm, "keys", (replace(key, state=KeyState.DESTROYED),))
    pay(firm, "eth-1")
    assert [(Code.RETIRED_ADDRESS_ACTIVITY, "address:eth-1")] == told(firm)


def test_one_key_that_guards_more_than_its_ceiling_is_told(firm: Firm) -> None:
    say_wallet(firm, replace(ETH_COLD, ceiling=Units(7 * ETHER)))
    pay(firm, "eth-1", 2 * ETHER)
    assert [] == told(firm)
    pay(firm, "eth-1", 1)
    assert [(Code.ADDRESS_ABOVE_CEILING, "address:eth-1")] == told(firm)


@pytest.mark.parametrize("is_owned", [False, True], ids=["nobody's", "a client's"])
def test_coins_at_an_address_that_nobody_was_given(firm: Firm, is_owned: bool) -> None:  # noqa: FBT001 -- a table
    entry = firm.world.registers["addresses"].find("address:eth-2", "addresses")
    if is_owned:
        change_register(firm, "addresses", (replace(entry, account=EntryOrNone("account:peak:eth")),))
    pay(firm, "eth-2")
    states = firm.query("select state from watch.deposits where address = 'address:eth-2' and asset = %s", ETH_ASSET)
    expected = ([], [("CREDITED",)]) if is_owned else ([(Code.ADDRESS_NOT_ASSIGNED, "address:eth-2")], [("SEEN",)])
    assert expected == (told(firm), states)
    assert ETH == entry.chain
