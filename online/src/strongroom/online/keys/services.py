"""Keys of services: Ed25519 seeds in files that only their program can read.

One service, one file, one host. The clear-to-sign takes the reconciler's and the watcher's, which live apart.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, PublicKey, Sign
from strongroom.core.records import HexBytes, parse_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKey:
    """A service's id, its public key and its signing function."""

    party: PartyId
    key: PublicKey
    sign: Sign


def make_service_key(path: Path) -> PublicKey:
    """Draw a new key into a file of mode 0600. Raises ALREADY_EXISTS rather than overwrite one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise refused(Code.ALREADY_EXISTS, str(path), "no file yet", "a key file") from error
    private = Ed25519PrivateKey.generate()
    with os.fdopen(handle, "w") as file:
        file.write(private.private_bytes_raw().hex() + "\n")
    return _public(private)


def load_service_key(path: Path, party: PartyId) -> ServiceKey:
    """Read a key file; refuses one that others may read (FILE_UNAVAILABLE)."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text().strip()
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "a key file", error.strerror or "unreadable") from error
    if mode & 0o077:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "mode 0600", oct(mode))
    private = Ed25519PrivateKey.from_private_bytes(parse_hex(text, str(path)))
    return ServiceKey(party=party, key=_public(private), sign=private.sign)


def _public(private: Ed25519PrivateKey) -> PublicKey:
    return PublicKey(alg=Algorithm.ED25519, public=HexBytes(private.public_key().public_bytes_raw()))
