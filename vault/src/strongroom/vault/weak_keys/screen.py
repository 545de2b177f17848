"""Screening a new public key: is it listed, and is its Ethereum address one that somebody searched for.

A vanity address is refused although it may be well made: its key was chosen among billions that some program went
through, and such programs were the weakness (`profanity-2022`). A key that was born in a token has one with a
probability below 2**-32.
"""

from __future__ import annotations

import itertools
from collections import Counter

import coincurve

from strongroom.chains.ethereum.addresses import address_of
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.vault.weak_keys.table import load_weak_keys

ZERO_RUN = 8
"""Zero nibbles at one end: 16**-8."""
ANY_RUN = 9
"""The same nibble at one end, whichever it is: 16 * 16**-9."""
ZEROS = 17
"""Zero nibbles anywhere among the forty: a binomial tail of 2**-33.6."""


def check_new_key(public_key: bytes, field: str) -> None:
    """Refuse a key that others know or searched for. public_key: 33 bytes, compressed.

    Raises RefusedError KNOWN_WEAK_KEY; DIGEST_MISMATCH when the table is not the released one.
    """
    if load_weak_keys().has(public_key):
        raise _weak(field, "a listed one")
    address = address_of(coincurve.PublicKey(public_key).format(compressed=False)).hex()
    found = describe_vanity(address)
    if found is not None:
        raise _weak(field, f"the address 0x{address}: {found}")


def describe_vanity(address: str) -> str | None:
    """What is too regular in 40 lower-case hex digits for chance; None when nothing is."""
    ends = {"first": _run(address), "last": _run(address[::-1])}
    for end, length in ends.items():
        digit = address[0 if end == "first" else -1]
        if length >= ANY_RUN or (digit == "0" and length >= ZERO_RUN):
            return f"its {length} {end} digits are {digit}"
    zeros = Counter(address)["0"]
    return f"{zeros} of its digits are 0" if zeros >= ZEROS else None


def _run(address: str) -> int:
    return sum(1 for _ in itertools.takewhile(lambda digit: digit == address[0], address))


def _weak(field: str, got: str) -> RefusedError:
    return refused(Code.KNOWN_WEAK_KEY, field, "a key that nobody knows or searched for", got)
