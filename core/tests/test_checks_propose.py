"""Propose: the exact bytes against what clients ordered. Each row changes one thing; everything later follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import OutPoint
from strongroom.chains.ethereum import addresses as eth
from strongroom.core.bodies import ChangeOutput, Instruction, PaymentOutput, Proposal
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import ChainId, EntryId, WalletId
from strongroom.core.policy import Effect
from strongroom.core.records import DigestOrNone, HexBytes, Units
from strongroom.core.registers import AddressEntry, KeyEntry, KeyState
from world import (
    ETH,
    ETH_ASSET,
    GWEI,
    LTC,
    LTC_ASSET,
    USD_ASSET,
    Edit,
    Trip,
    World,
    eth_trip,
    ltc_key_names,
    ltc_trip,
    seed,
)

from .refusals import Case, by_sentence, change, eth_bytes, later, ltc_bytes, payments_of, prove, refuse, spends_of

STRANGER = b"\x00\x14" + seed("stranger")[:20]


def redo(edit_bytes: Edit) -> dict[str, Edit]:
    """The builder changes the bytes of a Litecoin transaction and says so in all its claims."""
    kept: list[psbts.Psbt] = []

    def unsigned(raw: bytes) -> bytes:
        fresh: bytes = edit_bytes(raw)
        kept.append(psbts.parse_psbt(fresh))
        return fresh

    def propose(body: Proposal) -> Proposal:
        built = kept[-1]
        return replace(body, fee=Units(built.fee_sat), unsigned_digest=sha256(built.unsigned_bytes))

    return {"unsigned": unsigned, "propose": propose}


def outputs(edit: Callable[[list[psbts.Payment]], list[psbts.Payment]]) -> dict[str, Edit]:
    """As `redo`, for outputs."""
    return redo(ltc_bytes(edit))


def set_output(position: int, **fields: Any) -> dict[str, Edit]:
    """One output is another."""
    return outputs(lambda paid: [replace(p, **fields) if i == position else p for i, p in enumerate(paid)])


def entry_edit(entry: str, **fields: Any) -> Edit:
    """An edit of one entry of a register."""
    return lambda entries: tuple(replace(e, **fields) if e.id == entry else e for e in entries)


ADDRESS_1 = render_address(STRANGER, LITECOIN_REGTEST)
OTHER_TO = eth.parse_address("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")

CASES = (
    Case(
        says="the platform swaps the destination on Ethereum",
        code=Code.DEST_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        edits={"unsigned": eth_bytes(to=OTHER_TO)},
    ),
    Case(
        says="the platform swaps the destination on Litecoin",
        code=Code.DEST_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=set_output(0, script=STRANGER),
    ),
    Case(
        says="two clients are paid to each other's address",
        code=Code.DEST_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=outputs(
            lambda p: [replace(p[0], script=p[1].script), replace(p[1], script=p[0].script), *p[2:]],
        ),
    ),
    Case(
        says="a wei too much is paid",
        code=Code.AMOUNT_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        edits={"unsigned": eth_bytes(value_wei=125 * 10**16 + 1)},
    ),
    Case(
        says="a litoshi too little is paid",
        code=Code.AMOUNT_NOT_INSTRUCTED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=outputs(lambda p: [replace(p[0], value_sat=p[0].value_sat - 1), *p[1:]]),
    ),
    Case(
        says="the digest is of other bytes",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": change(unsigned_digest=sha256(b"others"))},
    ),
    Case(
        says="the chain beside the bytes is another",
        code=Code.TX_WRONG_CHAIN,
        stage=Stage.PROPOSE,
        docket=lambda d: replace(d, transaction=replace(d.transaction, chain=ChainId("eip155:1"))),
    ),
    Case(
        says="the bytes are for another network",
        code=Code.TX_WRONG_CHAIN,
        stage=Stage.PROPOSE,
        edits={"unsigned": eth_bytes(chain_id=1)},
    ),
    Case(
        says="the chain is one that nobody serves",
        code=Code.TX_WRONG_CHAIN,
        stage=Stage.PROPOSE,
        edits={"propose": change(chain=ChainId("cosmos:hub-4"))},
    ),
    Case(
        says="an instruction is left out of the proposal",
        code=Code.STAGE_MISSING,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": lambda b: replace(b, instructions=b.instructions[1:])},
    ),
    Case(
        says="an instruction is paid by two outputs",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={
            "propose": lambda b: replace(
                b, outputs=(*b.outputs, PaymentOutput(index=3, instruction=b.outputs[0].instruction)), change=()
            )
        },
    ),
    Case(
        says="two instructions share one output",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": lambda b: replace(b, outputs=(b.outputs[0], replace(b.outputs[1], index=0), b.outputs[2]))},
    ),
    Case(
        says="the map points at no output",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        edits={"propose": lambda b: replace(b, outputs=(replace(b.outputs[0], index=1),))},
    ),
    Case(
        says="an output is explained by nobody",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=outputs(lambda p: [*p[:3], replace(p[3], value_sat=p[3].value_sat - 10**6), payment(10**6)]),
    ),
    Case(
        says="change is left unnamed",
        code=Code.OUTPUT_UNEXPLAINED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": change(change=())},
    ),
    Case(
        says="change goes to a stranger",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=set_output(3, script=STRANGER, witness_script=None),
    ),
    Case(
        says="change names an address that is not ours",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": change(change=(ChangeOutput(address=EntryId("address:nobody"), index=3),))},
    ),
    Case(
        says="change names an output that does not exist",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": lambda b: replace(b, change=(*b.change, replace(b.change[0], index=4)))},
    ),
    Case(
        says="change goes to a client's deposit address",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        govern={"addresses": entry_edit("address:ltc-change", purpose="deposit")},
    ),
    Case(
        says="change goes to another wallet",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        govern={
            "addresses": entry_edit("address:ltc-change", wallet=WalletId("wallet:ltc-cold-2")),
            "keys": lambda entries: tuple(
                replace(e, wallet=WalletId("wallet:ltc-cold-2")) if "change" in e.id else e for e in entries
            ),
        },
    ),
    Case(
        says="the change address does not follow from its keys",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        govern={"addresses": entry_edit("address:ltc-change", address=ADDRESS_1)},
        edits=set_output(3, script=STRANGER, witness_script=None),
    ),
    Case(
        says="change hides its script",
        code=Code.CHANGE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=set_output(3, witness_script=None),
    ),
    Case(
        says="the builder names a wallet that is not the account's",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        edits={"propose": change(wallet=WalletId("wallet:eth-cold-2"))},
    ),
    Case(
        says="the source is not an address of ours",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        edits={"propose": change(sources=(EntryId("address:nobody"),))},
    ),
    Case(
        says="an Ethereum payment has two sources",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        edits={"propose": change(sources=(EntryId("address:eth-1"), EntryId("address:eth-2")))},
    ),
    Case(
        says="the source is an address of another chain",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        edits={"propose": change(sources=(EntryId("address:ltc-1"),))},
    ),
    Case(
        says="the sources are not those spent from",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": change(sources=(EntryId("address:ltc-1"), EntryId("address:ltc-change")))},
    ),
    Case(
        says="the source's key is suspended",
        code=Code.KEY_NOT_ACTIVE,
        stage=Stage.PROPOSE,
        govern={"keys": entry_edit("key:eth-1", state=KeyState.SUSPENDED)},
    ),
    Case(
        says="one of the source's three keys is compromised",
        code=Code.KEY_COMPROMISED,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        govern={"keys": entry_edit("key:ltc-1-2", state=KeyState.COMPROMISED)},
    ),
    Case(
        says="the source's key is of another wallet",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        govern={"keys": entry_edit("key:eth-1", wallet=WalletId("wallet:eth-cold-2"))},
    ),
    Case(
        says="the source's key is of another chain",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        govern={"keys": entry_edit("key:eth-1", chain=LTC)},
    ),
    Case(
        says="the source's key is not in the register",
        code=Code.NOT_IN_REGISTER,
        stage=Stage.PROPOSE,
        govern={"keys": lambda entries: tuple(e for e in entries if e.id != "key:eth-1")},
    ),
    Case(
        says="an Ethereum address has two keys",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        govern={"addresses": entry_edit("address:eth-1", keys=(EntryId("key:eth-1"), EntryId("key:eth-2")))},
    ),
    Case(
        says="the source's address does not follow from its key",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        govern={"addresses": entry_edit("address:eth-1", address=eth.render_address(OTHER_TO))},
    ),
    Case(
        says="the source is of another wallet",
        code=Code.SOURCE_NOT_OURS,
        stage=Stage.PROPOSE,
        govern={"addresses": entry_edit("address:eth-1", wallet=WalletId("wallet:eth-cold-2"))},
    ),
    Case(
        says="the fee is above the clients' ceilings",
        code=Code.FEE_CEILING,
        stage=Stage.PROPOSE,
        edits={
            "unsigned": eth_bytes(max_fee_per_gas_wei=477 * GWEI),
            "propose": change(fee=Units(21000 * 477 * GWEI)),
        },
    ),
    Case(
        says="the change is eaten by the fee",
        code=Code.FEE_CEILING,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits=outputs(lambda p: [*p[:3], replace(p[3], value_sat=p[3].value_sat - 300_000)]),
    ),
    Case(
        says="the builder claims a smaller fee than the bytes pay",
        code=Code.FEE_CEILING,
        stage=Stage.PROPOSE,
        edits={"propose": change(fee=Units(1))},
    ),
    Case(
        says="the proposal commits another nonce",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": change(commits=(f"nonce:{ETH}:0x71C7656EC7ab88b098defB751B7401B5f6d8976F:7",))},
    ),
    Case(
        says="the proposal commits one of two coins",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.PROPOSE,
        make=ltc_trip,
        edits={"propose": lambda b: replace(b, commits=b.commits[:1])},
    ),
    Case(
        says="the proposal may be signed longer than ordered",
        code=Code.INSTRUCTION_EXPIRED,
        stage=Stage.PROPOSE,
        edits={"propose": later("sign_by", seconds=1)},
    ),
    Case(
        says="the proposal may be released longer than ordered",
        code=Code.INSTRUCTION_EXPIRED,
        stage=Stage.PROPOSE,
        edits={"propose": later("release_by", seconds=1)},
    ),
    Case(
        says="no rule of the policy allows it",
        code=Code.POLICY_NO_RULE,
        stage=Stage.PROPOSE,
        govern={"policy": lambda p: replace(p, rules=p.rules[1:])},
    ),
    Case(
        says="a rule blocks the client",
        code=Code.POLICY_BLOCKED,
        stage=Stage.PROPOSE,
        govern={"policy": lambda p: replace(p, rules=tuple(replace(r, effect=Effect.BLOCK) for r in p.rules))},
    ),
    Case(
        says="the amount is above the rule",
        code=Code.LIMIT_TRANSACTION,
        stage=Stage.PROPOSE,
        govern={"policy": lambda p: replace(p, rules=tuple(replace(r, max_amount=Units(10**8)) for r in p.rules))},
    ),
    Case(
        says="the fee is above the rule",
        code=Code.FEE_CEILING,
        stage=Stage.PROPOSE,
        govern={"policy": lambda p: replace(p, rules=tuple(replace(r, max_fee=Units(1)) for r in p.rules))},
    ),
    Case(
        says="the bytes have one byte more",
        code=Code.TX_TRAILING_BYTES,
        stage=Stage.PROPOSE,
        edits={"unsigned": lambda raw: raw + b"\0"},
    ),
    Case(
        says="the docket carries other bytes than the proposal signed",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.PROPOSE,
        docket=lambda d: replace(
            d,
            transaction=replace(
                d.transaction, unsigned=HexBytes(eth_bytes(gas_limit=21000, nonce=8)(d.transaction.unsigned))
            ),
        ),
    ),
)


def payment(units: int) -> psbts.Payment:
    """An output to somebody."""
    return psbts.Payment(script=STRANGER, value_sat=units, witness_script=None)


@by_sentence(CASES)
def test_a_proposal_is_refused(case: Case) -> None:
    trip = case.trip()
    refuse(case.code, lambda: prove(trip, case.docket(trip.docket())))


HONEST = (
    ("one client on Ethereum", eth_trip, {}),
    ("three clients on Litecoin", ltc_trip, {}),
    (
        "a fee at the ceiling",
        eth_trip,
        {"unsigned": eth_bytes(max_fee_per_gas_wei=400 * GWEI), "propose": change(fee=Units(21000 * 400 * GWEI))},
    ),
    (
        "a larger fee out of change",
        ltc_trip,
        outputs(lambda p: [*p[:3], replace(p[3], value_sat=p[3].value_sat - 3_000)]),
    ),
    (
        "a second attempt that replaces the first",
        eth_trip,
        {"propose": change(attempt=2, replaces=DigestOrNone(sha256(b"first")))},
    ),
    ("signed sooner than ordered", eth_trip, {"propose": later("sign_by", hours=-1)}),
)


@pytest.mark.parametrize(
    ("make", "edits"), [row[1:] for row in HONEST], ids=[row[0].replace(" ", "_") for row in HONEST]
)
def test_an_honest_proposal_passes(make: Callable[..., Trip], edits: dict[str, Edit]) -> None:
    trip = make(World(), edits=edits).to(Stage.PROPOSE)
    assert Stage.PROPOSE is prove(trip).journey.furthest


def test_coins_of_a_stranger_are_not_ours_to_spend() -> None:
    def spend_elsewhere(raw: bytes) -> bytes:
        spends = spends_of(raw)
        script = multisig_script(1, World().points_of("ltc-1"))
        other = replace(
            spends[0].previous, outputs=(replace(spends[0].previous.outputs[0], script=p2wsh_script(script)),)
        )
        spends[0] = replace(spends[0], previous=other, witness_script=script)
        return psbts.encode_psbt(psbts.build_psbt(spends=spends, payments=payments_of(raw)))

    honest = ltc_trip(World()).to(Stage.PROPOSE)
    prove(honest)
    gone = World(edits={"addresses": lambda entries: tuple(e for e in entries if e.id != "address:ltc-1")})
    refuse(Code.SOURCE_NOT_OURS, lambda: prove(ltc_trip(gone).to(Stage.PROPOSE)))
    refuse(Code.SOURCE_NOT_OURS, lambda: prove(ltc_trip(World(), edits=redo(spend_elsewhere)).to(Stage.PROPOSE)))


def test_the_script_of_a_coin_is_that_of_our_keys() -> None:
    # One of three instead of two of three would have another address, so the register's threshold is what is changed.
    one_of_three = World(edits={"addresses": entry_edit("address:ltc-1", threshold=1)})
    refuse(Code.SOURCE_NOT_OURS, lambda: prove(ltc_trip(one_of_three).to(Stage.PROPOSE)))
    prove(ltc_trip(World()).to(Stage.PROPOSE))


def test_a_payment_carries_no_script_of_its_own() -> None:
    """An output that pays one of our own scripts, as payment, must not pretend to be change."""
    world = World()
    script = multisig_script(2, world.points_of("ltc-2"))
    own = render_address(p2wsh_script(script), LITECOIN_REGTEST)

    def pays_own(witness_script: bytes | None) -> Trip:
        fresh = World(edits={"whitelist": entry_edit("entry:harbour-ltc", address=own)})
        paid = p2wsh_script(script)
        edit = outputs(lambda p: [replace(o, witness_script=witness_script) if o.script == paid else o for o in p])
        return ltc_trip(fresh, edits=edit).to(Stage.PROPOSE)

    refuse(Code.OUTPUT_UNEXPLAINED, lambda: prove(pays_own(script)))
    prove(pays_own(None))


def test_a_client_that_orders_twice_is_paid_twice() -> None:
    world = World()
    trip = ltc_trip(world)
    trip.instruct()
    first = trip.of(Instruction)[0].body
    trip.say(replace(first, sequence=2, sign_by=first.sign_by - timedelta(hours=1)), first.client)
    trip.to(Stage.PROPOSE)
    assert len(trip.of(Instruction)) == len(prove(trip).facts.outputs) - 1
    assert prove(trip).facts.sign_by == first.sign_by - timedelta(hours=1)


def test_keys_are_read_from_the_register_and_nowhere_else() -> None:
    names = ltc_key_names("ltc-1")

    def stolen(entries: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
        by_id = {e.id: e for e in entries}
        return tuple(replace(e, public=by_id[EntryId("key:eth-1")].public) if e.id == names[0] else e for e in entries)

    trip = ltc_trip(World(edits={"keys": stolen}))
    refuse(Code.SOURCE_NOT_OURS, lambda: prove(trip.to(Stage.PROPOSE)))
    assert {LTC_ASSET, ETH_ASSET, USD_ASSET} == {e.id for e in World().registers["assets"].entries}
    prove(ltc_trip(World()).to(Stage.PROPOSE))


def test_an_outpoint_is_written_as_the_chain_writes_it() -> None:
    trip = ltc_trip(World()).to(Stage.PROPOSE)
    coin = psbts.parse_psbt(trip.unsigned).unsigned.inputs[0].outpoint
    assert isinstance(coin, OutPoint)
    assert f"outpoint:{LTC}:{coin.txid[::-1].hex()}:{coin.index}" in prove(trip).spend.commits
    assert STRANGER == parse_address(ADDRESS_1, LITECOIN_REGTEST)
    entry = trip.world.registers["addresses"].find("address:ltc-1", "addresses")
    assert isinstance(entry, AddressEntry)
