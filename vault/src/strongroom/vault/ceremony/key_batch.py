"""A batch of asset keys: made in the token, tried, written as wrapped files, and listed for the key register."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pkcs11

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed, refused
from strongroom.core.ids import EntryId, WalletId, parse_own_id
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.key_file import SUFFIX, KeyFile, encode_key_file
from strongroom.vault.hsm.wrapped_keys import (
    WrappedKey,
    check_unwraps_sealed,
    find_wrapping_key,
    generate_wrapped_key,
    sign_digest_with,
)

LIST_FORMAT = "strongroom-key-list/1"
LIST_NAME = "keys.json"
MAX_COUNT = 100_000
_TRIAL = b"strongroom-key-trial/1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What to make. names: prefix of the key ids, `ltc-1` gives `key:ltc-1-1`; empty names keys after their points."""

    count: int
    wallet: WalletId
    names: str
    folder: Path


def parse_order(count: int, wallet: str, names: str, folder: Path) -> BatchOrder:
    """Read an order as it was typed. Raises MalformedError FIELD_INVALID."""
    if not 1 <= count <= MAX_COUNT:
        raise malformed(Code.FIELD_INVALID, "count", f"1 to {MAX_COUNT}", str(count))
    if names:
        parse_own_id(f"key:{names}-{count}", "key", "names")
    return BatchOrder(
        count=count, wallet=WalletId(parse_own_id(wallet, "wallet", "wallet")), names=names, folder=folder
    )


def make_keys(session: pkcs11.Session, serial: str, order: BatchOrder) -> list[WrappedKey]:
    """Make the batch and write it to `order.folder`, which must be new or empty.

    1. The wrapping key unwraps nothing readable. 2. Each key is tried before it is written, so that no key whose blob
    does not open is ever registered. 3. The list is written last: without it a batch is unfinished.
    Raises RefusedError ALREADY_EXISTS, KEY_NOT_IN_TOKEN; UnavailableError TOKEN_UNAVAILABLE, FILE_UNAVAILABLE.
    """
    _check_folder(order.folder)
    wrapping_key = find_wrapping_key(session)
    check_unwraps_sealed(session, wrapping_key)
    made = []
    for key in _generate(session, wrapping_key, order):
        file = KeyFile(key=key, wallet=order.wallet, token=serial)
        save_new_file(order.folder / f"{key.key_id.removeprefix('key:')}{SUFFIX}", encode_key_file(file))
        made.append(key)
    save_new_file(order.folder / LIST_NAME, encode_key_list(made, order.wallet, serial))
    return made


def encode_key_list(keys: list[WrappedKey], wallet: WalletId, serial: str) -> bytes:
    """The unsigned list of public keys that the key register's signers start from; canonical, sorted by key id."""
    rows = sorted((key.key_id, key.public_key.hex()) for key in keys)
    return encode_canonical(
        {
            "format": LIST_FORMAT,
            "keys": [{"key": key_id, "public": public} for key_id, public in rows],
            "token": serial,
            "wallet": wallet,
        }
    )


def save_new_file(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet and flush it: a key that is lost here is lost for good.

    Raises RefusedError ALREADY_EXISTS, UnavailableError FILE_UNAVAILABLE.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        _flush_folder(path.parent)
    except FileExistsError as error:
        refusal = refused(Code.ALREADY_EXISTS, str(path), "no such file", "one")
        raise refusal from error
    except OSError as error:
        raise _unavailable(path, error) from error


def _generate(session: pkcs11.Session, wrapping_key: WrappingKey, order: BatchOrder) -> Iterator[WrappedKey]:
    for number in range(1, order.count + 1):
        key_id = EntryId(f"key:{order.names}-{number}") if order.names else None
        key = generate_wrapped_key(session, wrapping_key, key_id)
        # The digest has a domain of its own and a random part, so it is no transaction's; the signature is dropped.
        sign_digest_with(wrapping_key, key, hashlib.sha256(_TRIAL + os.urandom(32)).digest())
        yield key


def _check_folder(folder: Path) -> None:
    """Make the folder. A batch never lands among other keys, where a list would not say which are whose."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise refused(Code.ALREADY_EXISTS, str(folder), "a new or an empty folder", "files")
    except OSError as error:
        raise _unavailable(folder, error) from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a place to write to", got=str(error.strerror))
    )
