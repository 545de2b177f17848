"""The file of one wrapped key, `*.key.json`: canonical JSON, read strictly.

It is not secret by itself, and not believed by itself: the key register says which public key belongs to which wallet,
and a signature is verified against that public key before it is used.

Example::

    {"blob":"9f...","curve":"secp256k1","format":"strongroom-key/1","key":"key:ltc-1a","public":"02...","token":"e8b5...","wallet":"wallet:ltc"}
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.core.ids import EntryId, WalletId, parse_own_id
from strongroom.core.records import HexBytes, encode_record, parse_record
from strongroom.vault.hsm.wrapped_keys import CURVE, WrappedKey

FORMAT = "strongroom-key/1"
SUFFIX = ".key.json"
POOL_NAME = "keys.pool"
"""Many keys: each line is a key file with a line feed (`pool_file.py` finds one without reading all)."""
MAX_BYTES = 4096
"""A wrapped secp256k1 key is 72 bytes in SoftHSM; other modules may pad, none needs a kilobyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A wrapped key with where it belongs. token: serial number of the token that made it, for the record."""

    key: WrappedKey
    wallet: WalletId
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """The fields as they stand in the file."""

    blob: HexBytes
    curve: str
    format: str
    key: EntryId
    public: HexBytes
    token: str
    wallet: WalletId


def encode_key_file(file: KeyFile) -> bytes:
    """The one form of a key file."""
    return encode_canonical(
        encode_record(
            _Document(
                blob=HexBytes(file.key.blob),
                curve=file.key.curve,
                format=FORMAT,
                key=file.key.key_id,
                public=HexBytes(file.key.public_key),
                token=file.token,
                wallet=file.wallet,
            )
        )
    )


def parse_key_file(raw: bytes) -> KeyFile:
    """Read a key file. Raises TOO_LARGE, JSON_*, FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID."""
    document = parse_record(_Document, parse_canonical(raw, limit=MAX_BYTES), "key file")
    for field, expected, got in (("format", FORMAT, document.format), ("curve", CURVE, document.curve)):
        if got != expected:
            raise malformed(Code.FIELD_INVALID, f"key file.{field}", expected, got)
    if len(document.public) != 33 or document.public[0] not in (0x02, 0x03):
        raise malformed(Code.FIELD_INVALID, "key file.public", "33 bytes, compressed", document.public.hex())
    if not document.blob:
        raise malformed(Code.FIELD_INVALID, "key file.blob", "a wrapped key", "nothing")
    parse_own_id(document.key, "key", "key file.key")
    key = WrappedKey(key_id=document.key, public_key=bytes(document.public), blob=bytes(document.blob))
    return KeyFile(key=key, wallet=document.wallet, token=document.token)


def load_pool_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every whole line of a pool file with its offset, without its line feed; none where there is no file.

    A last line without its end was being written when the power went; its key was never listed, and it is left out.
    Raises TOO_LARGE, UnavailableError FILE_UNAVAILABLE.
    """
    try:
        with path.open("rb") as file:
            offset = 0
            while line := file.readline(MAX_BYTES + 2):
                if not line.endswith(b"\n"):
                    if len(line) > MAX_BYTES:
                        raise malformed(Code.TOO_LARGE, f"{path} at {offset}", f"at most {MAX_BYTES} bytes", "more")
                    return
                yield offset, line[:-1]
                offset += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unavailable(path, error) from error


def load_key_files(folder: Path) -> dict[EntryId, KeyFile]:
    """Every key of a folder, by key id: of its `*.key.json` and of its pool.

    Raises what `parse_key_file` raises, FIELD_INVALID for one id twice, UnavailableError FILE_UNAVAILABLE.
    """
    found: dict[EntryId, KeyFile] = {}
    singles = ((path, _read(path)) for path in sorted(folder.glob("*" + SUFFIX)))
    pooled = ((folder / POOL_NAME, line) for _, line in load_pool_lines(folder / POOL_NAME))
    for path, raw in itertools.chain(singles, pooled):
        file = parse_key_file(raw)
        if file.key.key_id in found:
            raise malformed(Code.FIELD_INVALID, str(path), "each key once", f"{file.key.key_id} twice")
        found[file.key.key_id] = file
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unavailable(path, error) from error


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a readable file", got=got))
