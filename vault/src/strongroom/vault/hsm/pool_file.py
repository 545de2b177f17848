"""The files of a pool: many wrapped keys in one file of lines, and an index by which one is found without reading all.

Each line of `keys.pool` is a key file (`key_file.py`) with a line feed. `keys.index` is written when the pool is whole;
it is no authority: what it points to is read strictly, must name the key that was asked for, and is compared with the
key register by whoever asks. Source: spec/pool.md.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed, refused
from strongroom.core.ids import EntryId
from strongroom.vault.hsm.key_file import MAX_BYTES, POOL_NAME, KeyFile, parse_key_file

INDEX_NAME: Final = "keys.index"
_MAGIC: Final = b"strongroom-pool-index/1\n"
_RECORD: Final = struct.Struct(">24sQ")


def build_index(places: Iterable[tuple[EntryId, int]], pool_bytes: int) -> bytes:
    """The index of a pool file: a head with the pool's size, then 32 bytes a key, sorted by the digest of its id.

    places: each key's id and the offset of its line. Raises FIELD_INVALID for one id twice.
    """
    records = sorted(_RECORD.pack(_name_of(key), offset) for key, offset in places)
    for before, after in itertools.pairwise(records):
        if before[:24] == after[:24]:
            raise malformed(Code.FIELD_INVALID, POOL_NAME, "each key once", "a key twice")
    return _RECORD.pack(_MAGIC, pool_bytes) + b"".join(records)


def find_pool_key(folder: Path, key: EntryId) -> KeyFile | None:
    """A key of a finished pool, found with a few reads whatever the pool's size; None when it holds no such key.

    Raises KEY_NOT_IN_TOKEN when index and pool are not of one piece; what `parse_key_file` raises; UnavailableError
    FILE_UNAVAILABLE.
    """
    try:
        index = os.open(folder / INDEX_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pool = os.open(folder / POOL_NAME, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return _find(folder, index, pool, key)
            finally:
                os.close(pool)
        finally:
            os.close(index)
    except OSError as error:
        raise _unavailable(folder, error) from error


def _find(folder: Path, index: int, pool: int, key: EntryId) -> KeyFile | None:
    magic, size = _RECORD.unpack(_read_at(folder, index, 0))
    pool_bytes = os.fstat(pool).st_size
    if magic != _MAGIC or size != pool_bytes:
        raise refused(Code.KEY_NOT_IN_TOKEN, str(folder / INDEX_NAME), f"an index of {pool_bytes} bytes", f"{size}")
    wanted = _name_of(key)
    low, high = 1, os.fstat(index).st_size // _RECORD.size
    while low < high:
        middle = (low + high) // 2
        name, offset = _RECORD.unpack(_read_at(folder, index, middle))
        if name == wanted:
            return _read_key(folder, pool, offset, key)
        low, high = (middle + 1, high) if name < wanted else (low, middle)
    return None


def _read_at(folder: Path, index: int, number: int) -> bytes:
    raw = os.pread(index, _RECORD.size, number * _RECORD.size)
    if len(raw) != _RECORD.size:
        raise refused(Code.KEY_NOT_IN_TOKEN, str(folder / INDEX_NAME), "a whole index", "a shorter one")
    return raw


def _read_key(folder: Path, pool: int, offset: int, key: EntryId) -> KeyFile:
    line, ended, _ = os.pread(pool, MAX_BYTES + 1, offset).partition(b"\n")
    if not ended:
        raise refused(Code.KEY_NOT_IN_TOKEN, f"{folder / POOL_NAME} at {offset}", "a line", "no end of it")
    found = parse_key_file(line)
    if found.key.key_id != key:
        raise refused(Code.KEY_NOT_IN_TOKEN, f"{folder / POOL_NAME} at {offset}", key, found.key.key_id)
    return found


def _name_of(key: EntryId) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:24]


def _unavailable(folder: Path, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(folder), expected="a readable pool", got=got))
