"""The terminal and declared keys, with real tokens: transfers stop at once, a sweep needs a clear for containment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import world
from strongroom.core.bodies import Scope
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.registers import KeyState
from strongroom.core.sweeps import Rehearsal

from .conftest import Firm, Tokens
from .test_clear import put_freeze
from .test_succession import begin_anew


@pytest.fixture
def firm(tokens: Tokens, tmp_path: Any) -> Firm:
    return Firm(tokens=tokens, folder=tmp_path, world=world.safe_world(tokens.edits()))


def declare(firm: Firm, state: KeyState, key: str) -> None:
    body = KeyStateChange(keys=(EntryId(key),), lifts=(), reason="a copy was found", state=state)
    firm.world.notice(body, "person:r.ho", ("person:r.ho",))


def sweep(firm: Firm, **kwargs: Any) -> Any:
    return world.eth_sweep(firm.world, **kwargs).to(Stage.VERIFY)


def test_a_declared_key_stops_at_once_and_latches(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    declare(firm, KeyState.COMPROMISED, "key:eth-1")
    assert Code.KEY_COMPROMISED in stand.refusals(firm.turn(trips=[trip]), "sign")
    again = firm.turn(trips=[firm.trip(nonce=8, sequence=2)], body=lambda body: replace(body, notices=()))
    assert Code.KEY_COMPROMISED in stand.refusals(again, "sign")


def test_two_of_three_keys_sign_when_the_third_is_suspended(firm: Any, stand: Any) -> None:
    declare(firm, KeyState.SUSPENDED, "key:ltc-1-3")
    assert set() == stand.refusals(firm.turn(trips=[firm.trip("ltc")]), "sign")


def test_a_sweep_is_signed_while_frozen_and_a_transfer_is_not(firm: Any, stand: Any) -> None:
    freeze = firm.world.freeze()
    swept = sweep(firm)
    assert set() == stand.refusals(firm.turn(trips=[swept], body=put_freeze(firm, freeze)), "sign")
    shown = stand.screen.getvalue()
    assert "1 of 1 in this package" in shown
    assert "EMERGENCY SWEEP: pays only ourselves." in shown
    assert "pays only ourselves, on officers' order" in shown
    other = firm.trip("ltc")
    assert {Code.FROZEN} == stand.refusals(firm.turn(trips=[other]), "sign")


def test_a_sweep_waits_for_no_window_of_a_new_journal(firm: Any, stand: Any) -> None:
    """The disk was lost and the keys must be emptied now: it pays only ourselves. A transfer of that minute waits."""
    second = begin_anew(firm, stand)
    firm.world.tick(60)
    assert {Code.WINDOW_UNKNOWN} == second.refusals(firm.turn(trips=[firm.trip("ltc")]), "sign")
    assert set() == second.refusals(firm.turn(trips=[sweep(firm)]), "sign")


def test_a_scope_opens_its_own_kind_only(firm: Any, stand: Any) -> None:
    transfers = firm.turn(trips=[sweep(firm)], clear=lambda c: replace(c, scope=Scope.TRANSFERS))
    assert {Code.CLEAR_NOT_FOR_SESSION} == stand.refusals(transfers, "sign")
    contained = firm.turn(trips=[firm.trip("ltc")], clear=lambda c: replace(c, scope=Scope.CONTAINMENT))
    assert {Code.CLEAR_NOT_FOR_SESSION} == stand.refusals(contained, "sign")


def test_a_rehearsal_comes_to_the_terminal_and_no_further(firm: Any, stand: Any) -> None:
    drill = sweep(firm, rehearsal=Rehearsal.YES)
    assert {Code.SWEEP_REHEARSAL} == stand.refusals(firm.turn(trips=[drill]), "sign")
    assert () == stand.result().results
