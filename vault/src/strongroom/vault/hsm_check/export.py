"""Trying to take a key out, as an insider with the user's PIN and a program of their own would."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from strongroom.vault.hsm.ecdsa import parse_ec_point
from strongroom.vault.hsm.handles import WrappingKey, as_wrapping_key
from strongroom.vault.hsm.quirks import PIN_REFUSED
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.templates import UNWRAP_AS, UNWRAP_SEALED, WRAPPING_ATTRIBUTES
from strongroom.vault.hsm_check.bench import CHECK_LABEL, Bench, attempt, make_pair, remove_leftovers
from strongroom.vault.hsm_check.curves import CURVES, Curve
from strongroom.vault.hsm_check.judge import (
    Denied,
    finding,
    judge_attribute,
    judge_copy,
    judge_refused,
    judge_unwrap,
)
from strongroom.vault.hsm_check.keys import SEALED, sign_and_verify
from strongroom.vault.hsm_check.points import (
    READ_VALUE,
    TRUSTED,
    UNWRAP_TEMPLATE,
    WRAP_SEALED,
    WRAP_UNTRUSTED,
    Finding,
    Verdict,
)

_WRAPPING = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.AES,
    Attribute.LABEL: CHECK_LABEL,
    Attribute.TOKEN: True,
    Attribute.PRIVATE: False,
    Attribute.VALUE: bytes(range(32)),
}
_WRAPPABLE: dict[Attribute, object] = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
}
_READABLE: dict[Attribute, object] = {**UNWRAP_SEALED, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
_THEFTS = ((Attribute.SENSITIVE, False), (Attribute.EXTRACTABLE, True))


def offered_curve(session: pkcs11.Session) -> Curve:
    """The first curve that the module has. Raises the module's own error when it has none."""
    for curve in CURVES[:-1]:
        if not isinstance(attempt(partial(make_pair, session, curve, SEALED)), Denied):
            return curve
    return CURVES[-1]


def check_attributes(bench: Bench) -> Iterator[Finding]:
    """Opening a sealed key by setting its attributes, by copying it, and by asking."""
    with bench.session() as session:
        _public, private = make_pair(session, offered_curve(session), SEALED)
        for name, wanted in _THEFTS:
            answer = attempt(partial(_set, private, name, wanted))
            after = attempt(partial(_is, private, name))
            yield judge_attribute(f"{name.name} {wanted}", wanted, answer, after)
        for name, wanted in _THEFTS:
            copy = attempt(partial(_copied, private, name, wanted))
            yield judge_copy(f"{name.name} {wanted}", wanted, copy)
        yield judge_refused(READ_VALUE, attempt(lambda: private[Attribute.VALUE]))


def check_wrapping(bench: Bench) -> Iterator[Finding]:
    """Wrapping a key under one of the user's own, and making such a key trusted."""
    with bench.session() as session:
        curve = offered_curve(session)
        own = attempt(lambda: session.generate_key(KeyType.AES, 256, store=False, capabilities=_WRAP))
        if isinstance(own, Denied):
            for point in (WRAP_SEALED, WRAP_UNTRUSTED):
                yield finding(point, Verdict.NOT_OFFERED, f"no wrapping key: {own.error}")
        else:
            key = as_wrapping_key(own, "the user's own key")
            _public, sealed = make_pair(session, curve, SEALED)
            yield judge_refused(WRAP_SEALED, attempt(lambda: key.wrap_key(sealed, mechanism=_KEY_WRAP)))
            yield _check_untrusted(session, curve, key)
        yield judge_refused(TRUSTED, attempt(lambda: _make_trusted(session)))


def check_unwrap_template(bench: Bench, officer: Secret) -> Iterator[Finding]:
    """A wrapping key as the ceremony makes it, and both ways of unwrapping under it."""
    made = attempt(lambda: _create_wrapping_key(bench, officer))
    if isinstance(made, Denied) and made.error in {kind.__name__ for kind in PIN_REFUSED}:
        yield finding(UNWRAP_TEMPLATE, Verdict.NOT_RUN, f"the security officer's PIN was refused: {made.error}")
        return
    if isinstance(made, Denied):
        yield finding(UNWRAP_TEMPLATE, Verdict.NOT_OFFERED, f"no trusted wrapping key: {made.error}")
        return
    try:
        with bench.session() as session:
            yield _check_unwrap(session)
    finally:
        with bench.officer_session(officer) as session:
            remove_leftovers(session)


_WRAP = MechanismFlag.WRAP | MechanismFlag.UNWRAP
_KEY_WRAP = Mechanism.AES_KEY_WRAP_PAD


def _set(private: pkcs11.PrivateKey, name: Attribute, value: object) -> bool:
    private[name] = value
    return True


def _is(private: pkcs11.Object, name: Attribute) -> bool:
    return bool(private[name])


def _copied(private: pkcs11.PrivateKey, name: Attribute, wanted: object) -> bool:
    return _is(private.copy({name: wanted}), name)


def _check_untrusted(session: pkcs11.Session, curve: Curve, own: WrappingKey) -> Finding:
    pair = attempt(lambda: make_pair(session, curve, _WRAPPABLE))
    if isinstance(pair, Denied):
        return finding(WRAP_UNTRUSTED, Verdict.NOT_OFFERED, f"no WRAP_WITH_TRUSTED key: {pair.error}")
    if isinstance(attempt(lambda: bool(pair[1][Attribute.WRAP_WITH_TRUSTED])), Denied):
        return finding(WRAP_UNTRUSTED, Verdict.NOT_OFFERED, "the module does not keep WRAP_WITH_TRUSTED")
    return judge_refused(WRAP_UNTRUSTED, attempt(lambda: own.wrap_key(pair[1], mechanism=_KEY_WRAP)))


def _make_trusted(session: pkcs11.Session) -> bool:
    """Make a trusted key as the user, and remove it again; False when the token dropped the word."""
    made = session.create_object({**_WRAPPING, Attribute.TOKEN: False, **WRAPPING_ATTRIBUTES})
    is_trusted = bool(made[Attribute.TRUSTED])
    made.destroy()
    return is_trusted


def _create_wrapping_key(bench: Bench, officer: Secret) -> bool:
    with bench.officer_session(officer) as session:
        session.create_object({**_WRAPPING, Attribute.UNWRAP_TEMPLATE: UNWRAP_AS, **WRAPPING_ATTRIBUTES})
    return True


def _check_unwrap(session: pkcs11.Session) -> Finding:
    curve = offered_curve(session)
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: CHECK_LABEL, Attribute.TRUSTED: True}
    wrapping = as_wrapping_key(next(session.get_objects(wanted)), CHECK_LABEL)
    public, private = make_pair(session, curve, _WRAPPABLE)
    point = parse_ec_point(bytes(public[Attribute.EC_POINT]), "EC_POINT")
    blob = attempt(lambda: wrapping.wrap_key(private, mechanism=_KEY_WRAP))
    if isinstance(blob, Denied):
        return judge_unwrap(blob, blob)
    private.destroy()

    def unwrap(template: dict[Attribute, object]) -> pkcs11.Object:
        return wrapping.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            blob,
            mechanism=_KEY_WRAP,
            capabilities=MechanismFlag.SIGN,
            template=template,
        )

    readable = attempt(lambda: _is_open(unwrap(_READABLE)))
    return judge_unwrap(readable, attempt(lambda: sign_and_verify(unwrap(UNWRAP_SEALED), curve, point)))


def _is_open(private: pkcs11.Object) -> bool:
    return not private[Attribute.SENSITIVE] or bool(private[Attribute.EXTRACTABLE])
