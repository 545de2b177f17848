"""What the journal remembers, and every refusal that follows from it, each beside its honest twin."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId
from strongroom.core.records import HexBytes, Units
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import (
    CheckpointSeen,
    ClearUse,
    FreezeLatched,
    FreezeLifted,
    HeadSeen,
    LimitUse,
    Mark,
    PackageIn,
    PackageOut,
    RightPin,
    SignedR,
    WrongPin,
    encode_mark,
    parse_mark,
)

from .bound import bind, paying, spending

P1, P2 = sha256(b"proposal 1"), sha256(b"proposal 2")
D1, D2 = sha256(b"one"), sha256(b"two")
R1, R2 = HexBytes(b"\x11" * 32), HexBytes(b"\x22" * 32)
PLATFORM, GATE = PartyId("service:platform"), PartyId("device:gate-1")
ETH, LTC = AssetId("eip155:1/slip44:60"), AssetId("bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2")
RULE = EntryId("rule:daily")
NONCE = "nonce:eip155:1:0x00000000000000000000000000000000000000aa:7"
OUTPOINT = "outpoint:bip122:12a765e31ffd4059bada1e25190f6e98:" + "ab" * 32 + ":0"


def remember(journal: Journal, *marks: Mark) -> None:
    journal.append(EntryKind.UPDATED, b"{}", marks)


def refuses(journal: Journal, code: Code, *marks: Mark) -> None:
    """Both `check` and `append` refuse with the code, and nothing is remembered."""
    head = journal.head()
    for attempt in (partial(journal.check, marks), partial(remember, journal, *marks)):
        with pytest.raises(RefusedError) as caught:
            attempt()
        assert code in caught.value.codes
    assert head == journal.head()


@pytest.mark.parametrize("spend", [NONCE, OUTPOINT])
def test_sign_once(journal: Journal, spend: str) -> None:
    assert () == journal.state.proposals_of_spend(spend)
    remember(journal, spending(spend, P1))
    remember(journal, spending(spend, P1))
    refuses(journal, Code.ALREADY_COMMITTED, spending(spend, P2))
    assert (P1,) == journal.state.proposals_of_spend(spend)


def test_two_proposals_in_one_entry_do_not_share_a_spend(journal: Journal) -> None:
    both = (spending(NONCE, P1), spending(NONCE, P2))
    refuses(journal, Code.ALREADY_COMMITTED, *both)
    assert () == journal.state.proposals_of_spend(NONCE)


def test_an_instruction_is_paid_once(journal: Journal) -> None:
    remember(journal, paying(D1, P1))
    remember(journal, bind(P1, instructions=(D1, D2)))
    refuses(journal, Code.INSTRUCTION_ALREADY_PAID, paying(D1, P2))
    state = journal.state
    assert ((P1,), (P1,)) == (state.proposals_of_instruction(D1), state.proposals_of_instruction(D2))


def test_a_replacement_spends_all_that_it_replaces(journal: Journal) -> None:
    """A fee bump may be signed beside its first attempt; nothing else that shares a coin or an instruction may."""
    remember(journal, bind(P1, commits=(OUTPOINT,), instructions=(D1,)))
    for other in (
        bind(P2, commits=(OUTPOINT,), instructions=(D1,)),
        bind(P2, commits=(OUTPOINT,), instructions=(D1, D2), attempt=2),
        bind(P2, commits=(OUTPOINT,), instructions=(D2,), attempt=2),
    ):
        refuses(journal, Code.ALREADY_COMMITTED, other)
    refuses(journal, Code.INSTRUCTION_ALREADY_PAID, bind(P2, commits=(NONCE,), instructions=(D1,), attempt=2))
    remember(journal, bind(P2, commits=(NONCE, OUTPOINT), instructions=(D1,), attempt=2))
    # The first attempt came back after the second: it is the lower one now.
    refuses(journal, Code.ALREADY_COMMITTED, bind(P1, commits=(OUTPOINT,), instructions=(D1,)))
    assert {P1, P2} == set(journal.state.proposals_of_spend(OUTPOINT))


def test_after_the_void_twin_nothing_else_is_signed(journal: Journal) -> None:
    transfer = bind(P1, commits=(NONCE,), instructions=(D1,))
    remember(journal, transfer)
    remember(journal, replace(transfer, twin=Twin.VOID))
    assert {Twin.TRANSFER, Twin.VOID} == journal.state.twins_bound(P1)
    refuses(journal, Code.VOIDED, transfer)
    refuses(journal, Code.VOIDED, bind(P2, commits=(NONCE,), instructions=(D1,), attempt=2))
    remember(journal, replace(transfer, twin=Twin.VOID))


def test_a_void_that_no_node_takes_is_followed_by_the_next_one(journal: Journal) -> None:
    """A price of gas of nothing, or one that the market left behind, must not hold the nonce for good."""
    first = bind(P1, commits=(NONCE,), instructions=(D1,))
    void, after = replace(first, twin=Twin.VOID), replace(first, proposal=P2, attempt=2, twin=Twin.VOID)
    remember(journal, void)
    for other in (
        replace(after, attempt=1),
        replace(after, instructions=(D2,)),
        replace(after, commits=(OUTPOINT,)),
        replace(after, twin=Twin.TRANSFER),
    ):
        refuses(journal, Code.VOIDED, other)
    remember(journal, after)
    refuses(journal, Code.VOIDED, void)


def test_an_r_is_never_used_for_two_signatures(journal: Journal) -> None:
    signed = SignedR(r=R1, key=EntryId("key:a"), digest=HexBytes(b"\x01" * 32))
    remember(journal, signed)
    remember(journal, signed)
    refuses(journal, Code.NONCE_REUSED, SignedR(r=R1, key=EntryId("key:a"), digest=HexBytes(b"\x02" * 32)))
    refuses(journal, Code.NONCE_REUSED, SignedR(r=R1, key=EntryId("key:b"), digest=HexBytes(b"\x01" * 32)))
    remember(journal, SignedR(r=R2, key=EntryId("key:a"), digest=HexBytes(b"\x02" * 32)))
    assert (True, False) == (journal.state.is_r_used(R1), journal.state.is_r_used(b"\x33" * 32))


def test_an_r_has_32_bytes() -> None:
    for r, digest in ((R1[:31], R2), (R1, R2 + b"\x00")):
        with pytest.raises(MalformedError) as caught:
            SignedR(r=HexBytes(r), key=EntryId("key:a"), digest=HexBytes(digest))
        assert Code.FIELD_INVALID in caught.value.codes


def test_a_clear_is_used_once_by_id_and_by_nonce(journal: Journal) -> None:
    remember(journal, ClearUse(clear=D1, nonce=R1))
    refuses(journal, Code.CLEAR_USED, ClearUse(clear=D1, nonce=R1))
    refuses(journal, Code.CLEAR_USED, ClearUse(clear=D1, nonce=R2))
    refuses(journal, Code.CLEAR_USED, ClearUse(clear=D2, nonce=R1))
    assert (True, True, False) == (
        journal.state.is_clear_used(D1, R2),
        journal.state.is_clear_used(D2, R1),
        journal.state.is_clear_used(D2, R2),
    )
    remember(journal, ClearUse(clear=D2, nonce=R2))


def test_a_head_never_falls_and_never_differs(journal: Journal, clock: Any) -> None:
    first_seen = clock.now
    remember(journal, HeadSeen(name="whitelist", version=4, digest=D1), HeadSeen(name="policy", version=1, digest=D1))
    clock.turn(60)
    remember(journal, HeadSeen(name="whitelist", version=4, digest=D1))
    refuses(journal, Code.HEAD_ROLLBACK, HeadSeen(name="whitelist", version=3, digest=D2))
    refuses(journal, Code.HEAD_UNEQUAL, HeadSeen(name="whitelist", version=4, digest=D2))
    remember(journal, HeadSeen(name="whitelist", version=5, digest=D2))
    heads = journal.state.heads()
    assert {"policy": 1, "whitelist": 5} == {name: head.version for name, head in heads.items()}
    assert D2 == heads["whitelist"].digest
    assert first_seen == journal.state.head_first_seen("whitelist", 4)
    assert clock.now == journal.state.head_first_seen("whitelist", 5)
    assert None is journal.state.head_first_seen("whitelist", 6)


def test_a_freeze_latches_until_it_is_lifted_by_name(journal: Journal) -> None:
    remember(journal, FreezeLatched(freeze=D1, scope="vault"))
    remember(journal, FreezeLatched(freeze=D2, scope="vault"), FreezeLatched(freeze=D1, scope="vault"))
    assert [D1, D2] == [found.freeze for found in journal.state.latched_freezes()]
    remember(journal, FreezeLifted(freeze=D1, lift=P1))
    assert [D2] == [found.freeze for found in journal.state.latched_freezes()]
    remember(journal, FreezeLifted(freeze=D2, lift=P2))
    # Fed the old freezes again: they were lifted by a quorum, by their ids.
    remember(journal, FreezeLatched(freeze=D1, scope="vault"), FreezeLifted(freeze=D1, lift=P1))
    assert () == journal.state.latched_freezes()
    assert (True, False) == (journal.state.is_freeze_lifted(D1), journal.state.is_freeze_lifted(P1))


def test_a_lift_may_come_before_its_freeze(journal: Journal) -> None:
    remember(journal, FreezeLifted(freeze=D1, lift=P1))
    remember(journal, FreezeLatched(freeze=D1, scope="vault"))
    assert () == journal.state.latched_freezes()


def test_a_package_is_taken_in_once_and_in_order(journal: Journal) -> None:
    remember(journal, PackageIn(sender=PLATFORM, sequence=7, digest=D1))
    refuses(journal, Code.PACKAGE_SEQUENCE, PackageIn(sender=PLATFORM, sequence=7, digest=D1))
    refuses(journal, Code.PACKAGE_SEQUENCE, PackageIn(sender=PLATFORM, sequence=6, digest=D2))
    remember(journal, PackageIn(sender=PLATFORM, sequence=9, digest=D2), PackageIn(sender=GATE, sequence=1, digest=D1))
    remember(journal, PackageOut(receiver=PLATFORM, sequence=1, digest=D1))
    refuses(journal, Code.PACKAGE_SEQUENCE, PackageOut(receiver=PLATFORM, sequence=1, digest=D2))
    state = journal.state
    assert (9, 1, 1, 0) == (
        state.last_package_in(PLATFORM),
        state.last_package_in(GATE),
        state.last_package_out(PLATFORM),
        state.last_package_out(GATE),
    )


def test_the_log_never_shrinks_and_the_clock_never_precedes_it(journal: Journal, clock: Any) -> None:
    assert None is journal.state.last_checkpoint()
    remember(journal, CheckpointSeen(size=10, root=D1, time=clock.now))
    refuses(journal, Code.HEAD_ROLLBACK, CheckpointSeen(size=9, root=D2, time=clock.now))
    refuses(journal, Code.HEAD_UNEQUAL, CheckpointSeen(size=10, root=D2, time=clock.now))
    later = clock.now + timedelta(seconds=60)
    refuses(journal, Code.CLOCK_BEHIND, CheckpointSeen(size=11, root=D2, time=later))
    clock.turn(60)
    remember(journal, CheckpointSeen(size=10, root=D1, time=clock.now))
    remember(journal, CheckpointSeen(size=11, root=D2, time=later))
    last = journal.state.last_checkpoint()
    assert last is not None
    assert (11, D2, later) == (last.size, last.root, last.time)
    clock.turn(-30)
    refuses(journal, Code.CLOCK_BEHIND, WrongPin(token="op-1"))


def test_limits_are_summed_over_their_window_and_beyond_64_bits(journal: Journal, clock: Any) -> None:
    units, other = 10**20, EntryId("rule:other")
    remember(journal, use(D1, units))
    started = clock.now
    clock.turn(3600)
    remember(journal, use(D2, 1), use(P1, 5, asset=LTC), use(D1, units, rule=other))
    found = journal.state.load_uses([RULE], started)
    assert [(D1, ETH, units), (P1, LTC, 5), (D2, ETH, 1)] == [(u.instruction, u.asset, u.amount) for u in found]
    assert {D2, P1} == {u.instruction for u in journal.state.load_uses([RULE], started + timedelta(seconds=1))}
    assert [other] == [u.rule for u in journal.state.load_uses([other], started)]
    assert () == journal.state.load_uses([], started)


def test_signing_an_instruction_again_uses_a_limit_once(journal: Journal, clock: Any) -> None:
    remember(journal, use(D1, 40))
    started = clock.now
    clock.turn(60)
    remember(journal, use(D1, 40))
    assert [(40, 3, 7, started)] == known(journal, started)
    refuses(journal, Code.DIGEST_MISMATCH, use(D1, 41))
    refuses(journal, Code.DIGEST_MISMATCH, use(D1, 40, asset=LTC))


def test_another_attempt_counts_with_the_highest_fee_and_value(journal: Journal, clock: Any) -> None:
    started = clock.now
    for fee, cents in ((3, 7), (9, 5), (4, 8)):
        remember(journal, use(D1, 40, fee=fee, cents=cents))
    assert [(40, 9, 8, started)] == known(journal, started)
    remember(journal, use(D1, 40, cents=None))
    assert [(40, 9, None, started)] == known(journal, started)
    remember(journal, use(D1, 40, cents=8))
    assert [(40, 9, None, started)] == known(journal, started)


def use(instruction: Digest, units: int, *, fee: int = 3, cents: int | None = 7, **fields: Any) -> LimitUse:
    """An instruction that counts against a rule."""
    known = {"rule": RULE, "asset": ETH, **fields}
    value = None if cents is None else Units(cents)
    return LimitUse(instruction=instruction, units=Units(units), fee=Units(fee), hkd_cents=value, **known)


def known(journal: Journal, since: datetime) -> list[tuple[int, int, int | None, datetime]]:
    """What the journal says of the rule's uses."""
    return [(u.amount, u.fee, u.hkd_cents, u.at) for u in journal.state.load_uses([RULE], since)]


def test_wrong_pins_are_counted_until_a_right_one(journal: Journal) -> None:
    remember(journal, WrongPin(token="op-1"))
    remember(journal, WrongPin(token="op-1"), WrongPin(token="op-2"))
    assert (2, 1, 0) == tuple(journal.state.wrong_pins(token) for token in ("op-1", "op-2", "op-3"))
    remember(journal, RightPin(token="op-1"))
    assert (0, 1) == (journal.state.wrong_pins("op-1"), journal.state.wrong_pins("op-2"))


def test_every_refusal_is_reported_at_once(journal: Journal) -> None:
    remember(
        journal,
        spending(NONCE, P1),
        paying(D1, P1),
        PackageIn(sender=PLATFORM, sequence=7, digest=D1),
    )
    with pytest.raises(RefusedError) as caught:
        remember(
            journal,
            spending(OUTPOINT, P2),
            spending(NONCE, P2),
            paying(D1, P2),
            PackageIn(sender=PLATFORM, sequence=7, digest=D1),
        )
    expected = {Code.ALREADY_COMMITTED, Code.INSTRUCTION_ALREADY_PAID, Code.PACKAGE_SEQUENCE}
    assert expected == caught.value.codes
    assert () == journal.state.proposals_of_spend(OUTPOINT)


def test_checking_remembers_nothing(journal: Journal) -> None:
    journal.check((spending(NONCE, P1),))
    assert () == journal.state.proposals_of_spend(NONCE)
    assert 1 == journal.head().number


def test_everything_is_remembered_across_a_restart(path: Path, clock: Any, journal: Journal) -> None:
    every = every_mark(clock.now)
    remember(journal, *every)
    journal.close()
    with Journal.open(path, clock) as again:
        assert every == again.entry(2).marks
        refuses(again, Code.ALREADY_COMMITTED, spending(NONCE, P2))
        assert [D1] == [found.freeze for found in again.state.latched_freezes()]


def every_mark(now: Any) -> tuple[Mark, ...]:
    """One of each."""
    return (
        spending(NONCE, P1),
        paying(D1, P1),
        SignedR(r=R1, key=EntryId("key:a"), digest=R2),
        ClearUse(clear=D1, nonce=R1),
        HeadSeen(name="whitelist", version=4, digest=D1),
        FreezeLatched(freeze=D1, scope="vault"),
        FreezeLifted(freeze=D2, lift=P1),
        PackageIn(sender=PLATFORM, sequence=7, digest=D1),
        PackageOut(receiver=PLATFORM, sequence=1, digest=D1),
        CheckpointSeen(size=10, root=D1, time=now),
        use(D1, 40),
        use(D2, 40, cents=None),
        WrongPin(token="op-1"),
        RightPin(token="op-2"),
    )


def test_every_mark_reads_back_as_it_was(clock: Any) -> None:
    for mark in every_mark(clock.now):
        assert mark == parse_mark(encode_mark(mark), "mark")


@pytest.mark.parametrize("value", ["mark", {}, {"mark": 1}, {"mark": "other"}, {"mark": "wrong-pin"}])
def test_other_marks_are_refused(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_mark(value, "mark")
    assert caught.value.codes <= {Code.FIELD_INVALID, Code.FIELD_MISSING}


def test_thousands_of_r_values_stay_distinct(journal: Journal) -> None:
    marks = tuple(
        SignedR(r=HexBytes(os.urandom(32)), key=EntryId("key:a"), digest=HexBytes(os.urandom(32))) for _ in range(2000)
    )
    remember(journal, *marks)
    again = SignedR(r=marks[1234].r, key=EntryId("key:a"), digest=HexBytes(os.urandom(32)))
    refuses(journal, Code.NONCE_REUSED, again)
