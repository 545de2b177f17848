"""A token that is pulled out at any moment of a session, really: its folder is moved away under SoftHSM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.state import JournalState

PIN = "user-4482"


@dataclass(slots=True)
class Plug:
    """All tokens of this process, in or out."""

    store: softhsm.SoftHsmStore

    @property
    def _away(self) -> Path:
        return self.store.folder / "pulled out"

    def pull(self) -> None:
        self.store.tokens.rename(self._away)

    def insert(self) -> None:
        """Put them back; programs are processes of their own and look anew, as this one does now."""
        if self._away.exists():
            self._away.rename(self.store.tokens)
        self.store.activate()


@pytest.fixture
def plug(tokens: Any) -> Iterator[Plug]:
    found = Plug(softhsm.SoftHsmStore(folder=next(iter(tokens.folders.values())).parent / "softhsm"))
    yield found
    found.insert()


def gone(work: Callable[[], object]) -> None:
    with pytest.raises(UnavailableError) as caught:
        work()
    assert {Code.TOKEN_UNAVAILABLE} == caught.value.codes
    assert "inserted" in str(caught.value)


def ask(stand: Any, question: Callable[[JournalState], object]) -> object:
    with stand.open() as terminal:
        return question(terminal.journal.state)


def count(stand: Any, kind: EntryKind) -> int:
    with stand.open() as terminal:
        return len(list(terminal.journal.entries_of_kind(kind)))


def test_no_token_before_the_login_asks_for_no_pin(firm: Any, stand: Any, plug: Plug) -> None:
    plug.pull()
    gone(lambda: stand.run(None))
    assert "PIN" not in stand.screen.getvalue()
    assert 0 == count(stand, EntryKind.PIN_TRIED)
    plug.insert()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_pulled_out_while_a_pin_is_typed_it_counts_as_tried_until_a_right_one(
    firm: Any, stand: Any, plug: Plug
) -> None:
    stand.on_answer = lambda typed: plug.pull() if typed == PIN and plug.store.tokens.exists() else None
    gone(lambda: stand.run(None))
    stand.on_answer = lambda _: None
    assert 1 == ask(stand, lambda state: state.wrong_pins("terminal-1"))
    plug.insert()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert 0 == ask(stand, lambda state: state.wrong_pins("terminal-1"))


def test_pulled_out_between_login_and_signing(firm: Any, stand: Any, plug: Plug) -> None:
    trip = firm.trip()
    stand.on_answer = lambda typed: plug.pull() if typed == "sign" else None
    gone(lambda: stand.run(firm.turn(trips=[trip]), "sign"))
    stand.on_answer = lambda _: None
    assert not list(stand.out.glob("*-terminal-result.package.json"))
    assert (1, 0) == (count(stand, EntryKind.COMMITTED), count(stand, EntryKind.SIGNED))
    plug.insert()
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[firm.trip(sequence=2)]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert trip.proposal.id == stand.result().results[0].proposal


def test_pulled_out_in_the_middle_of_a_batch_nothing_leaves_and_nothing_is_lost(
    firm: Any, stand: Any, plug: Plug
) -> None:
    """The token must know what was bound before any of it leaves; one that is gone cannot."""
    trips = [firm.trip(nonce=7 + i, sequence=1 + i) for i in range(3)]
    answers: list[str] = []

    def second(typed: str) -> None:
        answers.append(typed)
        if answers.count("sign") == 2:
            plug.pull()

    stand.on_answer = second
    gone(lambda: stand.run(firm.turn(trips=trips), "sign", "sign", "sign"))
    stand.on_answer = lambda _: None
    assert not list(stand.out.glob("*-terminal-result.package.json"))
    assert (2, 1) == (count(stand, EntryKind.COMMITTED), count(stand, EntryKind.SIGNED))
    plug.insert()
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[firm.trip(sequence=9)]), "sign")
    assert set() == stand.refusals(firm.turn(trips=trips), "sign", "sign", "sign")
    assert [t.proposal.id for t in trips] == [r.proposal for r in stand.result().results]


def test_a_refusal_that_no_token_can_sign_is_still_in_the_journal(firm: Any, stand: Any, plug: Plug) -> None:
    stand.on_answer = lambda typed: plug.pull() if typed == "unsure" else None
    gone(lambda: stand.run(firm.turn(trips=[firm.trip()]), "unsure", "the paper says another amount"))
    stand.on_answer = lambda _: None
    assert (1, 0) == (count(stand, EntryKind.HALTED), count(stand, EntryKind.COMMITTED))
    plug.insert()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
