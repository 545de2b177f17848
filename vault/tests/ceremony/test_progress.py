"""The bar: it counts what is durable, its rate is this run's, and it promises no end that it cannot know."""

from __future__ import annotations

import io
import json

import pytest

from strongroom.vault.ceremony import progress
from strongroom.vault.ceremony.progress import Manner, Moment, Progress, manner_of, render_bar

SECOND = 10**9


class Clock:
    """Time that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def monotonic_ns(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def bar_of(total: int, already: int, manner: Manner = Manner.EVENTS) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    return Progress("keys", total=total, already=already, out=out, manner=manner), out


def test_the_rate_is_of_this_run_alone(clock: Clock) -> None:
    bar, _ = bar_of(1000, 600)
    clock.now += 2 * SECOND
    bar.add(100)
    assert Moment(done=700, total=1000, rate_milli=50_000, left_s=6) == bar.moment()


def test_the_rate_follows_the_last_seconds(clock: Clock) -> None:
    bar, _ = bar_of(10_000, 0)
    for _ in range(20):
        clock.now += SECOND
        bar.add(100)
    assert 100_000 == bar.moment().rate_milli
    for _ in range(20):
        clock.now += SECOND
        bar.add(10)
    assert 10_000 == bar.moment().rate_milli
    assert (10_000 - 2200) // 10 == bar.moment().left_s


def test_no_time_is_promised_before_a_rate_is_known(clock: Clock) -> None:
    bar, _ = bar_of(10, 0)
    assert Moment(done=0, total=10, rate_milli=0, left_s=None) == bar.moment()
    assert "time left unknown" in render_bar("keys", bar.moment())
    clock.now += SECOND
    bar.add(10)
    assert 0 == bar.moment().left_s


def test_the_time_left_is_never_zero_while_something_is_left(clock: Clock) -> None:
    bar, _ = bar_of(1001, 0)
    clock.now += SECOND
    bar.add(1000)
    assert 1 == bar.moment().left_s


def test_events_are_told_a_second_and_the_last_one_always(clock: Clock) -> None:
    bar, out = bar_of(100, 0)
    for _ in range(100):
        clock.now += SECOND // 20
        bar.add(1)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {"progress"} == {each["event"] for each in events}
    assert 5 <= len(events) <= 7
    assert [each["done"] for each in events] == sorted(each["done"] for each in events)
    assert (100, 100, 0) == (events[-1]["done"], events[-1]["total"], events[-1]["left_s"])


def test_a_file_gets_lines_and_a_screen_one_line(clock: Clock) -> None:
    lines, written = bar_of(10, 0, Manner.LINES)
    screen, shown = bar_of(10, 0, Manner.SCREEN)
    for _ in range(10):
        clock.now += SECOND
        lines.add(1)
        screen.add(1)
    assert 3 == len(written.getvalue().splitlines())
    assert "\r" not in written.getvalue()
    assert (10, 1) == (shown.getvalue().count("\r"), shown.getvalue().count("\n"))
    assert Manner.LINES is manner_of(io.StringIO(), events=False)
    assert Manner.EVENTS is manner_of(io.StringIO(), events=True)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (Moment(done=0, total=4, rate_milli=0, left_s=None), "[..............................] 0 of 4, 0.0 a second"),
        (
            Moment(done=50_000, total=100_000, rate_milli=678_500, left_s=74),
            "50,000 of 100,000, 678.5 a second, 1 min 14 s",
        ),
        (Moment(done=3, total=100_000, rate_milli=1_000, left_s=99_997), "27 h 46 min left"),
        (
            Moment(done=4, total=4, rate_milli=1_000, left_s=0),
            "[##############################] 4 of 4, 1.0 a second, 0 s left",
        ),
    ],
)
def test_the_words(moment: Moment, words: str) -> None:
    assert words in render_bar("keys", moment)
