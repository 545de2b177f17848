"""What leaves the terminal: a copy at home first, then the journal, then the medium.

A power cut before the entry leaves a copy that was never handed out; after it, the copy is what is handed out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.packages import MAX_PACKAGE_BYTES, Package, PackageBody, PackageKind, encode_package
from strongroom.vault.terminal.files import load_file, save_durably
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import PackageOut
from strongroom.vault.terminal.terminal import Terminal


def send_package(
    terminal: Terminal, folder: Path, kind: PackageKind, body: PackageBody, proposals: Sequence[str]
) -> Path:
    """Write a package for the platform with this terminal's next sequence number.

    proposals: names of the results that leave.
    Raises UnavailableError JOURNAL_UNWRITABLE; FILE_UNAVAILABLE, and when that is the medium's, the package is out for
    the journal and `send_again` writes it.
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
    digest = sha256(raw)
    save_durably(terminal.home.sent / package.file_name, raw)
    names: list[Json] = [*proposals]
    fields = encode_canonical({"file": package.file_name, "package": digest, "proposals": names})
    mark = PackageOut(digest=digest, receiver=platform, sequence=package.sequence)
    terminal.journal.append(EntryKind.PACKAGE_HANDED_BACK, fields, (mark,))
    return _write_out(folder / package.file_name, raw)


def send_again(terminal: Terminal, folder: Path, name: str | None = None) -> Path:
    """Write a package that was handed out before once more, byte for byte. name: its file; None for the last one.

    Raises FILE_UNAVAILABLE when nothing of that name was handed out; JOURNAL_BROKEN when the copy at home is not what
    the journal says; UnavailableError FILE_UNAVAILABLE.
    """
    found = [parse_canonical(e.fields) for e in terminal.journal.entries_of_kind(EntryKind.PACKAGE_HANDED_BACK)]
    sent = {str(f["file"]): f["package"] for f in found if isinstance(f, dict)}
    wanted = name if name is not None else next(reversed(sent), "a package")
    if wanted not in sent:
        known = ", ".join([*sent][-3:]) or "none"
        raise refused(Code.FILE_UNAVAILABLE, wanted, "a package that was handed out", f"the last ones are {known}")
    copy = terminal.home.sent / wanted
    raw = load_file(copy, MAX_PACKAGE_BYTES)
    if sha256(raw) != sent[wanted]:
        raise refused(Code.JOURNAL_BROKEN, str(copy), str(sent[wanted]), sha256(raw))
    return _write_out(folder / wanted, raw)


def _write_out(path: Path, raw: bytes) -> Path:
    try:
        save_durably(path, raw)
    except UnavailableError as error:
        expected = "a medium that can be written; the package is kept, and `again` writes it"
        got = error.refusals[0].got
        raise UnavailableError(
            Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got)
        ) from error
    return path
