"""Documents that have run out and a clock that stands behind what was seen: both are told with their times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import world
from strongroom.core import assemble
from strongroom.core.bodies import Instruction
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.records import encode_time
from strongroom.vault.terminal.step3_check import check_in_time


def refusal(code: Code, work: Callable[[], object]) -> str:
    """What was said, for the people at the terminal."""
    with pytest.raises(RefusedError) as caught:
        work()
    assert {code} == caught.value.codes
    return str(caught.value)


def take_roster(firm: Any, stand: Any) -> None:
    placed = assemble.build_placed(firm.world.log, firm.world.rosters[-1], firm.world.log.last_checkpoint().size)
    body = replace(firm.world.update_body(stand.last_seen(), whole=False), registers=(), rosters=(placed,))
    stand.take(stand.update(body))


def test_an_expired_roster_asks_for_no_pin_and_the_next_one_helps(firm: Any, stand: Any) -> None:
    expires = firm.world.now + timedelta(hours=2)
    firm.world.change_roster(lambda r: replace(r, expires=expires))
    take_roster(firm, stand)
    firm.world.tick(2 * 3600 + 1)
    said = refusal(Code.EXPIRED, lambda: stand.run(None))
    assert "roster version 2" in said
    assert str(expires) in said
    assert "import it on every device" in said
    assert "PIN" not in stand.screen.getvalue()
    firm.world.change_roster(lambda r: replace(r, expires=firm.world.now + timedelta(days=30)))
    take_roster(firm, stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_an_expired_root_asks_for_no_pin(firm: Any, stand: Any) -> None:
    honest = firm.world.now
    with stand.open() as terminal:
        expires = terminal.trust.root.expires
    firm.world.now = expires + timedelta(seconds=1)
    said = refusal(Code.EXPIRED, lambda: stand.run(None))
    assert "root version 1" in said
    assert str(expires) in said
    assert "PIN" not in stand.screen.getvalue()
    firm.world.now = honest
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_clock_behind_the_last_entry_tells_both_times(firm: Any, stand: Any) -> None:
    stand.refusals(None)
    with stand.open() as terminal:
        last = terminal.journal.entry(terminal.journal.head().number).time
    before = stand.home.journal.read_bytes()
    firm.world.now = last - timedelta(seconds=1)
    said = refusal(Code.CLOCK_BEHIND, lambda: stand.run(None))
    assert f"Expected {encode_time(last)} or later, got {encode_time(firm.world.now)}" in said
    assert "set the clock forward" in said
    assert before == stand.home.journal.read_bytes()
    firm.world.now = last
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_clock_that_is_turned_back_in_a_session_signs_nothing(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    honest = []

    def back(typed: str) -> None:
        if typed == "sign":
            honest.append(firm.world.now)
            firm.world.now -= timedelta(hours=1)

    stand.on_answer = back
    with pytest.raises(RefusedError) as caught:
        stand.run(firm.turn(trips=[trip]), "sign")
    assert {Code.CLOCK_BEHIND} == caught.value.codes
    stand.on_answer = lambda _: None
    firm.world.now = honest[0]
    assert not list(stand.out.glob("*-terminal-result.package.json"))
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_a_client_who_speaks_from_the_future_is_not_paid_yet(firm: Any) -> None:
    """Paid today and logged once more after a new journal's lease, such a word would look new to that journal."""
    trip = firm.trip()
    proved = prove_docket(trip.docket(), firm.world.roots)
    (said,) = [each.statement.issued_at for each in proved.journey.all(Instruction)]
    found = refusal(Code.CLOCK_BEHIND, lambda: check_in_time(proved, said - timedelta(seconds=1)))
    assert encode_time(said) in found
    check_in_time(proved, said)
    void = prove_docket(world.void_trip(firm.world).to(Stage.VERIFY).docket(), firm.world.roots)
    check_in_time(void, said - timedelta(seconds=1))
