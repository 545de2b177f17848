"""`swissborg-kiln-2025`: a builder's interface gave ready-made transactions with one instruction more than was asked.

Stopped by: (1) approver's device and terminal explain every byte or refuse: a batch, a call beside the transfer, an
output that nobody ordered (TX_CONTRACT_CALL, TX_TOKEN_CALL, OUTPUT_UNEXPLAINED: the row's EXTRA_CALL_IN_BATCH);
(2) station and gate do so in a reading of their own, which imports nothing of the builder's. What gives somebody
authority now, to be used eight days later, is no payment and refused as well; and what leaves by such an authority all
the same freezes the vault (UNEXPLAINED_OUTFLOW, in place of AUTHORITY_CHANGED: the allowance itself, made by our key,
is a transaction that no docket explains).

Software cannot stop: coins that a contract of somebody else holds for us. There are none here: nothing is staked, and
no contract is called but a registered token.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from crooked import STRANGER, Forge, call, calling, check_each, crooked_eth, crooked_ltc, rebuilt, with_fields
from firm import Firm
from places import NOTHING, PLACES, Places
from strongroom.chains.bitcoin.psbt import Payment
from strongroom.chains.ethereum.addresses import parse_address
from strongroom.core.codes import Code
from strongroom.online.watch.freezes import load_standing_freezes
from thief import call_as_us
from world import USD_CONTRACT, World, ltc_trip, usd_trip

POOL = bytes.fromhex("b0" * 20)
TOKEN = parse_address(USD_CONTRACT)
CLIENT = World().registers["whitelist"].find("entry:harbour-usd", "whitelist").address
ASKED = call("transfer(address,uint256)", parse_address(CLIENT), 2_500 * 10**6)


def batch(*calls: bytes) -> bytes:
    """`multicall(bytes[])` of several calls."""
    tails = [len(each).to_bytes(32, "big") + each.ljust(-(-len(each) // 32) * 32, b"\0") for each in calls]
    offsets = [32 * len(calls) + sum(map(len, tails[:n])) for n in range(len(calls))]
    return call("multicall(bytes[])", 32, len(calls), *offsets) + b"".join(tails)


WITHDRAW = call("withdraw(uint256)", 32 * 10**18)
OTHERS = {
    "setWithdrawalAddress": call("setWithdrawalAddress(address)", STRANGER),
    "transferOwnership": call("transferOwnership(address)", STRANGER),
    "approve": call("approve(address,uint256)", STRANGER, 2**256 - 1),
    "increaseAllowance": call("increaseAllowance(address,uint256)", STRANGER, 1),
}
FORGERIES: dict[str, tuple[Forge, Code]] = {
    **{f"a batch with {n}": (calling(POOL, batch(WITHDRAW, d)), Code.TX_CONTRACT_CALL) for n, d in OTHERS.items()},
    **{f"{n} at the token": (calling(TOKEN, d), Code.TX_CONTRACT_CALL) for n, d in OTHERS.items()},
    "a batch of the transfer alone": (calling(TOKEN, batch(ASKED)), Code.TX_CONTRACT_CALL),
    "the transfer with a call behind it": (calling(TOKEN, ASKED + OTHERS["approve"]), Code.TX_TOKEN_CALL),
    "typed data with one element more": (lambda _: b"\x19\x01" + bytes(96), Code.TX_TYPE_REFUSED),
    "the transfer with coins beside it": (
        lambda raw: with_fields(calling(TOKEN, ASKED)(raw), value=1),
        Code.TX_FIELD_INVALID,
    ),
}


@pytest.mark.parametrize(("forge", "code"), FORGERIES.values(), ids=FORGERIES)
def test_each_place_alone_refuses_what_nobody_asked_for(places: Places, forge: Forge, code: Code) -> None:
    """Controls 1 and 2, each with the other and the builder in the attacker's hands."""
    check_each(places.all(crooked_eth(places.world, forge)), code)
    assert [] == places.wire.sent


def one_more(outputs: list[Payment]) -> list[Payment]:
    """Out of the change, as little as nobody would miss."""
    paid, change = outputs
    extra = Payment(value_sat=10_000, script=b"\x00\x14" + STRANGER)
    return [paid, replace(change, value_sat=change.value_sat - extra.value_sat), extra]


def test_each_place_alone_refuses_an_output_more(places: Places) -> None:
    check_each(places.all(crooked_ltc(places.world, lambda raw: rebuilt(raw, one_more))), Code.OUTPUT_UNEXPLAINED)
    assert [] == places.wire.sent


def test_what_was_signed_around_every_control_freezes_before_it_is_used(firm: Firm) -> None:
    """Second run: the authority is given today, and nothing moves. The watch does not wait for the eight days."""
    assert () == load_standing_freezes(firm.admin, firm.rules)
    call_as_us(firm, USD_CONTRACT, OTHERS["approve"])
    firm.mine()
    assert 1 == len(load_standing_freezes(firm.admin, firm.rules))
    ((severity,),) = firm.query("select severity from watch.alerts where code = 'UNEXPLAINED_OUTFLOW'")
    assert "critical" == severity


@pytest.mark.parametrize("make", [usd_trip, ltc_trip])
def test_what_was_asked_for_is_released(places: Places, make: object) -> None:
    """The honest twin: one call for one instruction, and one output for each of three."""
    assert callable(make)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(make(places.world))
    assert 1 == len(places.wire.sent)
