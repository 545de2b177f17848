"""Finding one token, logging in, and every error of the module as one of ours."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pkcs11 import exceptions as p11

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError, StrongroomError, UnavailableError
from strongroom.vault.hsm.module import (
    find_token,
    find_token_by_serial,
    open_module,
    open_officer_session,
    open_session,
    serial_of,
    token_errors,
    translate_token_error,
)
from strongroom.vault.hsm.secret import Secret

EVERY_ERROR = sorted(
    (kind for _, kind in inspect.getmembers(p11, inspect.isclass) if issubclass(kind, p11.PKCS11Error)),
    key=lambda kind: kind.__name__,
)


def test_a_module_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError) as caught:
        open_module("/nonexistent/module.so")
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes


def test_one_token_is_found_by_label_and_by_serial(bench: Any) -> None:
    by_label = find_token(bench.module, "person")
    by_serial = find_token_by_serial(bench.module, serial_of(by_label))
    assert "person" == by_label.label == by_serial.label


@pytest.mark.parametrize("label", ["nobody", "", "perso", "person "])
def test_no_token_of_that_label_is_unavailable(bench: Any, label: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        find_token(bench.module, label)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    assert "0 tokens" == caught.value.refusals[0].got


@pytest.mark.parametrize("serial", ["", "0000000000000000"])
def test_no_token_of_that_serial_is_unavailable(bench: Any, serial: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        find_token_by_serial(bench.module, serial)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes


def test_the_right_pin_opens_for_user_and_officer(bench: Any, user_pin: Secret, officer_pin: Secret) -> None:
    token = find_token(bench.module, "empty")
    with open_session(token, user_pin) as session:
        assert not session.rw
    with open_officer_session(token, officer_pin) as session:
        assert session.rw


@pytest.mark.parametrize("pin", ["wrong-4482", "", "user-4483"])
def test_a_wrong_pin_is_refused_and_not_printed(bench: Any, pin: str) -> None:
    with pytest.raises(RefusedError) as caught, open_session(find_token(bench.module, "empty"), Secret(pin)):
        pass
    assert Code.PIN_WRONG in caught.value.codes
    assert not pin or pin not in str(caught.value)
    assert isinstance(caught.value.__cause__, p11.PKCS11Error)


def test_the_users_pin_is_not_the_officers(bench: Any, user_pin: Secret) -> None:
    # Wrong PINs above left sessions behind (module.py says why); an officer works in a process without any.
    bench.store.activate()
    with pytest.raises(RefusedError) as caught, open_officer_session(find_token(bench.module, "empty"), user_pin):
        pass
    assert Code.PIN_WRONG in caught.value.codes


def test_a_second_login_never_rides_on_the_first(bench: Any, user_pin: Secret) -> None:
    # PKCS#11 logs in a whole program, not a session: a wrong PIN would otherwise pass while a right one is in use.
    token = find_token(bench.module, "empty")
    with open_session(token, user_pin):
        with pytest.raises(UnavailableError) as caught, open_session(token, Secret("wrong")):
            pass
        assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    with pytest.raises(RefusedError) as refused, open_session(token, Secret("wrong")):
        pass
    assert Code.PIN_WRONG in refused.value.codes


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_of_the_module_becomes_ours(kind: type[p11.PKCS11Error]) -> None:
    secret = "4482"
    with pytest.raises(StrongroomError) as caught, token_errors("token"):
        raise kind(secret)
    assert isinstance(caught.value.__cause__, kind)
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "code", "kinds"),
    [
        (RefusedError, Code.PIN_WRONG, (p11.PinIncorrect, p11.PinLocked, p11.PinLenRange)),
        (RefusedError, Code.KEY_NOT_IN_TOKEN, (p11.NoSuchKey, p11.KeyUnextractable, p11.AttributeSensitive)),
        (InvariantError, Code.INVARIANT, (p11.ArgumentsBad, p11.TemplateInconsistent)),
        (
            UnavailableError,
            Code.TOKEN_UNAVAILABLE,
            (
                p11.ObjectHandleInvalid,
                p11.SessionHandleInvalid,
                p11.DeviceRemoved,
                p11.GeneralError,
                p11.UserAlreadyLoggedIn,
                p11.UnwrappingKeyHandleInvalid,
            ),
        ),
    ],
)
def test_each_kind_of_error_says_who_must_act(
    expected: type[StrongroomError], code: Code, kinds: tuple[type[p11.PKCS11Error], ...]
) -> None:
    for kind in kinds:
        error = translate_token_error(kind(), "token")
        assert expected is type(error)
        assert code == error.code


def test_our_own_errors_pass_through_unchanged() -> None:
    mine = RefusedError(*translate_token_error(p11.PinIncorrect(), "token").refusals)
    with pytest.raises(RefusedError) as caught, token_errors("token"):
        raise mine
    assert mine is caught.value
