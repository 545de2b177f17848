"""Import: a package with newer statements is proved, its difference shown, accepted by two people, and kept durably.

All of it or nothing. An older list is refused however it is signed (HEAD_ROLLBACK). III.14, III.15, III.A6-GP.
"""

from __future__ import annotations

from pathlib import Path

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.packages import (
    MAX_PACKAGE_BYTES,
    PackageKind,
    UpdateBody,
    check_addressed,
    parse_package,
)
from strongroom.core.page_values import build_line
from strongroom.core.trust import Trust, apply_update
from strongroom.core.updates import Difference, build_differences, build_update_pages
from strongroom.devices.screens.console import ACCEPT, DOUBTS
from strongroom.vault.terminal.files import load_file
from strongroom.vault.terminal.halts import build_reasons
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import Mark, PackageIn
from strongroom.vault.terminal.keeper import build_freeze_marks, build_trust_marks
from strongroom.vault.terminal.release import check_release
from strongroom.vault.terminal.step1_receive import keep_package
from strongroom.vault.terminal.terminal import Terminal

ACCEPTS = (
    build_line("First person: is this what you were told of? Then accept it."),
    build_line("Second person: is this what you were told of? Then accept it."),
)


def import_update(terminal: Terminal, path: Path) -> tuple[Difference, ...]:
    """Take an update package in.

    Raises PACKAGE_NOT_FOR_US, PACKAGE_SEQUENCE, HEAD_ROLLBACK, HEAD_UNEQUAL, HEAD_MISMATCH, THRESHOLD_NOT_MET,
    LOG_NOT_CONSISTENT, CLOCK_BEHIND, OPERATOR_REFUSED; whatever it is, nothing changed, and the package and the refusal
    are kept.
    """
    raw = load_file(path, MAX_PACKAGE_BYTES)
    try:
        return _take(terminal, raw)
    except (MalformedError, RefusedError) as error:
        keep_package(terminal, raw)
        codes = [f"{r.code} {r.field}" for r in build_reasons(error)]
        fields = encode_canonical({"package": sha256(raw), "refusals": [*codes]})
        terminal.journal.append(EntryKind.REFUSED, fields)
        raise


def _take(terminal: Terminal, raw: bytes) -> tuple[Difference, ...]:
    package = parse_package(raw)
    last = terminal.journal.state.last_package_in(package.sender)
    check_addressed(package, terminal.config.terminal, PackageKind.UPDATE, last)
    if package.sender != terminal.config.platform:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", terminal.config.platform, package.sender)
    if not isinstance(package.body, UpdateBody):
        raise refused(Code.TYPE_MISMATCH, "package.body", PackageKind.UPDATE.value, package.kind.value)
    before = terminal.trust
    after = apply_update(before, package.body, terminal.now())
    check_release(terminal, before, after)
    taken = PackageIn(digest=sha256(raw), sender=package.sender, sequence=package.sequence)
    marks: tuple[Mark, ...] = (taken, *build_freeze_marks(before, after, package.body.lifts))
    # Whatever the journal would refuse is said before people are asked, and not after they agreed.
    terminal.journal.check((*marks, *build_trust_marks(after)))
    _ask_two(terminal, before, after)
    terminal.keeper.save(EntryKind.UPDATED, after, {"package": sha256(raw)}, marks)
    return build_differences(before, after)


def _ask_two(terminal: Terminal, before: Trust, after: Trust) -> None:
    """Two people look at the difference; a list that one person can change unseen is not a control (III.15)."""
    pages = build_update_pages(before, after)
    for question in ACCEPTS:
        typed = terminal.outside.console.choose(pages, question, (ACCEPT, *DOUBTS))
        if typed != ACCEPT.word:
            raise refused(Code.OPERATOR_REFUSED, "update", ACCEPT.word, typed)
