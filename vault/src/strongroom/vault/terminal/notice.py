"""A halt's code on the screen: the security desk learns of it by a telephone's camera, before any medium is carried."""

from __future__ import annotations

from pathlib import Path

from strongroom.core.halt_notice import (
    MAX_TEXT_CHARACTERS,
    HaltNotice,
    build_notice_text,
    parse_notice_text,
    point_at,
)
from strongroom.core.page_values import build_line
from strongroom.core.statements import Envelope
from strongroom.devices.gap.qr import render_qr_text
from strongroom.vault.terminal.config import Home
from strongroom.vault.terminal.files import find_files, load_file, save_durably
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.terminal import Terminal

CARRY = build_line("Take this code to the security desk now, by hand. Do not try again.")


def build_notice(terminal: Terminal, crew: Crew, halted: Envelope, code: str) -> str:
    """The text of a halt's code, signed by the terminal. The halt's entry must be the journal's last one."""
    notice = HaltNotice(
        terminal=terminal.config.terminal,
        code=code,
        journal=terminal.journal.head().number,
        at=terminal.now(),
        halt=point_at(halted.id),
    )
    return build_notice_text(notice, terminal.trust.context, crew.terminal.sign)


def keep_notice(terminal: Terminal, text: str) -> None:
    """Keep a code under the number of its entry, to be shown again. Raises UnavailableError FILE_UNAVAILABLE."""
    number = parse_notice_text(text).notice.journal
    save_durably(_path(terminal.home, number), text.encode("ascii"))


def load_notice(home: Home, number: int | None) -> str:
    """A code that was shown; number: of its entry in the journal, None for the last one.

    Raises UnavailableError FILE_UNAVAILABLE when there is none; HALT_NOTICE_INVALID for a file that is spoiled.
    """
    kept = [path.stem for path in find_files(home.notices, "*.notice")]
    last = max((int(stem) for stem in kept if stem.isascii() and stem.isdigit()), default=0)
    raw = load_file(_path(home, last if number is None else number), MAX_TEXT_CHARACTERS)
    text = raw.decode("ascii", errors="replace")
    parse_notice_text(text)
    return text


def _path(home: Home, number: int) -> Path:
    return home.notices / f"{number:08d}.notice"


def render_notice(text: str) -> tuple[str, ...]:
    """The code in half blocks, 45 columns by 23 lines."""
    return render_qr_text(text)
