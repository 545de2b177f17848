"""Notices: statements of the log that every device keeps and judges itself by, beside freezes and registers.

One registry says who may sign which of them: a new kind is one line in `CHECKS` and a function. A device takes each
once, proves it under the package's checkpoint and keeps it with its place. Source: spec/airgap.md, notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.core.canonical import Json, encode_canonical, sha256
from strongroom.core.checks.foundation import Proved, prove_delegated
from strongroom.core.checks.signers import check_lift
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, malformed, refused
from strongroom.core.hsms import HsmRegister
from strongroom.core.ids import Digest, PartyId
from strongroom.core.key_states import BY_QUORUM, KeyStateChange, standing_states
from strongroom.core.leases import Lease
from strongroom.core.policy import Policy
from strongroom.core.records import NONE
from strongroom.core.releases import Program, ReleaseManifest
from strongroom.core.roster import Root, Roster, check_party
from strongroom.core.statements import Context, Statement, StatementType, check_context, check_exact_signers
from strongroom.core.sweeps import LEAST_OFFICERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a notice is judged by. roster: in force at its place in the log. moment: by `moment_said`.

    policy: the reader's own; None before its first update.
    """

    context: Context
    roots: tuple[Statement[Root], ...]
    roster: Roster
    policy: Policy | None
    moment: datetime


def moment_said(said: datetime, roster: Statement[Roster]) -> datetime:
    """When whoever signed a freeze, a lift or a notice must have held their role, by the log alone.

    Everybody must come to one answer, whenever they read: the platform, a device that is years behind, one enrolled
    tomorrow. So it is the time that the statement names, but never before the roster that is in force at its place:
    a key whose term has ended can back-date at most to the roster that still names it. Judged at the time of the
    package that brings it, what was right when it was said would stop every new device after an officer's last day.
    """
    return max(said, roster.issued_at)


CheckNotice = Callable[[Statement[Any], Basis, str], None]
"""Raises unless the right people signed. The text is where the statement stands, for messages."""


def check_lease(statement: Statement[Lease], basis: Basis, path: str) -> None:
    """Raise unless the key register's delegates signed, of the root in force at the lease's place or of a newer one.

    An older root's are read, since a device that is enrolled late meets them too; `find_lease` lets none of them count.
    """
    for root in _roots_before_last(basis):
        if is_lease_of(statement, root.body, basis.context):
            return
    prove_delegated(statement.envelope, Lease, basis.roots[-1].body.delegation("keys"), basis.context, path)


def _roots_before_last(basis: Basis) -> tuple[Statement[Root], ...]:
    """The roots that count at this place beside the newest: whom a root dropped before it signs nothing there.

    The roster in force names its root, and every new root is followed by a new roster.
    """
    return basis.roots[basis.roster.root_version - 1 : -1]


def check_key_state(statement: Statement[KeyStateChange], basis: Basis, path: str) -> None:
    """Raise unless one officer signed what tightens, and as many as lift a freeze what cannot be made good.

    One officer must be able to stop a key at once, and none alone may end the firm: a suspension can be lifted, and
    what is deactivated or compromised still signs a sweep to ourselves. A key that is said to be destroyed signs
    nothing for ever, so that takes the quorum, as the end of a suspension does.
    """
    check_context(statement, basis.context, path)
    if statement.body.state in BY_QUORUM:
        people = basis.policy.parameters.freeze_lift_people if basis.policy else LEAST_OFFICERS
        check_lift(statement, basis.roster, basis.moment, people, path)
        return
    officer = check_party(basis.roster, statement.issuer, "officer", basis.moment, f"{path}.issuer")
    check_exact_signers(statement.envelope, [officer.key], path)


def check_hsm_register(statement: Statement[HsmRegister], basis: Basis, path: str) -> None:
    """As for a lease: an older root's delegates are read, and `find_hsms` lets none of them count."""
    if not any(_is_hsms_of(statement, root.body, basis.context) for root in _roots_before_last(basis)):
        prove_delegated(statement.envelope, HsmRegister, basis.roots[-1].body.delegation("keys"), basis.context, path)


def check_release_manifest(statement: Statement[ReleaseManifest], basis: Basis, path: str) -> None:
    """As for a lease: an older root's delegates are read, and `find_release` lets none of them count."""
    if not any(_is_release_of(statement, root.body, basis.context) for root in _roots_before_last(basis)):
        delegation = basis.roots[-1].body.delegation("keys")
        prove_delegated(statement.envelope, ReleaseManifest, delegation, basis.context, path)


CHECKS: Mapping[StatementType, CheckNotice] = {
    StatementType.LEASE: check_lease,
    StatementType.KEY_STATE: check_key_state,
    StatementType.HSM_REGISTER: check_hsm_register,
    StatementType.RELEASE_MANIFEST: check_release_manifest,
}


def check_notice(statement: Statement[Any], basis: Basis, path: str) -> None:
    """Raise unless this is a kind of notice, signed by whom its kind asks for. TYPE_MISMATCH for another kind."""
    check = CHECKS.get(statement.type)
    if check is None:
        kinds = " or ".join(kind.value for kind in CHECKS)
        raise malformed(Code.TYPE_MISMATCH, path, kinds, statement.type.value)
    check(statement, basis, path)


def key_states_of(notices: Iterable[Proved[Any]]) -> dict[Digest, KeyStateChange]:
    """Every statement about keys, by its id."""
    return {n.id: n.body for n in notices if isinstance(n.body, KeyStateChange)}


def is_lease_of(statement: Statement[Any], root: Root, context: Context) -> bool:
    """Whether this root's delegates of the key register signed the lease."""
    try:
        prove_delegated(statement.envelope, Lease, root.delegation("keys"), context, "lease")
    except RefusedError:
        return False
    return True


def find_lease(notices: Iterable[Proved[Any]], terminal: PartyId, root: Root, context: Context) -> Proved[Lease] | None:
    """The lease in force for a terminal among notices in the log's order; None when there is none.

    Each lease follows the one before it, by number and by id, so that of two that claim one number the first in the
    log counts, and numbers never fall. The last must be signed by the delegates of the newest root: whom a root
    dropped leases nothing, and a lease of theirs is signed anew.
    """
    last: Proved[Lease] | None = None
    for lease in leases_of(notices, terminal):
        number, previous = (last.body.number, str(last.id)) if last else (0, NONE)
        if (lease.body.number, lease.body.previous) == (number + 1, previous):
            last = lease
    return last if last and is_lease_of(last.statement, root, context) else None


def build_latches(freezes: Iterable[Digest], notices: Iterable[Proved[Any]]) -> Digest:
    """One digest of everything that latches: SHA-256 of the canonical JSON array of the statements' ids, sorted.

    freezes: those that stand. notices: all of them, of which the key states that still tighten a key count.

    Reconciler and watcher quote theirs, and a terminal compares it with its own: whoever keeps a freeze or a key state
    from a terminal gets no clear for it. Source: spec/statement.md, clear-to-sign.
    """
    ids: list[Json] = [*sorted({*freezes, *standing_states(key_states_of(notices))})]
    return sha256(encode_canonical(ids))


def leases_of(notices: Iterable[Proved[Any]], terminal: PartyId) -> Sequence[Proved[Lease]]:
    """Every lease that was ever given for a terminal, in the log's order."""
    return [n for n in notices if isinstance(n.body, Lease) and n.body.terminal == terminal]


def find_hsms(notices: Iterable[Proved[Any]], root: Root, context: Context) -> Proved[HsmRegister] | None:
    """The HSM register in force among notices in the log's order; None before the first one.

    Each version follows the one before it, as leases do. Raises HSM_UNKNOWN when the newest root's delegates did not
    sign the last: whom a root dropped would go on to say what a good token is, and no register at all would let every
    token pass.
    """
    last = last_hsms(notices)
    if last is not None and not _is_hsms_of(last.statement, root, context):
        expected = f"a register signed by the key delegates of root version {root.version}"
        raise refused(Code.HSM_UNKNOWN, f"hsm-register version {last.body.version}", expected, "another root's")
    return last


def last_hsms(notices: Iterable[Proved[Any]]) -> Proved[HsmRegister] | None:
    """The last version that follows the ones before it, whoever's root signed it."""
    last: Proved[HsmRegister] | None = None
    for notice in notices:
        if not isinstance(notice.body, HsmRegister):
            continue
        version, previous = (last.body.version, str(last.id)) if last else (0, NONE)
        if (notice.body.version, notice.body.previous) == (version + 1, previous):
            last = notice
    return last


def _is_hsms_of(statement: Statement[Any], root: Root, context: Context) -> bool:
    try:
        prove_delegated(statement.envelope, HsmRegister, root.delegation("keys"), context, "hsm-register")
    except RefusedError:
        return False
    return True


def find_release(
    notices: Iterable[Proved[Any]], program: Program, root: Root, context: Context
) -> Proved[ReleaseManifest] | None:
    """The release manifest in force for a program among notices in the log's order; None before the first one.

    Each version follows the one before it, as leases do. Raises RELEASE_UNKNOWN when the newest root's delegates did
    not sign the last: whom a root dropped would go on to say what a good program is.
    """
    last = last_release(notices, program)
    if last is not None and not _is_release_of(last.statement, root, context):
        expected = f"a manifest signed by the key delegates of root version {root.version}"
        raise refused(Code.RELEASE_UNKNOWN, f"release-manifest version {last.body.version}", expected, "another root's")
    return last


def last_release(notices: Iterable[Proved[Any]], program: Program) -> Proved[ReleaseManifest] | None:
    """The last version of a program's manifest that follows the ones before it, whoever's root signed it."""
    last: Proved[ReleaseManifest] | None = None
    for notice in notices:
        if not isinstance(notice.body, ReleaseManifest) or notice.body.program is not program:
            continue
        version, previous = (last.body.version, str(last.id)) if last else (0, NONE)
        if (notice.body.version, notice.body.previous) == (version + 1, previous):
            last = notice
    return last


def _is_release_of(statement: Statement[Any], root: Root, context: Context) -> bool:
    try:
        prove_delegated(statement.envelope, ReleaseManifest, root.delegation("keys"), context, "release-manifest")
    except RefusedError:
        return False
    return True
