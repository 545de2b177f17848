"""A person's codes: what each means, how they are set, and that nothing outside tells them apart."""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import replace
from typing import Any

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.terminal import codes
from strongroom.vault.terminal.attempts import MAX_WRONG_PINS
from strongroom.vault.terminal.code_setting import set_codes
from strongroom.vault.terminal.codes import Meaning, build_codes, check_fit, count_edits, read_code, worst
from strongroom.vault.terminal.people import ask_code

from .conftest import CODE, DRILL, DURESS, USER_PIN, codes_set

PERSON, OTHER = PartyId("person:c.lam"), PartyId("person:p.wu")
CODES = {Meaning.NORMAL: CODE, Meaning.DURESS: DURESS, Meaning.DRILL: DRILL}
NEW = ("tea with lemon", "coffee no milk", "water for four")
"""As asked: for every day, for duress, for drills."""


def secrets(*texts: str) -> dict[Meaning, Secret]:
    return dict(zip((Meaning.NORMAL, Meaning.DURESS, Meaning.DRILL), map(Secret, texts), strict=True))


@pytest.mark.parametrize("meaning", Meaning)
def test_each_code_says_its_meaning_and_another_says_nothing(meaning: Meaning) -> None:
    kept = codes_set(PERSON)
    assert meaning is read_code(kept, Secret(CODES[meaning]))
    for wrong in (CODES[meaning] + "x", CODES[meaning].upper(), "", "é" * 9):
        assert read_code(kept, Secret(wrong)) is None


def test_a_code_is_for_its_person_alone() -> None:
    kept = codes_set(PERSON)
    assert read_code(replace(kept, person=OTHER), Secret(CODE)) is None


def test_a_slot_that_somebody_changed_says_nothing() -> None:
    kept = codes_set(PERSON)
    for at in (31, 32, 63):
        slots = bytearray(kept.slots)
        for slot in range(3):
            slots[slot * 64 + at] ^= 1
        assert read_code(replace(kept, slots=HexBytes(bytes(slots))), Secret(CODE)) is None


def test_slots_have_one_size_and_no_order() -> None:
    seen = set()
    for _ in range(24):
        kept = build_codes(PERSON, secrets(CODE, DURESS, DRILL), Meaning.NORMAL, os.urandom)
        assert 192 == len(kept.slots)
        places = [kept.slots.find(codes._stretch(Secret(code), kept.salt)[0]) for code in (CODE, DURESS, DRILL)]
        seen.add(tuple(places))
    # Of six orders; that all of 24 fall on one happens once in 6 to the 23rd.
    assert 1 < len(seen)


def test_the_work_is_the_same_whatever_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, calls = codes_set(PERSON), []
    stretch, real, compare = hashlib.scrypt, codes.AESGCM, codes.hmac.compare_digest

    class Counted:
        """The real one, which cannot be derived from."""

        def __init__(self, key: bytes) -> None:
            self.real = real(key)

        def decrypt(self, *arguments: Any) -> bytes:
            calls.append("decrypt")
            return self.real.decrypt(*arguments)

    def counted(name: str, work: Any) -> Any:
        return lambda *args, **named: (calls.append(name), work(*args, **named))[1]

    monkeypatch.setattr(codes, "AESGCM", Counted)
    monkeypatch.setattr(codes.hashlib, "scrypt", counted("scrypt", stretch))
    monkeypatch.setattr(codes.hmac, "compare_digest", counted("compare", compare))
    done = []
    for typed in (CODE, DURESS, DRILL, "something else"):
        calls.clear()
        read_code(kept, Secret(typed))
        done.append(sorted(calls))
    assert [["compare"] * 3 + ["decrypt"] * 3 + ["scrypt"]] * 4 == done


def test_duress_of_one_is_duress_of_all() -> None:
    assert Meaning.NORMAL is worst([Meaning.NORMAL, Meaning.NORMAL])
    assert Meaning.DRILL is worst([Meaning.NORMAL, Meaning.DRILL])
    for pair in itertools.product([Meaning.DURESS], Meaning):
        assert Meaning.DURESS is worst(pair) is worst(reversed(pair))


@pytest.mark.parametrize(
    "texts",
    [
        ("short", NEW[1], NEW[2]),
        (NEW[0], NEW[0], NEW[2]),
        (NEW[0], NEW[1], NEW[1][:-2] + "xy"),
        (NEW[0], NEW[1], "kaffee ohne zü"),
        (NEW[0], NEW[1], "with a\ttab in."),
        (NEW[0], NEW[1], NEW[2] + "!"),
    ],
    ids=["short", "the same", "two letters apart", "not ASCII", "not printable", "longer"],
)
def test_codes_that_a_slip_turns_into_one_another_are_unfit(texts: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError) as caught:
        check_fit(secrets(*texts))
    assert {Code.CODES_UNFIT} == caught.value.codes
    check_fit(secrets(*NEW))


@pytest.mark.parametrize(
    ("one", "other", "edits"), [("abc", "abc", 0), ("abc", "acb", 2), ("", "abc", 3), ("abcd", "bcde", 2)]
)
def test_edits_are_counted(one: str, other: str, edits: int) -> None:
    assert edits == count_edits(one, other) == count_edits(other, one)


@pytest.mark.parametrize("field", ["salt", "slots"])
def test_a_mark_of_another_size_is_refused(field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        replace(codes_set(PERSON), **{field: HexBytes(b"12")})
    assert {Code.FIELD_INVALID} == caught.value.codes


def change(
    stand: Any,
    *typed: str,
    voucher: PartyId | None = None,
    codes: dict[str, str] | None = None,
    overheard: str = "I forgot",
) -> None:
    """Run the command. codes: what people type when they are asked for one that they have.

    overheard: what the person types for whom another one vouches.
    """
    kept, stand.codes = stand.codes, stand.codes if codes is None else codes
    new = [code for code in NEW for _ in range(2)]
    lines = (USER_PIN,) if voucher is None else (USER_PIN, USER_PIN, overheard)
    with stand.open(*(typed or (*lines, *new))) as terminal:
        set_codes(terminal, PERSON, voucher)
    stand.codes = kept


def meaning_of(stand: Any, code: str) -> Meaning:
    stand.codes = {PERSON: code}
    with stand.open() as terminal:
        return ask_code(terminal, PERSON)


def test_new_codes_take_the_place_of_the_old_ones(stand: Any) -> None:
    change(stand)
    assert [Meaning.NORMAL, Meaning.DURESS, Meaning.DRILL] == [meaning_of(stand, code) for code in NEW]
    with pytest.raises(RefusedError) as caught:
        meaning_of(stand, CODE)
    assert {Code.PIN_WRONG} == caught.value.codes


def test_codes_that_are_set_under_duress_all_mean_duress(stand: Any) -> None:
    """And a colleague, who is free, gives the person true ones again."""
    change(stand, codes={PERSON: DURESS})
    assert {Meaning.DURESS} == {meaning_of(stand, code) for code in NEW}
    change(stand, voucher=OTHER, codes={OTHER: CODE})
    assert [Meaning.NORMAL, Meaning.DURESS, Meaning.DRILL] == [meaning_of(stand, code) for code in NEW]
    change(stand, voucher=OTHER, codes={OTHER: DURESS})
    assert {Meaning.DURESS} == {meaning_of(stand, code) for code in NEW}


@pytest.mark.parametrize(
    ("typed", "meaning"), [(CODE, Meaning.NORMAL), (DURESS, Meaning.DURESS), (DRILL, Meaning.DRILL)]
)
def test_a_colleague_does_not_vouch_duress_away(stand: Any, typed: str, meaning: Meaning) -> None:
    """An accomplice and a robber's new codes: the person still has their own way to say so."""
    change(stand, voucher=OTHER, codes={OTHER: CODE}, overheard=typed)
    assert meaning is meaning_of(stand, NEW[0])


def refused(code: Code, stand: Any, *typed: str, **named: Any) -> None:
    with pytest.raises(StrongroomError) as caught:
        change(stand, *typed, **named)
    assert code in caught.value.codes


def test_nobody_vouches_for_themselves(stand: Any) -> None:
    refused(Code.OPERATORS_NOT_TWO, stand, voucher=PERSON)
    change(stand, voucher=OTHER)


def test_two_different_entries_set_nothing(stand: Any) -> None:
    refused(Code.CODES_UNFIT, stand, USER_PIN, NEW[0], NEW[1])
    assert Meaning.NORMAL is meaning_of(stand, CODE)


def test_wrong_codes_are_counted_and_rest_and_nobody_else_rests(firm: Any, stand: Any) -> None:
    stand.codes = {PERSON: "not my code at all", OTHER: CODE}
    for left in (*range(MAX_WRONG_PINS - 1, 0, -1), None):
        with pytest.raises(RefusedError) as caught:
            stand.run(None)
        assert f"code of {PERSON}" == caught.value.refusals[0].field
        assert left is None or f"{left} left before it rests" in caught.value.refusals[0].got
    stand.codes = dict.fromkeys((PERSON, OTHER), CODE)
    with pytest.raises(RefusedError) as caught:
        stand.run(None)
    assert "no attempt before" in caught.value.refusals[0].expected
    firm.world.tick(901)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_whoever_set_no_codes_does_not_operate(firm: Any) -> None:
    """And no PIN is asked for."""
    stand = firm.stand()
    stand.enroll(firm.world.fingerprint, firm.world.fingerprint)
    stand.lease()
    stand.take(stand.update(firm.world.update_body()))
    with pytest.raises(RefusedError) as caught:
        stand.run(None, pins=())
    assert {Code.CODES_MISSING} == caught.value.codes
    stand.keep_codes()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
