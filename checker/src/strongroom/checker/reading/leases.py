"""Leases, and the registry of all notices: statements of the log that a device keeps; spec/statement.md, airgap.md.

A later kind is one line in `NOTICES` and a function that reads the statement and proves who signed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.checker.reading.bodies import Quorum
from strongroom.checker.reading.emergency import parse_key_state
from strongroom.checker.reading.emergency_bodies import KeyStateChange, needs_one
from strongroom.checker.reading.envelopes import (
    Context,
    Envelope,
    Statement,
    Type,
    check_context,
    check_exact,
    check_signatures,
    parse_header,
)
from strongroom.checker.reading.fields import NONE, Node
from strongroom.checker.reading.governed import check_governed, parse_governed
from strongroom.checker.reading.hsms import prove_hsms
from strongroom.checker.reading.policy import Policy
from strongroom.checker.reading.releases import prove_release
from strongroom.checker.reading.roots import Root, RootChain
from strongroom.checker.reading.rosters import RosterStatement, check_party, check_quorum, moment_said
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, malformed
from strongroom.core.ids import Digest, PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token says of itself."""

    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The one token and journal with which a terminal may sign. previous: None for number 1.

    place_number, place_head: an entry that the journal must hold; only the terminal itself can look.
    """

    journal: Digest
    number: int
    place_number: int
    place_head: Digest
    previous: Digest | None
    terminal: PartyId
    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a notice is judged by. roster: in force at its place. policy: the reader's own; None before its first."""

    chain: RootChain
    roster: RosterStatement
    policy: Policy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice as a device holds it. moment: when it was proved here."""

    statement: Statement[Any]
    index: int
    moment: datetime


def prove_lease(envelope: Envelope, basis: Basis) -> Statement[Lease]:
    """A lease by the delegates of the key register, of the newest root or of one in force there; see `find_lease`."""
    statement = parse_governed(envelope, Type.LEASE, _parse_lease)
    check_context(statement, basis.chain.context)
    older = basis.chain.roots[basis.roster.body.root_version - 1 : -1]
    if not any(_is_by(statement, root.body, basis.chain.context) for root in older):
        check_governed(statement, basis.chain.last.delegations["keys"], basis.chain.context)
    return statement


def prove_key_state(envelope: Envelope, basis: Basis) -> Statement[KeyStateChange]:
    """One officer tightens at once; the quorum of a lift ends a suspension, or says that a key is no more."""
    statement = parse_governed(envelope, Type.KEY_STATE, parse_key_state)
    check_context(statement, basis.chain.context)
    path = f"{statement.path}.payload.issuer"
    roster, moment = basis.roster.body, moment_said(statement.issued_at, basis.roster)
    officer = check_party(roster, statement.issuer, ("officer",), moment, path)
    if needs_one(statement.body.state):
        check_exact(envelope, [officer.key])
        return statement
    people = max(2, basis.policy.freeze_lift_people if basis.policy else 2)
    officers = [p for p in roster.with_role("officer") if p.valid_from <= moment <= p.valid_until]
    signed = check_signatures(envelope, [each.key for each in officers])
    signers = [each for each in officers if each.key.id in signed]
    check_quorum(Quorum(groups=1, people=people, role="officer"), signers, f"{statement.path}.signatures")
    return statement


def key_states_of(notices: Iterable[Notice]) -> dict[Digest, KeyStateChange]:
    """Every statement about keys, by its id."""
    found = (each.statement for each in notices)
    return {each.id: each.body for each in found if isinstance(each.body, KeyStateChange)}


ProveNotice = Callable[[Envelope, Basis], Statement[Any]]
NOTICES: Final[Mapping[Type, ProveNotice]] = {
    Type.LEASE: prove_lease,
    Type.KEY_STATE: prove_key_state,
    Type.HSM_REGISTER: lambda envelope, basis: prove_hsms(envelope, basis.chain, basis.roster.body.root_version),
    Type.RELEASE_MANIFEST: lambda envelope, basis: prove_release(envelope, basis.chain, basis.roster.body.root_version),
}


def prove_notice(envelope: Envelope, basis: Basis) -> Statement[Any]:
    """Read a notice of any kind and prove who signed it. Raises TYPE_MISMATCH for what is none."""
    kind = parse_header(envelope)[0].type
    prove = NOTICES.get(kind)
    if prove is None:
        kinds = " or ".join(each.value for each in NOTICES)
        raise malformed(Code.TYPE_MISMATCH, f"{envelope.path}.payloadType", kinds, kind.value)
    return prove(envelope, basis)


def find_lease(notices: Iterable[Notice], terminal: PartyId, chain: RootChain) -> Statement[Lease] | None:
    """The lease in force for a terminal among notices in the log's order.

    Each follows the one before by number and id; of two with one number the first counts. The last one must be signed
    by the newest root's delegates, or whom a root dropped would go on to lease.
    """
    last: Statement[Lease] | None = None
    for notice in notices:
        found = notice.statement
        if not isinstance(found.body, Lease) or found.body.terminal != terminal:
            continue
        wanted = (last.body.number + 1, last.id) if last else (1, None)
        if (found.body.number, found.body.previous) == wanted:
            last = found
    return last if last and _is_by(last, chain.last, chain.context) else None


def _is_by(statement: Statement[Lease], root: Root, context: Context) -> bool:
    try:
        check_governed(statement, root.delegations["keys"], context)
    except RefusedError:
        return False
    return True


def _parse_lease(node: Node) -> Lease:
    found = node.members("journal", "number", "place", "previous", "terminal", "token")
    token = found["token"].members("manufacturer", "model", "serial")
    place = found["place"].members("head", "number")
    number, previous = found["number"].integer(least=1), found["previous"].digest_or_none()
    if (number == 1) != (found["previous"].value == NONE):
        raise found["number"].invalid("1 exactly when previous is none")
    return Lease(
        journal=found["journal"].digest(),
        number=number,
        place_number=place["number"].integer(least=1),
        place_head=place["head"].digest(),
        previous=previous,
        terminal=found["terminal"].party_of("device"),
        token=Token(
            manufacturer=token["manufacturer"].text(), model=token["model"].text(), serial=token["serial"].text()
        ),
    )
