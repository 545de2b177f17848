"""Batches taken in: whole and true, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batches import Batch, rooted
from firm import Firm, change_register
from issued import Desk, eth_batch, multisig_batch, open_desk
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.registers import KeyState
from strongroom.core.statements import parse_statement
from strongroom.online.cli import main
from strongroom.online.evidence.store import load_statement
from strongroom.online.keys import commands
from strongroom.online.keys.importing import CHUNK, check_lines, import_batch
from wallets import ETH_COLD
from world import LTC


@pytest.fixture
def desk(office_firm: Firm) -> Iterator[Desk]:
    """A desk with one honest batch, whose keys and addresses are registered; it is not imported."""
    with open_desk(office_firm) as made:
        made.register(eth_batch())
        yield made


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


def count(desk: Desk) -> int:
    """Imported lines."""
    return int(desk.firm.query("select count(*) from custody.attested_addresses")[0][0])


def test_a_true_batch_is_kept_and_logged(desk: Desk) -> None:
    batch, told = eth_batch(), list[tuple[int, int]]()
    statement = desk.sign(batch)
    connection, firm = desk.firm.platform.connection, desk.firm
    imported = import_batch(
        connection, firm.world.fingerprint, statement.envelope, batch.raw, firm.clock(), lambda *n: told.append(n)
    )
    assert (statement.id, 3) == (imported.attestation, imported.lines)
    assert [(3, 3)] == told
    assert batch.body == load_statement(connection, statement.id)[1].body
    rows = firm.query("select line from custody.attested_addresses order by place")
    assert batch.lines == tuple(line for (line,) in rows)
    refuse(Code.ALREADY_EXISTS, lambda: desk.take_in(batch, statement))


def test_two_of_three_of_three_sites_are_kept(desk: Desk) -> None:
    batch = multisig_batch(LTC)
    desk.register(batch)
    assert 2 == desk.take_in(batch).lines


def _other_line(batch: Batch) -> Batch:
    """A line of a stranger's in place of one of ours, under the signed root."""
    stranger = eth_batch(first=7).lines[0]
    raw = batch.raw.replace(batch.lines[0].encode(), stranger.encode())
    return Batch(body=batch.body, raw=raw)


def _other_proof(batch: Batch) -> Batch:
    """A proof of another address, and the root over it: a terminal that was made to sign what it did not check."""
    one, two = (text.split('"proof":"')[1][:128] for text in batch.lines[:2])
    return rooted(batch.body, batch.raw.replace(one.encode(), two.encode(), 1))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_other_line, Code.ADDRESS_NOT_ATTESTED),
        (_other_proof, Code.SPEND_PROOF_INVALID),
        (lambda batch: replace(batch, raw=batch.raw[: len(batch.lines[0]) + 1]), Code.ADDRESS_NOT_ATTESTED),
    ],
    ids=["another line", "a proof that proves another address", "fewer lines"],
)
def test_a_batch_that_is_not_true_leaves_nothing(desk: Desk, spoil: Callable[[Batch], Batch], code: Code) -> None:
    refuse(code, lambda: desk.take_in(spoil(eth_batch())))
    assert 0 == count(desk)
    desk.take_in(eth_batch())
    assert 3 == count(desk)


def test_who_signs_is_a_terminal_of_the_roster(desk: Desk) -> None:
    batch = eth_batch()
    world = desk.firm.world
    world.now = desk.firm.clock()
    stranger = parse_statement(world.sign(batch.body, "device:terminal-1", ("device:station-1",)))
    refuse(Code.SIGNER_UNKNOWN, lambda: desk.take_in(batch, stranger))
    other = parse_statement(world.sign(batch.body, "device:terminal-2", ("device:terminal-2",)))
    refuse(Code.SIGNER_UNKNOWN, lambda: desk.take_in(batch, other))
    desk.take_in(batch)


def test_keys_that_are_not_registered_or_sign_no_more(desk: Desk) -> None:
    unknown = eth_batch(first=20)
    refuse(Code.NOT_IN_REGISTER, lambda: desk.take_in(unknown))
    key = desk.firm.world.registers["keys"].find("key:eoa-1", "keys")
    change_register(desk.firm, "keys", (replace(key, state=KeyState.SUSPENDED),))
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: desk.take_in(eth_batch()))
    change_register(desk.firm, "keys", (key,))
    desk.take_in(eth_batch())


def test_a_key_register_that_was_changed_in_the_database_is_not_believed(desk: Desk) -> None:
    update = "update custody.register_entries set entry = replace(entry, 'terminal-1', 'terminal-2') where id = %s"
    desk.firm.query("begin")
    desk.firm.query(update, "key:eoa-1")
    desk.firm.query("commit")
    refuse(Code.HEAD_MISMATCH, lambda: desk.take_in(eth_batch()))
    assert 0 == count(desk)


def test_a_retired_wallet_takes_no_batch(desk: Desk) -> None:
    desk.retire(ETH_COLD)
    refuse(Code.RETIRED_WALLET_ACTIVE, lambda: desk.take_in(eth_batch()))


def test_a_batch_of_another_kind_than_its_wallet(desk: Desk) -> None:
    batch = multisig_batch(LTC)
    other = replace(batch, body=replace(batch.body, wallet=ETH_COLD.wallet))
    desk.register(batch)
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: desk.take_in(other))


def test_an_address_is_attested_again_under_its_own_name_only(desk: Desk) -> None:
    desk.take_in(eth_batch())
    desk.firm.clock.forward(seconds=5)
    desk.take_in(eth_batch())
    assert 6 == count(desk)
    first = eth_batch(1)
    renamed = rooted(first.body, first.raw.replace(b'"id":"address:', b'"id":"address:x'))
    refuse(Code.ATTESTED_TWICE, lambda: desk.take_in(renamed))
    assert 6 == count(desk)


def test_progress_is_told_after_the_work_and_a_false_line_in_any_process_is_found(desk: Desk) -> None:
    """More lines than one process takes at a time; the lines repeat, which only the whole batch's check minds."""
    batch, told = eth_batch(), list[int]()
    many = [*batch.lines * (2 * CHUNK // 3), batch.lines[0]]
    check_lines(batch.body, many, lambda done, of: told.append(done) if of == len(many) else None)
    assert len(many) == told[-1]
    assert told == sorted(told)
    spoilt = [*many[:-1], batch.lines[0].replace('"threshold":1', '"threshold":2')]
    refuse(Code.FIELD_INVALID, lambda: check_lines(batch.body, spoilt, lambda *_: None))


def test_the_terminals_word_ends_with_their_validity(desk: Desk) -> None:
    statement = desk.sign(eth_batch())
    desk.firm.clock.forward(days=61)
    refuse(Code.SIGNER_NOT_VALID, lambda: desk.take_in(eth_batch(), statement))


def test_the_command_takes_a_batch_in(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "system_clock", desk.firm.clock)
    batch = eth_batch()
    envelope, lines = tmp_path / "batch.statement.json", tmp_path / "batch.lines"
    envelope.write_bytes(desk.sign(batch).envelope.encode())
    lines.write_bytes(batch.raw)
    arguments = ["import-addresses", "--config", str(desk.firm.config("work")), str(envelope)]
    assert 3 == main([*arguments, str(tmp_path / "missing")])
    assert Code.FILE_UNAVAILABLE in capsys.readouterr().out
    assert 0 == main([*arguments, str(lines)])
    said = capsys.readouterr()
    assert "verified 3 of 3 addresses\n" == said.err
    assert '"addresses": 3' in said.out
    assert 3 == count(desk)
