"""A process that appends until it is stopped. Prints each number only after its append returned.

Arguments: the journal's path, and the largest size in bytes that a file may get (0 for no bound).
"""

from __future__ import annotations

import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.docket import Twin
from strongroom.core.errors import StrongroomError
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import Binding


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main() -> int:
    largest = int(sys.argv[2])
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    with Journal.open(Path(sys.argv[1]), lambda: datetime.now(UTC)) as journal:
        while True:
            number = journal.head().number + 1
            mark = Binding(
                attempt=1,
                commits=(f"outpoint:{number}",),
                instructions=(),
                proposal=sha256(str(number).encode()),
                twin=Twin.TRANSFER,
            )
            try:
                journal.append(EntryKind.COMMITTED, encode_canonical({"padding": "x" * 400}), (mark,))
            except StrongroomError as error:
                say(error.code.value)
                return 3
            say(str(number))


sys.exit(main())
