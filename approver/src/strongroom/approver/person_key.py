"""The person's own key behind one interface: a PKCS#11 token, a FIDO2 key, or, in development only, a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, assert_never

from strongroom.approver import fido2_key
from strongroom.approver.store import Config, Home, KeyKind
from strongroom.approver.token import find_token, open_token
from strongroom.core.development_keys import LABEL, check_development, open_key
from strongroom.core.keys import PublicKey
from strongroom.core.page_values import Line, build_line, build_quote


class PersonKey(Protocol):
    """An open key."""

    @property
    def key(self) -> PublicKey:
        """Its public side, as the roster holds it."""

    def sign(self, message: bytes) -> bytes:
        """What an envelope takes as `sig` for this key's algorithm."""


def check_plugged_in(home: Home) -> None:
    """Raise UnavailableError TOKEN_UNAVAILABLE unless the key is there, before anybody types a PIN."""
    config = home.load_config()
    match config.kind:
        case KeyKind.PKCS11:
            find_token(Path(config.module), config.token)
        case KeyKind.FIDO2:
            with fido2_key.find_device(fido2_key.list_devices):
                return
        case KeyKind.DEVELOPMENT:
            check_development(home.load_trust().context.environment, "development key")
            home.load_development_key()
        case _:
            assert_never(config.kind)


def build_key_question(config: Config) -> Line:
    """What the person is asked to unlock, as every screen names it."""
    match config.kind:
        case KeyKind.PKCS11:
            return build_quote("PIN of {token}:", token=config.token)
        case KeyKind.FIDO2:
            return build_line("PIN of the FIDO2 key:")
        case KeyKind.DEVELOPMENT:
            return build_line("Passphrase of the {label}:", label=LABEL)
        case _:
            assert_never(config.kind)


@contextmanager
def open_person_key(home: Home, pin: str) -> Iterator[PersonKey]:
    """Unlock the key that this device was enrolled with. Raises PIN_WRONG; UnavailableError TOKEN_UNAVAILABLE."""
    config = home.load_config()
    match config.kind:
        case KeyKind.PKCS11:
            with open_token(Path(config.module), config.token, pin) as token:
                yield token
        case KeyKind.FIDO2:
            with fido2_key.open_fido2(home.load_credential(), pin, fido2_key.list_devices) as key:
                yield key
        case KeyKind.DEVELOPMENT:
            yield open_key(home.load_development_key(), pin, home.load_trust().context.environment)
        case _:
            assert_never(config.kind)
