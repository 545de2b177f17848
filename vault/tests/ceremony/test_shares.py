"""Custodians' shares: any quorum rebuilds, fewer do not, and whatever is wrong is named without a word of it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from shamir_mnemonic import MnemonicError, combine_mnemonics  # type: ignore[import-untyped]
from shamir_mnemonic.share import Share  # type: ignore[import-untyped]
from shamir_mnemonic.wordlist import WORDLIST  # type: ignore[import-untyped]

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError
from strongroom.core.ids import PartyId
from strongroom.vault.ceremony.share_set import (
    Custodian,
    ShareSet,
    compute_quorum,
    parse_custodian,
    render_quorum,
)
from strongroom.vault.ceremony.share_words import SHARE_WORDS, Draw, parse_words
from strongroom.vault.ceremony.shares import (
    BroughtShare,
    SplitKey,
    combine_shares,
    combine_shares_alone,
    split_wrapping_key,
)
from strongroom.vault.hsm.secret import Secret

VECTORS = Path(__file__).parents[3] / "vectors/slip39/vectors.json"
KEY = bytearray(range(32))
CUSTODIANS = tuple(
    Custodian(person=PartyId(f"person:{name}"), site=site)
    for name, site in (("ho", "Central vault"), ("lam", "Kowloon vault"), ("yip", "Sha Tin vault"))
)


@pytest.fixture(scope="module")
def split() -> SplitKey:
    return split_wrapping_key(KEY, 2, CUSTODIANS)


def brought(split: SplitKey, *places: int) -> list[BroughtShare]:
    return [BroughtShare(person=CUSTODIANS[place].person, words=split.words[place]) for place in places]


def altered(words: Secret) -> Secret:
    """Another value under a checksum that holds, as a forger writes it."""
    share = Share.from_mnemonic(words.reveal())
    value = bytes([share.value[0] ^ 1]) + share.value[1:]
    return Secret(dataclasses.replace(share, value=value).mnemonic())


def with_slip(words: Secret) -> Secret:
    """Two neighbours changed places."""
    found = words.reveal().split()
    found[10], found[11] = found[11], found[10]
    if found[10] == found[11]:
        found[10] = WORDLIST[(WORDLIST.index(found[10]) + 1) % len(WORDLIST)]
    return Secret(" ".join(found))


def refusals_of(error: StrongroomError) -> set[tuple[Code, str]]:
    return {(refusal.code, refusal.field) for refusal in error.refusals}


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text(encoding="utf-8")), ids=lambda case: str(case[0]))
def test_the_library_gives_what_slip_39_publishes(case: list[str]) -> None:
    _name, mnemonics, secret, _xprv = case
    if secret:
        assert bytes.fromhex(secret) == combine_mnemonics(mnemonics, b"TREZOR")
        return
    with pytest.raises(MnemonicError):
        combine_mnemonics(mnemonics, b"TREZOR")


@pytest.mark.parametrize("places", list(itertools.permutations(range(3), 2)) + list(itertools.permutations(range(3))))
def test_any_quorum_rebuilds_in_any_order(split: SplitKey, places: tuple[int, ...]) -> None:
    assert KEY == combine_shares(brought(split, *places), split.public)
    assert KEY == combine_shares_alone(brought(split, *places))


def test_words_may_be_typed_in_capitals_and_on_several_lines(split: SplitKey) -> None:
    typed = Secret(split.words[0].reveal().upper().replace(" ", "\n "))
    shares = [BroughtShare(person=CUSTODIANS[0].person, words=typed), *brought(split, 1)]

    assert KEY == combine_shares(shares, split.public)


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (3, 5), (5, 5), (16, 16)])
def test_other_quorums(threshold: int, count: int) -> None:
    people = [Custodian(person=PartyId(f"person:c{n}"), site=f"site {n}") for n in range(count)]
    split = split_wrapping_key(KEY, threshold, people)
    shares = [BroughtShare(person=p.person, words=w) for p, w in zip(people, split.words, strict=True)]

    assert KEY == combine_shares(shares[count - threshold :], split.public)
    with pytest.raises(RefusedError) as caught:
        combine_shares(shares[: threshold - 1], split.public)
    assert {(Code.SHARES_TOO_FEW, "shares")} == refusals_of(caught.value)


@pytest.mark.parametrize(("places", "more"), [((0,), "1 more"), ((), "2 more")])
def test_too_few_says_how_many_more(split: SplitKey, places: tuple[int, ...], more: str) -> None:
    for combine in (lambda s: combine_shares(s, split.public), combine_shares_alone):
        with pytest.raises(RefusedError) as caught:
            combine(brought(split, *places))
        assert {(Code.SHARES_TOO_FEW, "shares")} == refusals_of(caught.value)
        assert more in caught.value.refusals[0].got


@pytest.mark.parametrize("spoil", [altered, with_slip], ids=["altered", "slip"])
def test_a_wrong_share_is_named_by_the_transcript(split: SplitKey, spoil: Callable[[Secret], Secret]) -> None:
    wrong = BroughtShare(person=CUSTODIANS[1].person, words=spoil(split.words[1]))

    with pytest.raises(RefusedError) as caught:
        combine_shares([*brought(split, 0, 2), wrong], split.public)
    assert {(Code.SHARE_WRONG, "person:lam")} == refusals_of(caught.value)
    assert KEY == combine_shares(brought(split, 0, 2), split.public)


def test_a_wrong_share_below_the_quorum_is_named_and_counted_out(split: SplitKey) -> None:
    wrong = BroughtShare(person=CUSTODIANS[1].person, words=altered(split.words[1]))

    with pytest.raises(RefusedError) as caught:
        combine_shares([*brought(split, 0), wrong], split.public)
    assert {(Code.SHARE_WRONG, "person:lam"), (Code.SHARES_TOO_FEW, "shares")} == refusals_of(caught.value)
    assert "1 more" in caught.value.refusals[1].got


@pytest.mark.parametrize("place", [0, 1, 2])
def test_without_a_transcript_the_digest_names_it_when_more_than_the_quorum_are_there(
    split: SplitKey, place: int
) -> None:
    shares = brought(split, 0, 1, 2)
    shares[place] = BroughtShare(person=shares[place].person, words=altered(shares[place].words))

    with pytest.raises(RefusedError) as caught:
        combine_shares_alone(shares)
    assert {(Code.SHARE_WRONG, CUSTODIANS[place].person)} == refusals_of(caught.value)


def test_without_a_transcript_and_a_spare_nobody_is_accused(split: SplitKey) -> None:
    wrong = BroughtShare(person=CUSTODIANS[1].person, words=altered(split.words[1]))

    with pytest.raises(RefusedError) as caught:
        combine_shares_alone([*brought(split, 0), wrong])
    assert {(Code.SHARE_WRONG, "shares")} == refusals_of(caught.value)
    assert "person:ho, person:lam" in caught.value.refusals[0].got


def test_shares_of_two_ceremonies_are_refused_and_the_stranger_is_named(split: SplitKey) -> None:
    other = split_wrapping_key(bytearray(os.urandom(32)), 2, CUSTODIANS, fixed_identifier(split.public, 1))
    shares = [*brought(split, 0), *brought(other, 1)]

    with pytest.raises(RefusedError) as caught:
        combine_shares(shares, split.public)
    assert {(Code.SHARES_MIXED, "person:lam"), (Code.SHARES_TOO_FEW, "shares")} == refusals_of(caught.value)
    with pytest.raises(RefusedError) as caught:
        combine_shares_alone(shares)
    assert Code.SHARES_MIXED in caught.value.codes


def test_two_ceremonies_that_drew_one_identifier_are_still_told_apart(split: SplitKey) -> None:
    other = split_wrapping_key(bytearray(os.urandom(32)), 2, CUSTODIANS, fixed_identifier(split.public, 0))
    assert split.public.identifier == other.public.identifier

    with pytest.raises(RefusedError) as caught:
        combine_shares([*brought(split, 0, 2), *brought(other, 1)], split.public)
    assert {(Code.SHARE_WRONG, "person:lam")} == refusals_of(caught.value)
    with pytest.raises(RefusedError) as caught:
        combine_shares_alone([*brought(split, 0), *brought(other, 1)])
    assert {(Code.SHARE_WRONG, "shares")} == refusals_of(caught.value)


def test_one_share_twice_is_refused_whoever_brings_it(split: SplitKey) -> None:
    with pytest.raises(RefusedError) as caught:
        combine_shares(brought(split, 0, 0), split.public)
    assert Code.SHARE_REPEATED in caught.value.codes
    copied = [*brought(split, 0), BroughtShare(person=CUSTODIANS[1].person, words=split.words[0])]
    with pytest.raises(RefusedError) as caught:
        combine_shares(copied, split.public)
    assert {
        (Code.SHARE_REPEATED, "person:ho, person:lam"),
        (Code.SHARE_WRONG, "person:lam"),
        (Code.SHARES_TOO_FEW, "shares"),
    } == refusals_of(caught.value)
    with pytest.raises(RefusedError) as caught:
        combine_shares_alone(copied)
    assert Code.SHARE_REPEATED in caught.value.codes


def test_shares_that_changed_hands_are_refused_with_their_owner(split: SplitKey) -> None:
    swapped = [
        BroughtShare(person=CUSTODIANS[0].person, words=split.words[1]),
        BroughtShare(person=CUSTODIANS[1].person, words=split.words[0]),
    ]
    with pytest.raises(RefusedError) as caught:
        combine_shares(swapped, split.public)
    assert {(Code.SHARE_WRONG, "person:ho"), (Code.SHARE_WRONG, "person:lam")} <= refusals_of(caught.value)
    assert "the share of person:lam" in caught.value.refusals[0].got
    stranger = BroughtShare(person=PartyId("person:nobody"), words=split.words[2])
    with pytest.raises(RefusedError) as caught:
        combine_shares([*brought(split, 0, 1), stranger], split.public)
    assert {(Code.SHARE_WRONG, "person:nobody")} == refusals_of(caught.value)


@pytest.mark.parametrize(
    "typed", ["", "zebra " * SHARE_WORDS, "academic " * SHARE_WORDS, "academic " * 20], ids=range(4)
)
def test_words_that_are_no_share_are_refused(typed: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_words(Secret(typed), "person:ho")
    assert {(Code.SHARE_WRONG, "person:ho")} == refusals_of(caught.value)


def test_no_word_of_a_share_is_in_a_refusal_or_in_what_stands_behind_it(split: SplitKey) -> None:
    found = split.words[1].reveal().split()
    unknown = Secret(" ".join([*found[:-1], "notaword"]))
    for words in (with_slip(split.words[1]), altered(split.words[1]), unknown):
        with pytest.raises(RefusedError) as caught:
            combine_shares([*brought(split, 0), BroughtShare(person=CUSTODIANS[1].person, words=words)], split.public)
        text = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
        printed = set(text.replace('"', " ").split())
        # A sentence of ours may share a plain word with the list; four neighbours of a share it never has.
        runs = {" ".join(words.reveal().split()[n : n + 2]) for n in range(SHARE_WORDS - 1)}
        assert not [run for run in runs if run in text]
        assert "notaword" not in printed
    # The names of fields are plain words too; here as well it is neighbours that only a share has.
    said = re.findall(r"[a-z]+", f"{split!r} {brought(split, 1)!r} {parse_words(split.words[1], 'x')!r}")
    assert not set(itertools.pairwise(found)) & set(itertools.pairwise(said))


@pytest.mark.parametrize(
    ("custodians", "field"),
    [
        ((CUSTODIANS[0], dataclasses.replace(CUSTODIANS[1], site="central  VAULT")), "central vault"),
        ((CUSTODIANS[0], dataclasses.replace(CUSTODIANS[0], site="Tai Po vault")), "person:ho"),
    ],
    ids=["site", "person"],
)
def test_two_shares_at_one_site_or_with_one_person_are_refused(custodians: tuple[Custodian, ...], field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        split_wrapping_key(KEY, 2, custodians)
    assert {(Code.SEPARATION, field)} == refusals_of(caught.value)


@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_a_quorum_of_one_or_of_more_than_there_are_is_refused(threshold: int) -> None:
    with pytest.raises(MalformedError) as caught:
        split_wrapping_key(KEY, threshold, CUSTODIANS)
    assert {(Code.FIELD_INVALID, "threshold")} == refusals_of(caught.value)
    with pytest.raises(MalformedError):
        split_wrapping_key(bytearray(16), 2, CUSTODIANS)


def test_a_custodian_is_a_person_at_a_named_site() -> None:
    assert CUSTODIANS[0] == parse_custodian("person:ho", "Central vault", "custodians[0]")
    for person, site in (("device:ho", "Central"), ("person:ho", ""), ("person:ho", " Central"), ("person:ho", "a\nb")):
        with pytest.raises(MalformedError) as caught:
            parse_custodian(person, site, "custodians[0]")
        assert Code.FIELD_INVALID in caught.value.codes


def test_the_transcript_shows_that_nobody_below_the_quorum_can_rebuild(split: SplitKey) -> None:
    facts = compute_quorum(split.public)
    assert (2, 3, 1, 1, 3, 1) == (
        facts.threshold,
        facts.count,
        facts.most_at_a_site,
        facts.most_of_a_person,
        facts.blocked_groups,
        facts.spare,
    )
    assert facts.is_split
    lines = render_quorum(split.public)
    assert "No site and no person can rebuild the key alone." in lines
    assert {held.custodian.person for held in split.public.shares} == {
        person for line in lines for person in ("person:ho", "person:lam", "person:yip") if person in line
    }
    assert not [word for words in split.words for word in [words.reveal()] if word in "\n".join(lines)]


def test_a_set_that_is_not_split_says_so(split: SplitKey) -> None:
    one_room = [
        dataclasses.replace(held, custodian=dataclasses.replace(held.custodian, site="Central vault"))
        for held in split.public.shares
    ]
    shares = dataclasses.replace(split.public, shares=tuple(one_room))

    assert not compute_quorum(shares).is_split
    assert "THE KEY IS NOT SPLIT." in render_quorum(shares)


def fixed_identifier(known: ShareSet, distance: int) -> Draw:
    """A source that first gives the identifier at that distance from the known one's, then random bytes."""
    first = [(((known.identifier + distance) % 2**15) << 1).to_bytes(2, "big")]
    return lambda count: first.pop() if first else os.urandom(count)
