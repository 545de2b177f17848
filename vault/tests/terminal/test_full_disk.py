"""A disk that is full at any moment: nothing is signed that is not on record, and nothing that was made is lost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from small_disk import KINDS, SmallDisk, fill_place, small_disk
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.core.packages import TerminalResultBody, parse_package
from strongroom.vault.terminal import cli
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.outbox import send_again

PIN = "user-4482"


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(request.param, folder) as small:
        yield small


@pytest.fixture
def stand(firm: Any, disk: SmallDisk) -> Any:
    """A terminal whose home and media all lie on the small disk."""
    return dataclasses.replace(firm, folder=disk.folder).stand().ready()


def unavailable(code: Code, work: Any) -> None:
    with pytest.raises(UnavailableError) as caught:
        work()
    assert code in caught.value.codes


def kinds(stand: Any) -> list[EntryKind]:
    with stand.open() as terminal:
        return [entry.kind for entry in terminal.journal.entries()]


def fill_at(stand: Any, disk: SmallDisk, answer: str) -> None:
    stand.on_answer = lambda typed: disk.fill() if typed == answer else None


def test_a_pin_is_not_even_tried_when_the_attempt_cannot_be_counted(stand: Any, disk: SmallDisk) -> None:
    fill_at(stand, disk, "wrong")
    unavailable(Code.JOURNAL_UNWRITABLE, lambda: stand.run(None, pins=("wrong",)))
    disk.free()
    assert EntryKind.PIN_TRIED not in kinds(stand)
    assert {Code.CLEAR_MISSING} == stand.refusals(None)


def test_without_a_journal_the_token_is_never_called(firm: Any, stand: Any, disk: SmallDisk) -> None:
    calls: list[bytes] = []
    fill_at(stand, disk, "sign")
    turn = firm.turn(trips=[(trip := firm.trip())])
    unavailable(Code.JOURNAL_UNWRITABLE, lambda: stand.run(turn, "sign", sign=lambda _k, d: calls.append(d) or (1, 1)))
    disk.free()
    assert [] == calls
    assert not {EntryKind.CONFIRMED, EntryKind.COMMITTED, EntryKind.SIGNED} & set(kinds(stand))
    stand.on_answer = lambda _: None
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_a_signature_that_cannot_be_recorded_never_leaves(firm: Any, stand: Any, disk: SmallDisk) -> None:
    """The disk fills between the commitment and the record: the same proposal, and no other, is signed afterwards."""
    trip = firm.trip()

    def sign(_key: Any, _digest: bytes) -> tuple[int, int]:
        disk.fill()
        return 11, 12

    unavailable(Code.JOURNAL_UNWRITABLE, lambda: stand.run(firm.turn(trips=[trip]), "sign", sign=sign))
    disk.free()
    assert not list(stand.out.glob("*-terminal-result.package.json"))
    assert EntryKind.COMMITTED in kinds(stand)
    assert EntryKind.SIGNED not in kinds(stand)
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[firm.trip(sequence=2)]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert trip.proposal.id == stand.result().results[0].proposal


def test_a_batch_that_stops_in_the_middle_can_be_signed_whole_afterwards(
    firm: Any, stand: Any, disk: SmallDisk
) -> None:
    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    answers: list[str] = []

    def second(typed: str) -> None:
        answers.append(typed)
        if answers.count("sign") == 2:
            disk.fill()

    stand.on_answer = second
    unavailable(Code.JOURNAL_UNWRITABLE, lambda: stand.run(firm.turn(trips=trips), "sign", "sign"))
    disk.free()
    stand.on_answer = lambda _: None
    assert 1 == kinds(stand).count(EntryKind.SIGNED)
    assert set() == stand.refusals(firm.turn(trips=trips), "sign", "sign")
    assert {t.proposal.id for t in trips} == {r.proposal for r in stand.result().results}


def test_an_update_needs_room_and_changes_nothing_without_it(
    firm: Any, stand: Any, disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = stand.last_seen()
    entry = firm.world.registers["whitelist"].find("entry:peak-eth", "whitelist")
    added = dataclasses.replace(entry, id="entry:peak-eth-2")
    firm.world.change_register("whitelist", added=[added])
    path = stand.write(stand.folder, stand.update(firm.world.register_update("whitelist", [added], [], seen)))
    fill_at(stand, disk, "accept")
    options = cli.build_parser().parse_args(["import", str(path), "--home", str(stand.home.path)])
    assert 4 == cli.run(options, stand.outside("accept", "accept"))
    disk.free()
    assert "FILE_UNAVAILABLE" in capsys.readouterr().err
    assert seen == stand.last_seen()
    stand.on_answer = lambda _: None
    assert 0 == cli.run(options, stand.outside("accept", "accept"))
    assert seen < stand.last_seen()


def test_an_enrolment_without_room_can_be_repeated(firm: Any, disk: SmallDisk) -> None:
    new = dataclasses.replace(firm, folder=disk.folder).stand("device:terminal-2")
    answers: list[str] = []

    def second(typed: str) -> None:
        answers.append(typed)
        if len(answers) == 2:
            disk.fill()

    new.on_answer = second
    with pytest.raises(UnavailableError):
        new.enroll(firm.world.fingerprint, firm.world.fingerprint)
    disk.free()
    assert firm.world.fingerprint == new.enroll(firm.world.fingerprint, firm.world.fingerprint).fingerprint


# The medium alone is full: what was made stays at home, and is written again.


def test_a_result_that_no_medium_took_is_written_again(
    firm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, trip = firm.stand().ready(), firm.trip()
    name = "000002-terminal-result.package.json"
    fill_place(full.out / name)
    with pytest.raises(UnavailableError) as caught:
        full.run(firm.turn(trips=[trip]), "sign")
    assert ({Code.FILE_UNAVAILABLE}, True) == (caught.value.codes, "`again` writes it" in str(caught.value))
    assert not (full.out / name).exists()
    assert {Code.ALREADY_COMMITTED} == full.refusals(firm.turn(trips=[trip]), "sign")
    again = ["again", "--home", str(full.home.path), "--out", str(tmp_path / "new medium"), "--json", "--file"]
    assert 3 == cli.run(cli.build_parser().parse_args([*again, "000099-signing.package.json"]), full.outside())
    assert Code.FILE_UNAVAILABLE == json.loads(capsys.readouterr().out)["refusals"][0]["code"]
    assert 0 == cli.run(cli.build_parser().parse_args([*again, name]), full.outside())
    written = tmp_path / "new medium" / name
    assert (full.home.sent / name).read_bytes() == written.read_bytes()
    body = parse_package(written.read_bytes()).body
    assert isinstance(body, TerminalResultBody)
    assert [trip.proposal.id] == [r.proposal for r in body.results]


def test_a_copy_that_was_changed_at_home_is_not_written(firm: Any, tmp_path: Path) -> None:
    stand = firm.stand().ready()
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    (copy,) = stand.home.sent.glob("*-terminal-result.package.json")
    honest = copy.read_bytes()
    copy.write_bytes(honest + b" ")
    with stand.open() as terminal, pytest.raises(RefusedError) as caught:
        send_again(terminal, tmp_path / "new")
    assert Code.JOURNAL_BROKEN in caught.value.codes
    copy.write_bytes(honest)
    with stand.open() as terminal:
        assert honest == send_again(terminal, tmp_path / "new").read_bytes()
