"""The page of what a terminal paid before, as operators meet it."""

from __future__ import annotations

from typing import Any

import pytest

import world
from strongroom.core.docket import Stage
from strongroom.vault.terminal.history import render_ratio
from world import ETH, Trip


@pytest.mark.parametrize(("units", "ratio"), [(10, "1.0"), (19, "1.9"), (199, "19.9"), (99_999, "9999.9")])
def test_a_ratio_is_rounded_down(units: int, ratio: str) -> None:
    assert ratio == render_ratio(units, 10)


def page_of(firm: Any, stand: Any, **changes: Any) -> str:
    """The history page of one more payment, which is signed."""
    trip = Trip(world=firm.world, chain=ETH, edits={}, **changes).to(Stage.VERIFY)
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    screen: str = stand.screen.getvalue()
    found = screen[screen.rindex("What this terminal signed before") :]
    return " ".join(found[: found.index("Where it comes from")].replace("\n! ", "\n").split())


def test_a_first_destination_is_called_out_and_afterwards_what_differs_is(firm: Any, stand: Any) -> None:
    usual, larger = (("client:harbour", 125 * 10**16),), (("client:harbour", 3 * 10**18),)
    first = page_of(firm, stand, payments=usual)
    assert "FIRST this terminal signs its first payment to Harbour Fund Ltd, entry:harbour-eth" in first
    assert "AMOUNT" not in first
    second = page_of(firm, stand, payments=usual, nonce=8, sequence=2)
    assert "BEFORE Harbour Fund Ltd, entry:harbour-eth: signed here before: 1, the last at 2027-" in second
    assert "AMOUNT the last payment to this client was 1.250000000000000000 ETH (1250000000000000000 units)" in second
    third = page_of(firm, stand, payments=larger, nonce=9, sequence=3)
    assert "signed here before: 2" in third
    assert "DIFFERS 2.4 times the largest payment to this client so far, 1.250000000000000000 ETH" in third


def test_a_void_pays_nobody_and_has_no_such_page(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[world.void_trip(firm.world).to(Stage.VERIFY)]), "sign")
    assert "terminal signed before" not in stand.screen.getvalue()
