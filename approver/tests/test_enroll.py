"""Enrolment, imports, status and the device's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.approver.files import write_durably
from strongroom.approver.store import Home
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.core.packages import PackageKind

from .conftest import PIN, Desk, MakeDesk, proposed


def refused_with(desk: Desk, code: Code) -> bool:
    """Whether the last command was refused with exactly this code."""
    return {code.value} == desk.codes


def test_two_people_type_one_fingerprint(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    right, wrong = desk.world.fingerprint, sha256(b"another")
    for typed in ((right, wrong), (wrong, right), (wrong, wrong)):
        assert 3 == desk.enroll(*typed)
        assert refused_with(desk, Code.ROOT_MISMATCH)
        assert not desk.home.is_enrolled()
    assert 3 == desk.enroll(right, "")
    assert refused_with(desk, Code.FIELD_INVALID)
    assert 0 == desk.enroll(right, right)
    assert desk.home.is_enrolled()


def test_a_device_is_enrolled_once(make_desk: MakeDesk) -> None:
    desk = make_desk()
    before = desk.trust
    assert 3 == desk.enroll()
    assert refused_with(desk, Code.ALREADY_EXISTS)
    assert before == desk.trust


def test_a_device_that_is_not_enrolled_does_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    assert 3 == desk.update()
    assert refused_with(desk, Code.FILE_UNAVAILABLE)
    for words in (("status",), ("decide", str(desk.files[0]), "--out", str(desk.folder / "out"))):
        assert 3 == desk.type(*words, lines=(PIN, "approve"))
        assert refused_with(desk, Code.FILE_UNAVAILABLE)
    assert 0 == desk.enroll()
    assert 0 == desk.update()


def test_a_device_without_registers_asks_nobody(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    assert 0 == desk.enroll()
    assert 3 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert refused_with(desk, Code.CHECKPOINT_NOT_WITNESSED)
    assert 0 == desk.update()
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "approve")


def test_a_root_file_is_a_list_of_roots(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    honest = desk.world.root_file
    words = ["enroll", "--root", str(desk.folder / "other.json"), "--device", desk.device, "--person", desk.person]
    words += ["--module", "x", "--token", "y"]
    for raw, code in ((b"{}", Code.FIELD_INVALID), (b"[{}]", Code.FIELD_MISSING), (honest[:-1], Code.JSON_SYNTAX)):
        (desk.folder / "other.json").write_bytes(raw)
        assert 3 == desk.type(*words, lines=(desk.world.fingerprint,) * 2)
        assert refused_with(desk, code)
    (desk.folder / "other.json").unlink()
    assert 4 == desk.type(*words, lines=(desk.world.fingerprint,) * 2)
    assert refused_with(desk, Code.FILE_UNAVAILABLE)
    assert 0 == desk.enroll()


def test_an_update_is_taken_once(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert 3 == desk.type("import", str(desk.files[0]))
    assert refused_with(desk, Code.PACKAGE_SEQUENCE)
    wrong = desk.put(PackageKind.APPROVAL_REQUEST, proposed(desk).docket_body(desk.seen))
    assert 3 == desk.type("import", str(wrong))
    assert refused_with(desk, Code.TYPE_MISMATCH)
    desk.world.change_register("whitelist", removed=["entry:peak-eth"])
    assert 0 == desk.update(desk.world.register_update("whitelist", (), ["entry:peak-eth"], desk.seen))


def test_status_says_what_the_device_believes(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert 0 == desk.type("status")
    assert 1 == json.loads(desk.says)["whitelist"]


def test_one_process_at_a_time(make_desk: MakeDesk) -> None:
    desk = make_desk()
    with desk.home.locked():
        assert 4 == desk.type("status")
        assert refused_with(desk, Code.FILE_UNAVAILABLE)
        with pytest.raises(UnavailableError), desk.home.locked():
            pass
    assert 0 == desk.type("status")


def test_a_changed_trust_file_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.home.path / "trust.json"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"Harbour Fund Ltd", b"Harbour Fund Inc", 1))
    assert 3 == desk.type("status")
    assert refused_with(desk, Code.HEAD_MISMATCH)
    path.write_bytes(raw)
    assert 0 == desk.type("status")


def test_a_file_is_old_or_new_and_never_half(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    write_durably(path, b"old")
    (tmp_path / ".trust.json.part").write_bytes(b"ha")
    assert b"old" == path.read_bytes()
    write_durably(path, b"new")
    assert b"new" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
    assert not Home(tmp_path / "nowhere").is_enrolled()
