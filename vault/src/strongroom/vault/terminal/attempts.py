"""Wrong PINs and codes in a row: counted in the journal before each try, so that a power cut makes none free."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.records import encode_time
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import Mark, RightPin, WrongPin
from strongroom.vault.terminal.terminal import Terminal

MAX_WRONG_PINS = 5
"""Wrong ones in a row after which a token or a person has to rest: not every module locks by itself."""
REST_S = 900
"""Seconds of rest; then one attempt, and another rest when that is wrong too. See docs/runbook/device-refuses.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Attempts at one secret. label: as the journal counts them. field: as people are told."""

    terminal: Terminal
    label: str
    field: str

    def check_rested(self) -> None:
        """Raise PIN_WRONG while it rests after too many wrong ones, before another one is asked for."""
        state = self.terminal.journal.state
        wrong, entry = state.wrong_pins(self.label), state.last_pin_entry(self.label)
        if wrong < MAX_WRONG_PINS or entry is None:
            return
        until = self.terminal.journal.entry(entry).time + timedelta(seconds=REST_S)
        if self.terminal.now() < until:
            expected = f"no attempt before {encode_time(until)}"
            raise refused(Code.PIN_WRONG, self.field, expected, f"{wrong} wrong in a row")

    def begin(self) -> None:
        """Count an attempt as wrong, before it is made."""
        self._remember(WrongPin(token=self.label))

    def succeed(self) -> None:
        """It was right: the count begins anew."""
        self._remember(RightPin(token=self.label))

    def wrong(self, expected: str) -> RefusedError:
        """How many attempts are left, for the people who are about to make the next."""
        wrong = self.terminal.journal.state.wrong_pins(self.label)
        left = MAX_WRONG_PINS - wrong
        after = f"{left} left before it rests" if left > 0 else f"it rests for {REST_S} s"
        return refused(Code.PIN_WRONG, self.field, expected, f"{wrong} wrong in a row, {after}")

    def _remember(self, mark: Mark) -> None:
        self.terminal.journal.append(EntryKind.PIN_TRIED, encode_canonical({"token": self.label}), (mark,))
