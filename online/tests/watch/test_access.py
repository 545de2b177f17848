"""The vault's door: a clear only while both operators are inside, by two copies of what the door signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes
from strongroom.core.roster import Roster
from strongroom.core.statements import expect, parse_statement
from strongroom.online.config import DoorConfig
from strongroom.online.watch import access
from strongroom.online.watch.access import Door, Entry, Event, check_inside, encode_line, load_feed, message_of
from world import World, signer_of

from .test_clear import TERMINAL, Waiting, waiting

__all__ = ["waiting"]

NOW = datetime(2027, 3, 14, 12, 0, tzinfo=UTC)
OPERATORS = (PartyId("person:c.lam"), PartyId("person:p.wu"))
DOOR = signer_of("device:door")


@dataclass(kw_only=True)
class Feed:
    """What a door wrote. now: its clock."""

    path: Path
    world: World
    now: datetime = NOW
    lines: list[Entry] = field(default_factory=list)
    sign: Callable[[bytes], bytes] = DOOR.sign

    @property
    def door(self) -> Door:
        return Door(feed=self.path, key=DOOR.key, silence_s=120, stay_s=8 * 3600)

    @property
    def roster(self) -> Roster:
        return expect(parse_statement(self.world.rosters[-1]), Roster, "roster").body

    def staff(self, person: str) -> str:
        return self.roster.find(person, "person").staff

    def say(self, event: Event, person: str = "", *, ago_s: int = 0, skip: int = 0) -> None:
        """One more line."""
        number = (self.lines[-1].sequence if self.lines else 17) + 1 + skip
        at = self.now - timedelta(seconds=ago_s)
        entry = Entry(at=at, event=event, sequence=number, staff=self.staff(person) if person else "none")
        self.lines.append(entry)
        with self.path.open("ab") as out:
            out.write(encode_line(entry, self.sign(message_of(entry))))

    def both_in(self) -> None:
        for person in OPERATORS:
            self.say(Event.IN, person, ago_s=600)
        self.say(Event.BEAT)

    def check(self, *, at: datetime | None = None, terminal: str = TERMINAL) -> None:
        doors = {PartyId(TERMINAL): self.door}
        check_inside(doors, PartyId(terminal), OPERATORS, self.roster, at or self.now)

    def refuses(self, code: Code, *, at: datetime | None = None) -> str:
        with pytest.raises(RefusedError) as caught:
            self.check(at=at)
        assert {code} == caught.value.codes
        return caught.value.refusals[0].got


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(path=tmp_path / "door.lines", world=World())


def test_both_are_inside(feed: Feed) -> None:
    feed.both_in()
    feed.check()
    assert 3 == len(load_feed(feed.door, NOW))


def test_whoever_never_came_or_left_or_stays_too_long_is_not_inside(feed: Feed) -> None:
    feed.say(Event.IN, OPERATORS[0], ago_s=600)
    feed.say(Event.BEAT)
    assert "never came in" == feed.refuses(Code.ACCESS_NOT_MATCHED)
    feed.say(Event.IN, OPERATORS[1])
    feed.check()
    feed.say(Event.OUT, OPERATORS[0])
    assert "left at 2027-03-14T12:00:00Z" == feed.refuses(Code.ACCESS_NOT_MATCHED)
    feed.say(Event.IN, OPERATORS[0])
    feed.check()
    feed.now += timedelta(hours=8, seconds=1)
    feed.say(Event.BEAT)
    assert "came in at 2027-03-14T12:00:00Z" == feed.refuses(Code.ACCESS_NOT_MATCHED)


def test_another_persons_entry_is_not_theirs(feed: Feed) -> None:
    feed.say(Event.IN, OPERATORS[0])
    feed.say(Event.IN, "person:m.chan")
    assert "never came in" == feed.refuses(Code.ACCESS_NOT_MATCHED)


def test_a_terminal_without_a_door_is_not_asked_about(feed: Feed) -> None:
    feed.check(terminal="device:terminal-2")
    feed.refuses(Code.ACCESS_FEED_BROKEN)


def test_silence_is_no_quiet_hour(feed: Feed) -> None:
    feed.both_in()
    feed.check(at=NOW + timedelta(seconds=120))
    assert "last at 2027-03-14T12:00:00Z" == feed.refuses(Code.ACCESS_FEED_BROKEN, at=NOW + timedelta(seconds=121))
    feed.check(at=NOW - timedelta(seconds=60))
    feed.refuses(Code.ACCESS_FEED_BROKEN, at=NOW - timedelta(seconds=61))


def test_a_line_that_is_missing_or_moved_breaks_the_feed(feed: Feed) -> None:
    feed.both_in()
    feed.say(Event.OUT, OPERATORS[0])
    feed.say(Event.BEAT)
    whole = feed.path.read_bytes().splitlines(keepends=True)
    for lines in (whole[:3] + whole[4:], [*whole[:2], whole[3], whole[2], whole[4]], [*whole, whole[-1]]):
        feed.path.write_bytes(b"".join(lines))
        feed.refuses(Code.ACCESS_FEED_BROKEN)
    feed.path.write_bytes(b"".join(whole))
    feed.refuses(Code.ACCESS_NOT_MATCHED)


def test_the_doors_own_clock_does_not_go_back(feed: Feed) -> None:
    feed.both_in()
    feed.say(Event.BEAT, ago_s=1)
    feed.refuses(Code.ACCESS_FEED_BROKEN)


def test_only_the_door_signs(feed: Feed) -> None:
    feed.both_in()
    honest = feed.path.read_bytes()
    for raw in (
        honest.replace(b'"in"', b'"out"', 1),
        honest[:-20],
        honest + b"{}\n",
        honest + b"not json\n",
        honest.replace(feed.staff(OPERATORS[1]).encode(), b"staff-99"),
    ):
        assert raw != honest
        feed.path.write_bytes(raw)
        feed.refuses(Code.ACCESS_FEED_BROKEN)
    feed.path.unlink()
    feed.lines.clear()
    feed.sign = signer_of("service:platform").sign
    feed.both_in()
    feed.refuses(Code.ACCESS_FEED_BROKEN)


def test_a_feed_that_grew_for_years_is_begun_anew(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.both_in()
    monkeypatch.setattr(access, "MAX_FEED_BYTES", feed.path.stat().st_size - 1)
    feed.refuses(Code.ACCESS_FEED_BROKEN)
    monkeypatch.setattr(access, "MAX_FEED_BYTES", feed.path.stat().st_size)
    feed.check()


@pytest.mark.parametrize("name", ["silence_s", "stay_s"])
@pytest.mark.parametrize("seconds", [0, 86_401])
def test_times_of_a_door_have_bounds(name: str, seconds: int) -> None:
    good = DoorConfig(feed="f", key=HexBytes(DOOR.key.public), silence_s=60, stay_s=86_400, terminal=PartyId(TERMINAL))
    with pytest.raises(MalformedError) as caught:
        replace(good, **{name: seconds})
    assert {Code.FIELD_INVALID} == caught.value.codes


@pytest.mark.parametrize("who", ["reconciler", "watcher"])
def test_either_copy_withholds_the_clear_and_pages(waiting: Waiting, tmp_path: Path, who: str) -> None:
    """One of the two says that somebody left; the other one was told that both are in."""
    firm = waiting.firm
    feeds = {name: Feed(path=tmp_path / name, world=firm.world, now=firm.clock()) for name in ("reconciler", "watcher")}
    for name, each in feeds.items():
        each.both_in()
        parts = replace(getattr(firm, name), doors={PartyId(TERMINAL): each.door})
        setattr(firm, name, parts)
    feeds[who].say(Event.OUT, OPERATORS[1])
    waiting.reconciler_half()
    waiting.watcher_half()
    assert (Code.ACCESS_NOT_MATCHED.value, None) == (waiting.withheld(), waiting.clear())
    paged = firm.query("select code, severity, subject from watch.alerts where closed_at is null")
    assert [(Code.ACCESS_NOT_MATCHED.value, "critical", TERMINAL)] == paged
    feeds[who].say(Event.IN, OPERATORS[1])
    waiting.reconciler_half()
    waiting.watcher_half()
    assert waiting.clear()
