"""A vault program leaves no core dump, lets nobody look into its memory, and says what it could not do."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import ctypes, resource
from strongroom.vault.hygiene import MemoryReport, guard_memory
report = guard_memory()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(resource.getrlimit(resource.RLIMIT_CORE), dumpable, report.no_core, report.not_dumpable)
locked = next(line for line in open("/proc/self/status") if line.startswith("VmLck"))
print(report.locked == (int(locked.split()[1]) > 0))
print(MemoryReport(no_core=False, not_dumpable=False, locked=False).render())
"""


def test_memory_is_guarded_and_what_is_not_is_said() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    held, agrees, weak = done.stdout.splitlines()
    assert "(0, 0) 0 True True" == held
    assert "True" == agrees
    assert ["CORE DUMPS", "MEMORY OPEN", "swap off"] == [
        w for w in ("CORE DUMPS", "MEMORY OPEN", "swap off") if w in weak
    ]
