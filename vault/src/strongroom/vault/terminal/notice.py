"""A halt's code on the screen: the security desk learns of it by a telephone's camera, before any medium is carried."""

from __future__ import annotations

from strongroom.core.halt_notice import HaltNotice, build_notice_text, point_at
from strongroom.core.statements import Envelope
from strongroom.devices.gap.qr import render_qr_text
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.terminal import Terminal

CARRY = "Take this code to the security desk now, by hand. Do not try again."


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


def render_notice(text: str) -> tuple[str, ...]:
    """The code in half blocks, 45 columns by 23 lines, and what to do with it."""
    return (*render_qr_text(text), CARRY)
