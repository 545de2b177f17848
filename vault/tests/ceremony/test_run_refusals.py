"""What the led ceremony refuses, through the program: wrong shares, mixed shares, the wrong people, another home."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ceremony_room import (
    PERSON_PIN,
    Answer,
    Play,
    Room,
    back_up,
    check_nothing_secret_shown,
    check_nothing_secret_written,
    follow,
    generate,
    make_room,
    people,
    people_but,
    play,
    read_paper,
    restore,
    sites,
)
from strongroom.core.ceremonies import CeremonyOutcome
from strongroom.core.codes import Code


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A birth and a backup lie behind."""
    made = make_room(tmp_path)
    for command, custodians in ((generate(made), sites("ann", "bob", "cyd")), (back_up(made), "person:c.ann")):
        run = play(made, command, people(custodians))
        assert 0 == run.code, run.shown[-2000:]
    return made


def once(wrong: Callable[[Play], str], then: Answer) -> Answer:
    """An answer that is wrong the first time."""
    told: list[str] = []

    def answer(run: Play, question: str) -> str:
        if told:
            return then(run, question)
        told.append(question)
        return wrong(run)

    return answer


def drill(room: Room, words: Answer, more: dict[str, Answer | str] | None = None) -> Play:
    """A drill with Cyd and Bob, in which somebody may type something else."""
    answers = people_but({**(more or {}), "Words from": words}, "person:c.cyd; person:c.bob")
    run = play(room, restore(room), answers)
    check_nothing_secret_shown(run)
    return run


def test_a_slip_in_the_words_is_named_and_the_right_words_go_on(room: Room) -> None:
    def slip(run: Play) -> str:
        return " ".join(reversed(read_paper(run, "").split()))

    run = drill(room, once(slip, read_paper))
    assert 0 == run.code
    assert re.search(r"SHARE_WRONG: .*person:c\.cyd", run.shown.replace("\n! ", " "))
    assert CeremonyOutcome.COMPLETED is room.transcript("restore").body.outcome
    check_nothing_secret_written(room)


def test_the_share_of_somebody_else_is_named(room: Room) -> None:
    run = drill(room, once(lambda _run: room.papers["person:c.ann"], read_paper))
    assert 0 == run.code
    assert "the share of person:c.ann" in run.shown.replace("\n! ", " ")


def test_shares_of_another_ceremony_are_refused(room: Room) -> None:
    mine = dict(room.papers)
    assert 0 == play(room, generate(room, "other", "vault-9"), people(sites("ann", "bob", "cyd"))).code
    others, room.papers = room.papers, mine
    room.seals = {person: share.seal for person, share in _seals(room).items()}
    run = drill(room, once(lambda _run: others["person:c.cyd"], read_paper))
    assert 0 == run.code, run.shown[-2000:]
    assert "SHARES_MIXED" in run.shown


def _seals(room: Room) -> dict[str, object]:
    return {share.custodian: share for share in room.transcript("generate").body.shares[0].shares}


def test_one_custodian_is_no_quorum(room: Room) -> None:
    told: list[str] = []

    def custodians(_run: Play, _question: str) -> str:
        told.append("asked")
        return "person:c.bob" if len(told) == 1 else "person:c.bob; person:c.cyd"

    run = play(room, restore(room), people_but({"^Custodians": custodians}, ""))
    assert (0, 2) == (run.code, len(told))
    assert Code.CEREMONY_PEOPLE.value in run.shown


def test_a_drill_that_cannot_be_done_is_closed_and_signed_as_failed(room: Room) -> None:
    wrong = "academic " * 33
    run = drill(room, lambda _run, _question: wrong, {"to do this step again": "fail"})
    assert 0 == run.code, run.shown[-2000:]
    body = room.transcript("restore").body
    assert (CeremonyOutcome.FAILED, (), "close") == (body.outcome, body.drills, body.steps[-1].name)
    assert "SHARE_WRONG" in body.interruptions[-1].said
    # The next drill carries on from the failed one, into another blank token.
    again = play(room, restore(room, "restore", "again", "vault-3"), people("person:c.cyd; person:c.bob"))
    assert 0 == again.code, again.shown[-2000:]
    assert CeremonyOutcome.COMPLETED is room.transcript("again").body.outcome


def test_a_wrong_pin_is_said_and_asked_again(room: Room) -> None:
    def pin(run: Play, _question: str) -> str:
        return "canary-wrong-pin" if not run.shown.count("PIN_WRONG") else PERSON_PIN

    run = play(room, restore(room), people_but({"PIN of your token": pin}, "person:c.cyd; person:c.bob"))
    assert 0 == run.code, run.shown[-2000:]
    assert 1 == run.shown.count("PIN_WRONG")
    assert "canary-wrong-pin" not in run.shown


def test_who_has_no_role_or_two_is_not_let_in(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    told: list[str] = []

    def officer(_run: Play, _question: str) -> str:
        told.append("asked")
        return "person:c.ann" if len(told) == 1 else "person:k.officer"

    run = play(room, generate(room), people_but({"Who leads": officer}, sites("ann", "bob", "cyd")))
    assert 0 == run.code
    assert Code.ROLE_MISSING.value in run.shown


def test_two_shares_at_one_site_are_refused(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    told: list[str] = []

    def custodians(_run: Play, _question: str) -> str:
        told.append("asked")
        good = sites("ann", "bob", "cyd")
        return good.replace("Site B", "site  a") if len(told) == 1 else good

    run = play(room, generate(room), people_but({"^Custodians": custodians}, ""))
    assert 0 == run.code
    assert Code.SEPARATION.value in run.shown


def test_back_corrects_the_answer_before(tmp_path: Path) -> None:
    room = make_room(tmp_path)

    def place(run: Play, _question: str) -> str:
        return "Rome 1" if "Rome 1" not in run.shown else "Room 1"

    def clock(run: Play, _question: str) -> str:
        return "back" if "Room 1" not in run.shown else "yes"

    answers = people_but({"Room and address": place, "time above right": clock}, sites("ann", "bob", "cyd"))
    run = play(room, generate(room), answers)
    assert 0 == run.code
    facts = room.transcript("generate").body.steps[0].facts
    assert "Room 1" == next(fact.value for fact in facts if fact.name == "place")


def test_another_command_in_a_home_is_refused_and_the_same_goes_on(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    command = generate(room)
    assert play(room, command, people(sites("ann", "bob", "cyd")), kill_at=13).code
    other = play(room, [part.replace("vault-1", "vault-7") for part in command], people(""))
    assert 3 == other.code
    assert Code.CEREMONY_RECORD.value in other.shown
    record = sorted((tmp_path / "generate" / "record").iterdir())
    kept = record[1].read_bytes()
    record[1].write_bytes(kept.replace(b"Central", b"Western"))
    assert Code.CEREMONY_RECORD.value in play(room, command, people("")).shown
    record[1].write_bytes(kept)
    assert 0 == play(room, command, people(sites("ann", "bob", "cyd"))).code


def test_a_token_from_before_the_ceremony_is_not_touched(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    room.store.init_token("vault-1", "somebodys-so-pin", "somebodys-pin")
    run = play(room, generate(room), people_but({"PIN|Type yes to do": "x"}, sites("ann", "bob", "cyd")), kill_at=17)
    assert Code.ALREADY_EXISTS.value in run.shown


def test_a_seal_that_is_another_stops_a_backup(room: Room) -> None:
    told: list[str] = []

    def seal(_run: Play, _question: str) -> str:
        told.append("asked")
        return "BAG-99999" if len(told) == 1 else room.seals["person:c.bob"]

    command = follow(
        room,
        "back-up",
        "back-up",
        *("--keys", str(room.folder / "medium-1")),
        *("--copy-to", str(room.folder / "m3")),
        home="second",
    )
    run = play(room, command, people_but({"on the bag": seal}, "person:c.bob"))
    assert 0 == run.code, run.shown[-2000:]
    assert Code.CEREMONY_RESULT.value in run.shown
