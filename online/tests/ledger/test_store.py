"""Posting, reserving, settling and voiding on real PostgreSQL: each outcome, each refusal and its honest twin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from books import (
    ETH,
    EXPENSE,
    HOUSE,
    LTC,
    SUSPENSE,
    WALLET,
    build_deposit,
    build_ending,
    build_posting,
    build_withdrawal,
    client_account,
    make_digest,
)
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId
from strongroom.core.money import MAX_UNITS
from strongroom.online.db.connect import Connection
from strongroom.online.ledger.rules import Account, AccountKind, Outcome, PostingKind, Result, TransferId
from strongroom.online.ledger.store import (
    check_ledger,
    load_balance,
    load_balances,
    load_totals,
    load_transfer,
    lock_accounts,
    open_account,
    post,
    post_batch,
    reserve,
    reserve_batch,
    settle,
    settle_batch,
    void,
    void_batch,
)

HARBOUR = client_account("harbour")
PEAK = client_account("peak")


def list_results(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [outcome.result.value for outcome in outcomes]


def load_sums(connection: Connection, account: AccountId) -> tuple[int, int, int]:
    balance = load_balance(connection, account)
    return balance.posted, balance.pending_out, balance.pending_in


def test_a_deposit_raises_what_we_hold_and_what_we_owe(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    assert (100, 0, 0) == load_sums(platform, HARBOUR)
    assert (100, 0, 0) == load_sums(platform, WALLET)
    check_ledger(platform)


def test_a_withdrawal_is_reserved_then_settled(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 60))
    assert 40 == load_balance(platform, HARBOUR).available
    assert (100, 60, 0) == load_sums(platform, WALLET)
    settle(platform, build_ending("w1"))
    assert (40, 0, 0) == load_sums(platform, HARBOUR)
    assert (40, 0, 0) == load_sums(platform, WALLET)
    assert 3 == load_balance(platform, HARBOUR).version
    check_ledger(platform)


def test_a_withdrawal_that_is_voided_gives_everything_back(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 100))
    void(platform, build_ending("w1"))
    assert (100, 0, 0) == load_sums(platform, HARBOUR)
    reserve(platform, build_withdrawal("w2", "harbour", 100))
    check_ledger(platform)


def test_an_overdraft_is_refused_with_what_was_available(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    with pytest.raises(RefusedError) as caught:
        reserve(platform, build_withdrawal("w1", "harbour", 101))
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    assert "100 available" == caught.value.refusals[0].got
    reserve(platform, build_withdrawal("w1", "harbour", 100))


def test_what_is_reserved_cannot_be_spent_twice(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 60))
    with pytest.raises(RefusedError) as caught:
        post(platform, build_posting("t1", HARBOUR, PEAK, 41))
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    post(platform, build_posting("t1", HARBOUR, PEAK, 40))


def test_what_is_reserved_to_come_cannot_be_spent(platform: Connection) -> None:
    reserve(platform, build_deposit("d1", "harbour", 100))
    assert (0, 0, 100) == load_sums(platform, HARBOUR)
    with pytest.raises(RefusedError) as caught:
        reserve(platform, build_withdrawal("w1", "harbour", 1))
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    settle(platform, build_ending("d1"))
    reserve(platform, build_withdrawal("w1", "harbour", 1))


def test_one_client_never_covers_another(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    with pytest.raises(RefusedError) as caught:
        reserve(platform, build_withdrawal("w1", "peak", 1))
    assert Code.LEDGER_OVERDRAFT in caught.value.codes


def test_the_same_batch_again_changes_nothing(platform: Connection) -> None:
    batch = [build_deposit("d1", "harbour", 100), build_deposit("d2", "peak", 7)]
    assert ["posted", "posted"] == list_results(post_batch(platform, batch))
    before = load_balances(platform, ETH)
    assert ["duplicate", "duplicate"] == list_results(post_batch(platform, batch))
    assert before == load_balances(platform, ETH)


def test_the_time_of_an_event_is_not_part_of_what_is_the_same(platform: Connection) -> None:
    deposit = build_deposit("d1", "harbour", 100)
    later = replace(deposit, event_at=deposit.event_at.replace(hour=13))
    assert ["posted", "duplicate"] == list_results(post_batch(platform, [deposit, later]))


@pytest.mark.parametrize(
    "other",
    [
        build_deposit("d1", "harbour", 99),
        build_deposit("d1", "peak", 100),
        replace(build_deposit("d1", "harbour", 100), statement=make_digest("another reason")),
        replace(build_deposit("d1", "harbour", 100), kind=PostingKind.CORRECTION),
        build_posting("d1", HOUSE, HARBOUR, 100, PostingKind.DEPOSIT),
    ],
    ids=["units", "client", "statement", "kind", "debit"],
)
def test_an_id_with_other_content_is_a_conflict(platform: Connection, other: object) -> None:
    deposit = build_deposit("d1", "harbour", 100)
    post(platform, deposit)
    with pytest.raises(RefusedError) as caught:
        post(platform, other)  # type: ignore[arg-type]
    assert Code.LEDGER_CONFLICT in caught.value.codes
    with pytest.raises(RefusedError) as caught:
        reserve(platform, deposit)
    assert Code.LEDGER_CONFLICT in caught.value.codes
    post(platform, deposit)
    assert (100, 0, 0) == load_sums(platform, HARBOUR)


def test_a_bad_row_does_not_fail_the_others(platform: Connection) -> None:
    outcomes = post_batch(
        platform,
        [
            build_deposit("d1", "harbour", 100),
            build_deposit("d2", "nobody", 1),
            build_posting("t1", HARBOUR, HARBOUR, 1),
            replace(build_deposit("d3", "harbour", 1), asset=LTC),
            build_posting("t2", HARBOUR, PEAK, 200),
            build_posting("t3", HARBOUR, PEAK, 30),
            build_deposit("d1", "harbour", 100),
            build_deposit("d1", "harbour", 5),
        ],
    )
    assert [
        "posted", "unknown_account", "same_account", "asset_mismatch", "overdraft", "posted", "duplicate", "conflict",
    ] == list_results(outcomes)  # fmt: skip
    assert [None] * 4 + [100] + [None] * 3 == [outcome.available for outcome in outcomes]
    assert list(range(1, 9)) == [outcome.ordinal for outcome in outcomes]
    assert [(70, 0, 0), (30, 0, 0)] == [load_sums(platform, account) for account in (HARBOUR, PEAK)]
    check_ledger(platform)


def test_rows_after_a_refused_one_are_judged_as_if_it_had_not_been_there(platform: Connection) -> None:
    """Harbour's 60 fail, so Peak cannot pass them on; then a smaller payment goes through, and the same id is free."""
    post(platform, build_deposit("d1", "harbour", 50))
    outcomes = post_batch(
        platform,
        [
            build_posting("t1", HARBOUR, PEAK, 60),
            build_posting("t2", PEAK, HARBOUR, 60),
            build_posting("t1", HARBOUR, PEAK, 50),
            build_posting("t2", PEAK, HARBOUR, 50),
            build_posting("t3", HARBOUR, PEAK, 51),
        ],
    )
    assert ["overdraft", "overdraft", "posted", "posted", "overdraft"] == list_results(outcomes)
    assert [50, 0, None, None, 50] == [outcome.available for outcome in outcomes]


def test_an_id_that_was_refused_is_free(platform: Connection) -> None:
    with pytest.raises(RefusedError) as caught:
        reserve(platform, build_withdrawal("w1", "harbour", 5))
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    assert load_transfer(platform, TransferId("w1")) is None
    post(platform, build_deposit("d1", "harbour", 5))
    reserve(platform, build_withdrawal("w1", "harbour", 5))


def test_endings_are_idempotent_and_exclusive(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 10), build_withdrawal("w2", "harbour", 10))
    w1, w2, d1, w9 = (build_ending(name) for name in ("w1", "w2", "d1", "w9"))
    assert ["settled", "duplicate"] == list_results(settle_batch(platform, [w1, w1]))
    other_reason = replace(w1, statement=make_digest("other"))
    assert ["duplicate", "conflict"] == list_results(settle_batch(platform, [w1, other_reason]))
    assert ["conflict", "voided", "not_pending", "unknown_transfer"] == list_results(
        void_batch(platform, [w1, w2, d1, w9])
    )
    assert ["conflict"] == list_results(settle_batch(platform, [w2]))
    assert (90, 0, 0) == load_sums(platform, HARBOUR)
    check_ledger(platform)


@pytest.mark.parametrize(
    ("transfer", "code"), [("w2", Code.LEDGER_CONFLICT), ("d1", Code.LEDGER_CONFLICT), ("w9", Code.LEDGER_UNKNOWN)]
)
def test_settling_what_cannot_be_settled_is_refused(platform: Connection, transfer: str, code: Code) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 10), build_withdrawal("w2", "harbour", 10))
    void(platform, build_ending("w2"))
    with pytest.raises(RefusedError) as caught:
        settle(platform, build_ending(transfer))
    assert code in caught.value.codes
    settle(platform, build_ending("w1"))


def test_a_transfer_tells_its_state_and_its_statements(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, *(build_withdrawal(name, "harbour", 10) for name in ("w1", "w2", "w3")))
    settle(platform, build_ending("w1"))
    void(platform, build_ending("w2"))
    found = [load_transfer(platform, TransferId(name)) for name in ("d1", "w1", "w2", "w3")]
    assert ["posted", "posted", "void", "pending"] == [transfer.state for transfer in found if transfer]
    assert [None, make_digest("end w1"), make_digest("end w2"), None] == [t.resolved_by for t in found if t]
    assert [make_digest(name) for name in ("d1", "w1", "w2", "w3")] == [t.statement for t in found if t]


def test_totals_add_up_by_kind(platform: Connection) -> None:
    post(
        platform,
        build_deposit("d1", "harbour", 100),
        build_deposit("d2", "peak", 50),
        build_posting("f1", WALLET, HOUSE, 20, PostingKind.FUNDING),
        build_posting("n1", EXPENSE, WALLET, 3, PostingKind.NETWORK_FEE),
        build_posting("u1", SUSPENSE, WALLET, 7, PostingKind.UNEXPLAINED),
    )
    reserve(platform, build_withdrawal("w1", "peak", 30))
    totals = load_totals(platform, ETH)
    assert (150, 160, 20, 3, 7) == (totals.clients, totals.custody, totals.house, totals.expense, totals.suspense)
    assert (30, 0) == (totals.leaving, totals.arriving)
    assert totals.custody + totals.expense + totals.suspense == totals.clients + totals.house
    empty = load_totals(platform, LTC)
    assert (0, 0) == (empty.clients, empty.custody)


def test_a_wallet_has_no_floor_since_facts_must_be_recordable(platform: Connection) -> None:
    post(platform, build_posting("u1", SUSPENSE, WALLET, 7, PostingKind.UNEXPLAINED))
    assert (-7, 0, 0) == load_sums(platform, WALLET)


def test_the_largest_number_of_the_evm_is_exact(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", MAX_UNITS), build_posting("t1", HARBOUR, PEAK, 1))
    assert (MAX_UNITS - 1, 0, 0) == load_sums(platform, HARBOUR)
    check_ledger(platform)


def test_empty_batches_are_nothing(platform: Connection) -> None:
    assert () == post_batch(platform, [])
    assert () == settle_batch(platform, [])
    assert () == reserve_batch(platform, [])


def test_opening_again_is_nothing_and_another_meaning_is_a_conflict(platform: Connection) -> None:
    same = Account(
        id=HARBOUR, kind=AccountKind.CLIENT, asset=ETH, holder="client:harbour", statement=make_digest("again")
    )
    open_account(platform, same)
    for other in (replace(same, asset=LTC), replace(same, holder="client:peak")):
        with pytest.raises(RefusedError) as caught:
            open_account(platform, other)
        assert Code.LEDGER_CONFLICT in caught.value.codes


def test_an_account_that_is_not_open_is_not_an_empty_one(platform: Connection) -> None:
    with pytest.raises(RefusedError) as caught:
        load_balance(platform, client_account("nobody"))
    assert Code.LEDGER_UNKNOWN in caught.value.codes
    assert (0, 0, 0) == load_sums(platform, HARBOUR)


def test_a_transaction_that_fails_takes_its_postings_back(platform: Connection) -> None:
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 50))

    def settle_and_overspend() -> None:
        with platform.transaction():
            lock_accounts(platform, [EXPENSE, WALLET, HARBOUR])
            settle(platform, build_ending("w1"))
            post(platform, build_posting("t1", HARBOUR, PEAK, 51))

    with pytest.raises(RefusedError) as caught:
        settle_and_overspend()
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    assert (100, 50, 0) == load_sums(platform, HARBOUR)
    assert Result.SETTLED == settle_batch(platform, [build_ending("w1")])[0].result
