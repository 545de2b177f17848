"""Wrong PINs at a token that does not lock by itself: counted before they are tried, in a chain that nobody resets."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

import pkcs11
import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.vault.terminal.attempts import MAX_WRONG_PINS, REST_S

PIN = "user-4482"


def wrong(stand: Any, *pins: str) -> str:
    """One session that ends at a PIN; what was said about it."""
    with pytest.raises(StrongroomError) as caught:
        stand.run(None, pins=pins or ("wrong",))
    assert {Code.PIN_WRONG} == caught.value.codes
    return caught.value.refusals[0].got


def fails(code: Code, work: Callable[[], object]) -> None:
    with pytest.raises(StrongroomError) as caught:
        work()
    assert code in caught.value.codes


def wrong_pins(stand: Any, label: str = "terminal-1") -> int:
    with stand.open() as terminal:
        found: int = terminal.journal.state.wrong_pins(label)
        return found


def test_how_many_are_left_is_said_each_time(firm: Any, stand: Any) -> None:
    for count in range(1, MAX_WRONG_PINS):
        assert f"{count} wrong in a row, {MAX_WRONG_PINS - count} left before it rests" == wrong(stand)
    assert f"{MAX_WRONG_PINS} wrong in a row, it rests for {REST_S} s" == wrong(stand)
    assert f"{MAX_WRONG_PINS} wrong in a row" == wrong(stand, PIN)
    firm.world.tick(REST_S)
    assert f"{MAX_WRONG_PINS + 1} wrong in a row, it rests for {REST_S} s" == wrong(stand)
    assert f"{MAX_WRONG_PINS + 1} wrong in a row" == wrong(stand, PIN)
    firm.world.tick(REST_S)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert 0 == wrong_pins(stand)


def test_each_token_rests_for_itself(firm: Any, stand: Any) -> None:
    for _ in range(MAX_WRONG_PINS):
        wrong(stand, PIN, "wrong")
    firm.world.tick(REST_S - 1)
    # The terminal's own token was tried just now, which does not make the operator's rest any longer.
    assert f"{MAX_WRONG_PINS} wrong in a row" == wrong(stand, PIN, PIN)
    firm.world.tick(1)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_power_cut_while_a_pin_is_tried_does_not_make_it_free(firm: Any, stand: Any) -> None:
    """The program is killed by the kernel as soon as the attempt is on the disk."""
    child = os.fork()
    if child == 0:
        from strongroom.vault.terminal import people  # noqa: PLC0415 -- only in the process that dies.

        try:
            # A module does not survive a fork, and the terminal asks the token who it is before it asks for a PIN.
            pkcs11.lib(str(softhsm.MODULE_PATH)).reinitialize()
            people.PersonToken = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment, misc]
            stand.run(None, pins=("wrong",))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert signal.SIGKILL == os.WTERMSIG(status)
    assert 1 == wrong_pins(stand)
    assert "2 wrong in a row, 3 left before it rests" == wrong(stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_the_count_is_not_reset_by_deleting_or_editing_the_journal(firm: Any, stand: Any) -> None:
    wrong(stand)
    path, copy = stand.home.journal, stand.folder / "copy"
    path.rename(copy)
    fails(Code.JOURNAL_BROKEN, lambda: stand.run(None))
    fails(Code.JOURNAL_BROKEN, lambda: stand.enroll(firm.world.fingerprint, firm.world.fingerprint))
    copy.rename(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE pin_failure SET failures = 0")
    database.close()
    fails(Code.JOURNAL_BROKEN, lambda: stand.run(None))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE pin_failure SET failures = 1 WHERE token = 'terminal-1'")
    database.close()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
