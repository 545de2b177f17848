"""Comparing the terminal's token with the HSM register: before a PIN is asked for, and again after each package.

A fault whose rule is `block` stops the terminal; one whose rule is `alarm` is journaled, shown, and goes out as a halt
of its own beside what is signed. Before the first register nothing is compared, and the status says so. II.3, II.7.
"""

from __future__ import annotations

from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import find_hsms
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.hsm_judge import LiveToken, judge_token
from strongroom.core.hsms import HsmRegister, Ruling
from strongroom.devices.screens.page import build_quote
from strongroom.devices.screens.refusals import build_reason_lines
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.terminal import Terminal


def find_register(terminal: Terminal) -> Proved[HsmRegister] | None:
    """The HSM register in force here; None before the first. Raises HSM_UNKNOWN when the last is an older root's."""
    trust = terminal.trust
    return find_hsms(trust.notices, trust.root, trust.context)


def compare_token(terminal: Terminal, live: LiveToken) -> tuple[Refusal, ...]:
    """Compare and journal; returns the alarms. Raises RefusedError with everything that blocks.

    Raises HSM_UNKNOWN when the register in the log is not signed by the newest root's delegates.
    """
    register = find_register(terminal)
    if register is None:
        return ()
    findings = judge_token(register.body, live, terminal.now())
    names: list[Json] = [f"{f.ruling.value} {f.refusal.code.value} {f.field}" for f in findings]
    fields: dict[str, Json] = {"findings": names, "register": register.id, "token": live.serial}
    terminal.journal.append(EntryKind.TOKEN_COMPARED, encode_canonical(fields))
    blocks = [f.refusal for f in findings if f.ruling is Ruling.BLOCK]
    if blocks:
        raise RefusedError(*blocks)
    alarms = tuple(f.refusal for f in findings)
    for alarm in alarms:
        said = build_quote("ALARM {code}: {field}", code=alarm.code.value, field=alarm.field)
        for line in (said, *build_reason_lines(alarm)):
            terminal.outside.console.say(line)
    return alarms
