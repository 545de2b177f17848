"""A second real PKCS#11 module for tests: a store of NSS's softoken (Debian: libnss3), which is not SoftHSM's code.

Run as a program it makes one: `python tests/support/nss.py FOLDER PIN` prints the parameters to start the module with.
The module is started once in a process and for one store, so a test makes its store in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strongroom.vault.hsm.module import find_token, open_module

MODULE_PATH = Path("/usr/lib/x86_64-linux-gnu/libsoftokn3.so")
"""Where Debian's package puts the module."""
TOKEN = "NSS Certificate DB"
"""The label of the token that holds stored keys."""


def parameters_of(folder: Path) -> str:
    """The string that starts the module on the store in `folder`."""
    return f"configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=noModDB,forceOpen"


def make_store(folder: Path, pin: str) -> str:
    """Make a store in the new folder `folder` with this user's PIN, in another process; returns its parameters."""
    subprocess.run([sys.executable, __file__, str(folder), pin], check=True, capture_output=True, timeout=60)
    return parameters_of(folder)


def main(folder: Path, pin: str) -> None:
    """Make a store and set its PIN; a new one has none, and its security officer's is empty."""
    folder.mkdir(parents=True)
    parameters = parameters_of(folder)
    token = find_token(open_module(MODULE_PATH, parameters), TOKEN)
    with token.open(rw=True, so_pin="") as session:
        session.init_pin(pin)
    sys.stdout.write(parameters + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
