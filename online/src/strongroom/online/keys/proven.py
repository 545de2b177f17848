"""No coin of ours goes to an address of ours that nobody has shown to be spendable.

Administrators of a failed exchange moved 103 bitcoins into cold addresses whose keys nobody had (`quadriga-2019`): the
payment was to their own, so no list of strangers stopped it. Here, own addresses are asked for more, not for less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from strongroom.core.attested import AddressAttestation
from strongroom.core.bodies import Instruction
from strongroom.core.checks.issue import check_registered, prove_line
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.ids import EntryId, WalletId
from strongroom.core.merkle import build_inclusion_proof
from strongroom.core.registers import AddressEntry
from strongroom.core.statements import Statement, expect
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_statement
from strongroom.online.governance.store import Rules
from strongroom.online.keys import store
from strongroom.online.keys.importing import check_attested
from strongroom.online.keys.states import load_effective_entries
from strongroom.online.keys.wallets import load_wallets


def check_own_outputs(
    connection: Connection,
    rules: Rules,
    wallet: WalletId,
    change: Iterable[EntryId],
    instructions: Sequence[Statement[Instruction]],
    now: datetime,
) -> None:
    """Raise SWEEP_TO_UNPROVEN_ADDRESS unless every output to ourselves is to a spend-proven address.

    A payment to an own address always; change wherever the wallet is a signed one: only such a wallet has batches.
    """
    ours = {(entry.chain, entry.address): entry for entry in rules.entries.addresses.values()}
    paid = [ours.get((i.body.chain, i.body.destination.address)) for i in instructions]
    wanted = [entry for entry in paid if entry is not None]
    if wallet in load_wallets(connection, rules):
        wanted += [rules.entries.addresses[each] for each in change]
    check_spend_proven(connection, rules, wanted, now)


def check_spend_proven(connection: Connection, rules: Rules, entries: Iterable[AddressEntry], now: datetime) -> None:
    """Raise SWEEP_TO_UNPROVEN_ADDRESS unless the vault attested each of these, and its keys can sign, verified now."""
    for entry in entries:
        row = store.load_newest_line(connection, entry.id)
        if row is None:
            raise refused(Code.SWEEP_TO_UNPROVEN_ADDRESS, entry.id, "an address that the vault attested", "none")
        try:
            _prove(connection, rules, row, now)
        except (MalformedError, RefusedError) as error:
            expected = f"a proof that {entry.address} can be spent from"
            raise refused(Code.SWEEP_TO_UNPROVEN_ADDRESS, entry.id, expected, str(error)[:500]) from error


def _prove(connection: Connection, rules: Rules, row: store.StoredLine, now: datetime) -> None:
    _, found = load_statement(connection, row.attestation)
    statement = expect(found, AddressAttestation, "attestation")
    check_attested(statement, rules, now)
    leaves = store.load_leaves(connection, row.attestation)
    if not 0 <= row.place < len(leaves):
        raise refused(Code.ADDRESS_NOT_ATTESTED, row.entry, f"a line of {len(leaves)}", str(row.place))
    line = prove_line(statement.body, row.line, row.place, build_inclusion_proof(leaves, row.place))
    if line.id != row.entry:
        raise refused(Code.ADDRESS_NOT_ATTESTED, row.entry, f"the line of {row.entry}", line.id)
    keys = load_effective_entries(connection, rules)
    check_registered(statement.body, line, rules.entries.addresses.get(line.id), keys)
