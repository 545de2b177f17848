"""Tokens on a real chain: credited by logs and balances together, paid by exact calls, and distrusted by their code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from firm import ETHER, Firm, change_register, drive, find_proposal, open_firm, widen_windows
from nodes import AnvilChain, start_anvil
from office import open_office
from strongroom.chains.ethereum.addresses import token_asset
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.core.registers import entry_digest
from strongroom.core.statements import Statement
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import load_statement
from strongroom.online.ledger.store import check_ledger, load_balance, load_totals
from strongroom.online.prove.prover import build_prover
from strongroom.online.watch.clear import check_world
from strongroom.online.watch.freezes import load_standing_freezes
from thief import call_as_us, chain_of
from world import ETH, ETH_ASSET, USD_ASSET, token

TOKENS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "vectors" / "ethereum" / "erc20.json").read_text())[
    "contracts"
]
HARBOUR_USD = AccountId("account:harbour:usd")
DOLLAR = 10**6


@dataclass(frozen=True, kw_only=True)
class Market:
    """A firm with one registered token that stands on its chain."""

    firm: Firm
    contract: str
    asset: AssetId

    @property
    def chain(self) -> AnvilChain:
        """The firm's chain."""
        return chain_of(self.firm)

    def address(self, name: str = "eth-1") -> str:
        """An address of ours."""
        return str(self.firm.world.registers["addresses"].find(f"address:{name}", "addresses").address)

    def posted(self, account: AccountId = HARBOUR_USD) -> int:
        """What the ledger says."""
        return load_balance(self.firm.admin, account).posted

    def alerts(self) -> list[tuple[str, str]]:
        """Code and severity of all that is open."""
        return [(str(c), str(s)) for c, s in self.firm.query("select code, severity from watch.alerts order by id")]

    def order(self, units: int) -> Statement[Any]:
        """A client's order to pay dollars."""
        entry = self.firm.world.registers["whitelist"].find("entry:harbour-usd", "whitelist")

        def in_dollars(body: Any) -> Any:
            destination = replace(body.destination, entry=entry.id, entry_digest=entry_digest(entry))
            return replace(body, account=HARBOUR_USD, asset=self.asset, destination=destination)

        return self.firm.instruct("client:harbour", ETH, units, in_dollars)


@contextmanager
def open_market(folder: Path, database: Database, kind: str) -> Iterator[Market]:
    """Deploy a test token, register it in the place of the world's, and give the house's address ether for gas."""
    with start_anvil() as eth:
        contract = eth.deploy(bytes.fromhex(TOKENS[kind]["bytecode"]))
        eth.mine(1)
        asset = token_asset(ETH, contract)
        code = bytes.fromhex(TOKENS[kind]["runtime"])

        def renamed(entry: Any) -> Any:
            return replace(entry, asset=asset) if entry.asset == USD_ASSET else entry

        def policy(body: Any) -> Any:
            rules = tuple(
                replace(rule, assets=tuple(asset if a == USD_ASSET else a for a in rule.assets)) for rule in body.rules
            )
            return widen_windows(replace(body, rules=rules))

        def assets(entries: Any) -> Any:
            fresh = [token(ETH, contract, "TUSD", 6, code) if e.id == USD_ASSET else e for e in entries]
            return sorted(fresh, key=lambda e: e.id)

        edits = {
            "assets": assets,
            "clients": lambda entries: [replace(e, accounts=tuple(renamed(a) for a in e.accounts)) for e in entries],
            "whitelist": lambda entries: [renamed(e) for e in entries],
            "policy": policy,
        }
        with open_firm(folder, database, eth=eth, edits=edits) as firm:
            firm.deposit("eth-1", 5 * ETHER)
            firm.mine()
            yield Market(firm=firm, contract=contract, asset=asset)


@pytest.fixture
def market(tmp_path: Path, database: Database) -> Iterator[Market]:
    """A market with an honest token."""
    with open_market(tmp_path, database, "TestToken") as opened:
        yield opened


def check_books(market: Market) -> None:
    """Ledger, log and chain agree in every asset."""
    firm = market.firm
    check_ledger(firm.admin)
    build_prover(firm.world.fingerprint, firm.folder / "prover", firm.clock).check(firm.admin)
    assert [("MATCHED",)] == firm.query("select distinct status from watch.runs")
    (statement,) = firm.query("select statement from watch.runs order by height desc limit 1")[0]
    rows = {row.asset: int(row.chain_units) for row in load_statement(firm.admin, statement)[1].body.rows}
    assert {asset: load_totals(firm.admin, asset).custody for asset in (ETH_ASSET, market.asset)} == rows


def test_a_deposit_of_a_token_is_credited_to_the_clients_account_of_it(market: Market) -> None:
    market.chain.fund_token(market.contract, market.address(), 250 * DOLLAR)
    market.firm.mine()
    assert 250 * DOLLAR == market.posted()
    assert 5 * ETHER == market.posted(AccountId("account:harbour:eth"))
    check_books(market)
    assert [] == market.alerts()


def test_a_token_that_nobody_registered_is_not_seen(market: Market) -> None:
    other = market.chain.deploy(bytes.fromhex(TOKENS["TestToken"]["bytecode"]))
    market.chain.mine(1)
    market.chain.fund_token(other, market.address(), 250 * DOLLAR)
    market.firm.mine()
    assert 0 == market.posted()
    check_books(market)


@pytest.mark.parametrize(("kind", "moved"), [("SilentToken", 0), ("SkimmingToken", 99)])
def test_a_log_that_says_more_than_the_balances_credits_nobody(
    tmp_path: Path, database: Database, kind: str, moved: int
) -> None:
    with open_market(tmp_path, database, kind) as market:
        market.chain.fund_token(market.contract, market.address(), 100 * DOLLAR)
        market.firm.mine(4)
        assert 0 == market.posted()
        ((state, units),) = market.firm.query("select state, units from watch.deposits where asset = %s", market.asset)
        assert ("HELD", moved * DOLLAR) == (state, int(units))
        assert [(Code.DEPOSIT_DISPUTED.value, "critical")] == market.alerts()
        assert [("MATCHED",)] == market.firm.query("select distinct status from watch.runs")


def test_a_withdrawal_of_a_token_is_explained_and_settled(market: Market) -> None:
    office = open_office(market.firm, {ETH: ("device:terminal-1",)})
    market.chain.fund_token(market.contract, market.address(), 250 * DOLLAR)
    market.firm.mine()
    proposal = find_proposal(market.firm, market.order(100 * DOLLAR).id)
    drive(market.firm, proposal, office.serve, "RECONCILED")
    assert 150 * DOLLAR == market.posted()
    assert 0 < load_totals(market.firm.admin, ETH_ASSET).expense
    assert () == load_standing_freezes(market.firm.admin, market.firm.rules)
    check_books(market)


def settle_without(market: Market, kind: str, proposal: Digest, serve: Callable[[], int]) -> None:
    """Other code stands at the contract by the time the transaction is mined; the register knows it by then."""
    drive(market.firm, proposal, serve, "RELEASED")
    market.firm.work()
    code = bytes.fromhex(TOKENS[kind]["runtime"])
    market.chain.replace_code(market.contract, code)
    change_register(market.firm, "assets", (token(ETH, market.contract, "TUSD", 6, code),))


def test_a_transfer_that_moved_nothing_settles_as_failed(market: Market) -> None:
    office = open_office(market.firm, {ETH: ("device:terminal-1",)})
    market.chain.fund_token(market.contract, market.address(), 250 * DOLLAR)
    market.firm.mine()
    proposal = find_proposal(market.firm, market.order(100 * DOLLAR).id)
    settle_without(market, "RefusingToken", proposal, office.serve)
    market.firm.mine(3)
    assert "FAILED" == market.firm.state(proposal)
    balance = load_balance(market.firm.admin, HARBOUR_USD)
    assert (250 * DOLLAR, 0) == (balance.posted, balance.pending_out)
    assert 0 < load_totals(market.firm.admin, ETH_ASSET).expense
    assert () == load_standing_freezes(market.firm.admin, market.firm.rules)
    build_prover(market.firm.world.fingerprint, market.firm.folder / "prover", market.firm.clock).check(
        market.firm.admin
    )


def test_tokens_that_leave_by_an_allowance_freeze(market: Market) -> None:
    firm = market.firm
    market.chain.fund_token(market.contract, market.address(), 250 * DOLLAR)
    firm.mine()
    thief, owner = market.chain.accounts()[5], market.address()
    approve = bytes.fromhex("095ea7b3") + bytes(12) + bytes.fromhex(thief[2:]) + (10**12).to_bytes(32, "big")
    pull = (
        bytes.fromhex("23b872dd")
        + bytes(12)
        + bytes.fromhex(owner[2:])
        + bytes(12)
        + bytes.fromhex(thief[2:])
        + (7 * DOLLAR).to_bytes(32, "big")
    )
    # The approval itself is a transaction of our key that no docket explains: the first freeze.
    call_as_us(firm, market.contract, approve)
    firm.mine(1)
    assert 1 == len(load_standing_freezes(firm.admin, firm.rules))
    market.chain.call_from(thief, market.contract, pull)
    firm.mine(1)
    assert 2 == len(load_standing_freezes(firm.admin, firm.rules))
    assert [(7 * DOLLAR,)] == [
        (int(u),) for (u,) in firm.query("select units from watch.outflows where asset = %s", market.asset)
    ]


def test_a_transfer_of_nothing_in_our_name_is_dust(market: Market) -> None:
    thief, owner = market.chain.accounts()[5], market.address()
    pull = (
        bytes.fromhex("23b872dd")
        + bytes(12)
        + bytes.fromhex(owner[2:])
        + bytes(12)
        + bytes.fromhex(thief[2:])
        + bytes(32)
    )
    market.chain.call_from(thief, market.contract, pull)
    market.firm.mine()
    assert () == load_standing_freezes(market.firm.admin, market.firm.rules)
    check_books(market)


def test_other_code_at_the_contract_holds_its_deposits_and_withholds_clears(market: Market) -> None:
    firm = market.firm
    check_world(firm.reconciler, firm.rules)
    market.chain.fund_token(market.contract, market.address(), 250 * DOLLAR)
    firm.mine(1)
    code = bytes.fromhex(TOKENS["TestToken"]["runtime"]) + b"\x00"
    market.chain.replace_code(market.contract, code)
    firm.mine(3)
    assert 0 == market.posted()
    assert (Code.CONTRACT_CHANGED.value, "critical") in market.alerts()
    with pytest.raises(RefusedError) as caught:
        check_world(firm.reconciler, firm.rules)
    assert Code.RECONCILIATION_BREAK in caught.value.codes
    # The asset delegates looked at the code, and the register names it.
    change_register(firm, "assets", (token(ETH, market.contract, "TUSD", 6, code),))
    firm.mine(2)
    assert 250 * DOLLAR == market.posted()
    check_world(firm.reconciler, firm.rules)
