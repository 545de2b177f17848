"""What leaves the terminal: a copy at home first, then the journal, then the medium.

A power cut before the entry leaves a copy that was never handed out; after it, the copy is what is handed out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical, sha256
from strongroom.core.packages import Package, PackageBody, PackageKind, encode_package
from strongroom.vault.terminal.files import save_durably
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import PackageOut
from strongroom.vault.terminal.terminal import Terminal


def send_package(
    terminal: Terminal, folder: Path, kind: PackageKind, body: PackageBody, proposals: Sequence[str]
) -> Path:
    """Write a package for the platform with this terminal's next sequence number. proposals: those whose results leave.

    Raises UnavailableError FILE_UNAVAILABLE, JOURNAL_UNWRITABLE.
    """
    platform = terminal.config.platform
    package = Package(
        kind=kind,
        sender=terminal.config.terminal,
        to=platform,
        sequence=terminal.journal.state.last_package_out(platform) + 1,
        created_at=terminal.now(),
        body=body,
    )
    raw = encode_package(package)
    save_durably(terminal.home.sent / package.file_name, raw)
    names: list[Json] = [*proposals]
    fields = encode_canonical({"file": package.file_name, "package": sha256(raw), "proposals": names})
    mark = PackageOut(digest=sha256(raw), receiver=platform, sequence=package.sequence)
    terminal.journal.append(EntryKind.PACKAGE_HANDED_BACK, fields, (mark,))
    path = folder / package.file_name
    save_durably(path, raw)
    return path
