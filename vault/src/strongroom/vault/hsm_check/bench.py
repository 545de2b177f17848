"""What a run works on: one token, its PINs, the options; sessions on it, and every call's answer as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.hsm.module import TokenModule, find_token
from strongroom.vault.hsm.quirks import FAULT, NOT_OFFERED, Quirks, quirks_of
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import STATEMENT_LABEL
from strongroom.vault.hsm.templates import TemplateMapper
from strongroom.vault.hsm.wrapped_keys import WRAPPING_LABEL
from strongroom.vault.hsm_check.curves import Curve
from strongroom.vault.hsm_check.judge import Denial, Denied

T = TypeVar("T")
CHECK_LABEL = "strongroom-hsm-check"
"""Label of the one object that a run stores in the token, and removes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One token under test.

    officer: None leaves out what only the security officer can make. signatures: how many for `distinct-r`.
    pin_tries: wrong PINs to try for `pin-lock`, 0 for none. pull, insert: take the token out and put it back, None
    when that is not to be tried. progress: told (what, done, of how many).
    """

    module: TokenModule
    label: str
    user: Secret
    officer: Secret | None
    signatures: int
    pin_tries: int
    pull: Callable[[], None] | None
    insert: Callable[[], None] | None
    progress: Callable[[str, int, int], None]

    @property
    def quirks(self) -> Quirks:
        """The module's row."""
        return quirks_of(self.module.path)

    @property
    def token(self) -> pkcs11.Token:
        """The token, looked up anew. Raises UnavailableError TOKEN_UNAVAILABLE."""
        return find_token(self.module, self.label)

    @contextmanager
    def session(self) -> Iterator[pkcs11.Session]:
        """A writing session of the user; the module's own errors come out as they are, they are the evidence."""
        with self.token.open(rw=True, user_pin=self.user.reveal()) as session:
            yield session

    @contextmanager
    def officer_session(self, pin: Secret) -> Iterator[pkcs11.Session]:
        """A writing session of the security officer."""
        with self.token.open(rw=True, so_pin=pin.reveal(), attribute_mapper=TemplateMapper()) as session:
            yield session


def attempt(call: Callable[[], T]) -> T | Denied:
    """The call's result, or the token's no."""
    try:
        return call()
    except PKCS11Error as error:
        return denied(error)


def denied(error: PKCS11Error) -> Denied:
    """A module's error as evidence: its name, never its text, and what kind of no it is."""
    if isinstance(error, NOT_OFFERED):
        return Denied(error=type(error).__name__, kind=Denial.LACK)
    kind = Denial.FAULT if isinstance(error, FAULT) or type(error) is PKCS11Error else Denial.RULE
    return Denied(error=type(error).__name__, kind=kind)


def make_pair(
    session: pkcs11.Session, curve: Curve, private: dict[Attribute, object], *, label: str = ""
) -> tuple[pkcs11.PublicKey, pkcs11.PrivateKey]:
    """A key pair that ends with the session, or one stored under `label`."""
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(curve.name)}, local=True
    )
    return parameters.generate_keypair(
        store=bool(label),
        label=label or None,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template=private,
    )


def check_is_for_testing(bench: Bench) -> None:
    """Refuse a token that holds keys of ours. Raises RefusedError ALREADY_EXISTS.

    The run makes a trusted wrapping key of its own and may lock the PIN: not on a token that somebody relies on.
    """
    with bench.session() as session:
        for label in (WRAPPING_LABEL, STATEMENT_LABEL):
            if next(session.get_objects({Attribute.LABEL: label}), None) is not None:
                raise refused(Code.ALREADY_EXISTS, f"token {bench.label!r}", "a token for testing", f"a key {label!r}")


def remove_leftovers(session: pkcs11.Session) -> None:
    """Remove what an interrupted run stored."""
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY, ObjectClass.SECRET_KEY):
        for left in list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: CHECK_LABEL})):
            left.destroy()
