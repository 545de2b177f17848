"""The journal and its mirror in the token are compared at the start, and go on together. docs/adr/0024.

Order of writes: the journal first, then the token, then what leaves. A power cut between the first two leaves the token
one step behind; that is made good at the next start. What no power cut explains is refused: a journal that is older
than its token (an old disk, a copy), and a token that is older than its journal (an old token, another one). II.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.vault.hsm.mirror import Mirrored, TokenMirror
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import JournalHead
from strongroom.vault.terminal.lease import first_entry
from strongroom.vault.terminal.terminal import Terminal


@contextmanager
def mirrored(terminal: Terminal, lease: Digest, mirror: TokenMirror) -> Iterator[None]:
    """Compare, then mirror every step until the block ends.

    Raises JOURNAL_BEHIND, JOURNAL_FORKED, TOKEN_BEHIND; UnavailableError TOKEN_UNAVAILABLE.
    """
    first = first_entry(terminal)
    is_begun = _has_begun(terminal, lease)
    _check(terminal, mirror.load(), first, is_begun=is_begun)

    def keep(head: JournalHead) -> None:
        mirror.save(Mirrored(first=first, head=head.hash, number=head.number, terminal=terminal.config.terminal))

    # What was imported since the last session has no step of its own: from here on the token knows of it too.
    keep(terminal.journal.head())
    if not is_begun:
        # After the token: a power cut before this leaves a mirror that is compared next time, and none that is missed.
        terminal.journal.append(EntryKind.LEASED, encode_canonical({"lease": lease}))
    with terminal.journal.mirrored_by(keep):
        yield


def _check(terminal: Terminal, known: Mirrored | None, first: Digest, *, is_begun: bool) -> None:
    """A token that has no place of this journal may begin one, once a lease: that is how a token is replaced."""
    if known is not None and known.first == first:
        check_mirror(terminal, known)
    elif is_begun:
        got = f"a mirror of the journal {known.first}" if known else "no mirror"
        raise refused(Code.TOKEN_BEHIND, "journal mirror", f"a place of the journal {first}", got)


def check_mirror(terminal: Terminal, known: Mirrored) -> None:
    """Raise unless the journal is the token's, and ahead of it by one step at most."""
    journal, head = terminal.journal, terminal.journal.head()
    if head.number < known.number:
        expected, got = f"at least entry {known.number}, as the token says", f"entry {head.number}"
        raise refused(Code.JOURNAL_BEHIND, "journal", expected, got)
    found = journal.entry(known.number).hash
    if found != known.head:
        raise refused(Code.JOURNAL_FORKED, f"journal entry {known.number}", known.head, found)
    steps = journal.count_steps_after(known.number)
    if steps > 1:
        expected = f"at most 1 step after entry {known.number}, as a power cut leaves"
        raise refused(Code.TOKEN_BEHIND, "journal mirror", expected, f"{steps} steps")


def _has_begun(terminal: Terminal, lease: Digest) -> bool:
    """Whether a session was begun under this lease before: then the token that it names has a mirror."""
    wanted = encode_canonical({"lease": lease})
    return any(entry.fields == wanted for entry in terminal.journal.entries_of_kind(EntryKind.LEASED))
