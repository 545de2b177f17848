"""Whose each deposit address is: said once by the assigner, with a key and a database role of its own."""

from __future__ import annotations

from demo.firm import Firm, now
from strongroom.core.assignments import AddressAssignment
from strongroom.core.ids import AccountId, PartyId
from strongroom.core.records import NONE
from strongroom.core.registers import entry_digest
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import say
from strongroom.online.governance.store import load_rules
from strongroom.online.keys import load_service_key
from strongroom.online.keys.store import add_assignment
from strongroom.online.transfers.deposit.credited import find_client

ASSIGNER = PartyId("service:assigner")


def assign_addresses(firm: Firm, connection: Connection) -> None:
    """Give every address that the register gives to an account to that account. connection: the assigner's.

    The demo's addresses were registered, not attested in a batch, so what stands behind each is the register's own
    statement; `strongroom assign` accepts nothing but a batch.
    """
    rules = load_rules(connection)
    key = load_service_key(firm.folder / "config" / "assigner.key", ASSIGNER)
    for entry in firm.registers["addresses"].entries:
        if entry.account == NONE:
            continue
        account = AccountId(entry.account)
        body = AddressAssignment(
            account=account,
            address=entry.address,
            attestation=firm.heads["addresses"].id,
            chain=entry.chain,
            client=find_client(rules, account),
            entry=entry.id,
            line=entry_digest(entry),
            wallet=entry.wallet,
        )
        with connection.transaction():
            add_assignment(connection, body, say(connection, rules.context, body, key, now()).id)
