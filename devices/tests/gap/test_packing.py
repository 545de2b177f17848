"""The three ways of writing bytes: the specification's own figures, one spelling only, and nothing unpacked too far."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.devices.gap.packing import Encoding, compress, decode_part, decompress, encode_part

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/bbqr/bbqr.json").read_text(encoding="utf-8"))


def test_compression_is_the_one_of_the_specification() -> None:
    for row in VECTORS["compression"]:
        raw = bytes.fromhex(row["hex"])

        assert (row["before"], row["after"]) == (len(raw), len(compress(raw))), row["file"]
        assert raw == decompress(compress(raw), len(raw))


@given(raw=st.binary(min_size=1, max_size=300), encoding=st.sampled_from(Encoding))
def test_bytes_come_back_from_their_characters(raw: bytes, encoding: Encoding) -> None:
    text = encode_part(raw, encoding)

    assert raw == decode_part(text, encoding)
    assert not set(text) - set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (Encoding.HEX, "ABC"),
        (Encoding.HEX, "abcd"),
        (Encoding.HEX, "AB CD"),
        (Encoding.HEX, "GG"),
        (Encoding.BASE32, "A"),
        (Encoding.BASE32, "ABC"),
        (Encoding.BASE32, "ABCDEF"),
        (Encoding.BASE32, "me"),
        (Encoding.BASE32, "10"),
        (Encoding.BASE32, "MF"),
        (Encoding.BASE32, "ME======"),
    ],
)
def test_every_second_spelling_is_refused(encoding: Encoding, text: str) -> None:
    with pytest.raises(StrongroomError) as caught:
        decode_part(text, encoding)

    assert {Code.FRAME_INVALID} == caught.value.codes
    assert b"a" == decode_part("ME", Encoding.BASE32)
    assert b"\xab\xcd" == decode_part("ABCD", Encoding.HEX)


def test_a_bomb_is_unpacked_one_byte_past_the_limit_and_no_further() -> None:
    bomb = compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < 80_000

    with pytest.raises(StrongroomError) as caught:
        decompress(bomb, 100_000)

    assert {Code.TOO_LARGE} == caught.value.codes
    assert bytes(100_000) == decompress(compress(bytes(100_000)), 100_000)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        compress(b"whole" * 100)[:-1],
        compress(b"whole" * 100) + b"\x00",
        zlib.compress(b"with a header"),
        b"\xff" * 40,
    ],
    ids=["empty", "cut off", "followed", "with a header", "noise"],
)
def test_a_stream_that_is_not_whole_is_refused(packed: bytes) -> None:
    with pytest.raises(StrongroomError) as caught:
        decompress(packed, 1_000)

    assert {Code.FRAME_INVALID} == caught.value.codes
