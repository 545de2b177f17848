"""What the terminal believes, kept durably: the file first, then the journal, which says which file is in force.

Trust files are named by their digest. A power cut between the two leaves a file that no entry names, and the older
belief in force; an older file put back by hand is not the one that the journal names (JOURNAL_BROKEN).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.core.bodies import HEAD_NAMES, FreezeLift
from strongroom.core.canonical import Json, encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.packages import Placed
from strongroom.core.statements import expect, parse_statement
from strongroom.core.trust import MAX_TRUST_BYTES, Trust
from strongroom.core.trust_file import encode_trust, parse_trust
from strongroom.vault.terminal.config import Home
from strongroom.vault.terminal.files import find_files, load_file, save_durably
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import CheckpointSeen, FreezeLatched, FreezeLifted, HeadSeen, Mark

_KINDS = (EntryKind.UPDATED, EntryKind.PACKAGE_RECEIVED)
"""Entries that bring a trust file into force; their field `trust` is its digest."""
_VAULT = "vault"


class TrustKeeper:
    """The trust in force, and the way to the next one."""

    def __init__(self, home: Home, journal: Journal, trust: Trust) -> None:
        self._home = home
        self._journal = journal
        self._trust = trust

    @property
    def trust(self) -> Trust:
        """What is believed now."""
        return self._trust

    @classmethod
    def load(cls, home: Home, journal: Journal) -> TrustKeeper:
        """The trust that the journal names. Raises JOURNAL_BROKEN when the file is another, an older one, or gone."""
        digest = _digest_in_force(journal)
        path = trust_path(home, digest)
        if not path.is_file():
            raise refused(Code.JOURNAL_BROKEN, str(path), digest, "no such file")
        raw = load_file(path, MAX_TRUST_BYTES)
        if sha256(raw) != digest:
            raise refused(Code.JOURNAL_BROKEN, str(path), digest, sha256(raw))
        trust = parse_trust(raw)
        _check_heads(trust, journal)
        return cls(home, journal, trust)

    def save(self, kind: EntryKind, after: Trust, fields: dict[str, Json], marks: Sequence[Mark]) -> Entry:
        """Bring the next trust into force, in one entry with whatever else that entry remembers.

        Raises what `Journal.append` raises: HEAD_ROLLBACK, HEAD_UNEQUAL, CLOCK_BEHIND, PACKAGE_SEQUENCE; then nothing
        changes.
        """
        raw = encode_trust(after)
        digest = sha256(raw)
        save_durably(trust_path(self._home, digest), raw)
        everything = (*marks, *build_trust_marks(after))
        entry = self._journal.append(kind, encode_canonical({**fields, "trust": digest}), everything)
        self._trust = after
        for old in find_files(self._home.trust, "trust-*.json"):
            if old != trust_path(self._home, digest):
                old.unlink()
        return entry


def trust_path(home: Home, digest: Digest) -> Path:
    """Where the trust file of a digest stands."""
    return home.trust / f"trust-{digest.removeprefix('sha256:')}.json"


def build_trust_marks(trust: Trust) -> tuple[Mark, ...]:
    """Heads and checkpoint, as the journal remembers them; nothing before the first update."""
    if trust.checkpoint is None or trust.checkpoint_time is None:
        return ()
    heads = trust.build_heads()
    seen = CheckpointSeen(root=trust.log_head.root, size=trust.checkpoint.size, time=trust.checkpoint_time)
    found = [(name, getattr(heads, name)) for name in HEAD_NAMES]
    return (seen, *(HeadSeen(digest=head.digest, name=name, version=head.version) for name, head in found))


def build_freeze_marks(before: Trust, after: Trust, lifts: Sequence[Placed]) -> tuple[Mark, ...]:
    """Freezes that latched and lifts that were taken in; they do so even when the rest of a package is refused."""
    latched = [FreezeLatched(freeze=freeze, scope=_VAULT) for freeze in sorted(after.frozen - before.frozen)]
    lifted = []
    for i, package in enumerate(lifts):
        statement = expect(parse_statement(package.envelope), FreezeLift, f"lifts[{i}]")
        if statement.body.freeze not in before.lifted:
            lifted.append(FreezeLifted(freeze=statement.body.freeze, lift=statement.id))
    return (*latched, *lifted)


def _digest_in_force(journal: Journal) -> Digest:
    found = [entry for kind in _KINDS for entry in journal.entries_of_kind(kind)]
    if not found:
        raise refused(Code.JOURNAL_BROKEN, "journal", "an entry that names a trust file", "none")
    last = max(found, key=lambda entry: entry.number)
    fields = parse_canonical(last.fields)
    digest = fields.get("trust") if isinstance(fields, dict) else None
    if not isinstance(digest, str):
        raise refused(Code.JOURNAL_BROKEN, f"entry {last.number}", "the digest of a trust file", "none")
    return Digest(digest)


def _check_heads(trust: Trust, journal: Journal) -> None:
    """The journal's heads are the file's: two memories of the same thing that were written together."""
    known = journal.state.heads()
    if trust.checkpoint is None and not known:
        return
    heads = trust.build_heads()
    for name in HEAD_NAMES:
        head = known.get(name)
        mine = getattr(heads, name)
        if head is None or (head.version, head.digest) != (mine.version, mine.digest):
            raise refused(
                Code.JOURNAL_BROKEN, f"heads.{name}", f"version {mine.version}", str(head.version if head else "none")
            )
