"""Step by step: what a docket is refused for, by what this terminal believes and remembers; each has an honest twin."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import world
from policies import OFFICE
from strongroom.core import assemble
from strongroom.core.bodies import Decision, Instruction
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, TransactionPart, Twin
from strongroom.core.ids import PartyId
from strongroom.core.policy import Hours
from strongroom.core.records import HexBytes, HexOrNone, Units


def window(**changes: Any) -> Callable[[Any], Any]:
    """An edit of the policy that changes every window."""

    def edit(policy: Any) -> Any:
        rules = tuple(replace(r, windows=tuple(replace(w, **changes) for w in r.windows)) for r in policy.rules)
        return replace(policy, rules=rules)

    return edit


def rules_with(**changes: Any) -> Callable[[Any], Any]:
    """An edit of the policy that changes every rule."""
    return lambda policy: replace(policy, rules=tuple(replace(r, **changes) for r in policy.rules))


def firm_with(firm: Any, **edits: Any) -> Any:
    """The same tokens in another world."""
    return dataclasses.replace(firm, world=world.World(edits={**firm.tokens.edits(), **edits}))


def docket_on(firm: Any, trip: Any, governance: assemble.Governance) -> Callable[[Any], Any]:
    """The docket as it stood on earlier lists, with its proofs under the log's last checkpoint."""

    def build(_: Any) -> Any:
        part = TransactionPart(
            chain=trip.chain, signed=HexOrNone("none"), twin=Twin.TRANSFER, unsigned=HexBytes(trip.unsigned)
        )
        return assemble.build_docket(firm.world.log, governance, trip.statements, part)

    return build


def lists_of(firm: Any) -> assemble.Governance:
    """The lists of now, kept from what is published later."""
    now: assemble.Governance = firm.world.governance
    return replace(now, heads=dict(now.heads), registers=dict(now.registers))


def test_a_docket_that_no_station_saw_is_refused(firm: Any, stand: Any) -> None:
    approved = world.eth_trip(firm.world).to(Stage.APPROVE)
    assert {Code.STAGE_MISSING} == stand.refusals(firm.turn(trips=[approved]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[approved.to(Stage.VERIFY)]), "sign")


def test_a_docket_that_has_gone_further_is_refused(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    trip.clear()
    assert {Code.DOCKET_ORDER} == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_a_docket_of_another_checkpoint_is_refused(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    before = trip.docket()
    assert {Code.LOG_NOT_CONSISTENT} == stand.refusals(firm.turn(trips=[trip], docket=lambda _: before), "sign")


def test_a_swapped_destination_is_refused_and_the_next_docket_is_signed(firm: Any, stand: Any) -> None:
    def swap(raw: bytes) -> bytes:
        return raw.replace(bytes.fromhex(honest[2:]), bytes(range(20)))

    honest = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist").address
    bad = world.eth_trip(firm.world, {"unsigned": swap}).to(Stage.PROPOSE)
    good = firm.trip(nonce=8, sequence=2)
    outcome = stand.run(firm.turn(trips=[bad, good]), "sign")
    codes = {r.code for r in outcome.refused[0].refusals}
    assert ("prove", bad.proposal.id) == (outcome.refused[0].step, outcome.refused[0].proposal)
    assert Code.DEST_NOT_INSTRUCTED in codes
    assert [good.proposal.id] == [r.proposal for r in outcome.results]


def test_a_whitelist_that_the_station_did_not_have_is_refused(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    entry = firm.world.registers["whitelist"].find("entry:peak-eth", "whitelist")
    added = replace(entry, id="entry:peak-eth-2")
    seen, before = stand.last_seen(), lists_of(firm)
    firm.world.change_register("whitelist", added=[added])
    stand.take(stand.update(firm.world.register_update("whitelist", [added], [], seen)))
    turn = firm.turn(trips=[trip], docket=docket_on(firm, trip, before))
    assert {Code.HEAD_UNEQUAL} == stand.refusals(turn, "sign")
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_a_removed_destination_is_refused_at_once(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    seen, before = stand.last_seen(), lists_of(firm)
    gone = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
    firm.world.change_register("whitelist", removed=[gone.id])
    stand.take(stand.update(firm.world.register_update("whitelist", [], [gone.id], seen)))
    turn = firm.turn(trips=[trip], docket=docket_on(firm, trip, before))
    assert {Code.DEST_NOT_WHITELISTED, Code.HEAD_UNEQUAL} == stand.refusals(turn, "sign")


def test_an_instruction_is_signed_until_its_time_and_not_after(firm: Any, stand: Any) -> None:
    def short(body: Any) -> Any:
        return replace(body, sign_by=firm.world.now + timedelta(hours=1))

    in_time = firm.trip(edits={"instruct": short})
    late = firm.trip(edits={"instruct": short}, nonce=8, sequence=2)
    firm.world.tick(3000)
    assert set() == stand.refusals(firm.turn(trips=[in_time]), "sign")
    firm.world.tick(3600)
    assert {Code.INSTRUCTION_EXPIRED} == stand.refusals(firm.turn(trips=[late]), "sign")


@pytest.mark.parametrize(("hours", "code"), [(7, Code.STALE_APPROVAL), (9, Code.INSTRUCTION_EXPIRED)])
def test_time_that_people_take_counts(firm: Any, stand: Any, hours: int, code: Code) -> None:
    def think(line: str) -> None:
        firm.world.tick(hours * 3600 if line == "sign" else 0)

    stand.on_answer = think
    assert code in stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    stand.on_answer = lambda _: None
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"max_amount": Units(2 * 10**18)}, Code.LIMIT_WINDOW),
        ({"max_count": 1}, Code.LIMIT_COUNT),
        ({"max_fee": Units(3 * 10**15)}, Code.LIMIT_FEES),
        ({"max_hkd_cents": Units(2 * 3_906_250 - 1)}, Code.LIMIT_HKD),
    ],
)
def test_windows_are_counted_from_our_own_journal(firm: Any, changes: Any, code: Code) -> None:
    firm = firm_with(firm, policy=window(**changes))
    stand = firm.stand().ready()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert {code} == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")
    firm.world.tick(86400)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=9, sequence=3)]), "sign")


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"max_amount": Units(22 * 10**8)}, {Code.LIMIT_WINDOW}),
        ({"max_amount": Units(23 * 10**8)}, set()),
        ({"max_count": 2}, {Code.LIMIT_COUNT}),
        ({"max_count": 3}, set()),
        ({"max_hkd_cents": Units(23 * 78_000 - 1)}, {Code.LIMIT_HKD}),
        ({"max_hkd_cents": Units(23 * 78_000)}, set()),
    ],
)
def test_payments_of_one_transaction_count_one_after_the_other(firm: Any, changes: Any, codes: Any) -> None:
    firm = firm_with(firm, policy=window(**changes))
    stand = firm.stand().ready()
    assert codes == stand.refusals(firm.turn(trips=[firm.trip("ltc")]), "sign")


def test_nothing_is_signed_outside_the_hours(firm: Any) -> None:
    """The firm's first day is a Sunday."""
    office = rules_with(hours=(OFFICE,))
    firm = firm_with(firm, policy=office)
    stand = firm.stand().ready()
    assert {Code.OUTSIDE_HOURS} == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    firm.world.tick(86400)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_hours_are_asked_again_when_people_took_their_time(firm: Any) -> None:
    """Ten past ten at the check, past eleven at the signature."""
    morning = Hours(days=(7,), from_min=600, to_min=660)
    firm = firm_with(firm, policy=rules_with(hours=(morning,)))
    stand = firm.stand().ready()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    stand.on_answer = lambda line: firm.world.tick(3600 if line == "sign" else 0)
    assert Code.OUTSIDE_HOURS in stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_a_limit_in_hkd_needs_a_price_that_is_fresh_here(firm: Any) -> None:
    def hour(policy: Any) -> Any:
        return replace(policy, parameters=replace(policy.parameters, price_max_age_s=3600))

    firm = firm_with(firm, policy=hour, prices=lambda body: replace(body, as_of=body.as_of + timedelta(days=1)))
    stand = firm.stand().ready()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    firm.world.tick(3600)
    late = firm.trip(nonce=8, sequence=2)
    assert {Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE} == stand.refusals(firm.turn(trips=[late]), "sign")
    firm.world.change_prices(lambda body: replace(body, as_of=firm.world.now))
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=9, sequence=3)]), "sign")


def test_a_nonce_is_signed_for_one_proposal(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[firm.trip(sequence=2)]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(sequence=3, nonce=8)]), "sign")


def test_an_instruction_is_paid_by_one_proposal(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    started = [s for s in trip.statements if isinstance(s.body, Instruction | Decision)]
    again = firm.trip(nonce=8, statements=started)
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert {Code.INSTRUCTION_ALREADY_PAID} == stand.refusals(firm.turn(trips=[again]), "sign")


def test_two_dockets_of_one_package_cannot_pay_one_instruction(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    started = [s for s in trip.statements if isinstance(s.body, Instruction | Decision)]
    again = firm.trip(nonce=8, statements=started)
    assert {Code.INSTRUCTION_ALREADY_PAID} == stand.refusals(firm.turn(trips=[trip, again]), "sign", "sign")
    assert 1 == len(stand.result().results)


def test_a_signed_docket_that_is_played_again_is_refused(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_who_approved_does_not_operate(firm: Any) -> None:
    """c.lam approves under the first roster and becomes an operator under the second."""

    def first(roster: Any) -> Any:
        lam = next(p for p in roster.parties if p.id == "person:c.lam")
        device = replace(
            firm.world.party("device:of-c.lam", staff=lam.staff, group="machines", roles=("approval-device",))
        )
        parties = [replace(p, roles=("approver",)) if p.id == lam.id else p for p in roster.parties]
        return replace(roster, parties=tuple(sorted([*parties, device], key=lambda p: p.id)))

    def second(roster: Any) -> Any:
        parties = [replace(p, roles=("operator",)) if p.id == "person:c.lam" else p for p in roster.parties]
        return firm.tokens._roster(replace(roster, parties=tuple(parties)))

    firm = firm_with(firm, roster=first)
    trip = world.eth_trip(firm.world, approvers=("person:c.lam", "person:r.singh")).to(Stage.APPROVE)
    honest = world.eth_trip(firm.world, nonce=8, sequence=2).to(Stage.APPROVE)
    firm.world.change_roster(second)
    stand = firm.stand().ready()
    found = stand.refusals(firm.turn(trips=[trip.to(Stage.VERIFY)]), "sign")
    assert Code.SEPARATION in found
    assert set() == stand.refusals(firm.turn(trips=[honest.to(Stage.VERIFY)]), "sign")


def test_a_key_of_another_terminal_is_not_ours_to_sign_with(firm: Any) -> None:
    second = firm.stand("device:terminal-2").ready()
    trip = firm.trip()
    assert {Code.KEY_NOT_IN_TOKEN} == second.refusals(firm.turn(trips=[trip]), "sign")
    assert set() == firm.stand().ready().refusals(firm.turn(trips=[trip]), "sign")


@pytest.fixture
def moved_keys(firm: Any, tmp_path: Path) -> Any:
    """A terminal whose key folder the test may spoil."""
    folder = tmp_path / "keys"
    shutil.copytree(firm.tokens.folders["device:terminal-1"], folder)
    folders = {**firm.tokens.folders, "device:terminal-1": folder}
    changed = dataclasses.replace(firm, tokens=dataclasses.replace(firm.tokens, folders=folders))
    return changed.stand().ready(), folder


def remove(folder: Path) -> None:
    (folder / "eth-cold-1" / "eth-1.key.json").unlink()


def double(folder: Path) -> None:
    (folder / "copy").mkdir()
    shutil.copy(folder / "eth-cold-1" / "eth-1.key.json", folder / "copy" / "eth-1.key.json")


def swap(folder: Path) -> None:
    shutil.copy(folder / "ltc-cold-1" / "ltc-1-1.key.json", folder / "eth-cold-1" / "eth-1.key.json")


@pytest.mark.parametrize("spoil", [remove, double, swap])
def test_every_key_has_its_one_file(firm: Any, moved_keys: Any, spoil: Callable[[Path], None]) -> None:
    stand, folder = moved_keys
    trip = firm.trip()
    kept = folder.with_name("kept-keys")
    shutil.copytree(folder, kept)
    spoil(folder)
    assert {Code.KEY_NOT_IN_TOKEN} == stand.refusals(firm.turn(trips=[trip]), "sign")
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_every_refusal_is_named_at_once(firm: Any) -> None:
    second = firm.stand("device:terminal-2").ready()

    def short(body: Any) -> Any:
        return replace(body, sign_by=firm.world.now + timedelta(hours=1))

    trip = firm.trip(edits={"instruct": short})
    firm.world.tick(7200)
    turn = firm.turn(trips=[trip], clear=lambda clear: replace(clear, budget=()))
    found = second.refusals(turn, "sign")
    assert {Code.KEY_NOT_IN_TOKEN, Code.INSTRUCTION_EXPIRED, Code.CLEAR_BUDGET} == found
    assert PartyId("device:terminal-2") == second.name


def test_prices_only_rise_in_time(firm: Any, stand: Any) -> None:
    """Attack: after a rise, the snapshot from before it, which is still fresh enough for the policy's limits."""
    w = firm.world
    older = list(w.prices)
    w.change_prices(lambda body: replace(body, as_of=w.now))
    newer = list(w.prices)
    trips = [world.eth_trip(w, nonce=7 + n, sequence=1 + n) for n in range(3)]
    assert set() == stand.refusals(firm.turn(trips=[trips[0].to(Stage.VERIFY)]), "sign")
    w.prices = older
    assert {Code.PRICE_ROLLBACK} == stand.refusals(firm.turn(trips=[trips[1].to(Stage.VERIFY)]), "sign")
    w.prices = newer
    assert set() == stand.refusals(firm.turn(trips=[trips[2].to(Stage.VERIFY)]), "sign")
