"""The witness cosigns only a log that grew: whoever rewrites the database gets no cosignature any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from firm import Firm
from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.statements import Envelope
from strongroom.online.evidence.store import LogReader, append, load_unwitnessed, sign_checkpoint
from strongroom.online.watch.witness import witness_checkpoints


def say_something(firm: Firm, words: str) -> Envelope:
    """One statement more in the log."""
    firm.world.now = firm.clock()
    body = Freeze(evidence=words, reason="a test", scope=FreezeScope.VAULT)
    envelope = firm.world.sign(body, "service:watcher", ("service:watcher",))
    append(firm.platform.connection, envelope)
    return envelope


def sign(firm: Firm) -> None:
    """The log's own signature, by a platform that was just started."""
    sign_checkpoint(firm.platform.connection, LogReader(), firm.rules.root.log, firm.platform.log_key)


def witness(firm: Firm) -> int:
    """A witness that was just started: it has its file and nothing else."""
    memory = firm.folder / "platform" / "witness.json"
    arguments = (firm.watcher.connection, LogReader(), firm.watcher.key, firm.rules.root.log, memory, firm.clock)
    return witness_checkpoints(*arguments)


def test_a_log_that_grew_is_cosigned(office_firm: Firm) -> None:
    for words in ("one", "two", "three"):
        say_something(office_firm, words)
        sign(office_firm)
        assert 1 == witness(office_firm)
    assert () == load_unwitnessed(office_firm.admin)
    assert 0 == witness(office_firm)


def test_a_log_that_was_rewritten_is_not(office_firm: Firm) -> None:
    firm = office_firm
    say_something(firm, "what really was said")
    sign(firm)
    assert 1 == witness(firm)
    last = firm.query("select max(idx) from evidence.entries")[0][0]
    firm.query("alter table evidence.entries disable trigger all")
    firm.query("delete from evidence.entries where idx = %s", last)
    firm.query("update evidence.tail set size = %s", last)
    for words in ("what is said now", "and more"):
        firm.clock.offset += timedelta(seconds=1)
        say_something(firm, words)
    sign(firm)
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            witness(firm)
        assert Code.LOG_NOT_CONSISTENT in caught.value.codes
    assert 1 == len(load_unwitnessed(firm.admin))


def test_a_checkpoint_of_another_tree_is_not(office_firm: Firm) -> None:
    firm = office_firm
    say_something(firm, "one")
    sign(firm)
    # Signed over what the log said; then the entry under it changes.
    firm.query("alter table evidence.entries disable trigger all")
    firm.query("update evidence.entries set leaf = %s where idx = (select max(idx) from evidence.entries)", b"{}")
    with pytest.raises(RefusedError) as caught:
        witness(firm)
    assert Code.LOG_NOT_CONSISTENT in caught.value.codes


def test_a_witness_that_ended_between_its_memory_and_the_database_cosigns_again(office_firm: Firm) -> None:
    say_something(office_firm, "one")
    sign(office_firm)
    assert 1 == witness(office_firm)
    office_firm.query("update evidence.checkpoints set witnessed = null")
    assert 1 == witness(office_firm)
    assert () == load_unwitnessed(office_firm.admin)


def test_a_database_that_was_rolled_back_does_not_make_it_forget(office_firm: Firm) -> None:
    firm = office_firm
    say_something(firm, "one")
    sign(firm)
    witness(firm)
    size = firm.query("select max(size) from evidence.checkpoints")[0][0]
    firm.query("alter table evidence.entries disable trigger all")
    firm.query("alter table evidence.checkpoints disable trigger all")
    firm.query("delete from evidence.checkpoints")
    firm.query("delete from evidence.entries where idx = %s", size - 1)
    firm.query("update evidence.tail set size = %s", size - 1)
    sign(firm)
    witness(firm)
    assert 1 == len(load_unwitnessed(firm.admin))
