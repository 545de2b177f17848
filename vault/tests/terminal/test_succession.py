"""A lost or restored disk: the way out is a new journal, which pays nothing that the one before may have paid.

The attacker keeps the old disk, or breaks it, on purpose: the journal that bound the payment and counted the limits is
gone, and two honest delegates lease the machine that was enrolled anew.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest

from strongroom.core.bodies import Instruction
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.leases import Lease
from strongroom.vault.terminal.succession import check_instructions, find_succession

DAY_S = 86400
"""The longest window of the world's policy."""


def begin_anew(firm: Any, stand: Any) -> Any:
    """The same machine and token, enrolled anew in another folder, and leased."""
    second = replace(stand, folder=firm.folder / "anew")
    second.enroll(firm.world.fingerprint, firm.world.fingerprint)
    second.lease()
    second.take(second.update(firm.world.update_body()))
    second.keep_codes()
    return second


def wait(firm: Any, seconds: int) -> None:
    """Time passes in the log as well, and prices are published anew."""
    firm.world.tick(seconds)
    firm.world.change_prices(lambda prices: prices)


def test_what_was_paid_before_is_not_paid_again(firm: Any, stand: Any) -> None:
    """The old journal refuses it by its memory, the new one by the log; and it pays what is said after its lease."""
    paid = firm.trip()
    assert set() == stand.refusals(firm.turn(trips=[paid]), "sign")
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[paid]), "sign")
    second = begin_anew(firm, stand)
    assert {Code.JOURNAL_SUCCEEDED, Code.WINDOW_UNKNOWN} == second.refusals(firm.turn(trips=[paid]), "sign")
    wait(firm, DAY_S)
    assert set() == second.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_a_window_is_waited_for(firm: Any, stand: Any) -> None:
    """One second before the window of a day is whole nothing is paid; the next second it is."""
    second = begin_anew(firm, stand)
    wait(firm, DAY_S // 2)
    early = firm.turn(trips=[firm.trip()])
    assert {Code.WINDOW_UNKNOWN} == second.refusals(early, "sign")
    wait(firm, DAY_S // 2)
    assert set() == second.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_the_restored_disk_stays_blocked_and_begins_anew(firm: Any, stand: Any) -> None:
    """An older disk is refused by its token before anything is shown. Enrolled anew and leased, the machine signs."""
    backup = shutil.copytree(stand.home.path, firm.folder / "backup")
    lost = firm.trip()
    assert set() == stand.refusals(firm.turn(trips=[lost]), "sign")
    shutil.rmtree(stand.home.path)
    shutil.copytree(backup, stand.home.path)
    for _ in range(2):
        with pytest.raises(StrongroomError) as caught:
            stand.run(firm.turn(trips=[lost]), "sign")
        # Trying makes it longer, and not the same.
        assert caught.value.codes in ({Code.JOURNAL_BEHIND}, {Code.JOURNAL_FORKED})
    second = begin_anew(firm, stand)
    assert {Code.JOURNAL_SUCCEEDED, Code.WINDOW_UNKNOWN} == second.refusals(firm.turn(trips=[lost]), "sign")
    wait(firm, DAY_S)
    assert set() == second.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_an_instruction_that_is_logged_once_more_stays_old(firm: Any, stand: Any) -> None:
    """The platform appends the old envelope behind the lease: the time that the client signed is still the old one."""
    old = firm.trip()
    with begin_anew(firm, stand).open() as terminal:
        trust, name = terminal.trust, terminal.config.terminal
        lease = trust.find_lease(name)
        assert lease is not None
        succession = find_succession(trust, name, lease.id)
    assert succession == lease
    said = prove_docket(old.docket(), firm.world.roots)
    with pytest.raises(RefusedError) as caught:
        check_instructions(place_behind(said, succession), succession)
    assert {Code.JOURNAL_SUCCEEDED} == caught.value.codes
    wait(firm, 60)
    new = prove_docket(firm.trip(nonce=8, sequence=2).docket(), firm.world.roots)
    check_instructions(place_behind(new, succession), succession)


def place_behind(proved: ProvedDocket, lease: Proved[Lease]) -> ProvedDocket:
    """The same docket, its instructions at places of the log behind a lease."""
    moved = tuple(replace(each, index=lease.index + 1) for each in proved.journey.all(Instruction))
    journey = Journey(statements=moved, furthest=proved.journey.furthest, _by_type={Instruction: moved})
    return replace(proved, journey=journey)


def test_the_same_journal_leased_again_succeeds_nobody(firm: Any, stand: Any) -> None:
    """A new token, or a new root: the journal knows all that was signed, and nothing is waited for."""
    stand.lease()
    trip = firm.trip()
    with stand.open() as terminal:
        trust, name = terminal.trust, terminal.config.terminal
    first = firm.world.leases_of(name)[0].id
    assert find_succession(trust, name, first) is None
    with pytest.raises(RefusedError) as caught:
        find_succession(trust, name, trip.docket().statements[0].envelope.id)
    assert {Code.LEASE_REPLACED} == caught.value.codes
    stand.take(stand.update(replace(firm.world.update_body(stand.last_seen(), whole=False), registers=())))
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
