"""Instruct and decide: each refusal of an order and of the decision on it, beside an order that passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.core.bodies import Decision, Instruction, Screening, ScreeningVerdict, Verdict
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId, AssetId, EntryId, PartyId, WalletId
from strongroom.core.records import Units
from strongroom.core.registers import ClientEntry, entry_digest
from world import ETH_ASSET, LTC, LTC_ASSET, Edit, Trip, World, eth_trip, ltc_trip, signer_of, whitelist_entries

from .refusals import Case, by_sentence, change, prove, refuse


def destination(**fields: object) -> Edit:
    """An edit of the destination that the client signs."""
    return lambda body: replace(body, destination=replace(body.destination, **fields))


def to_entry_of(client: str) -> Edit:
    """The client orders a payment to another client's whitelist entry."""
    entry = whitelist_entries(client)[0]
    return destination(entry=entry.id, address=entry.address, entry_digest=entry_digest(entry))


CASES = (
    Case(
        says="the account is not the client's",
        code=Code.NOT_IN_REGISTER,
        stage=Stage.PROPOSE,
        edits={"instruct": change(account=AccountId("account:peak:eth"))},
    ),
    Case(
        says="the account holds another asset",
        code=Code.ASSET_UNKNOWN,
        stage=Stage.PROPOSE,
        edits={"instruct": change(account=AccountId("account:harbour:ltc"))},
    ),
    Case(
        says="the asset is of another chain",
        code=Code.ASSET_UNKNOWN,
        stage=Stage.PROPOSE,
        edits={"instruct": change(chain=LTC)},
    ),
    Case(
        says="the asset is not in the register",
        code=Code.ASSET_UNKNOWN,
        stage=Stage.PROPOSE,
        govern={"assets": lambda entries: tuple(e for e in entries if e.id != ETH_ASSET)},
    ),
    Case(
        says="the whitelist entry does not exist",
        code=Code.DEST_NOT_WHITELISTED,
        stage=Stage.PROPOSE,
        edits={"instruct": destination(entry=EntryId("entry:nobody"))},
    ),
    Case(
        says="the client signed another version of the entry",
        code=Code.DEST_NOT_WHITELISTED,
        stage=Stage.PROPOSE,
        edits={"instruct": destination(entry_digest=sha256(b"another"))},
    ),
    Case(
        says="the entry is another client's",
        code=Code.DEST_NOT_WHITELISTED,
        stage=Stage.PROPOSE,
        edits={"instruct": to_entry_of("client:peak")},
    ),
    Case(
        says="the sequence number is zero",
        code=Code.INSTRUCTION_REPLAYED,
        stage=Stage.PROPOSE,
        edits={"instruct": change(sequence=0)},
    ),
    Case(
        says="the screening says review",
        code=Code.POLICY_BLOCKED,
        stage=Stage.PROPOSE,
        edits={"decide": change(screening=Screening(provider="test", verdict=ScreeningVerdict.REVIEW))},
    ),
    Case(
        says="the platform holds",
        code=Code.POLICY_BLOCKED,
        stage=Stage.PROPOSE,
        edits={"decide": change(verdict=Verdict.HOLD)},
    ),
    Case(
        says="the platform blocks",
        code=Code.POLICY_BLOCKED,
        stage=Stage.PROPOSE,
        edits={"decide": change(verdict=Verdict.BLOCK)},
    ),
    Case(
        says="the decision quotes a policy of the future",
        code=Code.HEAD_ROLLBACK,
        stage=Stage.PROPOSE,
        edits={"decide": lambda body: replace(body, policy=replace(body.policy, version=2))},
    ),
    Case(
        says="the decision is about an order that is not here",
        code=Code.STAGE_MISSING,
        stage=Stage.PROPOSE,
        edits={"decide": change(instruction=sha256(b"another order"))},
    ),
)


@by_sentence(CASES)
def test_an_order_or_decision_is_refused(case: Case) -> None:
    refuse(case.code, lambda: prove(case.trip()))


def proposed_as_if(trip: Trip, edit: Edit) -> Trip:
    """The builder builds for another order than the client's: some orders cannot even be put into bytes."""
    order = trip.of(Instruction)[0]
    trip.statements[trip.statements.index(order)] = replace(order, body=edit(order.body))
    return trip.to(Stage.PROPOSE)


def test_a_look_alike_of_the_whitelisted_address_is_refused() -> None:
    true = whitelist_entries("client:harbour")[0].address
    look_alike = {"instruct": destination(address=true[:-5] + "0bEEF")}
    trip = eth_trip(World(), edits=look_alike).to(Stage.DECIDE)
    refuse(Code.DEST_NOT_WHITELISTED, lambda: prove(proposed_as_if(trip, destination(address=true))))
    same = eth_trip(World()).to(Stage.DECIDE)
    prove(proposed_as_if(same, destination(address=true)))


def test_an_order_of_nothing_is_refused() -> None:
    trip = eth_trip(World(), edits={"instruct": change(amount=Units(0))}).to(Stage.DECIDE)
    refuse(Code.FIELD_INVALID, lambda: prove(proposed_as_if(trip, change(amount=Units(1)))))
    one = eth_trip(World(), edits={"instruct": change(amount=Units(1))}).to(Stage.DECIDE)
    prove(proposed_as_if(one, change(amount=Units(1))))


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
@pytest.mark.parametrize("verdict", [Verdict.ALLOW, Verdict.REQUIRE_APPROVAL])
def test_an_honest_order_passes(make: Callable[..., Trip], verdict: Verdict) -> None:
    proved = prove(make(World(), edits={"decide": change(verdict=verdict)}).to(Stage.PROPOSE))
    assert Stage.PROPOSE is proved.journey.furthest


def test_one_sequence_number_orders_once() -> None:
    world = World()
    trip = eth_trip(world)
    trip.instruct()
    first = trip.statements[0].body
    trip.say(replace(first, reason="once more"), first.client)
    refuse(Code.INSTRUCTION_REPLAYED, lambda: prove(trip.to(Stage.PROPOSE)))

    two_clients_with_one_number = ltc_trip(World()).to(Stage.PROPOSE)
    assert {1} == {s.body.sequence for s in two_clients_with_one_number.of(Instruction)}
    prove(two_clients_with_one_number)


def test_an_order_is_decided_once() -> None:
    trip = eth_trip(World()).to(Stage.DECIDE)
    decision = trip.of(Decision)[0].body
    trip.say(replace(decision, delay_s=1), "service:platform")
    refuse(Code.DOCKET_ORDER, lambda: prove(trip.to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_every_order_is_decided() -> None:
    trip = ltc_trip(World()).to(Stage.DECIDE)
    trip.statements.remove(trip.of(Decision)[0])
    refuse(Code.STAGE_MISSING, lambda: prove(trip.to(Stage.PROPOSE)))
    prove(ltc_trip(World()).to(Stage.PROPOSE))


def test_a_stranger_is_no_client() -> None:
    trip = eth_trip(World(), edits={"instruct": change(client=PartyId("client:nobody"))})
    with pytest.raises(RefusedError):
        prove(trip.to(Stage.PROPOSE))
    world = World(edits={"clients": lambda entries: tuple(e for e in entries if e.id != "client:harbour")})
    refuse(Code.NOT_IN_REGISTER, lambda: prove(eth_trip(world).to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_an_order_is_signed_by_its_client_with_one_key() -> None:
    def order(signers: tuple[str, ...], issuer: str = "client:harbour") -> Trip:
        second = signer_of("client:harbour second").key
        world = World(edits={"clients": lambda entries: tuple(two_keys(e, second) for e in entries)})
        trip = eth_trip(world).to(Stage.INSTRUCT)
        body = trip.statements.pop().body
        trip.say(body, issuer, signers)
        return trip.to(Stage.PROPOSE)

    def two_keys(entry: ClientEntry, second: object) -> ClientEntry:
        return replace(entry, keys=(*entry.keys, second)) if entry.id == "client:harbour" else entry

    prove(order(("client:harbour",)))
    prove(order(("client:harbour second",)))
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(order(("client:harbour", "client:harbour second"))))
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(order(("client:peak",))))
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(order(("client:peak",), issuer="client:peak")))


def test_an_account_of_another_wallet_is_not_paid_from_this_one() -> None:
    def elsewhere(entries: tuple[ClientEntry, ...]) -> tuple[ClientEntry, ...]:
        return tuple(
            replace(e, accounts=tuple(replace(a, wallet=WalletId("wallet:eth-cold-2")) for a in e.accounts))
            for e in entries
        )

    refuse(Code.SOURCE_NOT_OURS, lambda: prove(eth_trip(World(edits={"clients": elsewhere})).to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_the_asset_of_another_chain_is_unknown_even_when_the_account_has_it() -> None:
    assert AssetId(LTC_ASSET) != ETH_ASSET
    refuse(
        Code.ASSET_UNKNOWN,
        lambda: prove(eth_trip(World(), edits={"instruct": change(asset=LTC_ASSET)}).to(Stage.PROPOSE)),
    )


def test_the_payload_of_an_order_cannot_be_changed_behind_its_signature() -> None:
    trip = eth_trip(World()).to(Stage.INSTRUCT)
    honest = trip.statements[0]
    forged = trip.world.sign(replace(honest.body, amount=Units(1)), "client:harbour", ["client:harbour"])
    stolen = replace(forged, signatures=honest.envelope.signatures)
    trip.statements[0] = trip.world.record(stolen)
    refuse(Code.SIGNATURE_INVALID, lambda: prove(trip.to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))
