"""Two tokens with one label, and a token pulled out while in use. Each needs a store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.vault.hsm.module import find_token, find_token_by_serial, open_module, open_session, serial_of
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import (
    create_wrapping_key,
    find_wrapping_key,
    generate_wrapped_key,
    sign_digest,
    sign_digest_with,
)

OFFICER_PIN = Secret("officer-7731")
USER_PIN = Secret("user-4482")


def test_two_tokens_of_one_label_are_refused_and_one_serial_is_found(tmp_path: Path) -> None:
    store = softhsm.make_store(tmp_path)
    store.init_token("twin", "officer-7731", "user-4482")
    module = open_module(softhsm.MODULE_PATH)
    serial = serial_of(find_token(module, "twin"))
    store.init_token("twin", "officer-7731", "user-4482")
    with pytest.raises(UnavailableError) as caught:
        find_token(module, "twin")
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    assert "2 tokens" == caught.value.refusals[0].got
    assert serial == serial_of(find_token_by_serial(module, serial))


def test_a_token_that_is_pulled_out_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    store = softhsm.make_store(tmp_path)
    store.init_token("vault", "officer-7731", "user-4482")
    module = open_module(softhsm.MODULE_PATH)
    create_wrapping_key(module, "vault", OFFICER_PIN, bytearray(os.urandom(32)))
    with open_session(find_token(module, "vault"), USER_PIN) as session:
        wrapping_key = find_wrapping_key(session)
        wrapped = generate_wrapped_key(session, wrapping_key)
        store.tokens.rename(tmp_path / "pulled-out")
        with pytest.raises(UnavailableError) as caught:
            sign_digest_with(wrapping_key, wrapped, os.urandom(32))
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    with pytest.raises(UnavailableError) as again:
        find_token(module, "vault")
    assert Code.TOKEN_UNAVAILABLE in again.value.codes
    (tmp_path / "pulled-out").rename(store.tokens)
    store.activate()
    with open_session(find_token(module, "vault"), USER_PIN) as session:
        assert 2 == len(sign_digest(session, wrapped, os.urandom(32)))
