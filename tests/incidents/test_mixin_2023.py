"""`mixin-2023`: the database at a cloud provider was attacked, and keys were apparently recoverable from it; $200M.

Stopped by: (1) the database, its rows and its files hold nothing that signs, and a search says so and would alarm
(KEY_MATERIAL_ONLINE); (2) rows that look like approved payouts are not believed: the platform, and apart from it every
device, verifies the client's own signature. Either alone is enough: with a key in a row no payout passes a device
without its client; with forged rows nothing signs.

Software cannot stop: that somebody reads names, amounts and habits in a stolen database.
"""

from __future__ import annotations

from typing import Any

import pytest

from firm import ETHER, Firm, drive, find_proposal
from office import open_office
from strongroom.core.bodies import Instruction
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.statements import Statement, parse_statement
from strongroom.online.evidence.store import append
from strongroom.online.watch.material_scan import scan
from world import ETH, World, chain_key
from world_trips import eth_trip


def forge_order(firm: Firm) -> Statement[Any]:
    """An order in the client's name, signed by a key that the thief made."""
    honest = parse_statement(firm.order("client:harbour", ETH, 2 * ETHER))
    thief = "client:harbour second"
    return parse_statement(firm.world.sign(honest.body, "client:harbour", (thief,)))


def insert_order(firm: Firm, order: Statement[Any]) -> None:
    """Write it where an accepted order stands: in the log and in the table, as the administrator of the server."""
    body: Instruction = order.body
    append(firm.admin, order.envelope)
    firm.query(
        """insert into transfers.instructions (id, client, sequence, account, wallet, asset, chain, amount, state)
           values (%s, %s, %s, %s, 'wallet:eth-cold-1', %s, %s, %s, 'SUBMITTED')""",
        *(order.id, body.client, body.sequence, body.account, body.asset, body.chain, int(body.amount)),
    )


def test_the_database_holds_nothing_that_signs(firm: Firm) -> None:
    keys = list(firm.rules.entries.keys.values())
    assert len(keys) > 5
    searched = scan(firm.admin, keys, [firm.folder / "platform"])
    assert searched.findings == ()
    assert searched.rows > 100


def test_a_key_in_any_row_alarms(firm: Firm) -> None:
    entry = next(key for key in firm.rules.entries.keys.values() if key.chain == ETH)
    number = chain_key(entry.id).secret
    firm.query(
        "insert into watch.alerts (code, severity, subject, detail) values ('X', 'critical', 'note', %s)",
        number.hex(),
    )
    searched = scan(firm.admin, firm.rules.entries.keys.values(), [])
    assert [each.kind for each in searched.findings] == ["the private half of a registered key"]
    assert firm.query("select count(*) from watch.alerts where code = %s", Code.KEY_MATERIAL_ONLINE.value) == [(1,)]


def test_inserted_orders_are_not_believed_by_the_platform(firm: Firm) -> None:
    order = forge_order(firm)
    insert_order(firm, order)
    for _ in range(3):
        firm.round()
    state, proposal = firm.query("select state, proposal from transfers.instructions where id = %s", order.id)[0]
    assert (state, proposal) == ("BLOCKED", None)
    codes = {code for (code,) in firm.query("select code from watch.alerts where closed_at is null")}
    assert Code.SIGNER_UNKNOWN.value in codes


def test_inserted_orders_are_not_believed_by_any_device() -> None:
    """The platform out of the way: the thief's own platform decides, proposes and has the docket assembled."""
    world = World()
    trip = eth_trip(world).to(Stage.INSTRUCT)
    trip.say(trip.statements.pop().body, "client:harbour", ("client:harbour second",))
    trip.to(Stage.PROPOSE)
    with pytest.raises(RefusedError) as caught:
        prove_docket(trip.docket(), world.roots, now=world.now)
    assert Code.SIGNER_UNKNOWN in caught.value.codes


def test_the_clients_own_order_is_paid(firm: Firm) -> None:
    office = open_office(firm, {ETH: ("device:terminal-1",)})
    order = firm.instruct("client:harbour", ETH, ETHER)
    drive(firm, find_proposal(firm, order.id), office.serve, "RECONCILED")
