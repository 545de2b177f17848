"""What goes wrong around the approver's program: bad files, a full disk, a token that is gone, expiry, the clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bad_files import BAD_FILES, BadFile, without_rights
from small_disk import KINDS, SmallDisk, fill_place, small_disk
from strongroom.approver import flow
from strongroom.approver.flow import MAX_WRONG_PINS, REST_S
from strongroom.core import assemble
from strongroom.core.bodies import Approval
from strongroom.core.codes import Code
from strongroom.core.packages import PackageKind, UpdateBody
from strongroom.core.statements import parse_statement

from .conftest import PIN, Desk, MakeDesk, Tokens, proposed


def approved(desk: Desk) -> None:
    """The device is usable: the next docket is read and approved."""
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert isinstance(parse_statement(desk.answers()[-1]).body, Approval)


def news(desk: Desk) -> UpdateBody:
    """An update that brings a checkpoint and nothing else."""
    return replace(desk.world.update_body(desk.seen, whole=False), registers=())


# Files


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
@pytest.mark.parametrize("command", ["import", "decide"])
def test_a_file_that_is_no_package_changes_nothing(make_desk: MakeDesk, bad: BadFile, command: str) -> None:
    desk = make_desk()
    trip = proposed(desk)
    good = desk.put(PackageKind.UPDATE, news(desk)) if command == "import" else desk.request(trip)
    path = desk.folder / "bad.package.json"
    bad.make(path, good.read_bytes())
    before = {each: each.read_bytes() for each in desk.home.path.iterdir() if each.is_file()}
    with without_rights():
        code = desk.type(
            command,
            str(path),
            *(("--out", str(desk.folder / "out")) if command == "decide" else ()),
            lines=(PIN, "approve"),
        )
    assert (3 if Code.FILE_UNAVAILABLE not in bad.codes else 4, True) == (code, desk.codes <= bad.codes)
    assert not (desk.folder / "out").exists()
    after = {each: each.read_bytes() for each in desk.home.path.iterdir() if each.is_file()}
    assert before.keys() == after.keys()
    # Every start is written down, also one that came to nothing.
    assert all(before[each] == after[each] for each in before if each.name not in {"counters.json", "starts"})
    if command == "import":
        assert 0 == desk.type("import", str(good))
    assert 0 == desk.decide(good if command == "decide" else desk.request(trip), PIN, "approve")


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
def test_a_root_that_cannot_be_read_enrols_nobody(make_desk: MakeDesk, bad: BadFile) -> None:
    desk = make_desk(enrolled=False)
    root = desk.folder / "bad.json"
    bad.make(root, desk.world.root_file)
    words = ("enroll", "--root", str(root), "--device", desk.device, "--person", desk.person)
    with without_rights():
        code = desk.type(*words, "--module", "x", "--token", "y", lines=(desk.world.fingerprint,) * 2)
    assert (3 if Code.FILE_UNAVAILABLE not in bad.codes else 4, True) == (code, desk.codes <= bad.codes)
    assert not desk.home.is_enrolled()
    assert 0 == desk.enroll()


# A full disk


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(request.param, folder) as small:
        yield small


def test_a_device_that_cannot_remember_signs_nothing(
    make_desk: MakeDesk, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(enrolled=False)
    monkeypatch.setattr(type(desk), "home", property(lambda _: flow.Home(disk.folder / "home")))
    assert (0, 0) == (desk.enroll(), desk.update())
    path = desk.request(proposed(desk))
    disk.fill()
    assert 4 == desk.decide(path, "wrong", "approve")
    assert {Code.STATE_UNWRITABLE} == desk.codes
    # Not even a wrong PIN was tried, since it could not be counted.
    assert 0 == desk.home.load_counters().wrong_pins
    assert 4 == desk.decide(path, PIN, "approve")
    disk.free()
    assert not desk.answers()
    assert 0 == desk.decide(path, PIN, "approve")


def test_an_update_that_cannot_be_kept_is_not_taken(
    make_desk: MakeDesk, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(enrolled=False)
    monkeypatch.setattr(type(desk), "home", property(lambda _: flow.Home(disk.folder / "home")))
    assert 0 == desk.enroll()
    path = desk.put(PackageKind.UPDATE, desk.world.update_body())
    disk.fill()
    assert (4, {Code.STATE_UNWRITABLE}) == (desk.type("import", str(path), lines=("accept",)), desk.codes)
    disk.free()
    assert 0 == desk.seen
    assert 0 == desk.type("import", str(path), lines=("accept",))
    approved(desk)


def test_an_answer_that_no_medium_took_is_written_again_without_a_pin(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    full = desk.folder / "full"
    fill_place(full / "000001-statements.package.json")
    words = ("decide", str(path), "--out", str(full))
    assert (4, {Code.FILE_UNAVAILABLE}) == (desk.type(*words, lines=(PIN, "approve")), desk.codes)
    assert not desk.answers()
    assert 0 == desk.decide(path)
    assert 0 == desk.decide(path)
    (answer,) = desk.answers()
    assert isinstance(parse_statement(answer).body, Approval)
    approved(desk)
    assert 2 == len(desk.answers())


def test_a_halt_comes_again_as_a_halt(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.put(PackageKind.VERIFICATION, proposed(desk).docket_body(desk.seen))
    assert (3, {Code.TYPE_MISMATCH}) == (desk.decide(path, PIN), desk.codes)
    assert 3 == desk.decide(path)
    assert 1 == len(desk.answers())
    approved(desk)


def test_a_power_cut_between_an_answer_and_its_count_uses_no_number_twice(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    counters = desk.home.load_counters()
    assert 0 == desk.decide(path, PIN, "approve")
    # As a power cut leaves it: the answer is kept, and the counters are older.
    desk.home.save_counters(counters)
    assert 0 == desk.decide(path)
    assert (1, counters.received + 1) == ((c := desk.home.load_counters()).sent, c.received)
    approved(desk)
    names = sorted(each.name for each in (desk.folder / "out").iterdir())
    assert ["000001-statements.package.json", "000002-statements.package.json"] == names


# The token


def test_a_token_that_is_gone_is_not_asked_for_a_pin(make_desk: MakeDesk, tokens: Tokens) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    away = tokens.store.folder / "pulled out"
    tokens.store.tokens.rename(away)
    try:
        assert (4, {Code.TOKEN_UNAVAILABLE}) == (desk.decide(path, PIN, "approve"), desk.codes)
        assert 0 == desk.home.load_counters().wrong_pins
    finally:
        away.rename(tokens.store.tokens)
        tokens.store.activate()
    assert 0 == desk.decide(path, PIN, "approve")


def test_pulled_out_while_the_person_reads_signs_nothing(
    make_desk: MakeDesk, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    away, honest = tokens.store.folder / "pulled out", flow.read_docket

    def pull(*arguments: Any) -> Any:
        tokens.store.tokens.rename(away)
        return honest(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "read_docket", pull)
        try:
            assert (4, {Code.TOKEN_UNAVAILABLE}) == (desk.decide(path, PIN, "approve"), desk.codes)
        finally:
            away.rename(tokens.store.tokens)
            tokens.store.activate()
    assert not desk.answers()
    assert 0 == desk.decide(path, PIN, "approve")


def test_how_many_pins_are_left_is_said(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    for count in range(1, MAX_WRONG_PINS):
        assert 3 == desk.decide(path, "wrong")
        assert f"{count} wrong in a row, {MAX_WRONG_PINS - count} left before it rests" in desk.told
    assert 3 == desk.decide(path, "wrong")
    assert f"{MAX_WRONG_PINS} wrong in a row, it rests for {REST_S} s" in desk.told
    assert (3, {Code.PIN_WRONG}) == (desk.decide(path, PIN, "approve"), desk.codes)
    assert 0 == desk.decide(path, PIN, "approve", at=desk.world.now + timedelta(seconds=REST_S))


def test_the_count_of_pins_is_not_reset_by_deleting_it(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    assert 3 == desk.decide(path, "wrong")
    counters = (desk.home.path / "counters.json").read_bytes()
    (desk.home.path / "counters.json").unlink()
    assert (3, {Code.FILE_UNAVAILABLE}) == (desk.decide(path, PIN, "approve"), desk.codes)
    assert (3, {Code.ALREADY_EXISTS}) == (desk.enroll(), desk.codes)
    (desk.home.path / "counters.json").write_bytes(counters)
    assert 0 == desk.decide(path, PIN, "approve")


def test_a_power_cut_while_a_pin_is_tried_does_not_make_it_free(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(flow, "open_person_key", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            desk.decide(path, "wrong")
        finally:
            # Whatever goes wrong here, this process must not run the tests that come after.
            os._exit(1)
    assert signal.SIGKILL == os.WTERMSIG(os.waitpid(child, 0)[1])
    assert 1 == desk.home.load_counters().wrong_pins
    assert 0 == desk.decide(path, PIN, "approve")


# Time


@pytest.mark.parametrize("name", ["roster", "root"])
def test_an_expired_document_is_named_with_its_time(make_desk: MakeDesk, name: str) -> None:
    desk = make_desk()
    trip = proposed(desk)
    expires = (desk.trust.roster.body if name == "roster" else desk.trust.root).expires
    path = desk.request(trip)
    assert 3 == desk.decide(path, PIN, "approve", at=expires + timedelta(seconds=1))
    assert Code.EXPIRED in desk.codes
    assert f"EXPIRED: {name} version 1\n" in desk.told
    assert f"expected: not after {expires}\n" in desk.told
    assert "import it on every device" in desk.told
    assert not any(isinstance(parse_statement(each).body, Approval) for each in desk.answers())


def test_the_next_roster_makes_the_device_usable_again(make_desk: MakeDesk) -> None:
    soon = timedelta(hours=2)
    desk = make_desk()
    desk.world.change_roster(lambda r: replace(r, expires=desk.world.now + soon))
    take_roster(desk)
    approved(desk)
    desk.world.tick(int(soon.total_seconds()) + 1)
    desk.world.change_roster(lambda r: replace(r, expires=desk.world.now + timedelta(days=30)))
    path = desk.request(proposed(desk))
    assert (3, True) == (desk.decide(path, PIN, "approve"), Code.EXPIRED in desk.codes)
    take_roster(desk)
    approved(desk)


def take_roster(desk: Desk) -> None:
    size = desk.world.log.last_checkpoint().size
    placed = assemble.build_placed(desk.world.log, desk.world.rosters[-1], size)
    assert 0 == desk.update(replace(news(desk), rosters=(placed,)))


def test_a_clock_behind_the_last_checkpoint_tells_both_times(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    seen = desk.trust.checkpoint_time
    assert seen is not None
    early = seen - timedelta(seconds=1)
    assert (3, {Code.CLOCK_BEHIND}) == (desk.decide(path, PIN, "approve", at=early), desk.codes)
    for moment in (seen, early):
        assert f"{moment:%Y-%m-%dT%H:%M:%SZ}" in desk.told
    late = desk.put(PackageKind.UPDATE, news(desk))
    assert (3, {Code.CLOCK_BEHIND}) == (desk.type("import", str(late), at=early), desk.codes)
    assert 0 == desk.type("import", str(late))
    approved(desk)
