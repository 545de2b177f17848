"""Initializing a token through the module itself: which token, and what may go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.vault.ceremony.token_setup import init_token, report_token
from strongroom.vault.hsm.module import find_token, open_module, open_officer_session, open_session, serial_of
from strongroom.vault.hsm.secret import Secret

OFFICER, USER = Secret("officer-7731"), Secret("user-4482")


def test_a_token_is_made_with_both_pins_and_others_stay(tmp_path: Path) -> None:
    softhsm.make_store(tmp_path)
    module = open_module(softhsm.MODULE_PATH)
    serials = [init_token(module, label, OFFICER, USER) for label in ("one", "two")]
    assert serials == [serial_of(find_token(module, label)) for label in ("one", "two")]
    for label in ("one", "two"):
        with open_officer_session(find_token(module, label), OFFICER) as session:
            assert session.rw
        with open_session(find_token(module, label), USER) as session:
            assert not session.rw
        report = report_token(module, label)
        assert (label, True, None, None) == (
            report.label,
            report.has_user_pin,
            report.wrapping_check,
            report.statement_key,
        )


def test_no_blank_token_is_unavailable(tmp_path: Path) -> None:
    # SoftHSM always offers one blank token, so a store that is gone stands for a card reader without a card.
    store = softhsm.make_store(tmp_path)
    module = open_module(softhsm.MODULE_PATH)
    store.tokens.rename(tmp_path / "gone")
    with pytest.raises(UnavailableError) as caught:
        init_token(module, "one", OFFICER, USER)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    (tmp_path / "gone").rename(store.tokens)
    store.activate()
    assert init_token(module, "one", OFFICER, USER)


def test_one_label_twice_is_refused_and_the_first_token_unhurt(tmp_path: Path) -> None:
    softhsm.make_store(tmp_path)
    module = open_module(softhsm.MODULE_PATH)
    serial = init_token(module, "one", OFFICER, USER)
    with pytest.raises(RefusedError) as caught:
        init_token(module, "one", OFFICER, USER)
    assert Code.ALREADY_EXISTS in caught.value.codes
    assert serial == serial_of(find_token(module, "one"))
