"""What program leads the ceremony: a digest over its installed files, its version, and how its memory is guarded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from strongroom import chains, core, vault
from strongroom.core.ids import Digest
from strongroom.vault.hygiene import MemoryReport

DISTRIBUTION = "strongroom-vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """Digest over every file of core, chains and vault, and over the token's module."""

    digest: Digest
    version: str
    memory: MemoryReport


def measure_tool(module: Path, memory: MemoryReport) -> ToolReport:
    """Measure what is installed.

    Measured by itself, it shows a slip and not a determined attacker: the people compare
    the digest with the one that was printed when the medium was made, on another machine.
    """
    hashed = hashlib.sha256(b"strongroom-tool/1\n")
    for package in (core, chains, vault):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*")):
            if path.suffix in {".py", ".sql"}:
                line = f"{package.__name__} {path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
                hashed.update(line.encode())
    hashed.update(hashlib.sha256(module.read_bytes()).digest())
    return ToolReport(
        digest=Digest("sha256:" + hashed.hexdigest()), version=metadata.version(DISTRIBUTION), memory=memory
    )
