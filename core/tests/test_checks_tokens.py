"""Tokens and coins of one key: what is refused, and by which name. Each row changes one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from plain_pages import render_docket
from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, own_script, p2wsh_script
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.bodies import Budget, ChangeOutput, Proposal
from strongroom.core.canonical import sha256
from strongroom.core.checks.spend import moved_units
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import AssetId, EntryId
from strongroom.core.records import Units
from strongroom.core.registers import KeyState
from world import (
    ETH,
    ETH_ASSET,
    GWEI,
    LTC_ASSET,
    USD_ASSET,
    USD_CONTRACT,
    Edit,
    Trip,
    World,
    mixed_trip,
    one_key_trip,
    seed,
    token,
    usd_trip,
)

from .refusals import Case, by_sentence, change, eth_bytes, ltc_bytes, prove, refuse

OTHER = eth.parse_address("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")
STRANGER = b"\x00\x14" + seed("stranger")[:20]
PAID, FEE = 2_500 * 10**6, 65_000 * 90 * GWEI
LTC_PAID, LTC_FEE = 5 * 10**8, 2_000


def call(**fields: Any) -> dict[str, Edit]:
    """The builder calls the contract with other arguments."""

    def edit(raw: bytes) -> bytes:
        transfer = parse_unsigned(raw)
        assert transfer.token is not None
        return encode_unsigned(replace(transfer, token=replace(transfer.token, **fields)))

    return {"unsigned": edit}


def ether_instead(raw: bytes) -> bytes:
    """One wei to the same destination, for the order of a token."""
    transfer = parse_unsigned(raw)
    return encode_unsigned(replace(transfer, to=transfer.recipient, gas_limit=21_000, value_wei=1, token=None))


def without_entry(name: str) -> Edit:
    """A register without one entry."""
    return lambda entries: tuple(e for e in entries if e.id != name)


def entry(name: str, **fields: Any) -> Edit:
    """A register with one entry changed."""
    return lambda entries: tuple(replace(e, **fields) if e.id == name else e for e in entries)


def budget(**units: int) -> dict[str, Edit]:
    """A clear for so much: `token`, `ether` and `coin`, in smallest units; what is not named is not in it."""
    names = {"token": USD_ASSET, "ether": ETH_ASSET, "coin": LTC_ASSET}
    pairs = sorted((names[name], amount) for name, amount in units.items())
    return {"clear": change(budget=tuple(Budget(asset=AssetId(a), units=Units(u)) for a, u in pairs))}


TOKENS = (
    Case(
        says="the transfer of another contract",
        code=Code.ASSET_UNKNOWN,
        stage=Stage.PROPOSE,
        make=usd_trip,
        edits={"unsigned": eth_bytes(to=OTHER)},
    ),
    Case(
        says="the token pays somebody else",
        code=Code.DEST_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=usd_trip,
        edits=call(recipient=OTHER),
    ),
    Case(
        says="one unit of the token more",
        code=Code.AMOUNT_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=usd_trip,
        edits=call(units=PAID + 1),
    ),
    Case(
        says="ether for an order of tokens",
        code=Code.AMOUNT_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=usd_trip,
        edits={"unsigned": ether_instead, "propose": change(fee=Units(21_000 * 90 * GWEI))},
    ),
    Case(
        says="a token that the register does not hold",
        code=Code.ASSET_UNKNOWN,
        stage=Stage.PROPOSE,
        make=usd_trip,
        govern={"assets": without_entry(USD_ASSET)},
    ),
    Case(
        says="gas for a token that costs more than the client allows",
        code=Code.FEE_CEILING,
        stage=Stage.PROPOSE,
        make=usd_trip,
        edits={"unsigned": eth_bytes(gas_limit=200_000)},
    ),
    Case(
        says="a clear that covers the token and not its fee",
        code=Code.CLEAR_BUDGET,
        stage=Stage.SIGN,
        make=usd_trip,
        edits=budget(token=PAID),
    ),
    Case(
        says="a clear that covers the fee and not the token",
        code=Code.CLEAR_BUDGET,
        stage=Stage.SIGN,
        make=usd_trip,
        edits=budget(ether=10**21),
    ),
    Case(
        says="a clear with a unit of the token too little",
        code=Code.CLEAR_BUDGET,
        stage=Stage.SIGN,
        make=usd_trip,
        edits=budget(token=PAID - 1, ether=FEE),
    ),
    Case(
        says="a clear with a wei of the fee too little",
        code=Code.CLEAR_BUDGET,
        stage=Stage.SIGN,
        make=usd_trip,
        edits=budget(token=PAID, ether=FEE - 1),
    ),
)


@by_sentence(TOKENS)
def test_a_token_is_paid_as_ordered_or_not_at_all(case: Case) -> None:
    refuse(case.code, lambda: prove(case.trip()))


def change_to(name: str, script: bytes) -> dict[str, Edit]:
    """The change goes to a script and is said to be an address of ours."""
    kept: list[psbts.Psbt] = []

    def unsigned(raw: bytes) -> bytes:
        changed: bytes = ltc_bytes(lambda paid: [*paid[:-1], replace(paid[-1], script=script, witness_script=None)])(
            raw
        )
        kept.append(psbts.parse_psbt(changed))
        return changed

    def propose(body: Proposal) -> Proposal:
        back = ChangeOutput(address=EntryId(f"address:{name}"), index=len(kept[-1].outputs) - 1)
        return replace(body, change=(back,), unsigned_digest=sha256(kept[-1].unsigned_bytes))

    return {"unsigned": unsigned, "propose": propose}


def script_of(name: str) -> bytes:
    """The output script of an address of one key."""
    return own_script(1, World().points_of(name))[0]


ONE_OF_ONE = render_address(p2wsh_script(multisig_script(1, World().points_of("one-1"))), LITECOIN_REGTEST)
COINS = (
    Case(
        says="change to a stranger's one key",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=one_key_trip,
        edits=change_to("one-change", STRANGER),
    ),
    Case(
        says="change to an address of one key for deposits",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=one_key_trip,
        edits=change_to("one-2", script_of("one-2")),
    ),
    Case(
        says="change to one key that is not said to be change",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        make=one_key_trip,
        edits={"propose": change(change=())},
    ),
    Case(
        says="the only key of a coin is suspended",
        code=Code.KEY_NOT_ACTIVE,
        stage=Stage.PROPOSE,
        make=one_key_trip,
        govern={"keys": entry("key:one-1", state=KeyState.SUSPENDED)},
    ),
    Case(
        says="the only key of the change is destroyed",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=mixed_trip,
        govern={"keys": entry("key:one-change", state=KeyState.DESTROYED)},
    ),
    Case(
        says="an address of one key that is registered as a script",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=one_key_trip,
        govern={"addresses": entry("address:one-1", address=ONE_OF_ONE)},
    ),
    Case(
        says="a clear with a litoshi too little for coins of one key",
        code=Code.CLEAR_BUDGET,
        stage=Stage.SIGN,
        make=one_key_trip,
        edits=budget(coin=LTC_PAID + LTC_FEE - 1),
    ),
)


@by_sentence(COINS)
def test_coins_of_one_key_are_spent_as_ordered_or_not_at_all(case: Case) -> None:
    refuse(case.code, lambda: prove(case.trip()))


@pytest.mark.parametrize(
    ("make", "edits"),
    [
        (usd_trip, budget(token=PAID, ether=FEE)),
        (one_key_trip, budget(coin=LTC_PAID + LTC_FEE)),
        (mixed_trip, {}),
        (one_key_trip, change_to("one-change", script_of("one-change"))),
    ],
    ids=["a token to the last unit", "coins of one key to the last litoshi", "both kinds", "change to one key"],
)
def test_the_honest_twins_pass(make: Callable[..., Trip], edits: dict[str, Edit]) -> None:
    assert Stage.SETTLE is prove(make(World(), edits=edits).to(Stage.SETTLE)).journey.furthest


def test_what_moves_is_counted_by_asset() -> None:
    token_docket = prove(usd_trip(World()).to(Stage.PROPOSE))
    assert {USD_ASSET: PAID, ETH_ASSET: FEE} == moved_units(token_docket.spend, ())
    coins = prove(one_key_trip(World()).to(Stage.PROPOSE))
    named = {c.index for c in coins.proposal.body.change}
    assert {LTC_ASSET: LTC_PAID + LTC_FEE} == moved_units(coins.spend, named)
    assert {LTC_ASSET: 40 * 10**8} == moved_units(coins.spend, ())


def test_a_token_is_shown_with_its_contract_and_its_fee_in_ether() -> None:
    proved = prove(usd_trip(World()).to(Stage.PROPOSE))
    facts = proved.facts
    assert (USD_ASSET, PAID, "payment") == (facts.outputs[0].asset, facts.outputs[0].units, facts.outputs[0].kind)
    assert (ETH_ASSET, FEE, USD_CONTRACT) == (facts.fee.asset, facts.fee.units, facts.terms["contract"])
    lines = render_docket(proved)
    assert "PAY       2500.000000 USDX (2500000000 units), output 0" in lines
    assert "FEE       at most 0.005850000000000000 ETH (5850000000000000 units)" in lines
    assert "          ceiling 0.010000000000000000 ETH (10000000000000000 units)" in lines
    assert "TERMS     contract 0x A0b8 6991 c621 8b36 c1d1 9D4a 2e9E b0cE 3606 eB48" in lines


def test_two_contracts_of_one_symbol_are_two_assets() -> None:
    """A worthless contract that calls itself as the token does has another id, and needs an entry of its own."""
    fake = token(ETH, "0x71C7656EC7ab88b098defB751B7401B5f6d8976F", "USDX", 6)
    world = World(edits={"assets": lambda entries: tuple(sorted([*entries, fake], key=lambda e: e.id))})
    prove(usd_trip(world).to(Stage.PROPOSE))
    edits = {"unsigned": eth_bytes(to=OTHER)}
    refuse(Code.ASSET_UNKNOWN, lambda: prove(usd_trip(world, edits=edits, nonce=8, sequence=2).to(Stage.PROPOSE)))
