"""A payment that is stuck gets a higher fee: another attempt, approved anew. Whichever is mined settles, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firm import COIN, ETHER, Firm, drive, find_proposal, open_firm
from nodes import AnvilChain, LitecoinChain, start_anvil, start_litecoind
from office import Office, open_office
from strongroom.chains.ethereum.transactions import parse_unsigned
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId, ChainId, Digest
from strongroom.online.db.bootstrap import Database
from strongroom.online.ledger.store import load_balance, load_totals
from strongroom.online.transfers.withdrawal.bump import bump
from strongroom.online.transfers.withdrawal.store import DocketRow, load_docket
from world import ETH, ETH_ASSET, LTC, LTC_ASSET

from .test_withdrawal import check_books, check_proved


@pytest.fixture
def eth() -> Iterator[AnvilChain]:
    """A chain of this test alone: what another test's firm moved would be unexplained here."""
    with start_anvil() as chain:
        yield chain


@pytest.fixture
def ltc() -> Iterator[LitecoinChain]:
    """A chain of this test alone."""
    with start_litecoind() as chain:
        yield chain


def stuck(firm: Firm, office: Office, chain: ChainId, units: int) -> tuple[Digest, Digest]:
    """A payment that left and that no block takes: instruction and proposal."""
    instruction = firm.instruct("client:harbour", chain, units)
    proposal = find_proposal(firm, instruction.id)
    for _ in range(30):
        if firm.state(proposal) == "CONFIRMING":
            return instruction.id, proposal
        firm.round()
        office.serve()
    raise AssertionError(f"{firm.state(proposal)}: {firm.query('select why from transfers.dockets')}")


def until(firm: Firm, office: Office, proposal: Digest, state: str) -> None:
    """Rounds without a block."""
    for _ in range(30):
        if firm.state(proposal) == state:
            return
        firm.round()
        office.serve()
    raise AssertionError(f"{firm.state(proposal)}: {firm.query('select state, why from transfers.dockets')}")


def row_of(firm: Firm, proposal: Digest) -> DocketRow:
    return load_docket(firm.admin, proposal)


def test_eth_the_replacement_is_mined(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        instruction, first = stuck(firm, office, ETH, ETHER)
        second = bump(firm.platform, firm.rules, first, 0).id
        old, new = (parse_unsigned(row_of(firm, p).unsigned) for p in (first, second))
        assert (old.nonce, old.recipient, old.units) == (new.nonce, new.recipient, new.units)
        assert new.max_fee_per_gas_wei * 1000 >= old.max_fee_per_gas_wei * 1125
        assert new.max_priority_fee_per_gas_wei * 1000 >= old.max_priority_fee_per_gas_wei * 1125
        until(firm, office, second, "CONFIRMING")
        drive(firm, second, office.serve, "RECONCILED")

        assert "REPLACED" == firm.state(first)
        assert [(second, "RECONCILED")] == firm.query(
            "select proposal, state from transfers.instructions where id = %s", instruction
        )
        assert 4 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted
        fees = firm.query("select units from ledger.transfers where kind = 'network-fee'")
        assert 1 == len(fees)
        assert 4 * ETHER - int(fees[0][0]) == load_totals(firm.admin, ETH_ASSET).custody
        check_proved(firm, second)
        check_books(firm)


def test_eth_the_first_attempt_is_mined_after_all(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        instruction, first = stuck(firm, office, ETH, ETHER)
        second = bump(firm.platform, firm.rules, first, 0).id
        until(firm, office, second, "VERIFIED")
        drive(firm, first, office.serve, "RECONCILED")

        assert "REPLACED" == firm.state(second)
        assert [(first, "RECONCILED")] == firm.query(
            "select proposal, state from transfers.instructions where id = %s", instruction
        )
        assert 4 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted
        check_proved(firm, first)
        check_books(firm)


def test_ltc_the_replacement_is_mined(tmp_path: Path, database: Database, ltc: LitecoinChain) -> None:
    with open_firm(tmp_path, database, ltc=ltc) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        ltc.mine(3)
        firm.deposit("ltc-1", 20 * COIN)
        firm.mine()
        _, first = stuck(firm, office, LTC, 5 * COIN)
        second = bump(firm.platform, firm.rules, first, 0).id
        assert row_of(firm, second).fee > row_of(firm, first).fee
        until(firm, office, second, "CONFIRMING")
        drive(firm, second, office.serve, "RECONCILED")

        assert "REPLACED" == firm.state(first)
        assert 15 * COIN == load_balance(firm.admin, AccountId("account:harbour:ltc")).posted
        assert 15 * COIN - row_of(firm, second).fee == load_totals(firm.admin, LTC_ASSET).custody
        check_proved(firm, second)
        check_books(firm)


def test_ltc_the_first_attempt_is_mined_after_all(tmp_path: Path, database: Database, ltc: LitecoinChain) -> None:
    with open_firm(tmp_path, database, ltc=ltc) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        ltc.mine(3)
        firm.deposit("ltc-1", 20 * COIN)
        firm.mine()
        _, first = stuck(firm, office, LTC, 5 * COIN)
        second = bump(firm.platform, firm.rules, first, 0).id
        office.idle.add("device:station-1")
        until(firm, office, second, "EXPORTED")
        drive(firm, first, office.serve, "RECONCILED")

        assert "REPLACED" == firm.state(second)
        assert 15 * COIN == load_balance(firm.admin, AccountId("account:harbour:ltc")).posted
        assert 15 * COIN - row_of(firm, first).fee == load_totals(firm.admin, LTC_ASSET).custody
        check_books(firm)


def test_what_is_bumped_and_what_is_not(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    """Only the newest attempt that left, inside the clients' ceilings and in time; a rejected one leaves the first."""

    def refuses(code: Code, proposal: Digest, rate: int = 0) -> None:
        with pytest.raises(RefusedError) as caught:
            bump(firm.platform, firm.rules, proposal, rate)
        assert code in caught.value.codes

    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        waiting = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        refuses(Code.DOCKET_ORDER, waiting)
        until(firm, office, waiting, "CONFIRMING")
        refuses(Code.FEE_CEILING, waiting, 10**13)
        second = bump(firm.platform, firm.rules, waiting, 0).id
        refuses(Code.DOCKET_ORDER, waiting)
        office.refused.add(second)
        until(firm, office, second, "REJECTED")
        assert "CONFIRMING" == firm.state(waiting)
        assert ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
        drive(firm, waiting, office.serve, "RECONCILED")
        refuses(Code.DOCKET_ORDER, waiting)
        assert 4 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted
