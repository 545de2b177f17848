"""The terminal as one value: its files, its memory, its beliefs, and the world around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.records import encode_time, parse_time
from strongroom.core.trust import Trust
from strongroom.vault.terminal.config import Config, Home
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.keeper import TrustKeeper
from strongroom.vault.terminal.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """One enrolled terminal, open for as long as its journal is."""

    home: Home
    config: Config
    journal: Journal
    keeper: TrustKeeper
    outside: Outside

    @property
    def trust(self) -> Trust:
        """What this terminal believes now."""
        return self.keeper.trust

    def now(self) -> datetime:
        """The time, in whole seconds of UTC.

        Raises CLOCK_BEHIND when it precedes a checkpoint that was seen or the last entry of the journal: a clock set
        back would bring expired approvals and instructions to life again.
        """
        now = parse_time(encode_time(self.outside.clock()), "clock")
        last = self.journal.entry(self.journal.head().number).time
        seen = self.trust.checkpoint_time
        earliest = max(last, seen) if seen else last
        if now < earliest:
            raise refused(Code.CLOCK_BEHIND, "clock", f"{encode_time(earliest)} or later", encode_time(now))
        return now
