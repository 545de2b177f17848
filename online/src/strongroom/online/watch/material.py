"""Is there anything here that could sign? The connected side must hold no key, no share and no seed, wrapped or bare.

Attack stopped (`mixin-2023`): whoever reads the database, its backups or a snapshot looks for key material, because
somewhere somebody once stored some. Each kind is recognised by a property of its own (a checksum, a header, a word
list, or being the private half of a registered key), so that a hit means something. What has no such property, say
half of a key, cannot be recognised; that none is ever made outside a token is the vault's affair. II.1, V.9c, CCSS
1.02.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from shamir_mnemonic.wordlist import WORDLIST  # type: ignore[import-untyped]

from strongroom.chains.bitcoin.base58 import parse_base58check
from strongroom.chains.ethereum.curve import ORDER
from strongroom.core.errors import MalformedError

_SHARE_WORDS = 20
"""Words of the shortest SLIP-39 share, which holds 128 bits."""
_MAX_DEPTH = 3
"""A file in a payload in an envelope: base64 within base64, and once more."""
_WIF_VERSIONS = frozenset({0x80, 0xB0, 0xEF})
"""Bitcoin, Litecoin, and the test networks of both. Source: chainparams.cpp of Bitcoin Core and Litecoin Core."""
_WORDS = frozenset(word.encode() for word in WORDLIST)

_HEADERS = MappingProxyType(
    {
        "a private key in PEM": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        # Wrapped, so not readable by itself; but a blob belongs in the vault, and here it waits for its wrapping key.
        "a wrapped key of ours": re.compile(rb"strongroom-key(?:-pool)?/[0-9]"),
        "an extended private key": re.compile(rb"\b(?:[xyzt]prv|Ltpv|Mtpv)[1-9A-HJ-NP-Za-km-z]{107}\b"),
    }
)
_REGISTERED = "the private half of a registered key"
_BASE58 = re.compile(rb"\b[5KLTQ9c6][1-9A-HJ-NP-Za-km-z]{50,51}\b")
_WORD_RUN = re.compile(rb"(?:\b[a-z]{4,8}\b[^A-Za-z0-9]{1,3}){%d,}" % _SHARE_WORDS)
_WORD = re.compile(rb"[a-z]+")
_HEX_KEY = re.compile(rb"(?<![0-9a-fA-F:])(?:0x)?([0-9a-fA-F]{64})(?![0-9a-fA-F])")
_HEX_RUN = re.compile(rb"\\\\?x([0-9a-f]{64,})")
"""Bytes as PostgreSQL writes them in a row."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}={0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was found: never the thing itself, only its kind and where it begins in what was searched."""

    kind: str
    offset: int


def find_material(raw: bytes, points: AbstractSet[bytes], depth: int = _MAX_DEPTH) -> Iterator[Material]:
    """Everything in `raw` that could sign, also where it is written in hexadecimal or base64.

    points: the 33-byte public keys of the key register; a number whose public key is among them is a private key.
    """
    yield from _find_plain(raw, points)
    if not depth:
        return
    for offset, inner in _decode(raw):
        if len(inner) == 32 and points and _point_of(inner) in points:
            yield Material(kind=_REGISTERED, offset=offset)
        for found in find_material(inner, points, depth - 1):
            yield Material(kind=found.kind, offset=offset)


def _find_plain(raw: bytes, points: AbstractSet[bytes]) -> Iterator[Material]:
    for kind, pattern in _HEADERS.items():
        yield from (Material(kind=kind, offset=hit.start()) for hit in pattern.finditer(raw))
    for hit in _BASE58.finditer(raw):
        if _is_wif(hit.group()):
            yield Material(kind="a private key in WIF", offset=hit.start())
    for hit in _WORD_RUN.finditer(raw + b" "):
        if _is_share(hit.group()):
            yield Material(kind="the words of a share", offset=hit.start())
    for hit in _HEX_KEY.finditer(raw) if points else ():
        if _point_of(bytes.fromhex(hit[1].decode())) in points:
            yield Material(kind=_REGISTERED, offset=hit.start())


def _decode(raw: bytes) -> Iterator[tuple[int, bytes]]:
    decoders: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]], ...] = (
        (_HEX_RUN, lambda hit: bytes.fromhex(hit[1][: len(hit[1]) // 2 * 2].decode())),
        (_BASE64, lambda hit: base64.b64decode(_padded(hit.group()), altchars=b"-_" if _is_url(hit.group()) else None)),
    )
    for pattern, decode in decoders:
        for hit in pattern.finditer(raw):
            yield hit.start(), decode(hit)


def _is_url(text: bytes) -> bool:
    return b"-" in text or b"_" in text


def _padded(text: bytes) -> bytes:
    """A length that decodes; one letter beyond a group of four says nothing by itself."""
    bare = text.rstrip(b"=")
    bare = bare[:-1] if len(bare) % 4 == 1 else bare
    return bare + b"=" * (-len(bare) % 4)


def _is_wif(text: bytes) -> bool:
    try:
        payload = parse_base58check(text.decode("ascii"), "wif")
    except MalformedError:
        return False
    return payload[0] in _WIF_VERSIONS and (len(payload) == 33 or (len(payload) == 34 and payload[-1] == 1))


def _is_share(text: bytes) -> bool:
    """So many words of the list in a row: by chance one word in a dozen of plain English is in it."""
    known = [word.group() in _WORDS for word in _WORD.finditer(text)]
    longest = run = int(known[0])
    for before, now in pairwise(known):
        run = run + 1 if before and now else int(now)
        longest = max(longest, run)
    return longest >= _SHARE_WORDS


@lru_cache(maxsize=1 << 16)
def _point_of(number: bytes) -> bytes | None:
    value = int.from_bytes(number, "big")
    if not 0 < value < ORDER:
        return None
    key = ec.derive_private_key(value, ec.SECP256K1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
