"""The ledger's words and its pure rules: accounts, postings, endings, outcomes, balances. No database here.

deposit            debit custody   credit client     the wallet holds more, and we owe it
withdrawal         debit client    credit custody    reserved first, settled when the chain has it
network fee        debit expense   credit custody    the operator pays it, out of the same wallet
funding            debit custody   credit house      the operator's own money in a wallet
treasury           debit custody   credit custody    between own wallets
unexplained out    debit suspense  credit custody    the chain moved it, and no docket says why
unexplained in     debit custody   credit suspense   dust and mistakes of strangers
reversal           what a reorganisation undid, with both sides changed
recovery           debit client    credit suspense   what a client owes after a deposit was taken back
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed
from strongroom.core.ids import AccountId, AssetId, Digest, parse_asset_id, parse_digest, parse_own_id
from strongroom.core.money import MAX_UNITS

TransferId = NewType("TransferId", str)
"""The idempotency key of a transfer: 1 to 200 visible ASCII characters, chosen by the caller, never used twice."""

_TRANSFER_ID = re.compile(r"[!-~]{1,200}")
_HOLDER = re.compile(r"(client|wallet):.+|house")


class AccountKind(StrEnum):
    """What an account stands for; it decides its normal side and whether it has a floor."""

    CLIENT = "client"
    CUSTODY = "custody"
    HOUSE = "house"
    EXPENSE = "expense"
    SUSPENSE = "suspense"


class PostingKind(StrEnum):
    """Why units move."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    NETWORK_FEE = "network-fee"
    FUNDING = "funding"
    TREASURY = "treasury"
    UNEXPLAINED = "unexplained"
    REVERSAL = "reversal"
    RECOVERY = "recovery"
    CORRECTION = "correction"


class Result(StrEnum):
    """What became of one row of a batch. The first four were recorded now; `DUPLICATE` was recorded before."""

    POSTED = "posted"
    RESERVED = "reserved"
    SETTLED = "settled"
    VOIDED = "voided"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    MALFORMED = "malformed"
    UNKNOWN_ACCOUNT = "unknown_account"
    ASSET_MISMATCH = "asset_mismatch"
    SAME_ACCOUNT = "same_account"
    OVERDRAFT = "overdraft"
    UNKNOWN_TRANSFER = "unknown_transfer"
    NOT_PENDING = "not_pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account to open. holder: `client:…`, `wallet:…` or `house`. statement: what justifies opening it."""

    id: AccountId
    kind: AccountKind
    asset: AssetId
    holder: str
    statement: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Units of one asset from the debited to the credited account, and the statement that justifies it.

    units: smallest units, above zero. event_at: when it happened, with a time zone; it is not part of what makes two
    postings the same, so a retry may read the clock again.
    """

    id: TransferId
    kind: PostingKind
    statement: Digest
    debit: AccountId
    credit: AccountId
    asset: AssetId
    units: int
    event_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a reservation, settled or void, and the statement that justifies it."""

    transfer: TransferId
    statement: Digest
    event_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of row `ordinal` (from 1). available: what an overdrawn client had at that point; else `None`."""

    ordinal: int
    transfer: TransferId
    result: Result
    available: int | None

    @property
    def is_done(self) -> bool:
        """Whether the row is in the books, by this call or by an earlier one."""
        return _find_code(self.result) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account from its own side: positive is what we owe a client, and what a wallet of ours holds.

    pending_out, pending_in: reserved and not yet settled. version: how many entries the account has.
    """

    account: AccountId
    kind: AccountKind
    asset: AssetId
    holder: str
    version: int
    posted: int
    pending_out: int
    pending_in: int

    @property
    def available(self) -> int:
        """What may still be spent: posted, less what is reserved to leave; what is reserved to come does not count."""
        return self.posted - self.pending_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All accounts of one asset added up by kind, each from its own side; what reconciliation compares with the chain.

    custody + expense + suspense always equals clients + house. leaving, arriving: reserved on custody accounts.
    """

    asset: AssetId
    clients: int
    custody: int
    house: int
    expense: int
    suspense: int
    leaving: int
    arriving: int


def check_account(account: Account) -> None:
    """Refuse an account whose fields are not in their form, with FIELD_INVALID."""
    parse_own_id(account.id, "account", "account.id")
    parse_asset_id(account.asset, "account.asset")
    parse_digest(account.statement, "account.statement")
    if not _HOLDER.fullmatch(account.holder):
        raise malformed(Code.FIELD_INVALID, "account.holder", "client:name, wallet:name or house", account.holder)


def check_posting(posting: Posting) -> None:
    """Refuse a posting whose fields are not in their form, with FIELD_INVALID; the database checks the same again."""
    _check_transfer_id(posting.id)
    parse_digest(posting.statement, "posting.statement")
    parse_asset_id(posting.asset, "posting.asset")
    if not 0 < posting.units <= MAX_UNITS:
        raise malformed(Code.FIELD_INVALID, "posting.units", f"1 to {MAX_UNITS}", str(posting.units))
    _check_time(posting.event_at, "posting.event_at")


def check_ending(ending: Ending) -> None:
    """Refuse an ending whose fields are not in their form, with FIELD_INVALID."""
    _check_transfer_id(ending.transfer)
    parse_digest(ending.statement, "ending.statement")
    _check_time(ending.event_at, "ending.event_at")


def check_outcomes(outcomes: Iterable[Outcome]) -> None:
    """Raise one `RefusedError` that names every row that is not in the books; nothing when all are."""
    refusals = [refusal for outcome in outcomes if (refusal := _build_refusal(outcome)) is not None]
    if refusals:
        raise RefusedError(*refusals)


def _build_refusal(outcome: Outcome) -> Refusal | None:
    code = _find_code(outcome.result)
    if code is None:
        return None
    got = outcome.result.value if outcome.available is None else f"{outcome.available} available"
    expected = "the units available" if outcome.result is Result.OVERDRAFT else "a transfer that can be recorded"
    return Refusal(code=code, field=outcome.transfer, expected=expected, got=got)


def _find_code(result: Result) -> Code | None:
    """The refusal code of a result; `None` for a row that is in the books."""
    match result:
        case Result.POSTED | Result.RESERVED | Result.SETTLED | Result.VOIDED | Result.DUPLICATE:
            return None
        case Result.CONFLICT | Result.NOT_PENDING:
            return Code.LEDGER_CONFLICT
        case Result.OVERDRAFT:
            return Code.LEDGER_OVERDRAFT
        case Result.UNKNOWN_ACCOUNT | Result.UNKNOWN_TRANSFER:
            return Code.LEDGER_UNKNOWN
        case Result.ASSET_MISMATCH | Result.SAME_ACCOUNT | Result.MALFORMED:
            return Code.LEDGER_UNBALANCED
        case _:
            assert_never(result)


def _check_transfer_id(transfer: str) -> None:
    if not _TRANSFER_ID.fullmatch(transfer):
        raise malformed(Code.FIELD_INVALID, "transfer", "1 to 200 visible ASCII characters", repr(transfer))


def _check_time(moment: datetime, field: str) -> None:
    if moment.utcoffset() is None:
        raise malformed(Code.FIELD_INVALID, field, "a time with its zone", moment.isoformat())
