"""Step 1, receive: wait for the package of this session, take it in, move on to its checkpoint, accept its clear.

Freezes latch here, before anything else of the package is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Docket
from strongroom.core.errors import MalformedError, Refusal, RefusedError, UnavailableError, refused
from strongroom.core.log import WitnessedCheckpoint
from strongroom.core.packages import (
    MAX_PACKAGE_BYTES,
    Package,
    PackageKind,
    SigningBody,
    check_addressed,
    parse_package,
)
from strongroom.core.trust import apply_news, extend
from strongroom.devices.screens.page import build_quote
from strongroom.devices.screens.refusals import build_reason_lines
from strongroom.vault.terminal.files import find_files, load_file, save_durably
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import PackageIn
from strongroom.vault.terminal.keeper import build_freeze_marks
from strongroom.vault.terminal.session import Clear, Session, accept_clear
from strongroom.vault.terminal.terminal import Terminal

PATTERN = "*-signing.package.json"
POLL_S = 1
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A signing package that was read and is addressed to us. raw: its bytes, held from here on."""

    raw: bytes
    package: Package
    body: SigningBody


def wait_for_package(terminal: Terminal, folder: Path, wait_s: int) -> Received:
    """Look into the folder until a signing package with a fresh sequence number is there.

    Packages of earlier sessions, and whatever else cannot be taken, may still lie on the medium: each is named on the
    screen at once and passed over, and all of them are named with CLEAR_MISSING when nothing else comes.
    Raises PACKAGE_NOT_FOR_US and what a package fails at that cannot be read; that one is kept.
    """
    ends_ns = terminal.outside.elapsed_ns() + wait_s * _NS
    told: set[Refusal] = set()
    while True:
        found, passed = _look(terminal, folder)
        if found is not None:
            return found
        for refusal in (r for r in passed if r not in told):
            said = build_quote("Passed over: {code}: {field}", code=refusal.code.value, field=refusal.field)
            for line in (said, *build_reason_lines(refusal)):
                terminal.outside.console.say(line)
        told.update(passed)
        if terminal.outside.elapsed_ns() >= ends_ns:
            missing = Refusal(
                code=Code.CLEAR_MISSING, field=str(folder), expected=f"a signing package in {wait_s} s", got="none"
            )
            raise RefusedError(*passed, missing)
        terminal.outside.pause(POLL_S)


def _look(terminal: Terminal, folder: Path) -> tuple[Received | None, tuple[Refusal, ...]]:
    """The first package that can be taken, or what is wrong with everything that lies there."""
    passed: list[Refusal] = []
    try:
        paths = find_files(folder, PATTERN)
    except UnavailableError as error:
        return None, error.refusals
    for path in paths:
        try:
            return read_package(terminal, path), ()
        except _PassedOverError as error:
            passed += error.refusals
    return None, tuple(passed)


class _PassedOverError(RefusedError):
    """A file that cannot be this session's package; the next one may be."""


def read_package(terminal: Terminal, path: Path) -> Received:
    """Read a signing package for this terminal. What cannot be read is kept. Raises MalformedError, PACKAGE_*.

    What is no file, too large, of an earlier session, or refused and kept before is only passed over: a bad file that
    stays on the medium must not stop every session that comes after it.
    """
    try:
        raw = load_file(path, MAX_PACKAGE_BYTES)
    except (RefusedError, UnavailableError) as error:
        raise _PassedOverError(*error.refusals) from error
    if kept_path(terminal, raw).exists():
        first = "a package that comes for the first time"
        again = Refusal(code=Code.PACKAGE_SEQUENCE, field=str(path), expected=first, got="one that was refused before")
        raise _PassedOverError(again)
    try:
        package = parse_package(raw)
        last = terminal.journal.state.last_package_in(package.sender)
        check_addressed(package, terminal.config.terminal, PackageKind.SIGNING, last)
        if package.sender != terminal.config.platform:
            raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", terminal.config.platform, package.sender)
        if not isinstance(package.body, SigningBody):
            raise refused(Code.TYPE_MISMATCH, "package.body", PackageKind.SIGNING.value, package.kind.value)
    except (MalformedError, RefusedError) as error:
        if error.codes == {Code.PACKAGE_SEQUENCE}:
            raise _PassedOverError(*error.refusals) from error
        keep_package(terminal, raw)
        raise
    return Received(raw=raw, package=package, body=package.body)


def kept_path(terminal: Terminal, raw: bytes) -> Path:
    """Where the bytes of a refused package are kept: named by their digest."""
    return terminal.home.kept / f"{sha256(raw).removeprefix('sha256:')}.package.json"


def keep_package(terminal: Terminal, raw: bytes) -> Path:
    """Keep the bytes of a package that was refused, named by their digest."""
    path = kept_path(terminal, raw)
    save_durably(path, raw)
    return path


def take_package(terminal: Terminal, received: Received) -> WitnessedCheckpoint:
    """Move on to the package's checkpoint and latch its freezes, durably. Raises LOG_NOT_CONSISTENT, CLOCK_BEHIND."""
    body, before = received.body, terminal.trust
    after, witnessed = extend(before, body.checkpoint)
    after = apply_news(after, body, witnessed)
    digest = sha256(received.raw)
    taken = PackageIn(digest=digest, sender=received.package.sender, sequence=received.package.sequence)
    marks = (taken, *build_freeze_marks(before, after, body.lifts))
    terminal.keeper.save(EntryKind.PACKAGE_RECEIVED, after, {"dockets": len(body.dockets), "package": digest}, marks)
    return witnessed


def receive(terminal: Terminal, session: Session, received: Received) -> Clear:
    """Take a package in and accept its clear-to-sign."""
    witnessed = take_package(terminal, received)
    return accept_clear(terminal, session, received.body, witnessed)


def check_same_checkpoint(docket: Docket, body: SigningBody) -> None:
    """The docket ends with the package's own checkpoint, which extends the last one that we saw."""
    if docket.checkpoints[-1].note != body.checkpoint.note:
        raise refused(Code.LOG_NOT_CONSISTENT, "docket.checkpoints", "the package's checkpoint last", "another")
