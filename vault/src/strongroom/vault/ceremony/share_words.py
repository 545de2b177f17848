"""The border to `shamir-mnemonic`: SLIP-39 words to shares and back, with none of its messages let through.

Its messages and the tracebacks behind them quote words. So its errors are answered with None here, and refusals are
raised outside of its handlers, where no chained exception carries the quotation along.
Source: SLIP-39, https://github.com/satoshilabs/slips/blob/master/slip-0039.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from shamir_mnemonic import (  # type: ignore[import-untyped]
    EncryptedMasterSecret,
    MnemonicError,
    Share,
    recover_ems,
    shamir,
    split_ems,
)
from shamir_mnemonic.wordlist import WORD_INDEX_MAP  # type: ignore[import-untyped]

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.vault.ceremony.share_set import normalise_words
from strongroom.vault.hsm.secret import Secret

SHARE_WORDS = 33
"""Words of a share of 32 bytes."""
_IDENTIFIER_BITS = 15
_NO_PASSPHRASE = b""
_ITERATION_EXPONENT = 0
"""The words are not under a passphrase, so stretching it would protect nothing."""

Draw = Callable[[int], bytes]
"""Gives that many random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SplitShare:
    """A share that was read from words. family: all that shares of one set have in common; index: from 0."""

    family: tuple[int, ...]
    identifier: int
    threshold: int
    index: int
    raw: Share

    def __repr__(self) -> str:
        return f"SplitShare(index={self.index})"


def parse_words(words: Secret, field: str) -> SplitShare:
    """Read one share. Raises RefusedError SHARE_WRONG: a word unknown, their number, or their checksum.

    RS1024 finds any error of up to three words, so words that pass were written by SLIP-39 and not by a slip.
    """
    text = normalise_words(words)
    found = text.split(" ")
    if len(found) != SHARE_WORDS:
        raise refused(Code.SHARE_WRONG, field, f"{SHARE_WORDS} words", f"{len(found)} words")
    unknown = [str(place) for place, word in enumerate(found, start=1) if word not in WORD_INDEX_MAP]
    if unknown:
        raise refused(Code.SHARE_WRONG, field, "words of the SLIP-39 list", f"others at place {', '.join(unknown)}")
    share = _parse(text)
    if share is None:
        raise refused(Code.SHARE_WRONG, field, "words whose checksum holds", "words with a slip in them")
    if share.group_count != 1:
        raise malformed(Code.FIELD_INVALID, field, "a share of one group", f"one of {share.group_count} groups")
    return SplitShare(
        family=(*(int(part) for part in share.group_parameters()), len(share.value)),
        identifier=share.identifier,
        threshold=share.member_threshold,
        index=share.index,
        raw=share,
    )


def split_into_words(key: bytes, threshold: int, count: int, draw: Draw) -> tuple[int, list[Secret]]:
    """Split and return SLIP-39's identifier and the words of each share, in order."""
    with _drawing(draw):
        identifier = int.from_bytes(draw(2), "big") >> (16 - _IDENTIFIER_BITS)
        sealed = EncryptedMasterSecret.from_master_secret(
            key, _NO_PASSPHRASE, identifier, extendable=True, iteration_exponent=_ITERATION_EXPONENT
        )
        (group,) = split_ems(1, [(threshold, count)], sealed)
    return identifier, [Secret(share.mnemonic()) for share in group]


def rebuild(shares: Sequence[SplitShare]) -> bytes | None:
    """The key out of exactly as many distinct shares as the threshold says, or None when its digest fails."""
    group = shamir.ShareGroup()
    try:
        for share in shares:
            group.add(share.raw)
        return bytes(recover_ems({shares[0].raw.group_index: group}).decrypt(_NO_PASSPHRASE))
    except MnemonicError:
        return None


def _parse(text: str) -> Share | None:
    try:
        return Share.from_mnemonic(text)
    except MnemonicError:
        return None


@contextmanager
def _drawing(draw: Draw) -> Iterator[None]:
    """Let the library draw from `draw`: a polynomial from one bad generator would give the key to a single share."""
    before = shamir.RANDOM_BYTES
    shamir.RANDOM_BYTES = draw
    try:
        yield
    finally:
        shamir.RANDOM_BYTES = before
