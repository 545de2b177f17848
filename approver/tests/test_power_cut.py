"""The power goes at every place of a decision, and the next run, in another process, goes on by keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from hands import Hands
from power_cut import NEVER, Power, Ran, consent, run_with_power
from strongroom.approver import release
from strongroom.approver.token import PersonKey
from strongroom.core.bodies import Approval
from strongroom.core.docket import Stage
from strongroom.core.statements import parse_statement
from world import eth_trip

from .conftest import PIN, Desk, MakeDesk


@dataclass(slots=True, kw_only=True)
class Room:
    """A device whose power goes. signed: every message that its token was given, by all runs."""

    desk: Desk
    signed: list[str] = field(default_factory=list)

    def decide(self, request: str, cut: str = NEVER) -> Ran:
        """One request by keys, in a process of its own."""

        def work(power: Power) -> int:
            watch(power)
            return self.desk.sit(self.press, "decide", request, "--out", str(self.desk.folder / "out"))

        ran = run_with_power(work, cut)
        self.signed += ran.notes
        return ran

    async def press(self, hands: Hands) -> None:
        await consent(hands, PIN, "a", self.desk.on_desk)


def watch(power: Power) -> None:
    """What a decision has beside files and questions: the line of its start, and its token."""
    power.around(release, "keep_start", lambda *_: "start")
    honest = PersonKey.sign

    def sign(key: PersonKey, message: bytes) -> bytes:
        power.say("note", sha256(message).hexdigest())
        made = honest(key, message)
        power.at("after signature")
        return made

    PersonKey.sign = sign  # type: ignore[method-assign]


def request(desk: Desk, number: int) -> tuple[str, str]:
    """A request for a payment of its own, and the id of its proposal."""
    trip = eth_trip(desk.world, nonce=7 + number, sequence=7 + number).to(Stage.PROPOSE)
    return str(desk.request(trip)), trip.proposal.id


def approvals(desk: Desk) -> list[str]:
    """The proposals that were approved on the medium."""
    bodies = [parse_statement(each).body for each in desk.answers()]
    assert all(isinstance(body, Approval) for body in bodies)
    return [body.proposal for body in bodies if isinstance(body, Approval)]


KEPT = "after file in answers 1"
"""From here on an answer is given, whatever a medium does."""


def test_whatever_a_power_cut_stopped_is_approved_once(make_desk: MakeDesk) -> None:
    room = Room(desk=make_desk())
    path, proposal = request(room.desk, 0)
    places = room.decide(path).places
    before = places[: places.index(KEPT)]
    assert {"Asking stands 1", "page stands 1", "Choosing stands 1", "Asking stands 3", "after signature 1"} <= {
        *before
    }
    room.signed.clear()
    seen = room.desk.seen
    path, second = request(room.desk, 1)
    for place in before:
        room.decide(path, place)
        # What it believes is the older or the newer whole, its counts can be read, and nothing was handed over.
        assert room.desk.seen in {seen, room.desk.world.log.last_checkpoint().size}
        assert 2 >= room.desk.home.load_counters().wrong_pins
        assert [proposal] == approvals(room.desk)
    assert 0 == room.decide(path).end
    assert [proposal, second] == approvals(room.desk)
    assert 1 == len(set(room.signed)) < len(room.signed)


def test_an_answer_that_was_given_when_the_power_goes_is_handed_over_once(make_desk: MakeDesk) -> None:
    room = Room(desk=make_desk())
    path, proposal = request(room.desk, 0)
    places = room.decide(path).places
    wanted = [proposal]
    for number, place in enumerate(places[places.index(KEPT) :], start=1):
        path, proposal = request(room.desk, number)
        room.signed.clear()
        room.decide(path, place)
        again = room.decide(path)
        assert 0 == again.end
        # Nobody is asked a second time, and the token signs nothing more.
        assert not any(each.startswith(("Asking", "Choosing")) for each in again.places)
        assert 1 == len(room.signed)
        wanted.append(proposal)
        assert wanted == approvals(room.desk)
