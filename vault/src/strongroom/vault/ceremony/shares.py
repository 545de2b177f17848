"""The wrapping key in shares: split m-of-n in SLIP-39 words, each for one custodian at one site, and rebuilt from them.

What passes through this machine's memory: the key, the polynomial and the words. What is ours is a `bytearray` that its
owner wipes; Python's and the library's copies are freed and not wiped. The ceremony bounds that: no network, no swap,
switched off afterwards.
"""

from __future__ import annotations

import hmac
import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, Refusal, RefusedError, malformed, refused
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes
from strongroom.vault.ceremony.share_set import (
    MIN_THRESHOLD,
    SALT_BYTES,
    Custodian,
    HeldShare,
    ShareSet,
    check_placement,
    compute_commitment,
    is_committed,
)
from strongroom.vault.ceremony.share_words import Draw, SplitShare, parse_words, rebuild, split_into_words
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import WRAPPING_KEY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitKey:
    """A split key: `public` goes into the transcript, `words[i]` to the custodian of `public.shares[i]` only."""

    public: ShareSet
    words: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtShare:
    """Words that somebody brings to rebuild a key. person: who brings them."""

    person: PartyId
    words: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A brought share whose words are whole."""

    person: PartyId
    share: SplitShare


def split_wrapping_key(
    key: bytearray, threshold: int, custodians: Sequence[Custodian], draw: Draw = os.urandom
) -> SplitKey:
    """Split a wrapping key: any `threshold` of the custodians rebuild it. The key itself is left for its owner to wipe.

    draw: where the polynomial's coefficients come from; a ceremony gives its mixed source.
    Raises MalformedError FIELD_INVALID, RefusedError SEPARATION for two shares at one site or with one person.
    """
    if len(key) != WRAPPING_KEY_BYTES:
        raise malformed(Code.FIELD_INVALID, "key", f"{WRAPPING_KEY_BYTES} bytes", f"{len(key)} bytes")
    check_placement(threshold, custodians)
    identifier, words = split_into_words(bytes(key), threshold, len(custodians), draw)
    held = []
    for number, (custodian, share) in enumerate(zip(custodians, words, strict=True), start=1):
        salt = draw(SALT_BYTES)
        digest = compute_commitment(salt, custodian, share)
        held.append(HeldShare(number=number, custodian=custodian, salt=HexBytes(salt), digest=digest))
    split = SplitKey(
        public=ShareSet(identifier=identifier, threshold=threshold, shares=tuple(held)), words=tuple(words)
    )
    _check_split(split, key)
    return split


def combine_shares(brought: Sequence[BroughtShare], known: ShareSet) -> bytearray:
    """Rebuild the key with the transcript at hand, whose commitments name every wrong share.

    1. Each share is whole, of this set, and of the custodian who brings it. 2. None comes twice. 3. There are enough.
    All refusals come together, so that one round of the room mends them. The caller wipes what is returned.
    Raises RefusedError SHARE_WRONG, SHARES_MIXED, SHARE_REPEATED, SHARES_TOO_FEW.
    """
    reads, found = _read_all(brought)
    words = {share.person: share.words for share in brought}
    strangers = [refusal for read in reads for refusal in _strange(read, words[read.person], known)]
    named = {refusal.field for refusal in strangers}
    good = [read for read in reads if read.person not in named]
    _raise_any([*found, *strangers, *_too_few(good, known.threshold)])
    return _rebuild(good, known.threshold)


def check_share(share: BroughtShare, known: ShareSet) -> None:
    """Look at one share alone, as it is brought: whole, of this set, and of this custodian.

    Raises RefusedError SHARE_WRONG, SHARES_MIXED.
    """
    reads, found = _read_all([share])
    _raise_any([*found, *(refusal for read in reads for refusal in _strange(read, share.words, known))])


def combine_shares_alone(brought: Sequence[BroughtShare]) -> bytearray:
    """Rebuild the key from words alone, when every transcript is lost.

    A share with other words that hold together is then named only if more than the quorum are there: a digest inside
    SLIP-39 says which sets fit. Errors as `combine_shares`; SHARE_WRONG with the field `shares` when nobody can say
    which one it is.
    """
    reads, found = _read_all(brought)
    families = Counter(read.share.family for read in reads).most_common()
    for family, _count in families[1:]:
        found.extend(_mixed(read, families[0][0][0]) for read in reads if read.share.family == family)
    threshold = reads[0].share.threshold if reads else MIN_THRESHOLD
    _raise_any([*found, *_too_few(reads, threshold)])
    return _rebuild(reads, threshold)


def _read_all(brought: Sequence[BroughtShare]) -> tuple[list[_Read], list[Refusal]]:
    """The shares whose words are whole, and what is wrong with the others."""
    reads: list[_Read] = []
    found: list[Refusal] = []
    for share in brought:
        try:
            reads.append(_Read(person=share.person, share=parse_words(share.words, share.person)))
        except (MalformedError, RefusedError) as error:
            found.extend(error.refusals)
    return reads, [*found, *_repeated(brought, reads)]


def _repeated(brought: Sequence[BroughtShare], reads: Sequence[_Read]) -> list[Refusal]:
    holders: dict[tuple[tuple[int, ...], int], list[str]] = {}
    for read in reads:
        holders.setdefault((read.share.family, read.share.index), []).append(read.person)
    twice = [", ".join(people) for people in holders.values() if len(people) > 1]
    twice += [person for person, count in Counter(share.person for share in brought).items() if count > 1]
    return [
        Refusal(code=Code.SHARE_REPEATED, field=who, expected="a share of each custodian", got="one share twice")
        for who in dict.fromkeys(twice)
    ]


def _strange(read: _Read, words: Secret, known: ShareSet) -> list[Refusal]:
    """What the transcript says against a share whose words are whole."""
    own = next((held for held in known.shares if held.custodian.person == read.person), None)
    if own is None:
        return [_wrong(read.person, "a custodian of this set", "somebody else")]
    if (read.share.identifier, read.share.threshold) != (known.identifier, known.threshold):
        return [_mixed(read, known.identifier)]
    if is_committed(own, words):
        return []
    other = next((held for held in known.shares if is_committed(held, words)), None)
    got = "other words" if other is None else f"the share of {other.custodian.person}"
    return [_wrong(read.person, f"the words of {own.digest}", got)]


def _too_few(good: Sequence[_Read], threshold: int) -> list[Refusal]:
    have = len({read.share.index for read in good})
    if have >= threshold:
        return []
    more = f"{have} that can be used: {threshold - have} more are needed"
    return [Refusal(code=Code.SHARES_TOO_FEW, field="shares", expected=f"{threshold} shares", got=more)]


def _rebuild(reads: Sequence[_Read], threshold: int) -> bytearray:
    """Rebuild from the first set that fits, and hold every further share against it."""
    for fitting in itertools.combinations(reads, threshold):
        key = rebuild([read.share for read in fitting])
        if key is not None:
            break
    else:
        people = ", ".join(read.person for read in reads)
        raise refused(Code.SHARE_WRONG, "shares", "shares that fit together", f"at least one that does not: {people}")
    others = [read for read in reads if read not in fitting]
    rest = [read.share for read in fitting[1:]]
    _raise_any(
        [
            _wrong(read.person, "a share that fits the others", "one that does not")
            for read in others
            if not hmac.compare_digest(rebuild([*rest, read.share]) or b"", key)
        ]
    )
    return bytearray(key)


def _check_split(split: SplitKey, key: bytearray) -> None:
    """Try the shares before anybody carries one away. Raises InvariantError when they do not rebuild the key.

    Runs of `threshold` neighbours, so that every share is tried in several sets.
    """
    held = [
        BroughtShare(person=s.custodian.person, words=w) for s, w in zip(split.public.shares, split.words, strict=True)
    ]
    ring = [*held, *held]
    for start in range(len(held)):
        if not hmac.compare_digest(combine_shares(ring[start : start + split.public.threshold], split.public), key):
            raise InvariantError(
                Refusal(code=Code.INVARIANT, field="shares", expected="shares that rebuild the key", got="another key")
            )


def _mixed(read: _Read, identifier: int) -> Refusal:
    return Refusal(
        code=Code.SHARES_MIXED,
        field=read.person,
        expected=f"a share of set {identifier}",
        got=f"one of set {read.share.identifier}, any {read.share.threshold} of which rebuild",
    )


def _wrong(person: str, expected: str, got: str) -> Refusal:
    return Refusal(code=Code.SHARE_WRONG, field=person, expected=expected, got=got)


def _raise_any(found: Sequence[Refusal]) -> None:
    if found:
        raise RefusedError(*found)
