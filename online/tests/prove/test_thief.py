"""The thief with a superuser, triggers off: everything in the ledger adds up, and each theft is found and named.

Each is looked for by three reconcilers: one that was at work before, one that starts afterwards with its memory of the
log, and one that starts afterwards and remembers nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from book_thief import rewrite, tamper
from day import EDITS, begin_day
from firm import ETHER, open_firm
from postgres import fresh_database, load_server
from strongroom.core.books import DepositCredit
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import AccountId
from strongroom.core.statements import Context, build_payload, parse_envelope_bytes, parse_statement, sign_payload
from strongroom.online.db.bootstrap import Database, remove_database, save_database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.migrate import grant_database
from strongroom.online.db.roles import Role
from strongroom.online.ledger.store import check_ledger
from strongroom.online.prove.prover import LedgerProver
from world import signer_of

HARBOUR, PEAK = "account:harbour:eth", "account:peak:eth"
CUSTODY, SUSPENSE = "account:custody:eth-cold-1", "account:suspense:eip155-31337"
NEVER_SAID = "sha256:" + "7" * 64


@dataclass(kw_only=True)
class Evening:
    """A day that is over: its database, which every test copies, what a reconciler remembers, and names of its rows."""

    database: Database
    prover: LedgerProver
    names: dict[str, str]


@dataclass(kw_only=True)
class Night:
    """A copy of the day's database. before: a reconciler that was at work; the others start after the theft."""

    admin: Connection
    reconciler: Connection
    names: dict[str, str]
    before: LedgerProver
    after: LedgerProver
    forgetful: LedgerProver

    def found(self) -> list[tuple[Refusal, ...]]:
        """What each of the three finds."""
        return [prover.prove(self.reconciler) for prover in (self.before, self.after, self.forgetful)]

    def fields(self) -> list[set[str]]:
        """The places that each of the three names."""
        return [{r.field for r in refusals} for refusals in self.found()]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    folder = tmp_path_factory.mktemp("firm")
    with fresh_database() as database:
        with open_firm(folder, database, edits=EDITS) as firm:
            day = begin_day(firm)
            names = {"deposit": day.deposit("harbour", 7 * ETHER), "other": day.deposit("peak", 7 * ETHER)}
            names["paid"] = f"withdrawal:{day.order('harbour', ETHER)}"
            day.settle(day.propose(day.orders[0]), 1000)
            names["refused"] = f"withdrawal:{day.order('peak', 2 * ETHER)}"
            names["rejection"] = day.reject(day.propose(day.orders[0]))
            names["open"] = f"withdrawal:{day.order('peak', ETHER)}"
            day.deposit("harbour", 3 * ETHER)
            day.witness()
            day.lose(ETHER)
            assert () == day.prover.prove(firm.reconciler.connection)
        yield Evening(database=database, prover=day.prover, names=names)


@pytest.fixture
def night(evening: Evening, tmp_path: Path) -> Iterator[Night]:
    copy = replace(evening.database, name=f"{evening.database.name}_night")
    memory = tmp_path / "reconciler.json"
    shutil.copy(evening.prover.memory, memory)
    with ExitStack() as stack:
        server = stack.enter_context(connect(load_server().build_admin_conninfo()))
        save_database(server, copy.name, evening.database.name)
        stack.callback(remove_database, server, copy.name)
        admin = stack.enter_context(connect(copy.admin_conninfo()))
        grant_database(admin)

        def prover(path: Path) -> LedgerProver:
            return LedgerProver(root=evening.prover.root, memory=path, clock=evening.prover.clock)

        made = Night(
            admin=admin,
            reconciler=stack.enter_context(connect(copy.conninfo(Role.RECONCILER))),
            names=evening.names,
            before=prover(memory),
            after=prover(memory),
            forgetful=prover(tmp_path / "none.json"),
        )
        assert () == made.before.prove(made.reconciler)
        yield made


def move(names: dict[str, str]) -> tuple[str, ...]:
    return (
        f"update ledger.transfers set units = units - {ETHER} where id = '{names['deposit']}'",
        f"update ledger.transfers set units = units + {ETHER} where id = '{names['other']}'",
    )


def redirect(names: dict[str, str]) -> tuple[str, ...]:
    return (f"update ledger.transfers set credit_account = '{PEAK}' where id = '{names['deposit']}'",)


def swap(names: dict[str, str]) -> tuple[str, ...]:
    """Both deposits are of the same units: what accounts add up to stays as it is."""
    return (
        f"update ledger.transfers set credit_account = '{PEAK}' where id = '{names['deposit']}'",
        f"update ledger.transfers set credit_account = '{HARBOUR}' where id = '{names['other']}'",
    )


def insert(statement: str) -> str:
    return f"""insert into ledger.transfers
      (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)
      select 'correction-1', 'posted', 'correction', {statement}, '{HARBOUR}', '{PEAK}', asset, {ETHER}, now()
      from ledger.accounts where id = '{PEAK}'"""


def invent(names: dict[str, str]) -> tuple[str, ...]:
    return (insert(f"'{NEVER_SAID}'"),)


def cite_twice(names: dict[str, str]) -> tuple[str, ...]:
    return (insert(f"(select statement from ledger.transfers where id = '{names['other']}')"),)


def unpay(names: dict[str, str]) -> tuple[str, ...]:
    return (
        f"""update ledger.resolutions set outcome = 'void', statement = '{names["rejection"]}'
            where transfer = '{names["paid"]}'""",
    )


def reopen(names: dict[str, str]) -> tuple[str, ...]:
    return (f"delete from ledger.resolutions where transfer = '{names['refused']}'",)


def release(names: dict[str, str]) -> tuple[str, ...]:
    return (
        f"""insert into ledger.resolutions (transfer, outcome, statement, event_at)
            values ('{names["open"]}', 'void', '{names["rejection"]}', now())""",
    )


def cut(names: dict[str, str]) -> tuple[str, ...]:
    return (f"delete from ledger.transfers where id = '{names['open']}'",)


def lift_more(names: dict[str, str]) -> tuple[str, ...]:
    return (f"update ledger.transfers set debit_account = '{PEAK}' where kind = 'unexplained'",)


CONSISTENT: dict[str, tuple[Callable[[dict[str, str]], tuple[str, ...]], set[str]]] = {
    "units moved from one client's deposit to another's": (move, {"deposit", "other", HARBOUR, PEAK}),
    "a deposit credited to another client": (redirect, {"deposit", HARBOUR, PEAK}),
    "two deposits of the same units exchanged": (swap, {"deposit", "other"}),
    "a transfer that no statement justifies": (invent, {"correction-1", HARBOUR, PEAK}),
    "a statement cited twice": (cite_twice, {"correction-1", HARBOUR, PEAK}),
    "a settled payment voided": (unpay, {"paid", HARBOUR, CUSTODY}),
    "an open reservation voided": (release, {"open", PEAK, CUSTODY}),
    "a reservation taken out": (cut, {"open", PEAK, CUSTODY}),
    "a loss charged to a client": (lift_more, {PEAK, SUSPENSE}),
}


@pytest.mark.parametrize("theft", CONSISTENT)
def test_books_that_add_up_are_not_enough(night: Night, theft: str) -> None:
    statements, places = CONSISTENT[theft]
    rewrite(night.admin, *statements(night.names))
    check_ledger(night.admin)
    wanted = {night.names.get(place, place) for place in places}
    before, after, forgetful = night.fields()
    assert wanted <= before
    if theft != "a loss charged to a client":
        assert wanted == before == after == forgetful
    else:
        # Who saw the honest row names it; who starts later finds one that no statement justifies.
        assert after
        assert after == forgetful


def test_statement_and_both_values_are_told(night: Night) -> None:
    ((said,),) = night.admin.execute(
        "select statement from ledger.transfers where id = %s", (night.names["deposit"],)
    ).fetchall()
    rewrite(night.admin, *redirect(night.names))
    for refusals in night.found():
        found = next(r for r in refusals if r.field == night.names["deposit"])
        assert Code.LEDGER_UNPROVED is found.code
        assert f"to {HARBOUR} by {said}" in found.expected
        assert f"to {PEAK} by {said}" in found.got
        account = next(r for r in refusals if r.field == HARBOUR)
        assert f"posted {9 * ETHER}," in account.expected
        assert f"posted {2 * ETHER}," in account.got


def test_an_ended_reservation_that_is_pending_again_is_found(night: Night) -> None:
    rewrite(night.admin, *reopen(night.names))
    assert {night.names["refused"], PEAK, CUSTODY} == {r.field for r in night.before.prove(night.reconciler)}
    # Who was not there sees a reservation that a rejection may void, and that stands; it holds, it moves nothing.
    assert () == night.forgetful.prove(night.reconciler)


@pytest.mark.parametrize(
    ("statement", "places"),
    [
        (f"update ledger.balances set posted = posted + 1 where account = '{PEAK}'", {PEAK}),
        (f"update ledger.balances set pending_debits = 0 where account = '{PEAK}'", {PEAK}),
        (f"delete from ledger.balances where account = '{PEAK}'", {PEAK}),
        (f"update ledger.accounts set holder = 'client:peak' where id = '{HARBOUR}'", {HARBOUR}),
        (f"update ledger.accounts set statement = '{NEVER_SAID}' where id = '{HARBOUR}'", {HARBOUR}),
        (
            f"""insert into ledger.accounts (id, kind, asset, holder, statement)
                select 'account:mine:eth', kind, asset, holder, statement
                from ledger.accounts where id = '{HARBOUR}'""",
            {"account:mine:eth"},
        ),
        (
            f"""insert into ledger.resolutions (transfer, outcome, statement, event_at)
                values ('nothing', 'void', '{NEVER_SAID}', now())""",
            {"nothing"},
        ),
        (
            f"""update ledger.entries set posted_before = posted_before + 1, posted_after = posted_after + 1
                where account = '{PEAK}' and version = 1""",
            {PEAK},
        ),
    ],
    ids=[
        "balance",
        "reserved",
        "no balance",
        "holder",
        "opened by nobody",
        "account of nobody",
        "stray end",
        "history",
    ],
)
def test_single_rows_are_found_too(night: Night, statement: str, places: set[str]) -> None:
    tamper(night.admin, statement)
    assert [places] * 3 == night.fields()


def deposit_entry(night: Night) -> tuple[int, Any]:
    """Place and statement of the deposit that the thief wants to have."""
    ((idx, leaf),) = night.admin.execute(
        """select idx, leaf from evidence.entries
           where statement = (select statement from ledger.transfers where id = %s)""",
        (night.names["deposit"],),
    ).fetchall()
    return idx, parse_statement(parse_envelope_bytes(bytes(leaf)))


def replace_entry(night: Night, signer: str) -> int:
    """Put another deposit-credit into the log's place, and everything in the ledger and the tables after it."""
    idx, statement = deposit_entry(night)
    body: DepositCredit = replace(
        statement.body, account=AccountId(PEAK), client="client:peak", address="address:eth-2"
    )
    context = Context(organization=statement.organization, environment=statement.environment)
    kind, payload = build_payload(body, context=context, issuer=statement.issuer, issued_at=statement.issued_at)
    key = signer_of(signer)
    envelope = sign_payload(kind, payload, [(key.key, key.sign)])
    leaf = f"'\\x{envelope.encode().hex()}'"
    tamper(
        night.admin,
        f"update evidence.entries set leaf = {leaf}, statement = '{envelope.id}' where idx = {idx}",
        f"update watch.deposits set statement = '{envelope.id}', account = '{PEAK}' where statement = '{statement.id}'",
    )
    moved = f"set credit_account = '{PEAK}', statement = '{envelope.id}'"
    rewrite(night.admin, f"update ledger.transfers {moved} where id = '{night.names['deposit']}'")
    return idx


@pytest.mark.parametrize("signer", ["service:platform", "service:watcher"])
def test_evidence_that_was_replaced_is_found(night: Night, signer: str) -> None:
    """The whole story is rewritten; with the platform's key every signature in it verifies."""
    idx = replace_entry(night, signer)
    before, after, forgetful = night.found()
    assert f"log entry {idx}" in {r.field for r in before}
    assert {night.names["deposit"], HARBOUR, PEAK} <= {r.field for r in before}
    for refusals in (after, forgetful):
        # The witness signed the old root; the reconciler's own memory has it too.
        assert "evidence.entries" in {r.field for r in refusals}
        assert Code.LOG_NOT_CONSISTENT in {r.code for r in refusals}
    unsigned = {r.field for r in forgetful if r.code is Code.LEDGER_UNPROVED}
    assert (night.names["deposit"] in unsigned) is (signer != "service:platform")


def test_evidence_cut_short_is_found_by_who_remembers(night: Night) -> None:
    ((size,),) = night.admin.execute("select size from evidence.tail").fetchall()
    tamper(
        night.admin,
        f"delete from evidence.entries where idx = {size - 1}",
        f"update evidence.tail set size = {size - 1}",
    )
    before, after, _ = night.found()
    assert f"log entry {size - 1}" in {r.field for r in before}
    assert "evidence.entries" in {r.field for r in after}
    # A run that found the log wrong does not remember it.
    assert "evidence.entries" in {r.field for r in night.after.prove(night.reconciler)}


def test_a_renamed_entry_is_found(night: Night) -> None:
    """A freeze is looked up by its kind: who renames it hides it."""
    tamper(night.admin, "update evidence.entries set kind = 'halt' where kind = 'freeze'")
    ((idx,),) = night.admin.execute("select idx from evidence.entries where kind = 'halt'").fetchall()
    before, after, forgetful = night.found()
    assert {f"log entry {idx}"} == {r.field for r in before}
    for refusals in (after, forgetful):
        assert Code.LOG_NOT_CONSISTENT in {r.code for r in refusals if r.field == f"log entry {idx}"}


def test_many_differences_are_counted(night: Night) -> None:
    rows = [insert(f"'{NEVER_SAID}'").replace("correction-1", f"bulk-{n}").replace(str(ETHER), "1") for n in range(60)]
    rewrite(night.admin, *rows)
    for refusals in night.found():
        assert 51 == len(refusals)
        assert ("ledger", "more") == (refusals[-1].field, refusals[-1].got)


def test_an_honest_night_is_proved(night: Night) -> None:
    """Nothing was done, and the thief's own tool changes nothing when it is told to change nothing."""
    assert [()] * 3 == night.found()
    rewrite(night.admin)
    assert [()] * 3 == night.found()
