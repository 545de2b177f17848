"""Is this machine the one that was leased? Its token and its journal are compared with the lease in force.

A copy of the disk with another token, or the token with another disk, is refused before a PIN is asked; so is an older
copy of the right disk, which a new token without a memory would not tell from the newest. II.1, II.3.
"""

from __future__ import annotations

from strongroom.core.bodies import JournalPlace
from strongroom.core.canonical import Json, parse_canonical
from strongroom.core.checks.foundation import Proved
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError, refused
from strongroom.core.ids import Digest
from strongroom.core.leases import Lease, TokenIdentity
from strongroom.core.records import NONE, DigestOrNone, encode_record, encode_time
from strongroom.core.statements import StatementType
from strongroom.vault.hsm.module import find_token, identity_of, open_module
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.terminal import Terminal


def check_lease(terminal: Terminal, token: TokenIdentity) -> Proved[Lease]:
    """The lease in force, which is this token's and this journal's.

    Raises LEASE_MISSING, LEASE_OTHER_TOKEN, LEASE_OTHER_JOURNAL, JOURNAL_BEHIND, JOURNAL_FORKED.
    """
    lease = terminal.trust.find_lease(terminal.config.terminal)
    if lease is None:
        raise refused(Code.LEASE_MISSING, "lease", f"a lease of {terminal.config.terminal}", "none in force")
    if lease.body.token != token:
        raise refused(Code.LEASE_OTHER_TOKEN, "lease.token", _words(lease.body.token), _words(token))
    journal = first_entry(terminal)
    if lease.body.journal != journal:
        raise refused(Code.LEASE_OTHER_JOURNAL, "lease.journal", lease.body.journal, journal)
    _check_place(terminal, lease.body.place)
    return lease


def _check_place(terminal: Terminal, place: JournalPlace) -> None:
    """Raise unless the journal holds what the log knew of it when the lease was signed.

    Attack: a backup of the disk is put back, the token is said to be lost, and an honest lease names a new one. The new
    token knows no place, so that what was signed after the backup would be forgotten: limits, nonces and inputs.
    """
    last = terminal.journal.head().number
    if last < place.number:
        expected, got = f"at least entry {place.number}, as the lease says", f"entry {last}"
        raise refused(Code.JOURNAL_BEHIND, "journal", expected, got)
    found = terminal.journal.entry(place.number).hash
    if found != place.head:
        raise refused(Code.JOURNAL_FORKED, f"journal entry {place.number}", place.head, found)


def first_entry(terminal: Terminal) -> Digest:
    """What tells this journal from every other: the hash of its first entry."""
    return terminal.journal.entry(1).hash


def build_lease_status(terminal: Terminal) -> dict[str, Json]:
    """The lease in force, and the payload of the next one for this machine, for the delegates to sign.

    `next` is a payload as `strongroom-ceremony sign` takes it; `none` while the token is not there.
    """
    lease = terminal.trust.find_lease(terminal.config.terminal)
    identity = _read_identity(terminal)
    return {
        "in_force": lease.id if lease else NONE,
        "next": _build_next(terminal, lease, identity) if identity else NONE,
    }


def _read_identity(terminal: Terminal) -> TokenIdentity | None:
    try:
        return identity_of(find_token(open_module(terminal.config.module), terminal.config.token))
    except UnavailableError:
        # The rest of the status is wanted most when the token is gone.
        return None


def _build_next(terminal: Terminal, lease: Proved[Lease] | None, token: TokenIdentity) -> dict[str, Json]:
    body = Lease(
        journal=first_entry(terminal),
        number=lease.body.number + 1 if lease else 1,
        place=_last_place(terminal),
        previous=DigestOrNone(lease.id if lease else NONE),
        terminal=terminal.config.terminal,
        token=token,
    )
    context = terminal.trust.context
    return {
        "body": encode_record(body),
        "environment": context.environment.value,
        "issued_at": encode_time(terminal.now()),
        "issuer": terminal.trust.root.delegation("keys").keys[0].id,
        "organization": context.organization,
        "type": StatementType.LEASE.value,
        "version": 1,
    }


def _last_place(terminal: Terminal) -> JournalPlace:
    """What the log should know of this journal: the last signature, or the request of the last clear if that is later.

    The platform compares it with its log and says which place it wants when it knows another.
    """
    signed = next(terminal.journal.last_of_kind(EntryKind.SIGNED), None)
    cleared = _last_cleared(terminal)
    last = max((e for e in (terminal.journal.entry(1), signed, cleared) if e), key=lambda entry: entry.number)
    return JournalPlace(head=last.hash, number=last.number)


def _last_cleared(terminal: Terminal) -> Entry | None:
    """The entry that the last accepted clear quoted: that of its session's nonce."""
    for clear in terminal.journal.last_of_kind(EntryKind.CLEAR_ACCEPTED):
        nonce = _nonce(clear)
        return next(e for e in terminal.journal.last_of_kind(EntryKind.SESSION_OPENED) if _nonce(e) == nonce)
    return None


def _nonce(entry: Entry) -> Json | None:
    fields = parse_canonical(entry.fields)
    return fields.get("nonce") if isinstance(fields, dict) else None


def _words(token: TokenIdentity) -> str:
    return f"{token.manufacturer} {token.model} {token.serial}"
