"""The writing side of a pool: what was ordered, what is durable, and how an interrupted one goes on.

A folder holds `pool.json` (the order, first), `keys.pool` (lines, each chunk flushed before it counts), `keys.index`
and, last, `keys.json`, the list for the key register: without it a pool is unfinished and its keys are nobody's.
Source: spec/pool.md.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed, refused
from strongroom.core.ids import EntryId, WalletId
from strongroom.core.records import encode_record, parse_record
from strongroom.vault.hsm.key_file import POOL_NAME, KeyFile, encode_key_file, load_pool_lines, parse_key_file
from strongroom.vault.hsm.pool_file import INDEX_NAME, build_index
from strongroom.vault.hsm.wrapped_keys import WrappedKey
from strongroom.vault.terminal.files import load_file, save_durably

FORMAT: Final = "strongroom-pool/1"
HEAD_NAME: Final = "pool.json"
LIST_FORMAT: Final = "strongroom-key-list/1"
LIST_NAME: Final = "keys.json"
_MAX_HEAD_BYTES: Final = 4096


class Proving(StrEnum):
    """When a key's blob is proved, by unwrapping it and signing with what came out."""

    TRIAL = "trial"
    """Before it is written."""
    ATTESTATION = "attestation"
    """By its spend proof, from the file. Until then nobody knows whether it opens, and no address may use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHead:
    """`pool.json`. check: of the wrapping key, hex. token: serial number. names: see `BatchOrder`."""

    check: str
    count: int
    format: str
    names: str
    proving: Proving
    token: str
    wallet: WalletId


class PoolWriter:
    """One pool being made. Only one program makes it at a time, by a lock on its file."""

    def __init__(self, folder: Path, head: PoolHead) -> None:
        self._folder, self._head = folder, head
        self._places: list[tuple[EntryId, int]] = []
        self._listed: list[tuple[EntryId, bytes]] = []
        self._points: set[bytes] = set()
        self._descriptor = -1
        self._size = 0

    @property
    def done(self) -> int:
        """How many keys are durable."""
        return len(self._places)

    def __enter__(self) -> Self:
        """Begin a new pool, or take up one that was interrupted.

        Raises ALREADY_EXISTS for a finished pool, one of another order, other files, or one that somebody makes now;
        what `parse_key_file` raises; UnavailableError FILE_UNAVAILABLE.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A power cut at the very beginning leaves half a head under this name, and nothing else.
            names = {path.name for path in self._folder.iterdir()} - {f".{HEAD_NAME}.part"}
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        self._check_folder(names)
        if HEAD_NAME not in names:
            save_durably(self._folder / HEAD_NAME, encode_canonical(encode_record(self._head)))
        try:
            self._lock()
            self._take_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def append(self, keys: Sequence[WrappedKey]) -> None:
        """Make keys durable: written, flushed, and only then counted.

        Raises ATTESTED_TWICE for a point or an id that the pool has already, which means that the token's chance is
        broken; UnavailableError FILE_UNAVAILABLE.
        """
        lines = [encode_key_file(KeyFile(key=k, wallet=self._head.wallet, token=self._head.token)) for k in keys]
        raw = b"".join(line + b"\n" for line in lines)
        for key in keys:
            self._check_new(key)
        try:
            written = os.pwrite(self._descriptor, raw, self._size)
            if written != len(raw):
                raise _full(self._folder)
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        for key, line in zip(keys, lines, strict=True):
            self._count(key, len(line) + 1)

    def finish(self) -> None:
        """Write the index and then the list, when all keys are there."""
        save_durably(self._folder / INDEX_NAME, build_index(self._places, self._size))
        save_durably(self._folder / LIST_NAME, encode_key_list(self._listed, self._head.wallet, self._head.token))

    def _check_folder(self, names: set[str]) -> None:
        """A batch never lands among other keys, where a list would not say which are whose."""
        if LIST_NAME in names or (names and HEAD_NAME not in names):
            raise refused(Code.ALREADY_EXISTS, str(self._folder), "a new, empty or unfinished folder", "files")
        if HEAD_NAME in names:
            known = load_head(self._folder)
            if known != self._head:
                expected, got = encode_record(known), encode_record(self._head)
                wrong = ", ".join(name for name in expected if expected[name] != got[name])
                raise refused(Code.ALREADY_EXISTS, str(self._folder), "the order of the unfinished pool", f"{wrong}")

    def _lock(self) -> None:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._folder / POOL_NAME, flags, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refused(Code.ALREADY_EXISTS, str(self._folder), "a pool that nobody makes now", "one") from error
        except OSError as error:
            raise _unavailable(self._folder, error) from error

    def _take_up(self) -> None:
        """Count what is there; half a line, which a power cut left, is cut off: its key was never listed."""
        for _, line in load_pool_lines(self._folder / POOL_NAME):
            file = parse_key_file(line)
            if (file.wallet, file.token) != (self._head.wallet, self._head.token):
                got = f"{file.wallet} {file.token}"
                raise malformed(Code.FIELD_INVALID, POOL_NAME, f"{self._head.wallet} {self._head.token}", got)
            self._check_new(file.key)
            self._count(file.key, len(line) + 1)
        if self.done > self._head.count:
            raise malformed(Code.FIELD_INVALID, POOL_NAME, f"at most {self._head.count} keys", str(self.done))
        try:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unavailable(self._folder, error) from error

    def _check_new(self, key: WrappedKey) -> None:
        if key.public_key in self._points:
            raise refused(Code.ATTESTED_TWICE, key.key_id, "a key that this pool does not have", "a point twice")

    def _count(self, key: WrappedKey, length: int) -> None:
        self._points.add(key.public_key)
        self._places.append((key.key_id, self._size))
        self._listed.append((key.key_id, key.public_key))
        self._size += length


def load_head(folder: Path) -> PoolHead:
    """What a pool was ordered to be. Raises FIELD_INVALID for another format, and as `parse_record`."""
    raw = load_file(folder / HEAD_NAME, _MAX_HEAD_BYTES)
    head = parse_record(PoolHead, parse_canonical(raw, limit=_MAX_HEAD_BYTES), HEAD_NAME)
    if head.format != FORMAT:
        raise malformed(Code.FIELD_INVALID, f"{HEAD_NAME}.format", FORMAT, head.format)
    return head


def encode_key_list(keys: Sequence[tuple[EntryId, bytes]], wallet: WalletId, serial: str) -> bytes:
    """The unsigned list of public keys that the key register's signers start from; canonical, sorted by key id."""
    return encode_canonical(
        {
            "format": LIST_FORMAT,
            "keys": [{"key": key_id, "public": public.hex()} for key_id, public in sorted(keys)],
            "token": serial,
            "wallet": wallet,
        }
    )


def _full(folder: Path) -> UnavailableError:
    return UnavailableError(
        Refusal(code=Code.FILE_UNAVAILABLE, field=str(folder), expected="room for all keys", got="a full disk")
    )


def _unavailable(folder: Path, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(
        Refusal(code=Code.FILE_UNAVAILABLE, field=str(folder), expected="a place to write to", got=got)
    )
