"""`eip7702-2025`: one signed authorization set a sweeper's code on plain accounts; whatever came in left at once.

Stopped by: (1) approver's device and terminal sign neither the authorization, whatever it is called, nor a transaction
that carries one (TX_TYPE_REFUSED is the row's EIP7702_AUTHORIZATION); (2) station and gate refuse both in a reading of
their own, and the gate finds that an authorization which a terminal of the attacker's signed is no signature of the
approved bytes (SIGNER_KEY_MISMATCH). An address that carries code already is never registered, and code that appears at
one is told, stops all signing, and holds what comes in there (COLD_ADDRESS_HAS_CODE is CODE_ON_OWN_EOA).

Software cannot stop: an authorization signed by somebody who has the key outside takes effect in one block; what the
address holds then is gone before anybody reads the alert.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account

from crooked import STRANGER, Forge, check_each, crooked_eth
from firm import ETHER, Firm
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.codes import Code
from strongroom.core.packages import TerminalResult
from strongroom.core.records import HexBytes
from strongroom.online.keys.code import DESIGNATOR, check_addresses
from strongroom.online.sources import build_sources
from strongroom.online.watch.clear import check_watched, check_world
from thief import chain_of, delegate
from world import ETH, chain_key, eth_trip

SWEEPER = "0x" + STRANGER.hex()


def authorization(chain: int, nonce: int) -> bytes:
    """What is signed to set code (EIP-7702): 0x05, then chain, delegate and nonce. Chain 0 is valid everywhere."""
    return b"\x05" + bytes(rlp.encode([chain, STRANGER, nonce]))


def with_authorization(raw: bytes) -> bytes:
    """The honest payment's fields as a transaction of type 4, unsigned, with one authorization and no call data."""
    fields = list(rlp.decode(raw[1:]))
    return b"\x04" + bytes(rlp.encode([*fields, [[0, STRANGER, 0, 1, 1, 1]]]))


FORGERIES: dict[str, Forge] = {
    "an authorization for every chain": lambda _: authorization(0, 0),
    "an authorization for ours": lambda _: authorization(31337, 7),
    "its digest": lambda _: keccak256(authorization(0, 0)),
    "as a message": lambda _: b"\x19Ethereum Signed Message:\n" + authorization(0, 0),
    "in a transaction of type 4": with_authorization,
    "a blob beside it": lambda raw: b"\x03" + raw[1:],
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_each_place_alone_refuses_an_authorization(places: Places, forge: Forge) -> None:
    """Controls 1 and 2, each with the other out of the way."""
    check_each(places.all(crooked_eth(places.world, forge)), Code.TX_TYPE_REFUSED)
    assert [] == places.wire.sent


def test_what_a_terminal_signed_instead_never_leaves_the_seal(places: Places) -> None:
    """Control 1 out of the way: the docket is honest, and a terminal of the attacker's signs the authorization."""
    signed = Account.sign_authorization({"chainId": 0, "address": SWEEPER, "nonce": 0}, chain_key("key:eth-1").secret)
    raw = signed.r.to_bytes(32, "big") + signed.s.to_bytes(32, "big")

    def instead(result: TerminalResult) -> TerminalResult:
        return replace(result, signatures=(replace(result.signatures[0], signature=HexBytes(raw)),))

    trip = eth_trip(places.world, edits={"result": instead})
    assert {Code.SIGNER_KEY_MISMATCH} == places.gate(trip)
    assert [] == places.wire.sent
    assert all(raw not in sealed for sealed in trip.sealed.values())


def test_code_that_appears_at_an_address_of_ours_stops_everything(firm: Firm) -> None:
    """Controls 1 and 2 out of the way: the key was used outside. A stranger submits it, and pays for it."""
    assert NOTHING == codes_of(lambda: check_world(firm.reconciler, firm.rules))
    delegate(firm, SWEEPER)
    ((severity, detail),) = firm.query(
        "select severity, detail from watch.alerts where code = %s", Code.COLD_ADDRESS_HAS_CODE.value
    )
    assert "critical" == severity
    assert f"a delegation to {SWEEPER} (EIP-7702)" in detail
    assert {Code.RECONCILIATION_BREAK} <= codes_of(lambda: check_world(firm.reconciler, firm.rules))
    assert {Code.COLD_ADDRESS_HAS_CODE} == codes_of(lambda: check_watched(firm.watcher, firm.rules))


def test_what_comes_in_there_is_credited_when_people_have_looked(firm: Firm) -> None:
    """Run 3 with the registration out of the way: code that sends on what comes in has given the client nothing."""
    delegate(firm, SWEEPER)
    firm.deposit("eth-1", ETHER)
    firm.mine(4)
    assert ["SEEN"] == deposits(firm)
    delegate(firm, "0x" + "00" * 20)
    assert ["SEEN"] == deposits(firm)
    firm.query("update watch.alerts set closed_at = now()")
    firm.mine()
    assert ["CREDITED"] == deposits(firm)


def deposits(firm: Firm) -> list[str]:
    """States of the payments of one ether."""
    return [str(s) for (s,) in firm.query("select state from watch.deposits where units = %s", ETHER)]


def test_a_deposit_address_with_code_is_never_given_out(firm: Firm) -> None:
    """Run 3: a fresh address that carries a designator already; the same one without it is registered."""
    chain, entry = chain_of(firm), firm.world.registers["addresses"].find("address:eth-2", "addresses")
    sources = build_sources({ETH: chain.nodes()})
    chain.replace_code(entry.address, DESIGNATOR + STRANGER)
    chain.mine(1)
    assert {Code.COLD_ADDRESS_HAS_CODE} == codes_of(lambda: check_addresses(sources, [entry]))
    chain.replace_code(entry.address, b"")
    chain.mine(1)
    assert NOTHING == codes_of(lambda: check_addresses(sources, [entry]))


def test_a_payment_of_type_2_is_released(places: Places) -> None:
    """The honest twin."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(eth_trip(places.world))
    assert 1 == len(places.wire.sent)
