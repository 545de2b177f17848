"""The ledger's pure rules: forms of postings, and which outcome is which refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from books import ETH, NOON, WALLET, build_deposit, build_ending, client_account, make_digest
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.core.money import MAX_UNITS
from strongroom.online.ledger.rules import (
    Account,
    AccountKind,
    Balance,
    Outcome,
    Posting,
    Result,
    TransferId,
    check_account,
    check_ending,
    check_outcomes,
    check_posting,
)

DEPOSIT = build_deposit("d1", "harbour", 5)
ACCOUNT = Account(
    id=client_account("harbour"),
    kind=AccountKind.CLIENT,
    asset=ETH,
    holder="client:harbour",
    statement=make_digest("open"),
)


@pytest.mark.parametrize("posting", [DEPOSIT, replace(DEPOSIT, units=1), replace(DEPOSIT, units=MAX_UNITS)])
def test_a_posting_in_its_form(posting: Posting) -> None:
    check_posting(posting)


@pytest.mark.parametrize(
    "posting",
    [
        replace(DEPOSIT, units=0),
        replace(DEPOSIT, units=-1),
        replace(DEPOSIT, units=MAX_UNITS + 1),
        replace(DEPOSIT, id=TransferId("")),
        replace(DEPOSIT, id=TransferId("two words")),
        replace(DEPOSIT, id=TransferId("x" * 201)),
        replace(DEPOSIT, statement=Digest("")),
        replace(DEPOSIT, statement=Digest("sha256:" + "A" * 64)),
        replace(DEPOSIT, asset=AssetId("ETH")),
        replace(DEPOSIT, event_at=datetime(2025, 11, 3)),  # noqa: DTZ001  the missing zone is what is refused
    ],
)
def test_a_posting_out_of_form_is_refused(posting: Posting) -> None:
    with pytest.raises(MalformedError) as caught:
        check_posting(posting)
    assert Code.FIELD_INVALID in caught.value.codes


def test_an_ending_in_and_out_of_form() -> None:
    check_ending(build_ending("w1"))
    for wrong in (
        replace(build_ending("w1"), transfer=TransferId("")),
        replace(build_ending("w1"), statement=Digest("sha256:")),
        replace(build_ending("w1"), event_at=NOON.replace(tzinfo=None)),
    ):
        with pytest.raises(MalformedError) as caught:
            check_ending(wrong)
        assert Code.FIELD_INVALID in caught.value.codes


def test_an_account_in_and_out_of_form() -> None:
    check_account(ACCOUNT)
    for wrong in (
        replace(ACCOUNT, id=AccountId("harbour")),
        replace(ACCOUNT, id=AccountId("wallet:harbour")),
        replace(ACCOUNT, asset=AssetId("ETH")),
        replace(ACCOUNT, holder="harbour"),
        replace(ACCOUNT, statement=Digest("signed")),
    ):
        with pytest.raises(MalformedError) as caught:
            check_account(wrong)
        assert Code.FIELD_INVALID in caught.value.codes


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result.CONFLICT, Code.LEDGER_CONFLICT),
        (Result.NOT_PENDING, Code.LEDGER_CONFLICT),
        (Result.OVERDRAFT, Code.LEDGER_OVERDRAFT),
        (Result.UNKNOWN_ACCOUNT, Code.LEDGER_UNKNOWN),
        (Result.UNKNOWN_TRANSFER, Code.LEDGER_UNKNOWN),
        (Result.ASSET_MISMATCH, Code.LEDGER_UNBALANCED),
        (Result.SAME_ACCOUNT, Code.LEDGER_UNBALANCED),
        (Result.MALFORMED, Code.LEDGER_UNBALANCED),
    ],
)
def test_every_refused_row_is_named(result: Result, code: Code) -> None:
    def build(ordinal: int, transfer: str, result: Result) -> Outcome:
        return Outcome(ordinal=ordinal, transfer=TransferId(transfer), result=result, available=None)

    rows = [build(1, "a", result), build(2, "b", Result.POSTED), build(3, "c", Result.OVERDRAFT)]
    assert [False, True, False] == [row.is_done for row in rows]
    with pytest.raises(RefusedError) as caught:
        check_outcomes(rows)
    assert [(code, "a"), (Code.LEDGER_OVERDRAFT, "c")] == [(r.code, r.field) for r in caught.value.refusals]


@pytest.mark.parametrize("result", [Result.POSTED, Result.RESERVED, Result.SETTLED, Result.VOIDED, Result.DUPLICATE])
def test_what_is_in_the_books_is_no_refusal(result: Result) -> None:
    check_outcomes([Outcome(ordinal=1, transfer=TransferId("a"), result=result, available=None)])


def test_what_is_reserved_to_come_cannot_be_spent() -> None:
    balance = Balance(
        account=WALLET,
        kind=AccountKind.CUSTODY,
        asset=ETH,
        holder="wallet:eth-cold-1",
        version=3,
        posted=10,
        pending_out=4,
        pending_in=100,
    )
    assert 6 == balance.available
