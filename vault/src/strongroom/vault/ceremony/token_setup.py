"""A new token: initialized by its officer, with the user's PIN set; and what a token says of itself."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import pkcs11
from pkcs11 import Attribute, ObjectClass, TokenFlag

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed, refused
from strongroom.vault.ceremony.secrets_in import check_separate_pins
from strongroom.vault.hsm.ecdsa import parse_ec_point
from strongroom.vault.hsm.module import TokenModule, find_token, open_officer_session, serial_of, token_errors
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import STATEMENT_LABEL
from strongroom.vault.hsm.wrapped_keys import WRAPPING_LABEL

LABEL_BYTES = 32
"""Length of a label in CK_TOKEN_INFO, padded with blanks."""
_INIT_TOKEN = 9
"""Place of C_InitToken in CK_FUNCTION_LIST. Source: PKCS#11 v2.40, pkcs11f.h."""
_CKR_PIN = frozenset({0xA0, 0xA1, 0xA2, 0xA4})
"""CKR_PIN_INCORRECT, _INVALID, _LEN_RANGE, _LOCKED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """What a token says without a PIN.

    wrapping_check: three bytes that two tokens with the same wrapping key share; None without such a key.
    statement_key: the person's or device's public key, 65 bytes; None without one.
    """

    label: str
    serial: str
    manufacturer: str
    model: str
    has_user_pin: bool
    wrapping_check: bytes | None
    statement_key: bytes | None


def init_token(module: TokenModule, label: str, officer: Secret, user: Secret) -> str:
    """Initialize the one blank token, name it, set both PINs, and return its serial number.

    Raises RefusedError SEPARATION, ALREADY_EXISTS, PIN_WRONG; MalformedError FIELD_INVALID for the label;
    UnavailableError TOKEN_UNAVAILABLE when there is no blank token or more than one.
    """
    check_separate_pins(officer, user)
    if not label.isascii() or not label.isprintable() or not 0 < len(label.strip()) == len(label) <= LABEL_BYTES:
        raise malformed(Code.FIELD_INVALID, "label", f"1 to {LABEL_BYTES} printable ASCII characters", repr(label))
    with token_errors("tokens"):
        tokens = list(module.library.get_tokens())
    if any(token.label == label for token in tokens):
        raise refused(Code.ALREADY_EXISTS, f"token {label!r}", "no token of this label", "one")
    blank = [token for token in tokens if not token.flags & TokenFlag.TOKEN_INITIALIZED]
    if len(blank) != 1:
        # An initialized token loses every key, so which one is meant is never guessed.
        raise _unavailable(label, "exactly one blank token", f"{len(blank)} blank tokens")
    _call_init_token(module, blank[0].slot.slot_id, label, officer)
    with open_officer_session(find_token(module, label), officer) as session:
        session.init_pin(user.reveal())
    return serial_of(find_token(module, label))


def report_token(module: TokenModule, label: str) -> TokenReport:
    """Read what a token shows to anybody. Raises UnavailableError TOKEN_UNAVAILABLE."""
    token = find_token(module, label)
    with token_errors(f"token {label!r}"), token.open() as session:
        return TokenReport(
            label=token.label,
            serial=serial_of(token),
            manufacturer=token.manufacturer_id,
            model=token.model,
            has_user_pin=bool(token.flags & TokenFlag.USER_PIN_INITIALIZED),
            wrapping_check=_wrapping_check(session),
            statement_key=_statement_key(session),
        )


def _wrapping_check(session: pkcs11.Session) -> bytes | None:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: WRAPPING_LABEL, Attribute.TRUSTED: True}
    found = list(session.get_objects(wanted))
    # With two, none is in force: nothing is wrapped or opened until the officer has put one in the place of both.
    return bytes(found[0][Attribute.CHECK_VALUE]) if len(found) == 1 else None


def _statement_key(session: pkcs11.Session) -> bytes | None:
    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: STATEMENT_LABEL}
    found = list(session.get_objects(wanted))
    return parse_ec_point(found[0][Attribute.EC_POINT], "statement key") if found else None


def _call_init_token(module: TokenModule, slot: int, label: str, officer: Secret) -> None:
    """Call C_InitToken, which python-pkcs11 does not offer, through the module's own function list.

    The vendors' tools would take the PIN as an argument, where every process can read it.
    """
    pin = officer.reveal().encode()
    result = _init_token_function(module)(slot, pin, len(pin), label.encode().ljust(LABEL_BYTES))
    if result in _CKR_PIN:
        raise refused(Code.PIN_WRONG, f"token {label!r}", "a PIN that the token takes", f"0x{result:x}")
    if result != 0:
        raise _unavailable(label, "a token that can be initialized", f"0x{result:x}")


class _FunctionList(ctypes.Structure):
    """The head of CK_FUNCTION_LIST: a version, then pointers in the standard's order."""

    _fields_ = [("version", ctypes.c_ubyte * 2), ("functions", ctypes.c_void_p * (_INIT_TOKEN + 1))]


def _init_token_function(module: TokenModule) -> Callable[[int, bytes, int, bytes], int]:
    functions = ctypes.POINTER(_FunctionList)()
    result = ctypes.CDLL(str(module.path)).C_GetFunctionList(ctypes.byref(functions))
    address = functions.contents.functions[_INIT_TOKEN] if result == 0 else None
    if address is None:
        raise _unavailable(str(module.path), "a module that initializes tokens", f"0x{result:x}")
    return ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)(address)


def _unavailable(name: str, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field=f"token {name!r}", expected=expected, got=got))
