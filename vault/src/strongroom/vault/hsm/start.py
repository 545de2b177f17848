"""Starting a module that wants a parameter string, which python-pkcs11 cannot give it.

NSS's softoken refuses to start without one: it hides the string in CK_C_INITIALIZE_ARGS behind the standard's fields.
So the module is started here, through its own function list, and python-pkcs11 then takes it as it is.
Source: NSS, lib/util/pkcs11t.h (CK_C_INITIALIZE_ARGS with LibraryParameters).
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pkcs11 import _pkcs11

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkcs11._pkcs11 import lib

_OS_LOCKING_OK = 0x2


class _Arguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS as NSS extends it: four mutex functions, flags, the string, a reserved pointer."""

    _fields_ = [
        ("mutexes", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    ]


class _FunctionList(ctypes.Structure):
    """The head of CK_FUNCTION_LIST: a version, then C_Initialize."""

    _fields_ = [("version", ctypes.c_ubyte * 2), ("initialize", ctypes.c_void_p)]


def load_with_parameters(path: Path, parameters: str) -> lib:
    """Start the module at `path` with `parameters` and return python-pkcs11's handle of it; once in a process.

    Raises UnavailableError TOKEN_UNAVAILABLE when it does not load or start.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise _unavailable(path, "a library that loads", type(error).__name__) from error
    functions = ctypes.POINTER(_FunctionList)()
    result = library.C_GetFunctionList(ctypes.byref(functions))
    if result != 0 or functions.contents.initialize is None:
        raise _unavailable(path, "a PKCS#11 function list", f"0x{result:x}")
    arguments = _Arguments(flags=_OS_LOCKING_OK, parameters=parameters.encode())
    initialize = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(functions.contents.initialize)
    result = initialize(ctypes.addressof(arguments))
    if result != 0:
        raise _unavailable(path, "a module that starts with these parameters", f"0x{result:x}")
    # Without __init__, which would start the module a second time and be refused. The type stub has no __new__.
    make = cast("Callable[[type[lib], str], lib]", _pkcs11.lib.__new__)
    return make(_pkcs11.lib, str(path))


def _unavailable(path: Path, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field=f"module {path}", expected=expected, got=got))
