"""Enrolment: two people type the root's fingerprint, and the terminal believes that root and nothing else yet."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError, malformed, refused
from strongroom.core.ids import Digest, parse_digest
from strongroom.core.page_values import build_line
from strongroom.core.statements import Envelope, parse_envelope
from strongroom.core.trust import Trust, enroll
from strongroom.vault.hsm.module import find_token, open_module
from strongroom.vault.terminal.config import Config, Home, save_config
from strongroom.vault.terminal.files import load_file
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.keeper import TrustKeeper
from strongroom.vault.terminal.outside import Outside

MAX_ROOT_BYTES = 1024 * 1024
FINGERPRINTS = (
    build_line("Fingerprint of the root, first person:"),
    build_line("Fingerprint of the root, second person:"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """Under which root a terminal was enrolled."""

    fingerprint: Digest
    version: int


def enroll_terminal(home: Home, config: Config, root_file: Path, outside: Outside) -> Enrolled:
    """Make a new terminal.

    Raises ALREADY_EXISTS where one is; JOURNAL_BROKEN where one was and its journal is gone; ROOT_MISMATCH when either
    person typed another fingerprint; TOKEN_UNAVAILABLE when a token that it is to use is not there.
    """
    if home.journal.exists():
        raise refused(Code.ALREADY_EXISTS, str(home.path), "no terminal yet", "an enrolled terminal")
    if home.trust.exists():
        # Deleting the journal would forget what was signed, and how many PINs were tried.
        raise refused(Code.JOURNAL_BROKEN, str(home.journal), "the journal of this terminal", "no such file")
    roots = parse_root_file(load_file(root_file, MAX_ROOT_BYTES))
    trust = _check_fingerprints(roots, outside)
    module = open_module(config.module)
    for label in (config.token, *(o.token for o in config.operators)):
        find_token(module, label)
    try:
        save_config(home, config)
        with Journal.create(home.journal, outside.clock, config.terminal) as journal:
            fields = {"fingerprint": roots[0].id, "package": "enrolment"}
            TrustKeeper(home, journal, trust).save(EntryKind.UPDATED, trust, {**fields}, ())
    except UnavailableError:
        _remove_half_made(home)
        raise
    return Enrolled(fingerprint=roots[0].id, version=trust.root.version)


def _remove_half_made(home: Home) -> None:
    """Take back what this enrolment made before the disk failed, so that it can be repeated; nothing else was there."""
    for path in home.path.glob(f"{home.journal.name}*"):
        path.unlink()
    shutil.rmtree(home.trust, ignore_errors=True)


def parse_root_file(raw: bytes) -> tuple[Envelope, ...]:
    """The root statements of root.json, oldest first: one canonical JSON array."""
    value = parse_canonical(raw)
    if not isinstance(value, list) or not value:
        raise malformed(Code.FIELD_INVALID, "root.json", "an array of envelopes", type(value).__name__)
    return tuple(parse_envelope(item, f"root.json[{i}]") for i, item in enumerate(value))


def _check_fingerprints(roots: tuple[Envelope, ...], outside: Outside) -> Trust:
    """Each person types from their own paper; the program never shows the value that it wants."""
    typed = [outside.console.ask(question) for question in FINGERPRINTS]
    trusts = [enroll(roots, parse_fingerprint(text)) for text in typed]
    return trusts[0]


def parse_fingerprint(text: str) -> Digest:
    """A typed fingerprint: with or without `sha256:`, in groups or not. Raises FIELD_INVALID."""
    digits = "".join(text.split()).lower().removeprefix("sha256:")
    return parse_digest(f"sha256:{digits}", "fingerprint")
