"""Two sources of different origins or nothing; every one counts; the report says all but what was drawn."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest
from strongroom.vault.entropy import mixing, sources
from strongroom.vault.entropy.attest import (
    MODULES,
    check_entropy_code,
    compute_code_digest,
    measure_entropy_code,
)
from strongroom.vault.entropy.mixing import Mixer
from strongroom.vault.entropy.report import render_report
from strongroom.vault.entropy.sources import MonitoredSource, TypedSource, device_source, os_source
from strongroom.vault.hsm.secret import Secret

DICE = "41622531664215332614552613442635124365216435146253"


def other() -> MonitoredSource:
    return MonitoredSource("token vault", "token serial 1", os.urandom)


def test_two_origins_are_enough_and_every_draw_is_another() -> None:
    mixer = Mixer([os_source(), other()])
    keys = {bytes(mixer.draw_key()) for _ in range(4)}
    assert (4, {32}) == (len(keys), {len(key) for key in keys})
    assert [0, 1, 33, 100] == [len(mixer.draw(count)) for count in (0, 1, 33, 100)]
    assert mixer.draw(32) != mixer.draw(32)


@pytest.mark.parametrize(
    "handles",
    [
        (),
        (os_source(),),
        (os_source(), device_source(Path("/dev/urandom"))),
        (TypedSource(Secret(DICE)), TypedSource(Secret(DICE[::-1]), "typed again")),
    ],
    ids=["none", "one", "two handles to the kernel", "two lines"],
)
def test_two_handles_to_one_source_count_once(handles: tuple[sources.Source, ...]) -> None:
    with pytest.raises(RefusedError) as caught:
        Mixer(handles)
    assert {Code.ENTROPY_HEALTH_FAIL} == caught.value.codes
    Mixer([*handles, other()] if handles else [os_source(), other()])


def test_two_sources_that_give_the_same_bytes_are_one_whatever_they_say() -> None:
    one, two = random.Random(7), random.Random(7)
    mixer = Mixer([MonitoredSource("a", "first", one.randbytes), MonitoredSource("b", "second", two.randbytes)])
    with pytest.raises(RefusedError) as caught:
        mixer.draw_key()
    assert "entropy source a and b" == caught.value.refusals[0].field


def test_one_broken_source_stops_the_mix_though_the_other_is_well() -> None:
    with pytest.raises(RefusedError) as caught:
        Mixer([os_source(), MonitoredSource("hwrng", "device 10:183", bytes)])
    assert "entropy source hwrng" == caught.value.refusals[0].field


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        Mixer([os_source(), MonitoredSource("operating system", "elsewhere", os.urandom)])
    assert Code.ENTROPY_HEALTH_FAIL in caught.value.codes


def test_a_predictable_source_is_covered_by_the_second() -> None:
    """Who knows one seed knows nothing of the mix, whichever of the two it is."""
    drawn = set()
    for _ in range(3):
        known = MonitoredSource("mt19937", "seeded", random.Random(1).randbytes)
        drawn.add(bytes(Mixer([known, os_source()]).draw_key()))
    assert 3 == len(drawn)


def test_the_report_says_everything_but_what_was_drawn() -> None:
    seen: list[bytes] = []

    def recorded(count: int) -> bytes:
        seen.append(os.urandom(count))
        return seen[-1]

    mixer = Mixer([os_source(), MonitoredSource("token vault", "token serial 1", recorded), TypedSource(Secret(DICE))])
    key = mixer.draw_key()
    report = mixer.report(measure_entropy_code(), None)
    written = encode_canonical(report.as_json()).decode() + "\n".join(render_report(report))
    assert [("operating system", 64), ("token vault", 64), ("typed", 50)] == [(s.name, s.given) for s in report.sources]
    assert "passed" in written
    assert "NOT COMPARED" in written
    for secret in (key, *seen):
        assert bytes(secret[:8]).hex() not in written
    assert DICE[:8] not in written
    assert json.loads(encode_canonical(report.as_json()))["sources"][0]["tests"]["byte"]["repetition"] == 5


def test_the_code_is_measured_and_every_byte_of_it_counts() -> None:
    texts = {name: name.encode() for name in MODULES}
    digests = {compute_code_digest(texts)}
    for name in MODULES:
        digests.add(compute_code_digest({**texts, name: texts[name] + b" "}))
    assert 1 + len(MODULES) == len(digests)
    assert measure_entropy_code() == measure_entropy_code()


def test_every_module_of_the_room_is_measured() -> None:
    room = {f"strongroom.vault.entropy.{path.stem}" for path in Path(mixing.__file__).parent.glob("*.py")}

    assert {name.removesuffix(".__init__") for name in room} <= set(MODULES)


def test_code_that_is_not_the_release_is_refused() -> None:
    measured = measure_entropy_code()
    check_entropy_code(measured, measured)
    check_entropy_code(measured, None)
    with pytest.raises(RefusedError) as caught:
        check_entropy_code(measured, Digest("sha256:" + "0" * 64))
    assert {Code.ENTROPY_NOT_ATTESTED} == caught.value.codes
