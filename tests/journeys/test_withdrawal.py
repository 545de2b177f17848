"""A withdrawal on a real chain, from the client's order to the reconciled ledger, with every device that is asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from firm import COIN, ETHER, Firm, drive, find_proposal, open_firm
from office import open_office
from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.ids import AccountId, Digest
from strongroom.online.db.bootstrap import Database
from strongroom.online.ledger.store import check_ledger, load_balance, load_totals
from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.transfers.withdrawal.store import load_docket, load_docket_statements
from world import CLIENTS, ETH, ETH_ASSET, LTC, LTC_ASSET

PAID = {"client:harbour": 5 * COIN, "client:lantau": 7 * COIN, "client:peak": 11 * COIN}


def test_eth_from_one_key(tmp_path: Path, database: Database, ethereum_chain: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        assert 5 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted

        instruction = firm.instruct("client:harbour", ETH, ETHER)
        proposal = find_proposal(firm, instruction.id)
        drive(firm, proposal, office.serve, "RECONCILED")

        destination = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist").address
        node = ethereum_chain.node()
        assert node.fetch_balance(destination, node.fetch_block_number()) == ETHER
        assert 4 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted
        assert {"instruction": 1, "approval": 2, "clear-to-sign": 1, "signature-record": 1}.items() <= said_in(
            firm, proposal
        ).items()
        check_proved(firm, proposal)
        check_books(firm)
        held = sum(
            node.fetch_balance(a.address, node.fetch_block_number())
            for a in firm.rules.entries.addresses.values()
            if a.chain == ETH
        )
        assert held == load_totals(firm.admin, ETH_ASSET).custody


def test_three_clients_in_one_litecoin_transaction_of_two_terminals(
    tmp_path: Path, database: Database, litecoin_chain: LitecoinChain
) -> None:
    with open_firm(tmp_path, database, ltc=litecoin_chain) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        # A miner's reward may be spent after a hundred blocks; these let three more of the node's own coins ripen.
        litecoin_chain.mine(3)
        for name in ("ltc-1", "ltc-2", "ltc-3"):
            firm.deposit(name, 20 * COIN)
        firm.mine()

        instructions = [firm.instruct(client, LTC, amount) for client, amount in PAID.items()]
        proposal = find_proposal(firm, instructions[0].id)
        assert {proposal} == {find_proposal(firm, i.id) for i in instructions}
        drive(firm, proposal, office.serve, "RECONCILED")

        said = said_in(firm, proposal)
        assert {"instruction": 3, "approval": 2, "clear-to-sign": 2, "signature-record": 2}.items() <= said.items()
        row = load_docket(firm.admin, proposal)
        found = litecoin_chain.node().fetch_transaction(str(row.txid))
        assert found is not None
        outputs = {o.script: o.value_sat for o in found.transaction.outputs}
        for client, amount in PAID.items():
            entry = firm.world.registers["whitelist"].find(f"entry:{client.split(':')[1]}-ltc", "whitelist")
            assert amount == outputs[parse_address(entry.address, LITECOIN_REGTEST)]
        assert [20 * COIN - PAID[c] for c in CLIENTS] == [
            load_balance(firm.admin, AccountId(f"account:{c.split(':')[1]}:ltc")).posted for c in CLIENTS
        ]
        assert 60 * COIN - sum(PAID.values()) - row.fee == load_totals(firm.admin, LTC_ASSET).custody
        check_proved(firm, proposal)
        check_books(firm)


def said_in(firm: Firm, proposal: Digest) -> Counter[str]:
    """How many statements of each kind a docket has, all of them out of the log."""
    return Counter(s.type.value for s in load_docket_statements(firm.admin, proposal))


def check_proved(firm: Firm, proposal: Digest) -> None:
    """The checker's own reading proves the docket file from the root and nothing else, up to the settlement."""
    # What was said last is witnessed by a pass after it.
    firm.round()
    firm.work()
    row = load_docket(firm.platform.connection, proposal)
    docket = firm.platform.assemble(firm.rules, row, up_to=Stage.SETTLE)
    proof = prove_docket(encode_docket(docket), firm.world.root_file)
    assert proof.furthest.name == Stage.SETTLE.name
    _, facts = proof.paid()
    assert row.chain == facts.chain


def check_books(firm: Firm) -> None:
    """The ledger adds up, matches the chain, and every posting and every ending names a statement of the log."""
    check_ledger(firm.admin)
    nameless = firm.query(
        """select id from ledger.transfers t left join evidence.entries e using (statement) where e.idx is null
           union all
           select transfer from ledger.resolutions left join evidence.entries e using (statement) where e.idx is null"""
    )
    assert [] == nameless
    assert {"MATCHED"} == {str(status) for (status,) in firm.query("select distinct status from watch.runs")}
    assert [] == firm.query("select code, detail from watch.alerts")
    assert [] == firm.query("select statement from watch.freezes")
