"""Mixing entropy: every source counts, none can cancel another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, UnavailableError
from strongroom.vault.ceremony.entropy import check_typed_entropy, draw_wrapping_key, open_mixer, read_token_random
from strongroom.vault.entropy.attest import measure_entropy_code
from strongroom.vault.entropy.mixing import mix_entropy
from strongroom.vault.hsm.module import open_module
from strongroom.vault.hsm.secret import Secret

DICE = "41622531664215332614552613442635124365216435146253"


def test_the_mix_is_what_the_format_says() -> None:
    expected = hashlib.sha256(b"strongroom-wrapping-key/1\n" + bytes(7) + b"\x01a" + bytes(7) + b"\x02bc").digest()
    assert expected == bytes(mix_entropy([b"a", b"bc"]))


def test_every_source_and_every_border_counts() -> None:
    first, second = os.urandom(64), os.urandom(64)
    mixes = {
        bytes(mix_entropy(sources))
        for sources in ([first, second], [second, first], [first + second], [first], [first[:-1], second[:1] + second])
    }
    assert 5 == len(mixes)


def test_typed_entropy_has_a_least_length() -> None:
    check_typed_entropy(Secret(DICE))
    check_typed_entropy(Secret(" ".join(DICE)))
    for short in (DICE[:-1], " ".join(DICE[:-1])):
        with pytest.raises(MalformedError) as caught:
            check_typed_entropy(Secret(short))
        assert Code.FIELD_INVALID in caught.value.codes
        assert DICE[:5] not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["6" * 50, "16" * 25, "123" * 20, "123456" * 9, "3" * 17 + DICE, "".join(f"{c}66" for c in DICE)],
    ids=["constant", "two kinds", "three kinds", "one piece", "a run", "mostly sixes"],
)
def test_a_line_that_nobody_threw_dice_for_is_refused(line: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_typed_entropy(Secret(line))
    assert {Code.ENTROPY_HEALTH_FAIL} == caught.value.codes
    assert "entropy source typed" == caught.value.refusals[0].field
    assert line[:5] not in str(caught.value)


def test_the_token_gives_random_bytes_and_two_draws_differ(tmp_path: Path) -> None:
    store = softhsm.make_store(tmp_path)
    store.init_token("vault", "officer-7731", "user-4482")
    module = open_module(softhsm.MODULE_PATH)
    assert read_token_random(module, "vault", 64) != read_token_random(module, "vault", 64)
    assert 64 == len(read_token_random(module, "vault", 64))
    draws = {bytes(draw_wrapping_key(module, "vault", typed)) for typed in (None, None, Secret(DICE))}
    assert (3, {32}) == (len(draws), {len(draw) for draw in draws})
    mixer = open_mixer(module, "vault", Secret(DICE))
    mixer.draw_key()
    sources = {s.name: (s.origin, s.given) for s in mixer.report(measure_entropy_code(), None).sources}
    assert {"operating system", "token vault", "typed"} == set(sources)
    assert [64, 64, 50] == [given for _origin, given in sources.values()]
    with pytest.raises(UnavailableError) as caught:
        read_token_random(module, "nobody", 64)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
