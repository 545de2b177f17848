"""A PIN that does not print."""

from __future__ import annotations

import pickle

import pytest

from strongroom.vault.hsm.secret import Secret


def test_a_secret_prints_as_stars_however_it_is_printed() -> None:
    pin = Secret("user-4482")
    assert "****** ****** ******" == f"{pin} {pin!r} " + str(pin)
    assert "user-4482" == pin.reveal()


def test_equal_secrets_are_found_equal() -> None:
    assert Secret("a").equals(Secret("a"))
    assert not Secret("a").equals(Secret("b"))


def test_a_secret_cannot_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("user-4482"))
