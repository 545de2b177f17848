"""Files that are no package: each is told by name, changes nothing, and stops nobody who comes after it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bad_files import BAD_FILES, BadFile, without_rights
from strongroom.core.codes import Code
from strongroom.vault.terminal import cli

PIN = "user-4482"
EXIT = {True: 3, False: 4}
"""Refused for what was read; unavailable for what could not be."""


def command(stand: Any, capsys: Any, *arguments: str, typed: tuple[str, ...] = ()) -> tuple[int, Any]:
    """Run the program; its exit code and its JSON."""
    options = cli.build_parser().parse_args([*arguments, "--home", str(stand.home.path), "--json"])
    capsys.readouterr()
    with without_rights():
        code = cli.run(options, stand.outside(*typed))
    return code, json.loads(capsys.readouterr().out)


def state(stand: Any, capsys: Any) -> Any:
    """What the terminal believes, without its journal, which grows."""
    return {k: v for k, v in command(stand, capsys, "status")[1].items() if k != "journal"}


def update(stand: Any) -> bytes:
    """A good update package that brings a checkpoint and no news."""
    body = replace(stand.world.update_body(stand.last_seen(), whole=False), registers=())
    raw: bytes = stand.update(body)
    return raw


def codes(report: Any) -> set[str]:
    return {refusal["code"] for refusal in report["refusals"]}


def session(stand: Any, capsys: Any, turn: Any, *answers: str, wait: str = "5") -> tuple[int, Any]:
    stand.on_pause = stand._once(turn) if turn else lambda: None
    arguments = ("run", "--in", str(stand.inbox), "--out", str(stand.out), "--wait", wait)
    return command(stand, capsys, *arguments, typed=(PIN, PIN, PIN, *answers))


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
def test_an_update_that_cannot_be_read_changes_nothing(stand: Any, capsys: Any, bad: BadFile) -> None:
    good = update(stand)
    before = state(stand, capsys)
    path = stand.folder / "bad.package.json"
    bad.make(path, good)
    code, report = command(stand, capsys, "import", str(path), typed=("accept", "accept"))
    assert codes(report) <= bad.codes
    assert EXIT[Code.FILE_UNAVAILABLE not in bad.codes] == code
    assert before == state(stand, capsys)
    assert bad.is_there is any(p.read_bytes() == path.read_bytes() for p in kept(stand) if bad.is_there)
    right = stand.write(stand.folder, good)
    assert 0 == command(stand, capsys, "import", str(right), typed=("accept", "accept"))[0]


def kept(stand: Any) -> list[Path]:
    return [*stand.home.kept.iterdir()] if stand.home.kept.exists() else []


@pytest.mark.parametrize("bad", [b for b in BAD_FILES if not b.is_there], ids=str)
def test_what_is_no_file_in_the_inbox_is_named_and_passed_over(
    firm: Any, stand: Any, capsys: Any, bad: BadFile
) -> None:
    stand.inbox.mkdir()
    bad.make(stand.inbox / "000001-signing.package.json", b"{}")
    code, report = session(stand, capsys, None, wait="1")
    refusals = [r["code"] for r in report["results"][0]["refusals"]]
    assert (3, [*bad.codes, Code.CLEAR_MISSING]) == (code, refusals)
    assert 1 == stand.screen.getvalue().count("Passed over:")
    trip = firm.trip()
    code, report = session(stand, capsys, firm.turn(trips=[trip]), "sign")
    assert (0, [{"outcome": "signed", "proposal": trip.proposal.id}]) == (code, report["results"])


@pytest.mark.parametrize("bad", [b for b in BAD_FILES if b.is_there], ids=str)
def test_a_broken_package_halts_one_session_and_never_the_next(
    firm: Any, stand: Any, capsys: Any, bad: BadFile
) -> None:
    good = update(stand)
    stand.inbox.mkdir()
    path = stand.inbox / "000001-signing.package.json"
    bad.make(path, good)
    code, report = session(stand, capsys, None, wait="1")
    (result,) = report["results"]
    assert (3, "refused", "receive") == (code, result["outcome"], result["step"])
    assert codes(result) <= bad.codes
    assert [path.read_bytes()] == [p.read_bytes() for p in kept(stand)]
    assert 1 == len(stand.result().halts)
    trip = firm.trip()
    code, report = session(stand, capsys, firm.turn(trips=[trip]), "sign")
    assert (0, "signed") == (code, report["results"][0]["outcome"])
    assert "Passed over: PACKAGE_SEQUENCE" in stand.screen.getvalue()


def test_a_package_of_another_kind_is_refused_where_it_is_handed_in(firm: Any, stand: Any, capsys: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "reject", "a test")
    signing = max(stand.inbox.glob("*-signing.package.json"))
    code, report = command(stand, capsys, "import", str(signing), typed=("accept", "accept"))
    assert (3, {Code.TYPE_MISMATCH}) == (code, codes(report))
    (stand.inbox / "000099-signing.package.json").write_bytes(update(stand))
    code, report = session(stand, capsys, None, wait="1")
    assert (3, {Code.TYPE_MISMATCH}) == (code, codes(report["results"][0]))
    code, report = session(stand, capsys, firm.turn(trips=[firm.trip(nonce=8, sequence=8)]), "sign")
    assert (0, "signed") == (code, report["results"][0]["outcome"])


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
def test_a_root_that_cannot_be_read_enrols_nobody(firm: Any, capsys: Any, bad: BadFile) -> None:
    stand = firm.stand()
    stand.folder.mkdir()
    root = stand.folder / "root.json"
    bad.make(root, firm.world.root_file)
    typed = (firm.world.fingerprint,) * 2
    who = ("--id", stand.name, "--token", "terminal-1", "--keys", stand.config.keys)
    people = ("--operator-token", "person:c.lam=c.lam", "person:p.wu=p.wu")
    code, report = command(stand, capsys, "enroll", "--root", str(root), *who, *people, typed=typed)
    assert (EXIT[Code.FILE_UNAVAILABLE not in bad.codes], True) == (code, codes(report) <= bad.codes)
    assert not stand.home.journal.exists()
    good = stand.folder / "good.json"
    good.write_bytes(firm.world.root_file)
    assert 0 == command(stand, capsys, "enroll", "--root", str(good), *who, *people, typed=typed)[0]


def test_an_inbox_that_cannot_be_opened_is_named(firm: Any, stand: Any, capsys: Any) -> None:
    stand.inbox.mkdir(mode=0o000)
    code, report = session(stand, capsys, None, wait="1")
    refusals = [r["code"] for r in report["results"][0]["refusals"]]
    assert (3, [Code.FILE_UNAVAILABLE, Code.CLEAR_MISSING]) == (code, refusals)
    stand.inbox.chmod(0o700)
    code, report = session(stand, capsys, firm.turn(trips=[firm.trip()]), "sign")
    assert (0, "signed") == (code, report["results"][0]["outcome"])
