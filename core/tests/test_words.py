"""Facts in plain words: everything is shown, nothing is cut off, and two dockets never read alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from plain_pages import render_docket
from strongroom.core.bodies import Approval, Instruction
from strongroom.core.canonical import parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import InvariantError
from strongroom.core.facts import Facts
from strongroom.core.records import Units, encode_record, parse_record
from strongroom.core.words import group, render_amount
from world import ETH_ASSET, LTC_ASSET, Edit, Trip, World, eth_trip, ltc_trip

from .refusals import change, prove


def words_of(trip: Trip) -> str:
    """What a person reads."""
    return "\n".join(render_docket(prove(trip)))


def plain(text: str) -> str:
    """The words without their grouping."""
    return text.replace(" ", "")


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_everything_in_the_facts_is_shown(make: Callable[..., Trip]) -> None:
    trip = make(World()).to(Stage.APPROVE)
    facts, words = prove(trip).facts, words_of(trip)
    shown = plain(words)
    for output in facts.outputs:
        for text in (output.address, output.entry, str(output.units)):
            assert plain(text) in shown
        if output.kind == "payment":
            for text in (output.client, output.owner, output.instruction, output.reason, output.reference):
                assert plain(text) in shown
    for source in facts.inputs:
        for text in (source.address, source.entry, source.index):
            assert plain(text) in shown
        assert source.txid == "none" or source.txid in shown
    for text in (
        facts.chain,
        facts.wallet,
        facts.unsigned_digest,
        facts.digest,
        str(facts.fee.units),
        str(facts.fee.ceiling),
    ):
        assert plain(text) in shown
    for name, value in facts.terms.items():
        assert plain(f"{name} {value}".replace("_", " ")) in shown
    for approval in trip.of(Approval):
        assert approval.issuer in words


def test_amounts_are_shown_in_both_spellings() -> None:
    assert "1.250000000000000000 ETH (1250000000000000000 units)" in words_of(eth_trip(World()).to(Stage.PROPOSE))
    assert "5.00000000 LTC (500000000 units)" in words_of(ltc_trip(World()).to(Stage.PROPOSE))


def test_an_asset_without_an_entry_has_no_name() -> None:
    assert f"7 smallest units of {LTC_ASSET}" == render_amount(7, LTC_ASSET, {})


def test_groups_of_four() -> None:
    assert "0x 71C7 656E" == group("0x71C7656E")
    assert "sha256: abcd ef" == group("sha256:abcdef")
    assert "rltc 1qxy" == group("rltc1qxy")


EDITS: tuple[tuple[str, dict[str, Edit]], ...] = (
    ("another reason", {"instruct": change(reason="Refund")}),
    ("another reference", {"instruct": change(reference="2027-999")}),
    ("another amount", {"instruct": change(amount=Units(125 * 10**16 + 1))}),
    ("another ceiling", {"instruct": change(fee_ceiling=Units(10**16 - 1))}),
    ("another sequence number", {"instruct": change(sequence=2)}),
)


@pytest.mark.parametrize("edits", [row[1] for row in EDITS], ids=[row[0].replace(" ", "_") for row in EDITS])
def test_two_orders_never_read_alike(edits: dict[str, Edit]) -> None:
    one, two = eth_trip(World()).to(Stage.PROPOSE), eth_trip(World(), edits=edits).to(Stage.PROPOSE)
    assert prove(one).facts.digest != prove(two).facts.digest
    assert words_of(one) != words_of(two)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_facts_have_one_digest(make: Callable[..., Trip]) -> None:
    facts = prove(make(World()).to(Stage.PROPOSE)).facts
    value = encode_record(facts)
    assert facts == parse_record(Facts, value, "facts")
    assert facts.digest == parse_record(Facts, value, "facts").digest
    other = replace(facts, unsigned_digest=sha256(b"others"))
    assert facts.digest != other.digest
    assert {} == parse_canonical(b"{}")


def test_the_earliest_time_counts_and_ceilings_add_up() -> None:
    trip = ltc_trip(World()).to(Stage.PROPOSE)
    facts = prove(trip).facts
    orders = [s.body for s in trip.of(Instruction)]
    assert min(o.sign_by for o in orders) == facts.sign_by
    assert min(o.release_by for o in orders) == facts.release_by
    assert sum(o.fee_ceiling for o in orders) == facts.fee.ceiling
    assert LTC_ASSET == facts.fee.asset != ETH_ASSET


def test_a_kind_of_output_that_nobody_knows_is_not_passed_over() -> None:
    proved = prove(eth_trip(World()).to(Stage.PROPOSE))
    strange = replace(proved.facts, outputs=(replace(proved.facts.outputs[0], kind="burn"),))
    with pytest.raises(InvariantError) as caught:
        render_docket(replace(proved, facts=strange))
    assert Code.INVARIANT in caught.value.codes
    assert render_docket(proved)
