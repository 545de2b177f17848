"""Hand out an address: the assigner's one act, with a key of its own, away from the API.

1. The whole log, from the first entry: it is the one that was seen before, and says who owns which address. 2. The
wallet of the account: signed, active, and of this client or of all. 3. An address that the vault attested, its line
proved under the signed root again, now. 4. Registers agree and its keys are active. 5. Each terminal that holds one of
them was restored from its shares lately. 6. The assignment is signed, logged and kept: once, by the log and by the
database. 7. What the client gets is built when a witness has seen it, and again whenever they ask.
No node is asked: nothing of this is on a chain. Source: spec/wallets.md, "Issuing".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from strongroom.core.address_package import AddressPackage, OfferedLine, build_package, prove_package
from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import AddressAttestation, AttestedLine
from strongroom.core.checks.issue import RestoreDrill, check_offered_line, check_registered, check_restorable
from strongroom.core.checks.notices import CHECKS
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import AccountId, Digest, EntryId, PartyId
from strongroom.core.merkle import build_inclusion_proof
from strongroom.core.registers import ClientAccount
from strongroom.core.statements import Statement, StatementType, expect, parse_envelope_bytes, parse_statement
from strongroom.core.wallets import Issue, Wallet, check_wallet_issues
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.memory import grow_memory, load_memory
from strongroom.online.evidence.store import LogReader, load_statement, say
from strongroom.online.governance.notices import judge_notices
from strongroom.online.governance.store import Rules, load_rules_under
from strongroom.online.keys import store
from strongroom.online.keys.importing import check_attested, digest_line
from strongroom.online.keys.services import ServiceKey
from strongroom.online.keys.states import find_effective_entries
from strongroom.online.keys.wallets import KINDS as WALLETS
from strongroom.online.keys.wallets import find_wallets
from strongroom.online.prove.reading import LogFold

_OFFERED: Final = 50
"""Candidates that are read at a time; the first that is registered is taken."""

FindDrills = Callable[[Sequence[tuple[int, Statement[Any]]], Rules], Mapping[PartyId, RestoreDrill]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigner:
    """The assigner's parts. memory: a file on its own disk, which no rolled back database changes."""

    connection: Connection
    key: ServiceKey
    root: Digest
    memory: Path
    clock: Callable[[], datetime]
    find_drills: FindDrills
    fold: LogFold = field(default_factory=LogFold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An address that may be handed out, with everything that proves it."""

    attestation: Statement[AddressAttestation]
    index: int
    line: AttestedLine
    proof: tuple[bytes, ...]
    text: str


def assign(assigner: Assigner, account: AccountId, entry: str = "") -> Statement[AddressAssignment]:
    """Give an account an address for good. entry: a certain one, or empty for any.

    Raises ADDRESS_NOT_ATTESTED, ADDRESS_WITHOUT_SPEND_PROOF, RETIRED_WALLET_ACTIVE, ALREADY_ASSIGNED, SEPARATION,
    NOT_IN_REGISTER, LOG_NOT_CONSISTENT.
    """
    connection, now = assigner.connection, assigner.clock()
    with connection.transaction():
        rules = load_rules_under(connection, assigner.root)
        read_log(assigner, rules, now)
        client, held = find_holder(rules, account)
        wallet = check_wallet_issues(find_wallets(assigner.fold.said.of(*WALLETS), rules), held.wallet, client)
        if wallet.issue is Issue.PER_CLIENT and assigner.fold.assigned.has_one(account, wallet.wallet):
            raise refused(Code.ALREADY_ASSIGNED, account, "an account without an address here", "one for good")
        offer = find_offer(assigner, rules, wallet, entry, now)
        body = AddressAssignment(
            account=account,
            address=offer.line.address,
            attestation=offer.attestation.id,
            chain=wallet.chain,
            client=client,
            entry=offer.line.id,
            line=digest_line(offer.text),
            wallet=wallet.wallet,
        )
        assigner.fold.assigned.check_new(body)
        _check_owner(rules, body)
        said = say(connection, rules.context, body, assigner.key, now)
        store.add_assignment(connection, body, said.id)
    read_log(assigner, rules, now)
    return said


def read_log(assigner: Assigner, rules: Rules, now: datetime) -> None:
    """Take in what is new, and remember it. Raises LOG_NOT_CONSISTENT for a log that was cut, rewritten or replaced.

    A database that was restored from before a retirement or an assignment has a shorter log than this host saw.
    """
    remembered = load_memory(assigner.memory)
    fold = assigner.fold
    wrong = (*fold.refresh(assigner.connection, rules, now), *fold.check_memory(remembered))
    if wrong:
        raise RefusedError(*wrong)
    grow_memory(assigner.memory, fold.remember(rules))


def find_holder(rules: Rules, account: AccountId) -> tuple[PartyId, ClientAccount]:
    """Whose an account is, and in which wallet it is kept. Raises NOT_IN_REGISTER."""
    for client in rules.entries.clients.values():
        for held in client.accounts:
            if held.id == account:
                return client.id, held
    raise refused(Code.NOT_IN_REGISTER, "account", "an account of a client", account)


def find_offer(assigner: Assigner, rules: Rules, wallet: Wallet, entry: str, now: datetime) -> Offer:
    """An address of the wallet that is nobody's by the table, proved. Raises as `assign`; nothing is passed over."""
    rows = store.load_offered(assigner.connection, wallet.wallet, entry, _OFFERED)
    registered = [row for row in rows if row.entry in rules.entries.addresses] or list(rows)
    if not registered:
        expected = "an attested address that is nobody's"
        raise refused(Code.ADDRESS_NOT_ATTESTED, entry or wallet.wallet, expected, "none was imported")
    offer = prove_offer(assigner.connection, rules, registered[0], now)
    body = offer.attestation.body
    if body.wallet != wallet.wallet:
        raise refused(Code.ADDRESS_NOT_ATTESTED, offer.line.id, f"an address of {wallet.wallet}", body.wallet)
    said = assigner.fold.said
    keys = find_effective_entries(judge_notices(said.of(*CHECKS), rules), rules)
    check_registered(body, offer.line, rules.entries.addresses.get(offer.line.id), keys)
    drills = assigner.find_drills(said.of(StatementType.CEREMONY), rules)
    check_restorable(offer.line, drills, wallet.drill_age_s, now)
    return offer


def prove_offer(connection: Connection, rules: Rules, row: store.StoredLine, now: datetime) -> Offer:
    """A stored line with its attestation and proof, all verified again. Raises as `find_offer`."""
    _, found = load_statement(connection, row.attestation)
    statement = expect(found, AddressAttestation, "attestation")
    check_attested(statement, rules, now)
    leaves = store.load_leaves(connection, row.attestation)
    if not 0 <= row.place < len(leaves):
        raise refused(Code.ADDRESS_NOT_ATTESTED, row.entry, f"a line of {len(leaves)}", str(row.place))
    proof = build_inclusion_proof(leaves, row.place)
    line = check_offered_line(statement.body, row.line, row.place, proof)
    return Offer(attestation=statement, index=row.place, line=line, proof=proof, text=row.line)


def _check_owner(rules: Rules, body: AddressAssignment) -> None:
    """Where the address register names an account, it is this one. Raises NOT_IN_REGISTER."""
    entry = rules.entries.addresses[body.entry]
    if entry.account not in ("none", body.account):
        raise refused(Code.NOT_IN_REGISTER, f"{body.entry}.account", entry.account, body.account)


def load_package(connection: Connection, root: Digest, entry: EntryId, now: datetime) -> AddressPackage:
    """What the client of an assigned address is given, as of the last checkpoint that a witness signed.

    Read as they will read it before it leaves. Raises NOT_IN_LOG, also while no witness has seen the assignment, and as
    `prove_package`.
    """
    with connection.transaction():
        rules = load_rules_under(connection, root)
        offered = _load_assigned(connection, entry)
        reader = LogReader()
        reader.refresh(connection)
    package = build_package(reader, rules.governance, offered)
    prove_package(package, root, now)
    return package


def _load_assigned(connection: Connection, entry: EntryId) -> OfferedLine:
    leaves = store.load_assignments(connection, [entry])
    if not leaves:
        raise refused(Code.NOT_IN_LOG, entry, "an address that was handed out", "nobody's")
    assignment = parse_statement(parse_envelope_bytes(leaves[0][1]))
    named = expect(assignment, AddressAssignment, "assignment").body.attestation
    row = store.load_line(connection, named, entry)
    if row is None:
        raise refused(Code.ADDRESS_NOT_ATTESTED, entry, f"a line of {named}", "none was imported")
    proof = build_inclusion_proof(store.load_leaves(connection, named), row.place)
    _, attestation = load_statement(connection, named)
    return OfferedLine(
        assignment=assignment.envelope, attestation=attestation.envelope, index=row.place, proof=proof, text=row.line
    )
