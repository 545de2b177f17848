"""`strongroom-ceremony make-development-key`: a person's key in a file, for development deployments only."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.development_keys import LABEL, seal_key
from strongroom.core.errors import refused
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.vault.ceremony.secrets_in import Question, read_secrets
from strongroom.vault.terminal.files import save_durably

Result = dict[str, Json]
PASSPHRASE = Question(name="New passphrase", is_new=True)
_DRAWN_BYTES = 76


def add_development_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command. add: makes a command that needs no token."""
    purpose = f"Makes a {LABEL}: a file under a passphrase, refused in production."
    parser = add("make-development-key", _make, purpose, PASSPHRASE)
    parser.add_argument("--out", type=Path, required=True, help="the file; it must not exist")


def _make(options: argparse.Namespace, source: TextIO) -> Result:
    (passphrase,) = read_secrets([PASSPHRASE], source)
    made = seal_key(passphrase.reveal(), os.urandom(_DRAWN_BYTES))
    if options.out.exists():
        raise refused(Code.ALREADY_EXISTS, str(options.out), "no such file", "one")
    save_durably(options.out, made.encode())
    key = PublicKey(alg=Algorithm.P256, public=made.public)
    return {
        "file": str(options.out),
        "key": {"alg": key.alg.value, "public": key.public.hex()},
        "keyid": key.key_id,
        "warning": LABEL,
    }
