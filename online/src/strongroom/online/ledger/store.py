"""The ledger in the database: open accounts, post and end transfers in batches, read balances, add everything up again.

Every function takes a connection and makes no transaction of its own: the caller says what belongs together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, refused
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries
from strongroom.online.ledger.rules import (
    Account,
    AccountKind,
    Balance,
    Ending,
    Outcome,
    Posting,
    PostingKind,
    Result,
    Totals,
    TransferId,
    check_account,
    check_ending,
    check_outcomes,
    check_posting,
)

_QUERIES = load_queries("strongroom.online.ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A transfer on record. state: `posted`, `pending` or `void`. resolved_by: the statement that ended it, if any."""

    id: TransferId
    kind: PostingKind
    asset: AssetId
    debit: AccountId
    credit: AccountId
    units: int
    statement: Digest
    state: str
    resolved_by: Digest | None


def open_account(connection: Connection, account: Account) -> None:
    """Open an account; nothing when the same one is open. Raises LEDGER_CONFLICT when the id means another one."""
    check_account(account)
    fields = {
        "id": account.id,
        "kind": account.kind.value,
        "asset": account.asset,
        "holder": account.holder,
        "statement": account.statement,
    }
    opened = load_all(connection, _QUERIES["open_account"], _build_result, fields)
    if opened == ("conflict",):
        raise refused(Code.LEDGER_CONFLICT, account.id, "the account that is open", f"{account.kind} {account.asset}")


def lock_accounts(connection: Connection, accounts: Iterable[AccountId]) -> None:
    """Lock these accounts until the transaction ends; call it first when one transaction makes several batches."""
    execute(connection, _QUERIES["lock_accounts"], {"accounts": list(accounts)})


def post_batch(connection: Connection, postings: Sequence[Posting]) -> tuple[Outcome, ...]:
    """Post each row at once; one outcome a row, in order. A refused row changes nothing and stops no other.

    Raises FIELD_INVALID before anything is sent when a row is not in its form.
    """
    return _send(connection, postings, "posted")


def reserve_batch(connection: Connection, postings: Sequence[Posting]) -> tuple[Outcome, ...]:
    """Reserve each row: the debited client can no longer spend it, and the credited account does not have it yet."""
    return _send(connection, postings, "pending")


def settle_batch(connection: Connection, endings: Sequence[Ending]) -> tuple[Outcome, ...]:
    """Post what was reserved; one outcome a row."""
    return _resolve(connection, endings, "posted")


def void_batch(connection: Connection, endings: Sequence[Ending]) -> tuple[Outcome, ...]:
    """Release what was reserved, as if it had not been; one outcome a row."""
    return _resolve(connection, endings, "void")


def post(connection: Connection, *postings: Posting) -> None:
    """Post all or raise: RefusedError with a code for every row that could not be recorded.

    Rows that could be recorded stay so unless the caller's transaction ends with the error.
    """
    check_outcomes(post_batch(connection, postings))


def reserve(connection: Connection, *postings: Posting) -> None:
    """Reserve all or raise, as `post` does; LEDGER_OVERDRAFT when the client's available balance is short."""
    check_outcomes(reserve_batch(connection, postings))


def settle(connection: Connection, *endings: Ending) -> None:
    """Settle all or raise: LEDGER_CONFLICT for a void one, LEDGER_UNKNOWN for one never reserved."""
    check_outcomes(settle_batch(connection, endings))


def void(connection: Connection, *endings: Ending) -> None:
    """Void all or raise: LEDGER_CONFLICT for a settled one, LEDGER_UNKNOWN for one never reserved."""
    check_outcomes(void_batch(connection, endings))


def load_balance(connection: Connection, account: AccountId) -> Balance:
    """One account now. Raises LEDGER_UNKNOWN when it is not open: absent is not the same as empty."""
    balance = load_first(connection, _QUERIES["load_balance"], _build_balance, {"account": account})
    if balance is None:
        raise refused(Code.LEDGER_UNKNOWN, account, "an open account", "none of that name")
    return balance


def load_balances(connection: Connection, asset: AssetId) -> tuple[Balance, ...]:
    """All accounts of an asset, by name."""
    return load_all(connection, _QUERIES["load_balances"], _build_balance, {"asset": asset})


def load_totals(connection: Connection, asset: AssetId) -> Totals:
    """One asset added up by kind; all zero when it has no account."""

    def build(**sums: str) -> Totals:
        return Totals(asset=asset, **{name: int(units) for name, units in sums.items()})

    (totals,) = load_all(connection, _QUERIES["load_totals"], build, {"asset": asset})
    return totals


def load_transfer(connection: Connection, transfer: TransferId) -> Transfer | None:
    """One transfer with its state, or `None` when that id was never recorded."""
    return load_first(connection, _QUERIES["load_transfer"], _build_transfer, {"transfer": transfer})


def find_reservation(connection: Connection, transfer: TransferId) -> TransferId:
    """The reservation that stands in a transfer's place: itself, or `id:...`, made when a reorganisation undid its end.

    One at most is pending; where none is, the transfer itself is the answer, and who ends it is refused.
    """
    found = load_first(connection, _QUERIES["find_reservation"], _build_transfer_id, {"transfer": transfer})
    return found or transfer


def check_ledger(connection: Connection) -> None:
    """Add up all entries again and compare with transfers and balances; LEDGER_UNBALANCED at the first difference.

    It names the account, transfer or asset, what the entries add up to (version/posted/pending debits/pending credits)
    and what is kept. Only somebody who went around the triggers can cause it: stop, and look at the database.
    """
    for name in ("find_broken_account", "find_broken_transfer", "find_unbalanced_asset"):
        found = load_first(connection, _QUERIES[name], _build_break)
        if found is not None:
            raise InvariantError(found)


def _send(connection: Connection, postings: Sequence[Posting], phase: str) -> tuple[Outcome, ...]:
    for posting in postings:
        check_posting(posting)
    rows = [
        {
            "id": posting.id,
            "phase": phase,
            "kind": posting.kind.value,
            "statement": posting.statement,
            "debit": posting.debit,
            "credit": posting.credit,
            "asset": posting.asset,
            "units": str(posting.units),
            "event_at": posting.event_at.isoformat(),
        }
        for posting in postings
    ]
    return load_all(connection, _QUERIES["post_batch"], _build_outcome, {"batch": json.dumps(rows)})


def _resolve(connection: Connection, endings: Sequence[Ending], outcome: str) -> tuple[Outcome, ...]:
    for ending in endings:
        check_ending(ending)
    rows: list[Mapping[str, str]] = [
        {
            "transfer": ending.transfer,
            "outcome": outcome,
            "statement": ending.statement,
            "event_at": ending.event_at.isoformat(),
        }
        for ending in endings
    ]
    return load_all(connection, _QUERIES["resolve_batch"], _build_outcome, {"batch": json.dumps(rows)})


def _build_outcome(ordinal: int, transfer: str, result: str, available: str | None) -> Outcome:
    left = None if available is None else int(available)
    return Outcome(ordinal=ordinal, transfer=TransferId(transfer), result=Result(result), available=left)


def _build_transfer_id(transfer: str) -> TransferId:
    return TransferId(transfer)


def _build_result(result: str) -> str:
    return result


def _build_balance(*, version: int, **texts: str) -> Balance:
    return Balance(
        account=AccountId(texts["account"]),
        kind=AccountKind(texts["kind"]),
        asset=AssetId(texts["asset"]),
        holder=texts["holder"],
        version=version,
        posted=int(texts["posted"]),
        pending_out=int(texts["pending_out"]),
        pending_in=int(texts["pending_in"]),
    )


def _build_transfer(*, resolved_by: str | None, **texts: str) -> Transfer:
    return Transfer(
        id=TransferId(texts["transfer"]),
        kind=PostingKind(texts["kind"]),
        asset=AssetId(texts["asset"]),
        debit=AccountId(texts["debit_account"]),
        credit=AccountId(texts["credit_account"]),
        units=int(texts["units"]),
        statement=Digest(texts["statement"]),
        state=texts["state"],
        resolved_by=None if resolved_by is None else Digest(resolved_by),
    )


def _build_break(place: str, added_up: str, kept: str) -> Refusal:
    return Refusal(code=Code.LEDGER_UNBALANCED, field=place, expected=added_up, got=kept)
