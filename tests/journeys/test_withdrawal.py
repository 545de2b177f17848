"""A withdrawal on a real chain from the client's order to the reconciled ledger, with every device that is asked on the way."""

from __future__ import annotations

from pathlib import Path

from firm import ETHER, drive, find_proposal, open_firm
from office import open_office
from strongroom.online.db.bootstrap import Database
from strongroom.online.nodes.devchain import AnvilChain
from world import ETH


def test_eth(tmp_path: Path, database: Database, ethereum_chain: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        instruction = firm.instruct("client:harbour", ETH, ETHER)
        proposal = find_proposal(firm, instruction.id)
        drive(firm, proposal, office.serve, "RECONCILED")
