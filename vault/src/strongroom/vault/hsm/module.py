"""Loading a PKCS#11 module, finding one token, opening a session, and translating every error of the module.

A token that was pulled out answers with whatever its maker chose, so the rule is: a PIN error is a refusal, a missing
or forbidden key is a refusal, a call that we built wrongly is our own fault, and everything else means that the token
is not available. Which return value is which, and how modules differ, is in `quirks.py`.
Source: PKCS#11 v2.40 section 11.1 (return values).

After a wrong PIN python-pkcs11 leaves the module a session that it cannot close; it is not logged in, and only an
officer's login in the same process meets it. So a ceremony step is a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pkcs11
from pkcs11.exceptions import PKCS11Error

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, StrongroomError, UnavailableError, refused
from strongroom.core.hsm_judge import LiveToken
from strongroom.core.leases import TokenIdentity
from strongroom.vault.hsm.quirks import KEY_REFUSED, OUR_FAULT, PIN_REFUSED, Start, quirks_of
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.start import load_with_parameters
from strongroom.vault.hsm.templates import TemplateMapper

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModule:
    """A loaded module. path: the shared library. library: python-pkcs11's handle, one in a process."""

    path: Path
    library: lib


def open_module(path: Path | str, parameters: str = "") -> TokenModule:
    """Load the PKCS#11 module at `path`. Raises UnavailableError TOKEN_UNAVAILABLE when it does not load.

    parameters: the string that some modules must be started with (`quirks.py`); empty for all others.
    """
    found = Path(path)
    if quirks_of(found).start is Start.LIBRARY_PARAMETERS and not parameters:
        raise refused(Code.FIELD_INVALID, f"module {path}", "library parameters, as this module needs them", "none")
    with token_errors(f"module {path}"):
        library = load_with_parameters(found, parameters) if parameters else pkcs11.lib(str(path))
        return TokenModule(path=found, library=library)


def find_token(module: TokenModule, label: str) -> pkcs11.Token:
    """The one token with this label. Raises UnavailableError TOKEN_UNAVAILABLE for none and for two.

    Two tokens of one name are never resolved by order: whoever can plug in a token would choose the key.
    """
    return _only(module, f"token {label!r}", lambda token: bool(label) and token.label == label)


def find_token_by_serial(module: TokenModule, serial: str) -> pkcs11.Token:
    """The one token with this serial number, as text. Errors as `find_token`."""
    return _only(module, f"token serial {serial!r}", lambda token: bool(serial) and serial_of(token) == serial)


def _only(module: TokenModule, what: str, wanted: Callable[[pkcs11.Token], bool]) -> pkcs11.Token:
    with token_errors(what):
        found = [token for token in module.library.get_tokens() if wanted(token)]
    if len(found) != 1:
        raise UnavailableError(
            Refusal(code=Code.TOKEN_UNAVAILABLE, field=what, expected="exactly one token", got=f"{len(found)} tokens")
        )
    return found[0]


def serial_of(token: pkcs11.Token) -> str:
    """The token's serial number as text, as it stands in key files."""
    return token.serial.decode("ascii", errors="replace").strip()


def describe_live(token: pkcs11.Token) -> LiveToken:
    """What the token says of itself, as the HSM register is compared with it; versions as `major.minor`."""
    return LiveToken(
        manufacturer=token.manufacturer_id,
        model=token.model,
        serial=serial_of(token),
        hardware=".".join(map(str, token.hardware_version)),
        firmware=".".join(map(str, token.firmware_version)),
    )


def identity_of(token: pkcs11.Token) -> TokenIdentity:
    """What a token says of itself, as a lease names it; it takes no PIN to read."""
    return TokenIdentity(manufacturer=_said(token.manufacturer_id), model=_said(token.model), serial=serial_of(token))


def _said(text: object) -> str:
    return (text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)).strip()


@contextmanager
def open_session(token: pkcs11.Token, pin: Secret) -> Iterator[pkcs11.Session]:
    """A read-only session, logged in as the user: it can sign and make session keys but store nothing in the token.

    Raises RefusedError PIN_WRONG; UnavailableError TOKEN_UNAVAILABLE, also when this program already has the token
    open, because then the module would not look at the PIN at all.
    """
    with token_errors(f"token {token.label!r}"), token.open(user_pin=pin.reveal()) as session:
        yield session


@contextmanager
def open_storing_session(token: pkcs11.Token, pin: Secret) -> Iterator[pkcs11.Session]:
    """A session of the user that may store keys in the token; for the ceremony. Errors as `open_session`."""
    with token_errors(f"token {token.label!r}"), token.open(rw=True, user_pin=pin.reveal()) as session:
        yield session


@contextmanager
def open_officer_session(token: pkcs11.Token, so_pin: Secret) -> Iterator[pkcs11.Session]:
    """A session of the security officer; for the ceremony. Errors as `open_session`."""
    with (
        token_errors(f"token {token.label!r}"),
        token.open(rw=True, so_pin=so_pin.reveal(), attribute_mapper=TemplateMapper()) as session,
    ):
        yield session


@contextmanager
def token_errors(what: str) -> Iterator[None]:
    """Translate every error of the module. what: the token or the key, as it stands in the refusal's `field`."""
    try:
        yield
    except PKCS11Error as error:
        raise translate_token_error(error, what) from error


def translate_token_error(error: PKCS11Error, what: str) -> StrongroomError:
    """Our error for one of the module's. The module's own text is left out: it may quote what it was given."""
    name = type(error).__name__
    if isinstance(error, PIN_REFUSED):
        return RefusedError(Refusal(code=Code.PIN_WRONG, field=what, expected="the PIN of this token", got=name))
    if isinstance(error, KEY_REFUSED):
        return RefusedError(Refusal(code=Code.KEY_NOT_IN_TOKEN, field=what, expected="one usable key", got=name))
    if isinstance(error, OUR_FAULT):
        return InvariantError(Refusal(code=Code.INVARIANT, field=what, expected="a call the token accepts", got=name))
    return UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field=what, expected="an answer", got=name))
