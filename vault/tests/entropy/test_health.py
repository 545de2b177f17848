"""The health tests stop every source that is broken, name it, and let an honest one through; what they cannot see."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError
from strongroom.vault.entropy.health import BIT_WINDOW, START_UP_SAMPLES, CutOffs, HealthMonitor, compute_cut_offs
from strongroom.vault.entropy.sources import OS_ORIGIN, MonitoredSource, device_source, os_source

Draw = Callable[[int], bytes]

JITTERENTROPY_PROPORTION = (325, 422, 459, 477, 488, 494, 499, 502, 505, 507, 508, 509, 510, 511, 512)
"""jent_apt_cutoff_lookup for H = 1/1 to 1/15, alpha = 2**-30, W = 512.

Source: Linux, crypto/jitterentropy.c."""


@pytest.mark.parametrize(("rate", "expected"), list(enumerate(JITTERENTROPY_PROPORTION, start=1)))
def test_the_cut_offs_are_those_that_another_implementation_publishes(rate: int, expected: int) -> None:
    found = compute_cut_offs(Fraction(1, rate), 512)

    assert (expected, 1 + 30 * rate) == (found.proportion, found.repetition)


def test_the_cut_offs_of_full_bytes_and_bits() -> None:
    assert CutOffs(repetition=5, proportion=17, window=512) == compute_cut_offs(Fraction(8), 512)
    assert 31 == compute_cut_offs(Fraction(1), BIT_WINDOW).repetition


def test_an_honest_source_passes_its_start_and_a_long_run() -> None:
    source = os_source()
    source.start()
    assert 64 == len(source.read(64))
    for _ in range(20):
        source.read(256)
    # The samples of the start-up test are dropped and do not count.
    assert 64 + 20 * 256 == source.given


def constant(value: int) -> Draw:
    return lambda count: bytes([value]) * count


def stuck(bit: int, value: int) -> Draw:
    def draw(count: int) -> bytes:
        honest = os.urandom(count)
        return bytes(b | 1 << bit if value else b & ~(1 << bit) for b in honest)

    return draw


def biased(count: int) -> bytes:
    """Every second byte is a zero, on average."""
    return bytes(0 if b & 1 else b for b in os.urandom(count))


def gone(_count: int) -> bytes:
    raise UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field="token", expected="an answer", got="none"))


def unplugged(_count: int) -> bytes:
    raise OSError(5, "Input/output error")


BROKEN: tuple[tuple[str, Draw], ...] = (
    ("all zero", constant(0)),
    ("all ones", constant(255)),
    ("constant", constant(0x5A)),
    ("two by turns", lambda count: (b"\xa5\x5a" * count)[:count]),
    ("lowest bit stuck at 0", stuck(0, 0)),
    ("highest bit stuck at 1", stuck(7, 1)),
    ("biased", biased),
    ("too short", lambda count: os.urandom(count - 1)),
    ("too long", lambda count: os.urandom(count + 1)),
    ("empty", lambda _count: b""),
    ("token gone", gone),
    ("device gone", unplugged),
)


@pytest.mark.parametrize(("name", "draw"), BROKEN, ids=[name for name, _draw in BROKEN])
def test_a_broken_source_is_refused_at_its_start_by_name(name: str, draw: Draw) -> None:
    source = MonitoredSource(name, "test", draw)

    with pytest.raises(RefusedError) as caught:
        source.start()
    assert {Code.ENTROPY_HEALTH_FAIL} == caught.value.codes
    assert f"entropy source {name}" == caught.value.refusals[0].field


@pytest.mark.parametrize(("name", "draw"), BROKEN, ids=[name for name, _draw in BROKEN])
def test_a_source_that_breaks_later_is_refused_then_and_ever_after(name: str, draw: Draw) -> None:
    draws: Iterator[Draw] = itertools.chain([os.urandom, os.urandom], itertools.repeat(draw, 40), [os.urandom])
    source = MonitoredSource(name, "test", lambda count: _draw(next(draws), count))
    source.start()
    source.read(64)

    with pytest.raises(RefusedError) as caught:
        _read_often(source, 40)
    assert {Code.ENTROPY_HEALTH_FAIL} == caught.value.codes
    source.draw = os.urandom
    with pytest.raises(RefusedError) as caught:
        source.read(64)
    assert "one that did" in caught.value.refusals[0].got


def test_a_source_that_nobody_started_starts_itself() -> None:
    with pytest.raises(RefusedError):
        MonitoredSource("zero", "test", constant(0)).read(2)
    assert 2 == len(os_source().read(2))


def test_what_the_tests_cannot_see_is_said_and_shown() -> None:
    """A Mersenne Twister with a 32-bit seed passes: the code's digest and a second source stand against it."""
    twister = random.Random(1_689_120_000)
    HealthMonitor(name="mt19937").feed(twister.randbytes(START_UP_SAMPLES * 8))


def test_a_device_is_known_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    link = tmp_path / "hwrng"
    link.symlink_to("/dev/urandom")
    assert OS_ORIGIN == device_source(link).origin == device_source(Path("/dev/random")).origin == os_source().origin
    assert 32 == len(device_source(link).read(32))
    prepared = tmp_path / "prepared"
    prepared.write_bytes(os.urandom(4096))
    for path in (prepared, tmp_path / "nothing", tmp_path):
        with pytest.raises(RefusedError) as caught:
            device_source(path)
        assert {Code.ENTROPY_HEALTH_FAIL} == caught.value.codes


def test_a_device_that_ends_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        device_source(Path("/dev/null")).start()
    assert "0 bytes" == caught.value.refusals[0].got


def _draw(draw: Draw, count: int) -> bytes:
    return draw(count)


def _read_often(source: MonitoredSource, times: int) -> None:
    for _ in range(times):
        source.read(64)
