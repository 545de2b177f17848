"""A Hypothesis state machine on real PostgreSQL: whatever batches come in any order, the books equal a plain model.

The model goes through a batch row by row, which is what the ledger promises a batch to mean.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from books import EXPENSE, HOUSE, LTC, NOON, SUSPENSE, WALLET, build_posting, client_account, make_digest, open_books
from postgres import fresh_database
from strongroom.core.ids import AccountId
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from strongroom.online.ledger.rules import AccountKind, Ending, Posting, PostingKind, Result, TransferId
from strongroom.online.ledger.store import (
    check_ledger,
    load_balance,
    load_transfer,
    post_batch,
    reserve_batch,
    settle_batch,
    void_batch,
)

CLIENTS = tuple(client_account(name) for name in ("ann", "ben", "cho"))
ACCOUNTS = (*CLIENTS, WALLET, HOUSE, EXPENSE, SUSPENSE)
NOBODY = client_account("nobody")
DEBIT_NORMAL = {WALLET, EXPENSE, SUSPENSE}


@dataclass(slots=True)
class Sums:
    """One account of the model: credits minus debits, and what is reserved on either side."""

    posted: int = 0
    pending_debits: int = 0
    pending_credits: int = 0
    version: int = 0


@dataclass(slots=True)
class Model:
    """The books in plain Python, one row at a time."""

    sums: dict[AccountId, Sums] = field(default_factory=lambda: {account: Sums() for account in ACCOUNTS})
    transfers: dict[TransferId, tuple[str, Posting]] = field(default_factory=dict)
    endings: dict[TransferId, tuple[str, Ending]] = field(default_factory=dict)

    def add(self, phase: str, posting: Posting) -> tuple[Result, int | None]:
        if NOBODY in {posting.debit, posting.credit}:
            return Result.UNKNOWN_ACCOUNT, None
        if posting.debit == posting.credit:
            return Result.SAME_ACCOUNT, None
        if posting.asset == LTC:
            return Result.ASSET_MISMATCH, None
        if posting.id in self.transfers:
            same = self.transfers[posting.id] == (phase, posting)
            return (Result.DUPLICATE if same else Result.CONFLICT), None
        debit, credit = self.sums[posting.debit], self.sums[posting.credit]
        available = debit.posted - debit.pending_debits
        if posting.debit in CLIENTS and available < posting.units:
            return Result.OVERDRAFT, available
        self.transfers[posting.id] = (phase, posting)
        if phase == "posted":
            debit.posted -= posting.units
            credit.posted += posting.units
        else:
            debit.pending_debits += posting.units
            credit.pending_credits += posting.units
        debit.version += 1
        credit.version += 1
        return (Result.POSTED if phase == "posted" else Result.RESERVED), None

    def end(self, outcome: str, ending: Ending) -> Result:
        if ending.transfer not in self.transfers:
            return Result.UNKNOWN_TRANSFER
        phase, posting = self.transfers[ending.transfer]
        if phase == "posted":
            return Result.NOT_PENDING
        if ending.transfer in self.endings:
            return Result.DUPLICATE if self.endings[ending.transfer] == (outcome, ending) else Result.CONFLICT
        self.endings[ending.transfer] = (outcome, ending)
        debit, credit = self.sums[posting.debit], self.sums[posting.credit]
        debit.pending_debits -= posting.units
        credit.pending_credits -= posting.units
        if outcome == "posted":
            debit.posted -= posting.units
            credit.posted += posting.units
        debit.version += 1
        credit.version += 1
        return Result.SETTLED if outcome == "posted" else Result.VOIDED


transfer_ids = st.integers(1, 30).map(lambda number: TransferId(f"t{number}"))
"""Few enough that ids come again, within a batch and across batches."""

postings = st.builds(
    build_posting,
    transfer_ids,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(ACCOUNTS),
    st.integers(1, 12) | st.sampled_from([10**24, 2**256 - 1]),
    st.sampled_from([PostingKind.DEPOSIT, PostingKind.CORRECTION]),
)
"""Any movement between any two accounts; most are small, so that clients are often short and often not."""

wrong_postings = st.one_of(
    postings.map(lambda posting: replace(posting, debit=NOBODY)),
    postings.map(lambda posting: replace(posting, asset=LTC)),
)
funding = st.builds(
    lambda transfer, client, units: build_posting(transfer, WALLET, client, units, PostingKind.DEPOSIT),
    transfer_ids,
    st.sampled_from(CLIENTS),
    st.integers(1, 20),
)
batches = st.lists(st.one_of(postings, postings, funding, wrong_postings), min_size=1, max_size=12)
endings = st.builds(
    lambda transfer, words: Ending(transfer=transfer, statement=make_digest(words), event_at=NOON),
    transfer_ids,
    st.sampled_from(["settled", "settled", "another reason"]),
)
ending_batches = st.lists(endings, min_size=1, max_size=8)


class LedgerMachine(RuleBasedStateMachine):
    """Sends the same batches to PostgreSQL and to the model, and compares every outcome and every balance."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        database = self.stack.enter_context(fresh_database())
        self.connection = self.stack.enter_context(connect(database.conninfo(Role.PLATFORM)))
        open_books(self.connection, "ann", "ben", "cho")
        self.model = Model()

    def teardown(self) -> None:
        try:
            check_ledger(self.connection)
        finally:
            self.stack.close()

    @rule(batch=batches)
    def post_some(self, batch: list[Posting]) -> None:
        expected = [self.model.add("posted", posting) for posting in batch]
        assert expected == [(outcome.result, outcome.available) for outcome in post_batch(self.connection, batch)]

    @rule(batch=batches)
    def reserve_some(self, batch: list[Posting]) -> None:
        expected = [self.model.add("pending", posting) for posting in batch]
        assert expected == [(outcome.result, outcome.available) for outcome in reserve_batch(self.connection, batch)]

    @rule(batch=ending_batches)
    def settle_some(self, batch: list[Ending]) -> None:
        expected = [self.model.end("posted", ending) for ending in batch]
        assert expected == [outcome.result for outcome in settle_batch(self.connection, batch)]

    @rule(batch=ending_batches)
    def void_some(self, batch: list[Ending]) -> None:
        expected = [self.model.end("void", ending) for ending in batch]
        assert expected == [outcome.result for outcome in void_batch(self.connection, batch)]

    @rule(transfer=transfer_ids)
    def look_at_one(self, transfer: TransferId) -> None:
        found = load_transfer(self.connection, transfer)
        if transfer not in self.model.transfers:
            assert found is None
            return
        phase, _ = self.model.transfers[transfer]
        ended = self.model.endings.get(transfer)
        assert found is not None
        assert (ended[0] if ended else phase) == found.state

    @invariant()
    def balances_equal_the_model(self) -> None:
        for account, sums in self.model.sums.items():
            balance = load_balance(self.connection, account)
            debit_normal = account in DEBIT_NORMAL
            expected = (
                -sums.posted if debit_normal else sums.posted,
                sums.pending_credits if debit_normal else sums.pending_debits,
                sums.pending_debits if debit_normal else sums.pending_credits,
                sums.version,
            )
            assert expected == (balance.posted, balance.pending_out, balance.pending_in, balance.version)
            assert balance.kind is not AccountKind.CLIENT or balance.available >= 0


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
