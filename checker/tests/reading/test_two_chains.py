"""Two Ethereum chains at once: nothing that was said on one counts on the other, whether the key is the same or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strongroom.chains.ethereum.addresses import chain_id_of
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import Approval, Budget, ClearToSign, Instruction, Proposal
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import prove_docket as prove_with_core
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import EntryId
from strongroom.core.records import Units
from strongroom.core.registers import entry_digest
from world import (
    ETH,
    ETH_ASSET,
    HOODI,
    USD_ASSET,
    Edit,
    Trip,
    World,
    eth_trip,
    hoodi_trip,
    two_chains,
    usd_trip,
)

SAME, OTHER = "key:eth-1", "key:hoodi-1"
KEYS = pytest.mark.parametrize("secret", [SAME, OTHER], ids=["one key on both", "a key on each"])


def prove(trip: Trip) -> str:
    """Prove by both readings; they agree on the facts."""
    world = trip.world
    second = prove_docket(trip.docket_bytes(), world.root_file, now=world.now)
    first = prove_with_core(trip.docket(), world.roots, now=world.now)
    assert second.facts is not None
    assert first.facts.digest == second.facts.digest
    return second.furthest.name


def refuse(trip: Trip, *codes: Code) -> None:
    """Both readings refuse, each with one of these codes."""
    world = trip.world
    for call in (
        lambda: prove_with_core(trip.docket(), world.roots, now=world.now),
        lambda: prove_docket(trip.docket_bytes(), world.root_file, now=world.now),
    ):
        with pytest.raises(StrongroomError) as caught:
            call()
        assert set(codes) & set(caught.value.codes), caught.value


def on_hoodi(world: World, secret: str, **edits: Edit) -> Trip:
    return hoodi_trip(world, edits=edits, secret=secret)


@KEYS
def test_each_chain_has_its_own_journey(secret: str) -> None:
    world = two_chains(secret)
    here, there = eth_trip(world), on_hoodi(world, secret)
    for trip in (here, there):
        assert "SETTLE" == prove(trip.to(Stage.SETTLE))
    assert {ETH, HOODI} == {here.facts().chain, there.facts().chain}
    assert here.facts().digest != there.facts().digest
    same = here.facts().inputs[0].address == there.facts().inputs[0].address
    assert same is (secret == SAME)


@KEYS
def test_a_docket_of_one_chain_is_none_of_the_other(secret: str) -> None:
    trip = on_hoodi(two_chains(secret), secret).to(Stage.APPROVE)
    prove(trip)
    docket = trip.docket()
    moved = encode_docket(replace(docket, transaction=replace(docket.transaction, chain=ETH)))
    for call in (
        lambda: prove_with_core(replace(docket, transaction=replace(docket.transaction, chain=ETH)), trip.world.roots),
        lambda: prove_docket(moved, trip.world.root_file, now=trip.world.now),
    ):
        with pytest.raises(StrongroomError) as caught:
            call()
        assert Code.TX_WRONG_CHAIN in caught.value.codes


def _with_chain(chain: Any) -> Callable[[bytes], bytes]:
    return lambda raw: encode_unsigned(replace(parse_unsigned(raw), chain_id=chain_id_of(chain)))


@KEYS
def test_bytes_for_the_other_chain_are_refused(secret: str) -> None:
    """The same payment, source and nonce; only the chain inside the bytes is another."""
    prove(on_hoodi(two_chains(secret), secret, unsigned=_with_chain(HOODI)).to(Stage.PROPOSE))
    trip = on_hoodi(two_chains(secret), secret, unsigned=_with_chain(ETH)).to(Stage.PROPOSE)
    refuse(trip, Code.TX_WRONG_CHAIN)


@KEYS
def test_the_source_of_the_other_chain_cannot_pay(secret: str) -> None:
    def from_here(body: Proposal) -> Proposal:
        return replace(body, sources=(EntryId("address:eth-1"),))

    prove(on_hoodi(two_chains(secret), secret).to(Stage.PROPOSE))
    refuse(on_hoodi(two_chains(secret), secret, propose=from_here).to(Stage.PROPOSE), Code.SOURCE_NOT_OURS)


@KEYS
def test_a_key_registered_for_the_other_chain_does_not_make_an_address(secret: str) -> None:
    def keys(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(e, chain=ETH) if e.id == "key:hoodi-1" else e for e in entries)

    prove(on_hoodi(two_chains(secret), secret).to(Stage.PROPOSE))
    refuse(on_hoodi(two_chains(secret, {"keys": keys}), secret).to(Stage.PROPOSE), Code.SOURCE_NOT_OURS)


@KEYS
def test_a_destination_of_the_other_chain_is_not_whitelisted(secret: str) -> None:
    """The address is the same on both chains; the whitelist entry is of one."""
    world = two_chains(secret)
    entry = world.registers["whitelist"].find("entry:harbour-eth", "whitelist")

    def pay_there(body: Instruction) -> Instruction:
        assert body.destination.address == entry.address
        return replace(body, destination=replace(body.destination, entry=entry.id, entry_digest=entry_digest(entry)))

    prove(on_hoodi(two_chains(secret), secret).to(Stage.PROPOSE))
    refuse(on_hoodi(world, secret, instruct=pay_there).to(Stage.PROPOSE), Code.DEST_NOT_WHITELISTED)


@KEYS
def test_an_asset_of_the_other_chain_is_not_paid(secret: str) -> None:
    def asset_here(body: Instruction) -> Instruction:
        return replace(body, asset=ETH_ASSET, account=replace_account(body))

    def replace_account(body: Instruction) -> Any:
        return body.account.replace(":hoodi", ":eth")

    prove(on_hoodi(two_chains(secret), secret).to(Stage.PROPOSE))
    trip = on_hoodi(two_chains(secret), secret, instruct=asset_here).to(Stage.PROPOSE)
    refuse(trip, Code.TX_WRONG_CHAIN, Code.ASSET_UNKNOWN, Code.DEST_NOT_WHITELISTED)


@KEYS
def test_an_approval_of_one_chain_is_none_on_the_other(secret: str) -> None:
    world = two_chains(secret)
    here = eth_trip(world).to(Stage.APPROVE)
    said = here.of(Approval)[0].body

    def approve(body: Approval) -> Approval:
        return replace(body, proposal=said.proposal, unsigned_digest=said.unsigned_digest)

    def show(body: Approval) -> Approval:
        return replace(body, display_digest=said.display_digest)

    prove(on_hoodi(two_chains(secret), secret).to(Stage.VERIFY))
    refuse(on_hoodi(world, secret, approve=approve).to(Stage.VERIFY), Code.DIGEST_MISMATCH)
    refuse(on_hoodi(two_chains(secret), secret, approve=show).to(Stage.VERIFY), Code.DISPLAY_MISMATCH)


@KEYS
def test_a_clear_for_one_chain_covers_nothing_on_the_other(secret: str) -> None:
    """The budget names an asset by its chain: as many wei elsewhere are no cover."""

    def of_here(body: ClearToSign) -> ClearToSign:
        return replace(body, budget=(Budget(asset=ETH_ASSET, units=Units(10**21)),))

    prove(on_hoodi(two_chains(secret), secret).to(Stage.SIGN))
    refuse(on_hoodi(two_chains(secret), secret, clear=of_here).to(Stage.SIGN), Code.CLEAR_BUDGET)


@KEYS
def test_what_was_signed_on_one_chain_is_not_released_on_the_other(secret: str) -> None:
    """With one key on both chains, the signature is that of the right key; the bytes are not the approved ones."""
    world = two_chains(secret)
    here = eth_trip(world).to(Stage.RELEASE)
    prove(here)
    prove(on_hoodi(two_chains(secret), secret).to(Stage.RELEASE))
    trip = on_hoodi(world, secret, signed=lambda _raw: here.signed).to(Stage.RELEASE)
    refuse(trip, Code.SIGNED_MISMATCH)


def test_a_contract_that_is_registered_on_one_chain_is_unknown_on_the_other() -> None:
    """The same contract address; the register of this chain does not have it, or the docket proves the other's."""

    def gone(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(e for e in entries if e.id != USD_ASSET)

    prove(usd_trip(two_chains(OTHER)).to(Stage.PROPOSE))
    refuse(usd_trip(two_chains(OTHER, {"assets": gone})).to(Stage.PROPOSE), Code.ASSET_UNKNOWN)
    moved = usd_trip(two_chains(OTHER), edits={"unsigned": _with_chain(HOODI)}).to(Stage.PROPOSE)
    refuse(moved, Code.TX_WRONG_CHAIN)


def test_digests_differ_where_only_the_chain_does() -> None:
    world = two_chains(SAME)
    raw = eth_trip(world).to(Stage.PROPOSE).unsigned
    assert sha256(raw) != sha256(_with_chain(HOODI)(raw))
    assert raw == _with_chain(ETH)(raw)
