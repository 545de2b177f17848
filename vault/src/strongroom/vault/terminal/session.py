"""One session: a nonce is shown, a package comes back for it, and its clear-to-sign is proved, used up and counted.

The life of the clear runs from the nonce, on a clock that nobody can set back. Source: spec/statement.md, clear-to-
sign; III.16, V.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.core.bodies import ClearToSign, JournalPlace, TreeHead
from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.checks.foundation import roster_in_force
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.checks.spend import moved_units
from strongroom.core.codes import Code
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import AssetId, Digest, PartyId
from strongroom.core.log import WitnessedCheckpoint
from strongroom.core.packages import PackageKind, SessionRequestBody, SigningBody
from strongroom.core.page_values import build_quote
from strongroom.core.records import HexBytes, encode_time
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Envelope, Statement, build_payload, expect, parse_statement, sign_payload
from strongroom.core.trust import check_clear_place
from strongroom.vault.terminal.heads import check_same_heads
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import ClearUse
from strongroom.vault.terminal.lease import check_lease
from strongroom.vault.terminal.outbox import send_package
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.terminal import Terminal

NONCE_BYTES = 32
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open session. opened_ns: when the nonce was drawn. checkpoint: the log as this terminal knew it then.

    journal: where it stood when the clear was asked for. lease: the one that this machine was compared with.
    """

    nonce: HexBytes
    opened_ns: int
    operators: tuple[PartyId, ...]
    checkpoint: TreeHead
    journal: JournalPlace
    lease: Digest


@dataclass(slots=True, kw_only=True)
class Clear:
    """An accepted clear-to-sign, and what of it is used. ends_ns: on the clock of `Outside.elapsed_ns`."""

    statement: Statement[ClearToSign]
    ends_ns: int
    max_count: int
    count: int = 0
    spent: dict[AssetId, int] = field(default_factory=dict)

    def seconds_left(self, terminal: Terminal) -> float:
        """How much of its life is left; below zero when it is over."""
        return (self.ends_ns - terminal.outside.elapsed_ns()) / _NS

    def check_alive(self, terminal: Terminal) -> None:
        """Raise CLEAR_EXPIRED when its life, counted from the nonce, is over."""
        late = terminal.outside.elapsed_ns() - self.ends_ns
        if late > 0:
            raise refused(
                Code.CLEAR_EXPIRED,
                "clear.life_s",
                f"within {self.statement.body.life_s} s",
                f"{late // _NS + 1} s too late",
            )

    def check_budget(self, proved: ProvedDocket) -> None:
        """Raise CLEAR_BUDGET unless one more transaction of this value is inside count and budget.

        Everything that leaves counts, the fee too; an asset that the budget does not name has none.
        """
        if self.count + 1 > self.max_count:
            raise refused(Code.CLEAR_BUDGET, "clear.max_count", f"at most {self.max_count}", str(self.count + 1))
        budget = {b.asset: b.units for b in self.statement.body.budget}
        for asset, units in spent_units(proved).items():
            total = self.spent.get(asset, 0) + units
            if total > budget.get(asset, 0):
                raise refused(Code.CLEAR_BUDGET, f"clear.budget.{asset}", f"at most {budget.get(asset, 0)}", str(total))

    def use(self, proved: ProvedDocket) -> None:
        """Count a transaction that is about to be signed."""
        self.count += 1
        for asset, units in spent_units(proved).items():
            self.spent[asset] = self.spent.get(asset, 0) + units


def spent_units(proved: ProvedDocket) -> dict[AssetId, int]:
    """What leaves us in a transaction, by asset: its payments and the most that its fee can be."""
    return moved_units(proved.spend, {change.index for change in proved.proposal.body.change})


def open_session(terminal: Terminal, crew: Crew, out: Path) -> Session:
    """Draw a nonce, record it, and hand out the request for a clear-to-sign. Raises what `check_lease` raises."""
    trust, operators = terminal.trust, crew.people
    lease = check_lease(terminal, crew.terminal.identity)
    heads = trust.build_heads()
    nonce = HexBytes(terminal.outside.random(NONCE_BYTES))
    opened_ns = terminal.outside.elapsed_ns()
    names: list[Json] = [*operators]
    terminal.journal.append(EntryKind.SESSION_OPENED, encode_canonical({"nonce": nonce.hex(), "operators": names}))
    head = terminal.journal.head()
    place = JournalPlace(head=head.hash, number=head.number)
    body = SessionRequest(
        checkpoint=trust.log_head,
        heads=heads,
        journal=place,
        lease=lease.id,
        nonce=nonce,
        operators=operators,
        terminal=terminal.config.terminal,
    )
    request = SessionRequestBody(request=_sign_request(terminal, crew, body))
    path = send_package(terminal, out, PackageKind.SESSION_REQUEST, request, ())
    said = "Session {nonce} is open; the request for a clear-to-sign is {path}."
    terminal.outside.console.say(build_quote(said, nonce=nonce.hex(), path=str(path)))
    return Session(
        nonce=nonce,
        opened_ns=opened_ns,
        operators=operators,
        checkpoint=trust.log_head,
        journal=place,
        lease=lease.id,
    )


def _sign_request(terminal: Terminal, crew: Crew, body: SessionRequest) -> Envelope:
    """Signed, since whoever could ask in this terminal's name for a place far above ours would lock it out for good."""
    me = terminal.config.terminal
    kind, payload = build_payload(body, context=terminal.trust.context, issuer=me, issued_at=terminal.now())
    return sign_payload(kind, payload, [(crew.terminal.key, crew.terminal.sign)])


def accept_clear(terminal: Terminal, session: Session, body: SigningBody, witnessed: WitnessedCheckpoint) -> Clear:
    """Prove the clear-to-sign of a package and use it up; from the entry in the journal on it never counts again.

    Raises CLEAR_NOT_FOR_SESSION, CLEAR_EXPIRED, CLEAR_USED, CLEAR_BUDGET, HEAD_UNEQUAL, HEAD_ROLLBACK, LEASE_REPLACED,
    LATCHES_UNEQUAL, SIGNATURES_MISSING, NOT_IN_LOG and the rest of what a statement can fail at; every refusal at once.
    """
    statement = expect(parse_statement(body.clear.envelope, "clear"), ClearToSign, "clear")
    clear = _build_clear(terminal, session, statement)
    trust = terminal.trust
    roster = roster_in_force(trust.rosters, body.clear.index).body
    use = ClearUse(clear=statement.id, nonce=statement.body.nonce)
    run_checks(
        [
            lambda: check_clear_place(trust, body.clear, witnessed, "clear"),
            lambda: check_statement_signers(statement, roster, terminal.now(), trust.entries, "clear"),
            lambda: _check_for_session(terminal, session, body.nonce, statement.body),
            lambda: _check_place(session, statement.body),
            lambda: _check_lease(terminal, session, statement.body),
            lambda: _check_latches(terminal, statement.body),
            lambda: _check_checkpoint(session, statement.body.checkpoint, body.clear.index),
            lambda: check_same_heads(trust.build_heads(), statement.body.heads, "clear.heads"),
            lambda: _check_issued(terminal, statement),
            lambda: clear.check_alive(terminal),
            lambda: terminal.journal.check([use]),
        ]
    )
    fields = encode_canonical({"clear": statement.id, "nonce": session.nonce.hex()})
    terminal.journal.append(EntryKind.CLEAR_ACCEPTED, fields, (use,))
    return clear


def _build_clear(terminal: Terminal, session: Session, statement: Statement[ClearToSign]) -> Clear:
    """The stricter of the clear and of our own policy, for life and for count."""
    parameters = terminal.trust.policy_in_force.parameters
    life = min(statement.body.life_s, parameters.clear_life_s)
    count = min(statement.body.max_count, parameters.clear_max_count)
    return Clear(statement=statement, ends_ns=session.opened_ns + life * _NS, max_count=count)


def _check_for_session(terminal: Terminal, session: Session, carried: HexBytes, body: ClearToSign) -> None:
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("nonce", session.nonce.hex(), body.nonce.hex()),
        ("package.nonce", session.nonce.hex(), carried.hex()),
        ("terminal", terminal.config.terminal, body.terminal),
    )
    for name, expected, got in pairs:
        if expected != got:
            raise refused(Code.CLEAR_NOT_FOR_SESSION, f"clear.{name}", expected, got)


def _check_place(session: Session, body: ClearToSign) -> None:
    """The clear quotes our journal as we showed it: what was quoted for a copy of this terminal is not for us."""
    if body.journal != session.journal:
        expected, got = (f"entry {p.number}, {p.head}" for p in (session.journal, body.journal))
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "clear.journal", expected, got)


def _check_lease(terminal: Terminal, session: Session, body: ClearToSign) -> None:
    """The lease that was cleared is the one that this machine was compared with, and no package has replaced it."""
    lease = terminal.trust.find_lease(terminal.config.terminal)
    if lease is None or lease.id != session.lease:
        got = f"lease {lease.body.number}, {lease.id}" if lease else "none in force"
        raise refused(Code.LEASE_REPLACED, "lease", session.lease, got)
    if body.lease != session.lease:
        raise refused(Code.LEASE_REPLACED, "clear.lease", session.lease, body.lease)


def _check_latches(terminal: Terminal, body: ClearToSign) -> None:
    """Whoever keeps a freeze or a key state from this terminal gets no clear for it (attack: a filtered package)."""
    own = terminal.trust.latches
    if body.latches != own:
        raise refused(Code.LATCHES_UNEQUAL, "clear.latches", own, body.latches)


def _check_checkpoint(session: Session, claimed: TreeHead, index: int) -> None:
    """The state that was cleared is not older than what this terminal knew, and is older than the clear itself."""
    known = session.checkpoint
    if claimed.size < known.size:
        raise refused(Code.HEAD_ROLLBACK, "clear.checkpoint.size", f"at least {known.size}", str(claimed.size))
    if claimed.size == known.size and claimed.root != known.root:
        raise refused(Code.HEAD_UNEQUAL, "clear.checkpoint.root", known.root, claimed.root)
    if claimed.size > index:
        raise refused(Code.HEAD_MISMATCH, "clear.checkpoint.size", f"at most {index}", str(claimed.size))


def _check_issued(terminal: Terminal, statement: Statement[ClearToSign]) -> None:
    """A record may not be older than its clear, so a clock behind the reconciler's would make one that nobody takes."""
    now = terminal.now()
    if now < statement.issued_at:
        raise refused(
            Code.CLOCK_BEHIND, "clear.issued_at", f"{encode_time(statement.issued_at)} or later", encode_time(now)
        )
