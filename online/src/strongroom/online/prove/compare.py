"""What the log justifies beside what the ledger has. Pure.

Each difference is a refusal that names the account or transfer, the statement, and both values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.online.ledger.rules import AccountKind, TransferId
from strongroom.online.prove.rows import AccountRow, End, Ending, Ledger, Posting, Row, Shared, Sums, render_row

Accounts = Mapping[AccountId, tuple[AccountKind, AssetId, str]]
NOBODY = "nothing: no statement justifies it"
ABSENT = "no such transfer"


def compare_rows(expected: Ledger, found: Ledger, refused: Mapping[Digest, str]) -> Iterator[Refusal]:
    """Transfers that are not what statements justify, by id. refused: why statements that are cited justify nothing."""
    for transfer in sorted({*expected, *found}):
        wanted, there = expected.get(transfer), found.get(transfer)
        if wanted != there:
            yield _unproved(transfer, _render(wanted, why_not(there, refused)), _render(there, ABSENT))


def why_not(there: tuple[Row, End | None] | None, refused: Mapping[Digest, str]) -> str:
    """Why the ledger's row is justified by nothing, as far as the statement that it cites tells."""
    cited = [there[0].statement, *([there[1].statement] if there[1] else [])] if there else []
    reasons = [refused[statement] for statement in cited if statement in refused]
    return f"{NOBODY} ({'; '.join(reasons)})" if reasons else NOBODY


def compare_sums(expected: Mapping[AccountId, Sums], found: Mapping[AccountId, Sums], what: str) -> Iterator[Refusal]:
    """Accounts whose sums are not those of the justified transfers. what: balances, or entries added up."""
    for account in sorted({*expected, *found}):
        wanted, there = expected.get(account, Sums()), found.get(account, Sums())
        if wanted != there:
            yield _unproved(account, f"{what}: {wanted}", str(there))


def compare_accounts(
    implied: Accounts, heads: Collection[Digest], found: Mapping[AccountId, AccountRow]
) -> Iterator[Refusal]:
    """Accounts that the registers do not imply, that are another's, or that cite no head of a register."""
    for account, row in sorted(found.items()):
        wanted = implied.get(account)
        there = f"{row.kind} account in {row.asset} of {row.holder}"
        if wanted is None:
            yield _unproved(account, "nothing: no register implies it", there)
        elif (wanted[0].value, wanted[1], wanted[2]) != (row.kind, row.asset, row.holder):
            yield _unproved(account, f"{wanted[0].value} account in {wanted[1]} of {wanted[2]}", there)
        elif row.statement not in heads:
            yield _unproved(account, "opened by a head of a register", f"opened by {row.statement}")


def compare_ends(stray: Iterable[End]) -> Iterator[Refusal]:
    """Ends of transfers that are not there."""
    for end in stray:
        yield _unproved(end.transfer, ABSENT, f"{end.outcome.value} by {end.statement}")


def render_overdue(claims: Iterable[Posting | Ending]) -> Iterator[Refusal]:
    """What a statement asks for and the ledger does not have after the grace."""
    for claim in claims:
        match claim:
            case Ending(end=end):
                yield _unproved(end.transfer, f"{end.outcome.value} by {end.statement}", "still pending")
            case Posting(row=row):
                yield _unproved(row.id, render_row(row, None), ABSENT)


def render_unshared(found: Iterable[tuple[Shared, int]]) -> Iterator[Refusal]:
    """Parts of one statement that do not add up to what it says, or that are paid back with other units."""
    for each, units in found:
        expected = f"{' and '.join(each.parts)} add up to {each.total}, and {each.repaid} is the last of them"
        yield _unproved(each.parts[0], expected, f"{units}, or paid back otherwise")


def _render(row: tuple[Row, End | None] | None, absent: str) -> str:
    return render_row(*row) if row else absent


def _unproved(place: str | TransferId, expected: str, got: str) -> Refusal:
    return Refusal(code=Code.LEDGER_UNPROVED, field=place, expected=expected, got=got)
