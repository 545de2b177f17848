"""Canaries: every PIN of the demo carries one mark, and at the end nothing that was written may hold it.

A PIN in a log, a trace, a database, a package or another program's environment is a key for whoever reads backups
(the incident row `slope-2022`). The secrets that cannot carry a mark, the words of shares and the keys themselves, are
searched for as they are. The stores of the tokens are searched like every other folder.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "Cnry" + secrets.token_hex(4)
"""Of this run. The first letters are in no base64 alphabet's padding and in no word of ours."""
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Where a secret was found. secret: its name, never the secret itself."""

    place: str
    offset: int
    secret: str


def make_pin() -> str:
    """A fresh PIN with the mark in it."""
    return f"{MARK}-{secrets.token_hex(6)}"


def spell(secret: bytes) -> frozenset[bytes]:
    """The ways in which a program writes bytes down: as they are, in UTF-16, in hexadecimal and in base64.

    Base64 depends on where in a group of three the bytes begin: of each alignment, the part that is always the same.
    """
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    if secret.isascii():
        found.add(secret.decode("ascii").encode("utf-16-le"))
    for lead in range(3):
        coded = base64.b64encode(bytes(lead) + secret)
        sure = coded[-(-lead * 8 // 6) : (lead + len(secret)) * 8 // 6]
        found |= {sure, sure.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def find_leaks(folders: Iterable[Path], processes: Iterable[int], named: dict[str, bytes]) -> list[Leak]:
    """Search every file of the folders, and environment and arguments of the processes and their children.

    named: what to search for, by a name that may be printed.
    """
    wanted = [(name, spelling) for name, secret in named.items() for spelling in sorted(spell(secret))]
    found = [leak for folder in folders for path in _files(folder) for leak in _search(path, wanted)]
    for process in processes:
        for path in (Path(f"/proc/{process}/environ"), Path(f"/proc/{process}/cmdline")):
            found += _search(path, wanted)
    return found


def descendants(process: int) -> tuple[int, ...]:
    """A process and everything below it."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        found += [each for child in task.read_text().split() for each in descendants(int(child))]
    return tuple(found)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path for path in (Path(parent, name) for name in names) if path.is_file() and not path.is_symlink())


def _search(path: Path, wanted: list[tuple[str, bytes]]) -> list[Leak]:
    """Every secret once a file; chunks overlap, so that none hides on a border."""
    found: dict[str, Leak] = {}
    overlap = max(len(spelling) for _, spelling in wanted)
    try:
        with path.open("rb") as file:
            start, chunk = 0, file.read(_CHUNK)
            while chunk:
                for name, spelling in wanted:
                    place = -1 if name in found else chunk.find(spelling)
                    if place >= 0:
                        found[name] = Leak(place=str(path), offset=start + place, secret=name)
                rest = file.read(_CHUNK)
                kept = chunk[-overlap:] if rest else b""
                start, chunk = start + len(chunk) - len(kept), kept + rest if rest else b""
    except FileNotFoundError:
        # A running database drops files between the listing and the reading; what it drops is not left behind.
        return []
    return list(found.values())
