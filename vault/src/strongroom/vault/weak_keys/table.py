"""The table of known weak keys: sorted prefixes of x coordinates in one file, made by `tools/weak_keys/make.py`."""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused

TABLE = Path(__file__).with_name("known.bin")
PREFIX_BYTES = 6
"""With 80,000 rows an honest key meets one by chance with probability 2**-31."""
DIGEST = "761228d015dcc3757147e45272a60e99a23ef478f62eff638208f62470dd4e9c"
"""SHA-256 of the file: who shortens the table would let a known key pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakKeys:
    """The rows, one after the other."""

    rows: bytes

    def __len__(self) -> int:
        return len(self.rows) // PREFIX_BYTES

    def has(self, public_key: bytes) -> bool:
        """Whether the key, or its negative, is listed. public_key: 33 bytes, compressed."""
        wanted = public_key[1 : 1 + PREFIX_BYTES]
        place = bisect.bisect_left(range(len(self)), wanted, key=self._row)
        return place < len(self) and self._row(place) == wanted

    def _row(self, place: int) -> bytes:
        return self.rows[place * PREFIX_BYTES : (place + 1) * PREFIX_BYTES]


@cache
def load_weak_keys(path: Path = TABLE) -> WeakKeys:
    """The whole table, read once. Raises UnavailableError FILE_UNAVAILABLE, RefusedError DIGEST_MISMATCH."""
    try:
        rows = path.read_bytes()
    except OSError as error:
        raise UnavailableError(
            Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="the table of weak keys", got="none")
        ) from error
    digest = hashlib.sha256(rows).hexdigest()
    if digest != DIGEST:
        raise refused(Code.DIGEST_MISMATCH, str(path), DIGEST, digest)
    return WeakKeys(rows=rows)
