"""An update is read before it is believed: new payees, rules and people are how a takeover begins (III.14, III.15)."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.page_values import build_line
from strongroom.core.trust import Trust
from strongroom.core.updates import build_differences, build_update_pages
from strongroom.devices.screens.console import ACCEPT, DOUBTS, Console

QUESTION = build_line("Is this what you were told of? Then accept it.")

Accept = Callable[[Trust, Trust], None]
"""Asks whether what is new may be believed. Raises OPERATOR_REFUSED; then nothing changes."""


def accept_on(console: Console) -> Accept:
    """Ask the device's person. The quorums' signatures are checked before, and are not the person's to judge."""

    def accept(before: Trust, after: Trust) -> None:
        if _lists(after) == _lists(before) and not build_differences(before, after):
            # Only the log has grown, which witnesses vouch for: a question without content teaches people to say yes.
            return
        answer = console.choose(build_update_pages(before, after), QUESTION, (ACCEPT, *DOUBTS))
        if answer != ACCEPT.word:
            raise refused(Code.OPERATOR_REFUSED, "update", ACCEPT.word, answer)

    return accept


def _lists(trust: Trust) -> tuple[object, ...]:
    heads = {name: head.id for name, head in trust.heads.items()}
    return trust.root.version, len(trust.rosters), trust.policy.id if trust.policy else None, heads
