"""The power goes at every place of a session, and the next session, in another process, goes on by keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

import paper
from hands import Hands, sit_down
from power_cut import NEVER, Power, Ran, consent, run_with_power
from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.packages import TerminalResultBody, parse_package
from strongroom.devices.screens.console import Console
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.terminal import flow
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.outbox import send_again

from .conftest import CODE, USER_PIN, Stand


@dataclass(slots=True, kw_only=True)
class Room:
    """A terminal whose power goes. signed: every digest that its token was given, by all runs."""

    firm: Any
    stand: Any
    signed: list[str] = field(default_factory=list)

    def session(self, trip: Any, cut: str = NEVER) -> Ran:
        """One session by keys in a process of its own; the platform, which does not lose its power, answers here."""
        turn = self.firm.turn(trips=[trip])

        def work(power: Power) -> Any:
            watch(power)
            Stand.answer = lambda *_: self.wait_for(power)  # type: ignore[method-assign, assignment]
            self.stand.on_desk.update(paper.papers_of([trip]))
            outcome = sit_down(lambda console: self.run(console, turn), self.press)
            return [
                [r.proposal for r in outcome.results],
                sorted({r.code for e in outcome.refused for r in e.refusals}),
            ]

        ran = run_with_power(work, cut, lambda: self.answer(turn))
        self.signed += ran.notes
        return ran

    def run(self, console: Console, turn: Any) -> Any:
        self.stand.console = console
        return self.stand.run(turn)

    def answer(self, turn: Any) -> str:
        """The platform's part; the time that it took."""
        self.stand.answer(turn)
        return str(self.firm.world.now.isoformat())

    def wait_for(self, power: Power) -> None:
        self.firm.world.now = datetime.fromisoformat(power.ask_outside())

    def left(self, trip: Any) -> list[str]:
        """The files with which a result left, by a journal that verifies."""
        with self.stand.open() as terminal:
            found = [parse_canonical(e.fields) for e in terminal.journal.entries_of_kind(EntryKind.PACKAGE_HANDED_BACK)]
        return [str(f["file"]) for f in found if isinstance(f, dict) and trip.proposal.id in f["proposals"]]

    async def press(self, hands: Hands) -> None:
        await consent(hands, USER_PIN, "s", self.stand.on_desk, CODE)


def watch(power: Power) -> None:
    """A session's places: the journal, the token's mirror of it, and the token."""
    power.around(Journal, "_append_entry", lambda _, kind, *_rest: f"entry {kind.value}")
    power.around(Journal, "_save_place", lambda *_: "mirror")
    power.around(PersonToken, "sign", lambda *_: "statement")
    honest = flow.sign_digest_with

    def sign(wrapping: Any, key: Any, digest: bytes) -> Any:
        power.at("before signature")
        power.say("note", digest.hex())
        made = honest(wrapping, key, digest)
        power.at("after signature")
        return made

    flow.sign_digest_with = sign


def is_state_of_its_own(place: str) -> bool:
    """Whether something that lasts has changed since the place before this one, or people were asked something."""
    return not place.startswith(("before entry", "before mirror", "before statement", "before signature"))


@pytest.fixture
def room(firm: Any, stand: Any) -> Room:
    return Room(firm=firm, stand=stand)


def split(places: Sequence[str]) -> tuple[list[str], list[str]]:
    """The places of a session before its result is out, and from there on."""
    kept = [place for place in places if is_state_of_its_own(place)]
    out = kept.index("after entry package-handed-back 2")
    return kept[:out], kept[out:]


def test_whatever_a_power_cut_stopped_the_next_session_goes_on_and_signs_it_once(room: Room) -> None:
    first, trip = room.firm.trip(), room.firm.trip(nonce=8, sequence=8)
    room.session(first, "after entry leased 1")
    whole = room.session(first)
    assert [[first.proposal.id], []] == whole.end
    before, _ = split(whole.places)
    assert len(before) > len(EXPECTED_AMONG)
    assert EXPECTED_AMONG <= set(before)
    room.signed.clear()
    for place in before:
        room.session(trip, place)
        assert [] == room.left(trip), place
    assert [[trip.proposal.id], []] == room.session(trip).end
    assert 1 == len(room.left(trip))
    assert 1 == len(set(room.signed)) < len(room.signed)


EXPECTED_AMONG = {
    *(f"Asking stands {number}" for number in range(1, 8)),
    *(f"after entry pin-tried {number}" for number in range(1, 11)),
    "page stands 1",
    "Choosing stands 1",
    "after entry clear-accepted 1",
    "after entry committed 1",
    "after signature 1",
    "after entry signed 1",
    "after statement 4",
    "before file in sent 2",
    "after file in sent 2",
}
"""What a session cannot do without; a place that is none any more would not be cut at."""


def test_a_result_that_is_out_when_the_power_goes_is_handed_back_once(room: Room) -> None:
    trip = room.firm.trip()
    _, after = split(room.session(trip).places)
    for number, place in enumerate(after):
        trip = room.firm.trip(nonce=8 + number, sequence=8 + number)
        room.session(trip, place)
        (name,) = room.left(trip)
        assert [[], [Code.ALREADY_COMMITTED]] == room.session(trip).end
        assert [name] == room.left(trip)
        with room.stand.open() as terminal:
            body = parse_package(send_again(terminal, room.stand.out, name).read_bytes()).body
        assert isinstance(body, TerminalResultBody)
        assert [trip.proposal.id] == [result.proposal for result in body.results]
