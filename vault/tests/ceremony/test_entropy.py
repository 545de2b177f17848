"""Mixing entropy: every source counts, none can cancel another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, UnavailableError
from strongroom.vault.ceremony.entropy import check_typed_entropy, draw_wrapping_key, mix_entropy, read_token_random
from strongroom.vault.hsm.module import open_module
from strongroom.vault.hsm.secret import Secret


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
    check_typed_entropy(Secret("6" * 50))
    with pytest.raises(MalformedError) as caught:
        check_typed_entropy(Secret("6" * 49))
    assert Code.FIELD_INVALID in caught.value.codes
    assert "666" not in str(caught.value)


def test_the_token_gives_random_bytes_and_two_draws_differ(tmp_path: Path) -> None:
    store = softhsm.make_store(tmp_path)
    store.init_token("vault", "officer-7731", "user-4482")
    module = open_module(softhsm.MODULE_PATH)
    assert read_token_random(module, "vault", 64) != read_token_random(module, "vault", 64)
    assert 64 == len(read_token_random(module, "vault", 64))
    draws = {bytes(draw_wrapping_key(module, "vault", typed)) for typed in (None, None, Secret("6" * 50))}
    assert (3, {32}) == (len(draws), {len(draw) for draw in draws})
    with pytest.raises(UnavailableError) as caught:
        read_token_random(module, "nobody", 64)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
