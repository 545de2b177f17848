"""Frames and films: the specification's own scan, any order, any number of times, and every way to disturb one."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError
from strongroom.devices.gap.bbqr import MAX_PARTS, Joiner, parse_frame, render_progress, split
from strongroom.devices.gap.qr import CAPACITIES

SCAN = json.loads((Path(__file__).parents[3] / "vectors/bbqr/bbqr.json").read_text(encoding="utf-8"))["scan"]
HEADERS = json.loads((Path(__file__).parents[3] / "vectors/bbqr/bbqr.json").read_text(encoding="utf-8"))["headers"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$"
NOISE = random.Random(5).randbytes(3_000)
"""Does not compress: its films are in plain base 32."""


def joined(frames: list[str], joiner: Joiner | None = None) -> bytes:
    joiner = joiner or Joiner()
    for frame in frames:
        joiner.add(frame)
    return joiner.join()


def refusals(joiner: Joiner, frame: str) -> frozenset[Code]:
    with pytest.raises(StrongroomError) as caught:
        joiner.add(frame)
    return caught.value.codes


def answer_of(frames: list[str]) -> frozenset[Code]:
    """What is refused of a film; nothing when it joins."""
    try:
        joined(frames)
    except (MalformedError, RefusedError) as error:
        return error.codes
    return frozenset()


def test_the_scan_of_the_specification_joins_as_its_authors_camera_saw_it() -> None:
    frames = [SCAN["frames"][i] for i in SCAN["order"]]

    raw = joined(frames, Joiner(file_type=SCAN["file_type"]))

    assert SCAN["bytes"] == len(raw)
    assert SCAN["sha256"] == hashlib.sha256(raw).hexdigest()


def test_headers_say_how_many_frames_there_are_and_which_one_this_is() -> None:
    for header, (total, number) in HEADERS.items():
        frame = parse_frame(header + "ABCA")

        assert (total, number) == (frame.total, frame.number)


@given(
    raw=st.one_of(st.binary(min_size=1, max_size=2_000), st.text(min_size=1, max_size=500).map(str.encode)),
    capacity=st.sampled_from([47, 195, 224, 2132, 4296]),
    seed=st.randoms(),
)
def test_any_bytes_arrive_whatever_the_order_and_however_often(raw: bytes, capacity: int, seed: random.Random) -> None:
    frames = [*split(raw, capacity)]
    seen = frames + seed.choices(frames, k=5)
    seed.shuffle(seen)

    assert raw == joined(seen)
    assert all(len(frame) <= capacity for frame in frames)
    assert len({len(frame) for frame in frames[:-1]}) <= 1
    assert len(frames[-1]) <= len(frames[0])


@given(text=st.one_of(st.text(max_size=60), st.from_regex(r"B\$[H2ZX][A-Z0-9]{0,12}", fullmatch=True)))
def test_whatever_a_camera_sees_is_a_frame_or_a_refusal(text: str) -> None:
    assert answer_of([text]) <= {Code.FRAME_INVALID, Code.TYPE_MISMATCH, Code.FRAMES_MISSING}


@given(data=st.data())
def test_a_frame_with_one_character_changed_never_passes_for_the_film(data: st.DataObject) -> None:
    frames = [*split(NOISE, 335)]
    victim = data.draw(st.integers(0, len(frames) - 1))
    place = data.draw(st.integers(0, len(frames[victim]) - 1))
    other = data.draw(st.sampled_from(sorted(set(ALPHABET) - {frames[victim][place]})))
    changed = frames[victim][:place] + other + frames[victim][place + 1 :]

    # The header, the alphabet, a double, the count; or the content is another one, which nothing here can know.
    spoiled = [*frames[:victim], changed, *frames[victim + 1 :]]
    assert answer_of(spoiled) or joined(spoiled) != NOISE


def test_a_frame_with_more_than_its_share_or_less_is_of_no_film() -> None:
    frames = split(NOISE, 335)

    for spoiled in (frames[1] + "AAAAAAAA", frames[1][:-8]):
        joiner = Joiner()
        joiner.add(frames[0])
        assert {Code.FRAME_CONFLICT} == refusals(joiner, spoiled)
        assert joiner.add(frames[1])
    longer = Joiner()
    longer.add(frames[-1] + "AAAAAAAA" * 40)
    assert {Code.FRAME_CONFLICT} == refusals(longer, frames[0])


def test_two_contents_of_one_number_stop_the_film() -> None:
    frames = split(NOISE, 335)
    joiner = Joiner()
    joiner.add(frames[0])
    forged = frames[0][:-8] + ("AAAAAAAA" if not frames[0].endswith("AAAAAAAA") else "BBBBBBBB")

    assert {Code.FRAME_CONFLICT} == refusals(joiner, forged)
    assert not joiner.add(frames[0])


def test_a_frame_of_another_film_changes_nothing_until_one_begins_anew() -> None:
    ours, other = split(NOISE, 335), split(NOISE[:500], 335)
    joiner = Joiner()
    joiner.add(ours[0])

    assert {Code.FRAME_OF_OTHER_FILM} == refusals(joiner, other[0])
    assert (1, len(ours)) == (joiner.seen, joiner.total)
    assert NOISE == joined([*ours], joiner)
    joiner.begin_anew()
    assert NOISE[:500] == joined([*other], joiner)


def test_code_that_could_run_is_refused_by_its_type() -> None:
    frame = split(b"{}", 335)[0]

    assert {Code.TYPE_MISMATCH} == refusals(Joiner(), frame[:3] + "X" + frame[4:])
    assert b"{}" == joined([frame])


def test_a_film_says_what_is_missing_by_the_numbers_that_people_see() -> None:
    frames = split(NOISE, 335)
    joiner = Joiner()
    assert "no frame yet" == render_progress(joiner)
    for number, frame in enumerate(frames):
        if number not in {2, 6}:
            joiner.add(frame)

    assert f"{len(frames) - 2} of {len(frames)} frames, without 3, 7" == render_progress(joiner)
    with pytest.raises(RefusedError) as caught:
        joiner.join()
    assert {Code.FRAMES_MISSING} == caught.value.codes
    assert "without 3, 7" in caught.value.refusals[0].got
    assert NOISE == joined([frames[2], frames[6]], joiner)


def test_a_bomb_of_one_frame_is_refused_when_it_is_joined() -> None:
    frame = split(bytes(2_000_000), 4_296)[0]
    joiner = Joiner(limit=1_000_000)
    joiner.add(frame)

    with pytest.raises(RefusedError) as caught:
        joiner.join()

    assert {Code.TOO_LARGE} == caught.value.codes
    assert bytes(2_000_000) == joined([frame])


def test_there_are_never_more_frames_than_two_digits_count() -> None:
    share = (47 - 8) // 8 * 5
    most = random.Random(7).randbytes(share * MAX_PARTS)

    assert MAX_PARTS == len(split(most, 47))
    with pytest.raises(RefusedError) as caught:
        split(most + b"x", 47)
    assert {Code.TOO_LARGE} == caught.value.codes
    with pytest.raises(RefusedError, match="TOO_LARGE"):
        split(b"", 47)


def test_there_are_as_few_frames_as_their_codes_allow() -> None:
    long = random.Random(1).randbytes(50_000)
    for capacity in CAPACITIES[4:]:
        frames = split(long, capacity)

        assert -(-50_000 // ((capacity - 8) // 8 * 5)) >= len(frames)
        assert max(map(len, frames)) <= capacity
    with pytest.raises(MalformedError, match="TOO_LARGE"):
        split(b"x", 15)
