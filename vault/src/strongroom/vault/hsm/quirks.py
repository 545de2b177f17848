"""Where PKCS#11 modules differ from one another: the one table, so that no other file knows a maker by name.

Two parts: which return values mean which condition, for every module; and one row a module for what it does in its own
way. A module without a row is taken to follow the standard. `strongroom-hsm check` shows the row it used.
Source: PKCS#11 v2.40 section 11.1 (return values); the rows, what `strongroom-hsm check` found on those modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pkcs11 import DEFAULT, Attribute
from pkcs11 import exceptions as p11
from pkcs11.exceptions import PKCS11Error

PIN_REFUSED: tuple[type[PKCS11Error], ...] = (
    p11.PinExpired,
    p11.PinIncorrect,
    p11.PinInvalid,
    p11.PinLenRange,
    p11.PinLocked,
    p11.PinTooWeak,
    p11.UserPinNotInitialized,
)
"""The PIN is at fault."""
KEY_REFUSED: tuple[type[PKCS11Error], ...] = (
    p11.AttributeSensitive,
    p11.KeyNotWrappable,
    p11.KeySizeRange,
    p11.KeyTypeInconsistent,
    p11.KeyUnextractable,
    p11.MultipleObjectsReturned,
    p11.NoSuchKey,
    p11.WrappedKeyInvalid,
    p11.WrappedKeyLenRange,
)
"""The key is missing, or may not do that."""
OUR_FAULT: tuple[type[PKCS11Error], ...] = (
    p11.ArgumentsBad,
    p11.AttributeReadOnly,
    p11.AttributeTypeInvalid,
    p11.AttributeValueInvalid,
    p11.DataInvalid,
    p11.DataLenRange,
    p11.OperationActive,
    p11.OperationNotInitialized,
    p11.SessionReadOnly,
    p11.SignatureInvalid,
    p11.SignatureLenRange,
    p11.TemplateIncomplete,
    p11.TemplateInconsistent,
)
"""The call was built wrongly."""
NOT_OFFERED: tuple[type[PKCS11Error], ...] = (
    p11.DomainParamsInvalid,
    p11.FunctionNotSupported,
    p11.MechanismInvalid,
)
"""The module says that it does not have this at all; NSS answers an unknown curve with DomainParamsInvalid."""

FAULT: tuple[type[PKCS11Error], ...] = (
    p11.DeviceError,
    p11.DeviceMemory,
    p11.DeviceRemoved,
    p11.FunctionFailed,
    p11.GeneralError,
    p11.HostMemory,
    p11.SessionClosed,
    p11.SessionHandleInvalid,
    p11.TokenNotPresent,
)
"""The token is gone or broken; a no of this kind is not a rule that held."""

UNSET_ON_EC: dict[Attribute, object] = {Attribute.ENCRYPT: DEFAULT, Attribute.WRAP: DEFAULT, Attribute.VERIFY: DEFAULT}
"""python-pkcs11 sets these three on every key that it unwraps, and SoftHSM refuses them on an EC private key."""


class Start(StrEnum):
    """How a module wants to be started."""

    PLAIN = "plain"
    LIBRARY_PARAMETERS = "library parameters"


class Nonces(StrEnum):
    """How the maker says that ECDSA nonces are made."""

    RANDOM = "random"
    RFC6979 = "RFC 6979"
    UNDECLARED = "not declared"


class PulledOut(StrEnum):
    """What pulling the token out means for a module."""

    REMOVABLE = "a token that can be pulled out"
    STAYS_IN_MEMORY = "keys stay in the process: there is nothing to pull out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One module's own ways.

    file: start of the library's file name, by which the row is found before the module is loaded.
    notes: what a person should know, one sentence each.
    """

    file: str
    name: str
    start: Start = Start.PLAIN
    nonces: Nonces = Nonces.UNDECLARED
    pulled_out: PulledOut = PulledOut.REMOVABLE
    notes: tuple[str, ...] = ()


STANDARD = Quirks(file="", name="no row in the table: taken as the standard says")
ROWS: tuple[Quirks, ...] = (
    Quirks(
        file="libsofthsm2",
        name="SoftHSM 2",
        nonces=Nonces.RANDOM,
        notes=(
            "EC_POINT is wrapped in DER.",
            "A token that is gone answers ObjectHandleInvalid or GeneralError, not DeviceRemoved.",
            "Wrong PINs never lock it; the terminal counts them in its journal.",
            "TRUSTED can only be set by the security officer while creating the key, on an object that is not private.",
            "GeneralError is also its answer to a blob under another wrapping key.",
        ),
    ),
    Quirks(
        file="libsoftokn3",
        name="NSS softoken",
        start=Start.LIBRARY_PARAMETERS,
        nonces=Nonces.RANDOM,
        pulled_out=PulledOut.STAYS_IN_MEMORY,
        notes=(
            "It starts only with a parameter string that names its folder (configdir).",
            "EC_POINT is wrapped in DER; NSS_USE_DECODED_CKA_EC_POINT in the environment makes it bare.",
            "Its serial number is sixteen zeros for every store, so a register cannot tell two stores apart.",
            "It has no secp256k1.",
            "It wraps keys that are not extractable, and users make TRUSTED keys: for tests, for nobody's key.",
        ),
    ),
)


def quirks_of(path: Path) -> Quirks:
    """The row of the module at `path`, or `STANDARD`."""
    return next((row for row in ROWS if path.name.startswith(row.file)), STANDARD)
