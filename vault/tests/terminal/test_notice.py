"""A halt's code on the console: a camera reads it from the screen, and it says what the journal and the halt say."""

from __future__ import annotations

import json
from typing import Any

from strongroom.core.codes import Code
from strongroom.core.halt_notice import check_notice, parse_notice_text, point_at
from strongroom.devices.gap.camera import read_codes
from strongroom.devices.gap.pictures import Picture
from strongroom.vault.terminal import cli
from strongroom.vault.terminal.journal.entry import EntryKind

_INK = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
SCALE = 6


def photograph(screen: str) -> Picture:
    """The blocks on a black console as a camera sees them; other lines are black here."""
    lines = [line for line in screen.splitlines() if line and not set(line) - set(_INK)]
    width = (max(map(len, lines)) + 20) * SCALE
    rows = [bytes(width)] * 10 * SCALE
    for line in lines:
        for half in (0, 1):
            inked = bytes(10 * SCALE) + b"".join(bytes([_INK[block][half]]) * SCALE for block in line)
            rows += [inked.ljust(width, b"\0")] * SCALE
    rows += [bytes(width)] * 10 * SCALE
    return Picture(width=width, height=len(rows), pixels=b"".join(rows))


def test_a_halt_shows_a_code_that_a_camera_reads(firm: Any, stand: Any) -> None:
    trip = firm.trip()

    outcome = stand.run(firm.turn(trips=[trip]), "reject", "the amount is not on my paper")

    (text,) = read_codes(photograph(stand.screen.getvalue()))
    assert outcome.refused[0].notice == text
    scanned = parse_notice_text(text)
    with stand.open() as terminal:
        me = terminal.trust.roster.body.find(terminal.config.terminal, "terminal")
        check_notice(scanned, me.key, terminal.trust.context)
        entry = terminal.journal.entry(scanned.notice.journal)
    assert EntryKind.HALTED is entry.kind
    assert (Code.OPERATOR_REFUSED.value, stand.name) == (scanned.notice.code, scanned.notice.terminal)
    assert point_at(outcome.halts[0].id) == scanned.notice.halt
    assert stand.world.now == scanned.notice.at


def test_the_code_and_its_words_fit_eighty_by_twenty_four(firm: Any, stand: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "unsure", "whose address is this")

    shown = stand.screen.getvalue().splitlines()
    first = next(i for i, line in enumerate(shown) if line and set(line) <= {"█", "▀", "▄"})
    page = shown[first : first + 24]
    assert 23 == sum(bool(line) and not set(line) - set(_INK) for line in page)
    assert "Take this code to the security desk" in page[-1]
    assert max(map(len, page)) <= 80


def test_what_is_signed_shows_no_code(firm: Any, stand: Any) -> None:
    outcome = stand.run(firm.turn(trips=[firm.trip()]), "sign")

    assert [] == outcome.refused
    assert "█" not in stand.screen.getvalue()


def test_the_code_of_any_halt_is_shown_again(firm: Any, stand: Any, capsys: Any) -> None:
    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    outcome = stand.run(firm.turn(trips=trips), "reject", "one", "unsure", "two")
    first, last = (refused.notice for refused in outcome.refused)

    for words, text in (([], last), (["--journal", str(parse_notice_text(first).notice.journal)], first)):
        stand.screen.truncate(0)
        assert 0 == command(stand, "halt-code", *words)
        assert {"notice": text} == json.loads(capsys.readouterr().out)
        assert (text,) == read_codes(photograph(stand.screen.getvalue().replace("\0", "")))


def test_a_code_that_is_not_there_or_spoiled_is_said(firm: Any, stand: Any, capsys: Any) -> None:
    assert 4 == command(stand, "halt-code")
    assert "FILE_UNAVAILABLE" in capsys.readouterr().out
    stand.run(firm.turn(trips=[firm.trip()]), "reject", "one")
    (kept,) = stand.home.notices.iterdir()
    whole = kept.read_bytes()
    assert 0 == command(stand, "halt-code")
    kept.write_bytes(whole[:40])

    assert 3 == command(stand, "halt-code")
    assert "HALT_NOTICE_INVALID" in capsys.readouterr().out


def command(stand: Any, *words: str) -> int:
    options = cli.build_parser().parse_args([*words, "--home", str(stand.home.path), "--json"])
    return cli.run(options, stand.outside())
