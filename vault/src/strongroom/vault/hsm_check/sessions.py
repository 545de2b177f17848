"""Sessions and logins: lost and regained, a wrong PIN, a token that is pulled out."""

from __future__ import annotations

from collections.abc import Iterator

from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import PKCS11Error

from strongroom.core.errors import UnavailableError
from strongroom.vault.hsm.ecdsa import parse_ec_point
from strongroom.vault.hsm.quirks import PIN_REFUSED
from strongroom.vault.hsm_check.bench import CHECK_LABEL, Bench, attempt, denied, make_pair, remove_leftovers
from strongroom.vault.hsm_check.curves import Curve
from strongroom.vault.hsm_check.export import offered_curve
from strongroom.vault.hsm_check.judge import (
    Denial,
    Denied,
    finding,
    judge_pin_lock,
    judge_pulled_out,
    judge_session,
    judge_wrong_pin,
)
from strongroom.vault.hsm_check.keys import SEALED, sign_and_verify
from strongroom.vault.hsm_check.points import PIN_LOCK, PULLED_OUT, Finding, Verdict


def check_session(bench: Bench) -> Iterator[Finding]:
    """A session is closed under a key in use; the next one knows nothing of it and signs."""
    with bench.session() as session:
        curve = offered_curve(session)
        public, private = make_pair(session, curve, SEALED)
        point = parse_ec_point(bytes(public[Attribute.EC_POINT]), "EC_POINT")
    closed = attempt(lambda: sign_and_verify(private, curve, point))
    with bench.session() as session:
        left = len(list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.TOKEN: False})))
    yield judge_session(closed, left, attempt(lambda: _sign_anew(bench, curve)))


def check_wrong_pin(bench: Bench) -> Iterator[Finding]:
    """One wrong PIN, then the right one."""
    wrong = _login_error(bench, _wrong(bench, 0))
    is_pin_error = isinstance(wrong, PIN_REFUSED)
    right = _login_error(bench, bench.user.reveal())
    yield judge_wrong_pin(denied(wrong) if wrong else None, is_pin_error, denied(right) if right else None)


def check_pin_lock(bench: Bench) -> Iterator[Finding]:
    """Many wrong PINs; the last point of a run, for a token that locks is of no more use in it."""
    if bench.pin_tries == 0:
        yield finding(PIN_LOCK, Verdict.NOT_RUN, "ask for it with --pin-tries; it may lock the token")
        return
    for number in range(bench.pin_tries):
        _login_error(bench, _wrong(bench, number))
        bench.progress("wrong PINs", number + 1, bench.pin_tries)
    right = _login_error(bench, bench.user.reveal())
    yield judge_pin_lock(bench.pin_tries, denied(right) if right else None)


def check_pulled_out(bench: Bench) -> Iterator[Finding]:
    """A stored key is in use when the token goes; later it signs again in a new session."""
    if bench.pull is None or bench.insert is None:
        yield finding(PULLED_OUT, Verdict.NOT_RUN, "ask for it with --pull-out")
        return
    session = bench.token.open(rw=True, user_pin=bench.user.reveal())
    curve = offered_curve(session)
    public, private = make_pair(session, curve, SEALED, label=CHECK_LABEL)
    point = parse_ec_point(bytes(public[Attribute.EC_POINT]), "EC_POINT")
    bench.pull()
    try:
        out = attempt(lambda: sign_and_verify(private, curve, point))
        # What closing a session says when its token is gone is the maker's choice and proves nothing.
        attempt(session.close)
    finally:
        bench.insert()
    yield judge_pulled_out(bench.quirks.pulled_out, out, _sign_stored(bench, curve, point))


def _sign_stored(bench: Bench, curve: Curve, point: bytes) -> bool | Denied:
    """Sign with the key that was stored before, and remove it."""
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: CHECK_LABEL}
    try:
        with bench.session() as session:
            private = next(session.get_objects(wanted), None)
            if private is None:
                return Denied(error="the stored key is gone", kind=Denial.FAULT)
            back = sign_and_verify(private, curve, point)
            remove_leftovers(session)
            return back
    except PKCS11Error as error:
        return denied(error)
    except UnavailableError as error:
        return Denied(error=error.refusals[0].got, kind=Denial.FAULT)


def _sign_anew(bench: Bench, curve: Curve) -> bool:
    with bench.session() as session:
        public, private = make_pair(session, curve, SEALED)
        return sign_and_verify(private, curve, parse_ec_point(bytes(public[Attribute.EC_POINT]), "EC_POINT"))


def _wrong(bench: Bench, number: int) -> str:
    # As long as the right one, so that it is the PIN that is refused and not its length.
    digit = str(number % 10)
    wrong = bench.user.reveal()[:-1] + digit
    return wrong if wrong != bench.user.reveal() else bench.user.reveal()[:-1] + "x"


def _login_error(bench: Bench, pin: str) -> PKCS11Error | None:
    try:
        with bench.token.open(rw=True, user_pin=pin):
            return None
    except PKCS11Error as error:
        return error
