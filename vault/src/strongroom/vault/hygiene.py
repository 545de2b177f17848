"""What this process does so that a secret in its memory stays there: no core dump, no peeking, no swap.

Called first by every program of the vault. Where the operating system does not let us, that is said and recorded, and
not hidden: a ceremony's transcript carries the report. Sources: setrlimit(2), prctl(2), mlockall(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReport:
    """What holds. no_core: no core file. not_dumpable: no other process of this user reads the memory.

    locked: pages are not swapped out; it needs a limit (RLIMIT_MEMLOCK) or a privilege that a machine may not give.
    """

    no_core: bool
    not_dumpable: bool
    locked: bool

    def render(self) -> str:
        """One line for a screen and a transcript."""
        return ", ".join(
            (
                "no core dumps" if self.no_core else "CORE DUMPS ARE POSSIBLE",
                "memory closed to other processes" if self.not_dumpable else "MEMORY OPEN TO OTHER PROCESSES",
                "memory not swappable" if self.locked else "memory could not be locked: switch swap off",
            )
        )


def guard_memory() -> MemoryReport:
    """Ask for all three and report what was given. Repeating it does no harm."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    return MemoryReport(
        no_core=resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        not_dumpable=libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        locked=_lock(libc),
    )


def _lock(libc: ctypes.CDLL) -> bool:
    """Lock only where the limit is away: under a small limit MCL_FUTURE would make a later allocation fail."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:
        return False
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)
