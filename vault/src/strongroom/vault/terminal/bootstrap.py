"""Building the real terminal from its folder: configuration, journal, trust, each checked against the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.terminal.config import Home, load_config
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.keeper import TrustKeeper
from strongroom.vault.terminal.outside import Outside
from strongroom.vault.terminal.terminal import Terminal


@contextmanager
def open_terminal(path: Path, outside: Outside) -> Iterator[Terminal]:
    """An enrolled terminal, alone on its journal for as long as the `with` block lasts.

    Raises JOURNAL_BROKEN when journal, configuration and trust are not of one piece; CLOCK_BEHIND; UnavailableError.
    """
    home = Home(path=path)
    config = load_config(home)
    with Journal.open(home.journal, outside.clock) as journal:
        if journal.terminal != config.terminal:
            raise refused(Code.JOURNAL_BROKEN, str(home.config), journal.terminal, config.terminal)
        terminal = Terminal(
            home=home, config=config, journal=journal, keeper=TrustKeeper.load(home, journal), outside=outside
        )
        terminal.now()
        yield terminal
