"""Asking, signing and handing back: doubt, a faulty token, a power cut, and bytes that change under the hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, StrongroomError, UnavailableError
from strongroom.core.packages import parse_package
from strongroom.core.statements import parse_statement
from strongroom.vault.terminal import step2_prove
from strongroom.vault.terminal.halts import clean_text
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import Binding, SignedR


def gone(_key: Any, _digest: bytes) -> tuple[int, int]:
    """A token that is pulled out when it is to sign."""
    raise UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field="token", expected="an answer", got="none"))


def faulty(_key: Any, _digest: bytes) -> tuple[int, int]:
    """A token whose signature does not verify, as `sign_digest` finds it."""
    raise InvariantError(Refusal(code=Code.SIGNATURE_INVALID, field="token", expected="a signature", got="a fault"))


@pytest.mark.parametrize("answer", ["reject", "unsure"])
def test_doubt_signs_nothing_and_gives_its_reason(firm: Any, stand: Any, answer: str) -> None:
    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    outcome = stand.run(firm.turn(trips=trips), answer, "the amount is not on my paper", "sign")
    assert {Code.OPERATOR_REFUSED} == {r.code for r in outcome.refused[0].refusals}
    assert [trips[1].proposal.id] == [r.proposal for r in outcome.results]
    (halt,) = [parse_statement(h).body for h in stand.result().halts]
    assert (trips[0].proposal.id, f"{answer}: the amount is not on my paper") == (halt.proposal, halt.refusals[0].got)


def test_only_the_offered_words_are_an_answer(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "", "y", "Sign", "sign ", "yes", "sign")
    assert 5 == stand.screen.getvalue().count("Only these words")


def test_silence_is_no_consent(firm: Any, stand: Any) -> None:
    assert {Code.OPERATOR_REFUSED} == stand.refusals(firm.turn(trips=[firm.trip()]))
    assert () == stand.result().results


def test_a_token_that_is_pulled_out_leaves_a_commitment_that_only_this_proposal_can_use(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    with pytest.raises(UnavailableError) as caught:
        stand.run(firm.turn(trips=[trip]), "sign", sign=gone)
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes
    other = firm.trip(sequence=2)
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[other]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_one_package_signs_a_proposal_once(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[trip, trip]), "sign", "sign")
    assert 1 == len(stand.result().results)


def test_signing_again_counts_the_limit_once(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    with pytest.raises(UnavailableError):
        stand.run(firm.turn(trips=[trip]), "sign", sign=gone)
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    with stand.open() as terminal:
        (rule,) = [r for r in terminal.trust.policy_in_force.rules if r.id == "rule:eth"]
        since = firm.world.now.replace(year=2026)
        assert 1 == len(terminal.journal.state.load_uses([rule.id], since))


def test_what_was_made_before_the_token_was_pulled_out_is_handed_back(firm: Any, stand: Any) -> None:
    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    calls: list[bytes] = []

    def once(key: Any, digest: bytes) -> tuple[int, int]:
        calls.append(digest)
        return (11, 12) if len(calls) == 1 else gone(key, digest)

    with pytest.raises(UnavailableError):
        stand.run(firm.turn(trips=trips), "sign", "sign", sign=once)
    assert [trips[0].proposal.id] == [r.proposal for r in stand.result().results]


def test_everything_is_bound_in_the_journal_before_the_token_is_called(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    found: list[list[Any]] = []

    def look(_key: Any, _digest: bytes) -> tuple[int, int]:
        # The journal is open in this process; its file is read as a stranger would after a power cut.
        with sqlite3.connect(f"{stand.home.journal.as_uri()}?mode=ro", uri=True) as copy:
            found.append(copy.execute("SELECT spend, proposal FROM commitment").fetchall())
        copy.close()
        return 11, 12

    stand.run(firm.turn(trips=[trip]), "sign", sign=look)
    assert [[(trip.proposal.body.commits[0], trip.proposal.id)]] == found


def test_a_faulty_signature_stops_the_whole_batch(firm: Any, stand: Any) -> None:
    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    assert {Code.SIGNATURE_INVALID} == stand.refusals(firm.turn(trips=trips), "sign", "sign", sign=faulty)
    assert ((), 1) == (stand.result().results, len(stand.result().halts))
    assert set() == stand.refusals(firm.turn(trips=trips), "sign", "sign")


def test_one_r_for_two_digests_never_leaves(firm: Any, stand: Any) -> None:
    trip = firm.trip("ltc")
    assert {Code.NONCE_REUSED} == stand.refusals(firm.turn(trips=[trip]), "sign", sign=lambda _key, _digest: (11, 12))
    assert () == stand.result().results
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_an_r_of_an_earlier_session_never_leaves_again(firm: Any, stand: Any) -> None:
    first, second = firm.trip(), firm.trip(nonce=8, sequence=2)
    assert set() == stand.refusals(firm.turn(trips=[first]), "sign", sign=lambda _key, _digest: (11, 12))
    assert {Code.NONCE_REUSED} == stand.refusals(firm.turn(trips=[second]), "sign", sign=lambda _key, _digest: (11, 13))
    assert set() == stand.refusals(firm.turn(trips=[second]), "sign")


def test_bytes_that_change_between_showing_and_signing_are_refused(firm: Any, stand: Any) -> None:
    trip = firm.trip("ltc")
    held: list[Any] = []

    def change(_key: Any, digest: bytes) -> tuple[int, int]:
        other = firm.trip("ltc", nonce=9, sequence=9).unsigned
        object.__setattr__(held[0].transaction, "unsigned", other)
        return 11, int.from_bytes(digest[:8], "big") + 1

    honest = prove_docket

    def spy(docket: Any, *arguments: Any, **named: Any) -> Any:
        held.append(docket)
        return honest(docket, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step2_prove, "prove_docket", spy)
        found = stand.refusals(firm.turn(trips=[trip]), "sign", sign=change)
    assert {Code.DIGEST_MISMATCH} == found
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_the_copy_at_home_is_what_was_handed_out(firm: Any, stand: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    for path in stand.out.iterdir():
        assert (stand.home.sent / path.name).read_bytes() == path.read_bytes()
    sequences = sorted(parse_package(p.read_bytes()).sequence for p in stand.out.iterdir())
    assert [1, 2] == sequences


def test_the_journal_tells_the_session_in_order(firm: Any, stand: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    with stand.open() as terminal:
        entries = list(terminal.journal.entries())
    kinds = [e.kind for e in entries if e.kind not in (EntryKind.PIN_TRIED, EntryKind.UPDATED)]
    assert [
        EntryKind.CREATED,
        # Measured before the import, and before the session.
        EntryKind.STARTED,
        EntryKind.CODES_SET,
        EntryKind.STARTED,
        EntryKind.LEASED,
        EntryKind.SESSION_OPENED,
        EntryKind.PACKAGE_HANDED_BACK,
        EntryKind.PACKAGE_RECEIVED,
        EntryKind.CLEAR_ACCEPTED,
        EntryKind.CONFIRMED,
        EntryKind.COMMITTED,
        EntryKind.SIGNED,
        EntryKind.PACKAGE_HANDED_BACK,
        EntryKind.SESSION_CLOSED,
    ] == kinds
    marks = {type(mark) for e in entries for mark in e.marks}
    assert {Binding, SignedR} <= marks


def test_the_record_quotes_the_journal(firm: Any, stand: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    (result,) = stand.result().results
    place = parse_statement(result.record).body.journal
    with stand.open() as terminal:
        terminal.journal.check_extends(place.number, place.head)
        assert EntryKind.SIGNED == terminal.journal.entry(place.number).kind
        with pytest.raises(StrongroomError) as caught:
            terminal.journal.check_extends(place.number + 100, place.head)
        assert Code.JOURNAL_BROKEN in caught.value.codes


CLEAN: list[tuple[str, Callable[[str], bool]]] = [
    ("plain", lambda text: text == "plain"),
    ("a\x1b[2Jb", lambda text: text == "a<U+001B>[2Jb"),
    ("x\u202ey", lambda text: text == "x<U+202E>y"),
    ("z" * 5000, lambda text: len(text) == 1024 and text.endswith("(5000 characters)")),
]


@pytest.mark.parametrize(("text", "is_right"), CLEAN)
def test_a_hostile_text_does_not_stop_its_own_refusal(text: str, is_right: Callable[[str], bool]) -> None:
    assert is_right(clean_text(text))
