"""A person's three codes: for every day, for duress, for a drill. Tokens and FIDO2 keys know one PIN only (III.3).

Each code is stretched, and what it stretches to opens a word that says what it means. Three slots of one size stand in
no order: whoever has the disk and no code cannot tell how many mean what, and whoever watches sees one work for all.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.terminal.journal.marks import CODE_SLOT_BYTES, CodesSet

MIN_LETTERS: Final = 8
MIN_EDITS: Final = 3
"""So many letters apart: one slip of a frightened hand must not page anybody, nor two hide that it should."""
SALT_BYTES: Final = 16
_CHECK_BYTES: Final = 32
_WORD_BYTES: Final = 16
_STRETCH: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**26}
"""RFC 7914; 16 MiB and some 40 ms a try."""
_NONCE: Final = bytes(12)
"""Each key seals one word once, so the nonce need not change."""


class Meaning(StrEnum):
    """What a code says."""

    NORMAL = "normal"
    DRILL = "drill"
    DURESS = "duress"


def worst(meanings: Iterable[Meaning]) -> Meaning:
    """What a crew says: one person's duress is everybody's, and a drill never hides it."""
    return max(meanings, key=list(Meaning).index)


def check_fit(codes: Mapping[Meaning, Secret]) -> None:
    """Raise CODES_UNFIT for codes that are too short, of different lengths, or a slip of the hand from one another.

    Of one length, since whoever stands there hears the keys.
    """
    texts = [codes[meaning].reveal() for meaning in Meaning]
    if any(len(text) < MIN_LETTERS or not (text.isascii() and text.isprintable()) for text in texts):
        raise refused(Code.CODES_UNFIT, "codes", f"{MIN_LETTERS} letters or more of plain ASCII", "others")
    lengths = sorted({len(text) for text in texts})
    if len(lengths) > 1:
        raise refused(Code.CODES_UNFIT, "codes", "codes of one length", " and ".join(map(str, lengths)))
    for one, other in itertools.combinations(texts, 2):
        edits = count_edits(one, other)
        if edits < MIN_EDITS:
            raise refused(Code.CODES_UNFIT, "codes", f"{MIN_EDITS} letters or more apart", f"{edits} apart")


def build_codes(
    person: PartyId, codes: Mapping[Meaning, Secret], said: Meaning, draw: Callable[[int], bytes]
) -> CodesSet:
    """What the journal keeps. said: what whoever sets them was saying; under duress every new code means duress.

    Otherwise a robber could have new codes chosen, and would know them all. Raises CODES_UNFIT.
    """
    check_fit(codes)
    salt = draw(SALT_BYTES)
    slots = []
    for meaning, code in codes.items():
        check, key = _stretch(code, salt)
        word = meaning if said is Meaning.NORMAL else said
        sealed = AESGCM(key).encrypt(_NONCE, word.value.encode().ljust(_WORD_BYTES, b"\0"), person.encode())
        slots.append(check + sealed)
    # By their checks, which nobody can choose: the order says nothing.
    return CodesSet(person=person, salt=HexBytes(salt), slots=HexBytes(b"".join(sorted(slots))))


def read_code(kept: CodesSet, typed: Secret) -> Meaning | None:
    """What a typed code means; None for no code of this person. The same work whatever was typed."""
    check, key = _stretch(typed, kept.salt)
    found: Meaning | None = None
    for at in range(0, len(kept.slots), CODE_SLOT_BYTES):
        slot = kept.slots[at : at + CODE_SLOT_BYTES]
        is_this = hmac.compare_digest(check, slot[:_CHECK_BYTES])
        try:
            word = AESGCM(key).decrypt(_NONCE, slot[_CHECK_BYTES:], kept.person.encode())
        except InvalidTag:
            word = b""
        if is_this and word:
            found = Meaning(word.rstrip(b"\0").decode())
    return found


def count_edits(one: str, other: str) -> int:
    """Letters to put in, take out or change to turn one text into the other (Levenshtein)."""
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


def _stretch(code: Secret, salt: bytes) -> tuple[bytes, bytes]:
    stretched = hashlib.scrypt(code.reveal().encode(), salt=salt, dklen=_CHECK_BYTES + 32, **_STRETCH)
    return stretched[:_CHECK_BYTES], stretched[_CHECK_BYTES:]
