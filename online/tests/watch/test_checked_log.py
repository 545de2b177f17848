"""Clears are decided by the log that was proved, not by what the database shows when it is asked by kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firm import Firm
from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest
from strongroom.core.statements import StatementType
from strongroom.online.evidence.kept import KeepingReader, read_witnessed
from strongroom.online.evidence.memory import LogMemory, load_memory, save_memory
from strongroom.online.evidence.store import append
from strongroom.online.watch.clear import check_watched, check_world
from strongroom.online.watch.freezes import KINDS, find_standing, load_standing_freezes
from strongroom.online.watch.reconciler import Reconciler

HIDE = "update evidence.entries set kind = 'halt' where kind = 'freeze'"


def frozen(firm: Firm) -> Digest:
    """The watcher froze the vault, and the log with it was cosigned."""
    firm.world.now = firm.clock()
    body = Freeze(evidence="nothing", reason="a test", scope=FreezeScope.VAULT)
    envelope = firm.world.sign(body, "service:watcher", ("service:watcher",))
    append(firm.watcher.connection, envelope)
    witnessed(firm)
    return envelope.id


def witnessed(firm: Firm) -> None:
    """What is logged is signed and cosigned."""
    firm.work()
    firm.witness()


def tamper(firm: Firm, statement: str) -> None:
    """What a database's owner may do: no trigger stands in the way."""
    with firm.admin.transaction():
        firm.query("set local session_replication_role = replica")
        firm.query(statement)


def codes_of(reconciler: Reconciler, firm: Firm) -> set[Code]:
    """Why the reconciler clears no transfer; nothing when it does."""
    try:
        check_world(reconciler, firm.rules)
    except RefusedError as error:
        return set(error.codes)
    return set()


def test_who_renames_a_freeze_hides_it_from_neither_key(office_firm: Firm) -> None:
    firm = office_firm
    witnessed(firm)
    # The honest twin: nothing is frozen, and neither key withholds.
    assert set() == codes_of(firm.reconciler, firm)
    check_watched(firm.watcher, firm.rules)
    freeze = frozen(firm)
    assert (freeze,) == find_standing(
        firm.reconciler.prover.read_log(firm.reconciler.connection).of(*KINDS), firm.rules
    )
    tamper(firm, HIDE)
    assert () == load_standing_freezes(firm.admin, firm.rules)
    assert Code.FROZEN in codes_of(firm.reconciler, firm)
    with pytest.raises(RefusedError) as caught:
        check_watched(firm.watcher, firm.rules)
    assert {Code.FROZEN} == set(caught.value.codes)


def test_a_program_that_starts_after_it_was_renamed_reads_the_leaf(office_firm: Firm) -> None:
    firm = office_firm
    freeze = frozen(firm)
    tamper(firm, HIDE)
    said = replace(firm.watcher, log=KeepingReader()).read_log()
    assert (freeze,) == find_standing(said.of(*KINDS), firm.rules)
    with pytest.raises(RefusedError) as caught:
        firm.reconciler.prover.read_log(firm.reconciler.connection)
    assert {Code.LOG_NOT_CONSISTENT} == set(caught.value.codes)


@pytest.mark.parametrize(
    "statement",
    [
        "update evidence.entries set leaf = (select leaf from evidence.entries where idx = 0) where kind = 'freeze'",
        "delete from evidence.entries where kind = 'freeze'",
    ],
)
def test_a_rewritten_log_is_not_read_by_the_watcher(office_firm: Firm, statement: str) -> None:
    firm = office_firm
    frozen(firm)
    tamper(firm, statement)
    with pytest.raises(RefusedError) as caught:
        replace(firm.watcher, log=KeepingReader()).read_log()
    assert {Code.LOG_NOT_CONSISTENT} == set(caught.value.codes)


def test_the_watcher_reads_only_what_it_cosigned(office_firm: Firm, tmp_path: Path) -> None:
    firm, memory = office_firm, tmp_path / "witness.json"
    with pytest.raises(RefusedError) as caught:
        read_witnessed(firm.admin, KeepingReader(), memory)
    assert {Code.CHECKPOINT_NOT_WITNESSED} == set(caught.value.codes)
    witnessed(firm)
    seen = load_memory(firm.watcher.memory)
    assert isinstance(seen, LogMemory)
    save_memory(memory, seen)
    assert read_witnessed(firm.admin, KeepingReader(), memory).of(StatementType.ROOT)


def test_what_is_no_statement_withholds_nothing_and_pages(office_firm: Firm) -> None:
    """Any program's login may append bytes; they would have stopped all clears for good."""
    firm = office_firm
    firm.platform.connection.execute("select evidence.append('sha256:' || repeat('7', 64), 'freeze', 'x', now(), 'no')")
    witnessed(firm)
    assert set() == codes_of(firm.reconciler, firm)
    (told,) = firm.reconciler.prover.take_unreadable()
    assert Code.LOGGED_UNSIGNED is told.code
    check_watched(firm.watcher, firm.rules)
