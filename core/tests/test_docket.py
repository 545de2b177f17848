"""The docket file: one spelling, and nothing in it that can be changed; vectors in vectors/docket."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.core.canonical import parse_canonical, parse_with_notes
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import MAX_DOCKET_BYTES, Docket, Stage, encode_docket, parse_docket, parse_docket_value
from strongroom.core.errors import StrongroomError
from strongroom.core.statements import Envelope, parse_envelope
from world import Trip, World, eth_trip, ltc_trip, mixed_trip, one_key_trip, usd_trip

from .refusals import refuse

FOLDER = Path(__file__).parents[2] / "vectors/docket"
INDEX = json.loads((FOLDER / "dockets.json").read_text("utf-8"))
NAMES = [vector["file"].removesuffix(".docket.json") for vector in INDEX["accepted"]]
SAMPLE = 60
"""Positions that are flipped in each docket by default; `pytest -m slow` takes all."""


def root() -> tuple[Envelope, ...]:
    """The committed root."""
    value = parse_canonical((FOLDER / "root.json").read_bytes())
    assert isinstance(value, list)
    return tuple(parse_envelope(item, "root.json") for item in value)


ROOT = root()


@pytest.mark.parametrize("vector", INDEX["accepted"], ids=[v["file"] for v in INDEX["accepted"]])
def test_committed_dockets_are_proved(vector: dict[str, str]) -> None:
    raw = (FOLDER / vector["file"]).read_bytes()
    docket = parse_docket(raw)
    assert raw == encode_docket(docket)
    proved = prove_docket(docket, ROOT)
    assert vector["furthest"] == proved.journey.furthest.name
    assert (vector["proposal"], vector["facts"]) == (proved.proposal.id, proved.facts.digest)
    assert vector["statements"] == [p.id for p in proved.journey.statements]
    assert INDEX["fingerprint"] == ROOT[0].id


@pytest.mark.parametrize("vector", INDEX["refused"], ids=[f"{v['file']}: {v['name']}" for v in INDEX["refused"]])
def test_committed_changes_are_refused(vector: dict[str, str]) -> None:
    text = (FOLDER / vector["file"]).read_text("utf-8")
    assert vector["old"] in text
    changed = text.replace(vector["old"], vector["new"], 1).encode()
    refuse(Code(vector["code"]), lambda: prove_docket(parse_docket(changed), ROOT))


def check_flips(raw: bytes, positions: list[int], flips: random.Random) -> None:
    """No changed byte at these positions gives a docket that proves."""
    for position in positions:
        changed = bytearray(raw)
        changed[position] ^= flips.randrange(1, 256)
        with pytest.raises(StrongroomError) as caught:
            prove_docket(parse_docket(bytes(changed)), ROOT)
        assert caught.value.codes, position


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_changed_bytes_is_refused(name: str) -> None:
    raw = (FOLDER / f"{name}.docket.json").read_bytes()
    chosen = random.Random(name)
    check_flips(raw, chosen.sample(range(len(raw)), SAMPLE), chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_changed_byte_is_refused(name: str) -> None:
    raw = (FOLDER / f"{name}.docket.json").read_bytes()
    check_flips(raw, list(range(len(raw))), random.Random(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_letter_of_hex_is_tied_to_something(name: str) -> None:
    """A flip that keeps the JSON canonical gets past the parser, so one of each kind of value is changed on purpose."""
    text = (FOLDER / f"{name}.docket.json").read_text("utf-8")
    chosen = random.Random(name)
    positions = [i for i, letter in enumerate(text) if letter in "0123456789"]
    for position in chosen.sample(positions, SAMPLE):
        changed = text[:position] + str((int(text[position]) + 1) % 10) + text[position + 1 :]
        with pytest.raises(StrongroomError):
            prove_docket(parse_docket(changed.encode()), ROOT)


@pytest.mark.parametrize("make", [eth_trip, usd_trip, ltc_trip, one_key_trip, mixed_trip])
def test_a_docket_goes_there_and_back(make: Callable[[World], Trip]) -> None:
    docket = make(World()).to(Stage.PROPOSE).docket()
    assert docket == parse_docket(encode_docket(docket))
    assert docket == parse_docket_value(parse_with_notes(encode_docket(docket), limit=MAX_DOCKET_BYTES))


@pytest.mark.parametrize("name", ["checkpoints", "roots", "rosters", "statements"])
def test_a_docket_without_its_parts_is_none(name: str) -> None:
    docket = eth_trip(World()).to(Stage.PROPOSE).docket()
    refuse(Code.FIELD_INVALID, lambda: replace(docket, **{name: ()}))
    assert replace(docket, **{name: getattr(docket, name)}) == docket


def test_a_docket_ends_somewhere() -> None:
    refuse(Code.TOO_LARGE, lambda: parse_docket(b'"' + b"a" * MAX_DOCKET_BYTES + b'"'))
    assert isinstance(parse_docket((FOLDER / "ethereum.docket.json").read_bytes()), Docket)


def test_a_cut_file_is_refused() -> None:
    raw = (FOLDER / "ethereum.docket.json").read_bytes()
    for length in range(0, len(raw), 997):
        refuse(Code.JSON_SYNTAX, lambda length=length: parse_docket(raw[:length]))
    assert parse_docket(raw)
