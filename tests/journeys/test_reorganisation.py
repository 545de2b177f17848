"""Chains that turn back, on two real nodes each: what was seen goes, what was credited or settled is undone.

The identical bytes are sent again. Ledger, log and chain agree before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firm import COIN, CONFIRMATIONS, ETHER, Firm, drive, find_proposal, open_firm
from nodes import AnvilPair, LitecoinPair, start_anvil_pair, start_litecoind_pair
from office import Office, open_office
from strongroom.core.bodies import FreezeLift
from strongroom.core.books import Reorganisation
from strongroom.core.codes import Code
from strongroom.core.ids import AccountId, ChainId, Digest
from strongroom.core.statements import StatementType
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.ledger.store import check_ledger, load_balance, load_totals
from strongroom.online.prove.prover import build_prover
from strongroom.online.watch.freezes import load_standing_freezes
from strongroom.online.watch.lift import accept_lift
from thief import steal
from world import ETH, ETH_ASSET, LTC, LTC_ASSET

HARBOUR = AccountId("account:harbour:eth")


@pytest.fixture
def eth(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on two anvils in step."""
    with start_anvil_pair() as pair, open_firm(tmp_path, database, eth=pair) as firm:
        firm.mine()
        yield firm


@pytest.fixture
def ltc(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on two litecoinds that are peers."""
    with start_litecoind_pair() as pair, open_firm(tmp_path, database, ltc=pair) as firm:
        pair.mine(4)
        firm.mine()
        yield firm


def pair_of(firm: Firm) -> AnvilPair:
    pair = firm.chain(ETH)
    assert isinstance(pair, AnvilPair)
    return pair


def peers_of(firm: Firm) -> LitecoinPair:
    pair = firm.chain(LTC)
    assert isinstance(pair, LitecoinPair)
    return pair


def posted(firm: Firm, account: AccountId = HARBOUR) -> int:
    return load_balance(firm.admin, account).posted


def tell_reorganisations(firm: Firm) -> list[tuple[str, int]]:
    """Severity and depth of each, in the log's order."""
    said = [s for _, s in load_by_kind(firm.admin, StatementType.REORGANISATION)]
    bodies = {s.id: s.body for s in said}
    found = []
    for statement, body in bodies.items():
        assert isinstance(body, Reorganisation)
        subject = f"{body.chain} {statement}"
        ((severity,),) = firm.query(
            "select severity from watch.alerts where code = %s and subject = %s", Code.CHAIN_REORGANISED.value, subject
        )
        found.append((str(severity), body.depth))
    return found


def check_exact(firm: Firm, chain: ChainId, custody: int) -> None:
    """Ledger, log and chain say the same, at the tip and at every live run before it."""
    check_ledger(firm.admin)
    build_prover(firm.world.fingerprint, firm.folder / "prover", firm.clock).check(firm.admin)
    assert {"MATCHED"} == {s for (s,) in firm.query("select status from watch.runs where reorganisation is null")}
    asset = ETH_ASSET if chain == ETH else LTC_ASSET
    assert custody == load_totals(firm.admin, asset).custody
    node = firm.reconciler.followers[chain]
    heights = firm.query("select height, hash from watch.blocks where reorganisation is null order by height")
    assert tuple(h for _, h in heights) == node.fetch_hashes([height for height, _ in heights])
    assert [] == firm.query("select statement from watch.freezes")


@pytest.mark.parametrize("depth", [1, 3])
def test_a_deposit_that_was_not_credited_disappears(eth: Firm, depth: int) -> None:
    pair_of(eth).mine(3)
    eth.catch_up()
    eth.deposit("eth-1", ETHER)
    pair_of(eth).mine(1)
    eth.catch_up()
    assert [("SEEN", None)] == eth.query("select state, reorganisation from watch.deposits")
    pair_of(eth).reorganise(depth)
    pair_of(eth).mine(CONFIRMATIONS)
    eth.catch_up()
    assert 0 == posted(eth)
    assert [0] == [n for (n,) in eth.query("select count(*) from watch.deposits where reorganisation is null")]
    assert [("critical" if depth >= CONFIRMATIONS else "high", depth)] == tell_reorganisations(eth)
    check_exact(eth, ETH, 0)


def test_a_chain_that_only_grows_undoes_nothing(eth: Firm) -> None:
    eth.deposit("eth-1", ETHER)
    eth.mine()
    assert ETHER == posted(eth)
    eth.mine(5)
    assert ETHER == posted(eth)
    assert [] == tell_reorganisations(eth)
    check_exact(eth, ETH, ETHER)


def test_a_credited_deposit_that_vanishes_is_taken_back(eth: Firm) -> None:
    eth.deposit("eth-1", ETHER)
    eth.mine(3)
    assert ETHER == posted(eth)
    pair_of(eth).reorganise(4)
    pair_of(eth).mine(1)
    eth.reconcile()
    # The chain lost it, and the ledger has it still: that is explained, and no order is taken on it meanwhile.
    assert [("MATCHED",)] == eth.query("select distinct status from watch.runs where reorganisation is null")
    eth.catch_up()
    assert 0 == posted(eth)
    assert [("REVERSED",)] == eth.query("select state from watch.deposits")
    assert [("critical", 4)] == tell_reorganisations(eth)
    check_exact(eth, ETH, 0)


def test_a_deposit_that_moves_to_another_block_is_credited_again(eth: Firm) -> None:
    txid = eth.deposit("eth-1", ETHER)
    eth.mine(3)
    raw = raw_of(eth, txid)
    pair_of(eth).reorganise(3)
    eth.catch_up()
    assert 0 == posted(eth)
    pair_of(eth).resend(raw)
    eth.mine(3)
    assert ETHER == posted(eth)
    assert [("REVERSED",), ("CREDITED",)] == eth.query("select state from watch.deposits order by height")
    check_exact(eth, ETH, ETHER)


def raw_of(firm: Firm, txid: str) -> bytes:
    """A mined transaction as it was sent."""
    found = pair_of(firm).fetch_raw(txid)
    assert found
    return found


def test_a_block_that_comes_back_credits_its_deposit_again(ltc: Firm) -> None:
    account = AccountId("account:harbour:ltc")
    ltc.deposit("ltc-1", COIN)
    ltc.mine(3)
    assert COIN == posted(ltc, account)
    pair, node = peers_of(ltc), peers_of(ltc).node()
    gone = node.fetch_block_hash(node.fetch_block_count() - 2)
    pair.reorganise(3)
    ltc.catch_up()
    assert 0 == posted(ltc, account)
    pair.restore(gone, then=3)
    ltc.catch_up()
    assert COIN == posted(ltc, account)
    assert [("CREDITED",)] == ltc.query("select state from watch.deposits")
    assert 2 == len(tell_reorganisations(ltc))
    check_exact(ltc, LTC, COIN)


def test_what_the_client_spent_goes_to_suspense_and_holds_the_account(eth: Firm) -> None:
    office = open_office(eth, {ETH: ("device:terminal-1",)})
    eth.deposit("eth-1", 2 * ETHER)
    eth.mine()
    late = eth.deposit("eth-1", 3 * ETHER)
    eth.mine()
    raw = raw_of(eth, late)
    proposal = find_proposal(eth, eth.instruct("client:harbour", ETH, 4 * ETHER).id)
    drive(eth, proposal, office.serve, "PREPARED")
    pair_of(eth).reorganise(2)
    eth.catch_up()
    # Of the three that vanished one was free; two are reserved for the order, and missing.
    assert 4 * ETHER == posted(eth)
    assert 2 * ETHER == load_totals(eth.admin, ETH_ASSET).suspense
    codes = {code for (code,) in eth.query("select code from watch.alerts where severity = 'critical'")}
    assert Code.REORG_BELOW_CREDIT.value in codes
    held = eth.instruct("client:harbour", ETH, 1)
    eth.round()
    ((state, why),) = eth.query("select state, why from transfers.instructions where id = %s", held.id)
    assert ("SUBMITTED", Code.REORG_BELOW_CREDIT.value) == (state, why.split(":")[0])
    check_exact(eth, ETH, 2 * ETHER)
    # It comes again in another block: what was missing is recovered, and the account is free.
    pair_of(eth).resend(raw)
    eth.mine(3)
    assert 0 == load_totals(eth.admin, ETH_ASSET).suspense
    assert 5 * ETHER == posted(eth)
    eth.round()
    assert [("SUBMITTED",)] != eth.query("select state from transfers.instructions where id = %s", held.id)
    check_exact(eth, ETH, 5 * ETHER)


@pytest.fixture
def paid(eth: Firm) -> tuple[Firm, Office, Digest]:
    """A withdrawal of one ETH, reconciled."""
    office = open_office(eth, {ETH: ("device:terminal-1",)})
    eth.deposit("eth-1", 5 * ETHER)
    eth.mine()
    proposal = find_proposal(eth, eth.instruct("client:harbour", ETH, ETHER).id)
    drive(eth, proposal, office.serve, "RECONCILED")
    return eth, office, proposal


def test_a_settled_withdrawal_that_falls_out_is_sent_again_and_settles_again(
    paid: tuple[Firm, Office, Digest],
) -> None:
    firm, office, proposal = paid
    before = firm.query("select signed, txid from transfers.dockets where proposal = %s", proposal)
    assert 4 * ETHER == posted(firm)
    pair_of(firm).reorganise(CONFIRMATIONS)
    firm.reconcile()
    firm.work()
    # Undone: the client has it back, reserved, and the fee is nobody's.
    balance = load_balance(firm.admin, HARBOUR)
    assert (5 * ETHER, ETHER) == (balance.posted, balance.pending_out)
    assert 0 == load_totals(firm.admin, ETH_ASSET).expense
    assert "RELEASED" == firm.state(proposal)
    check_exact(firm, ETH, 5 * ETHER)
    # The gate sends the identical bytes, and they are mined and settled anew.
    drive(firm, proposal, office.serve, "RECONCILED")
    assert before == firm.query("select signed, txid from transfers.dockets where proposal = %s", proposal)
    assert 4 * ETHER == posted(firm)
    assert 2 == len(load_by_kind(firm.admin, StatementType.SETTLEMENT))
    assert 1 == len(load_by_kind(firm.admin, StatementType.SETTLEMENT_REVERSAL))
    totals = load_totals(firm.admin, ETH_ASSET)
    assert 0 < totals.expense
    check_exact(firm, ETH, 4 * ETHER - totals.expense)


def test_a_withdrawal_in_a_litecoin_block_that_falls_out(ltc: Firm) -> None:
    office = open_office(ltc, {LTC: ("device:terminal-1", "device:terminal-2")})
    account = AccountId("account:harbour:ltc")
    ltc.deposit("ltc-1", 20 * COIN)
    ltc.mine()
    proposal = find_proposal(ltc, ltc.instruct("client:harbour", LTC, 5 * COIN).id)
    drive(ltc, proposal, office.serve, "RECONCILED")
    custody = load_totals(ltc.admin, LTC_ASSET).custody
    peers_of(ltc).reorganise(CONFIRMATIONS)
    ltc.reconcile()
    ltc.work()
    balance = load_balance(ltc.admin, account)
    assert (20 * COIN, 5 * COIN) == (balance.posted, balance.pending_out)
    check_exact(ltc, LTC, 20 * COIN)
    drive(ltc, proposal, office.serve, "RECONCILED")
    assert 15 * COIN == posted(ltc, account)
    check_exact(ltc, LTC, custody)


def test_all_of_it_at_once_and_deep(eth: Firm) -> None:
    """A deposit, its credit, and a withdrawal out of it leave the chain together, far below the confirmations."""
    office = open_office(eth, {ETH: ("device:terminal-1",)})
    first = eth.deposit("eth-1", 5 * ETHER)
    eth.mine(1)
    raw = raw_of(eth, first)
    eth.mine(4)
    proposal = find_proposal(eth, eth.instruct("client:harbour", ETH, ETHER).id)
    drive(eth, proposal, office.serve, "RECONCILED")
    node = pair_of(eth).node()
    depth = node.fetch_block_number() - CONFIRMATIONS
    pair_of(eth).reorganise(depth)
    eth.catch_up()
    # One is reserved for the docket again; the four that were free are gone with the deposit.
    balance = load_balance(eth.admin, HARBOUR)
    assert (ETHER, ETHER) == (balance.posted, balance.pending_out)
    assert ETHER == load_totals(eth.admin, ETH_ASSET).suspense
    assert [("critical", depth)] == tell_reorganisations(eth)
    check_exact(eth, ETH, 0)
    # Without the deposit the account cannot even pay the fee: the nodes take both again only in their order.
    pair_of(eth).resend(raw)
    eth.mine(3)
    drive(eth, proposal, office.serve, "RECONCILED")
    assert 4 * ETHER == posted(eth)
    assert 0 == load_totals(eth.admin, ETH_ASSET).suspense


def test_a_withdrawal_that_was_not_settled_yet_is_sent_again(eth: Firm) -> None:
    office = open_office(eth, {ETH: ("device:terminal-1",)})
    eth.deposit("eth-1", 5 * ETHER)
    eth.mine(4)
    proposal = find_proposal(eth, eth.instruct("client:harbour", ETH, ETHER).id)
    drive(eth, proposal, office.serve, "RELEASED")
    eth.work()
    eth.mine(1)
    assert ("CONFIRMING", 1) == (eth.state(proposal), len(eth.query("select txid from watch.outflows")))
    pair_of(eth).reorganise(1)
    eth.catch_up()
    assert "RELEASED" == eth.state(proposal)
    assert () == load_by_kind(eth.admin, StatementType.SETTLEMENT_REVERSAL)
    drive(eth, proposal, office.serve, "RECONCILED")
    assert 1 == len(load_by_kind(eth.admin, StatementType.SETTLEMENT))
    check_exact(eth, ETH, 4 * ETHER - load_totals(eth.admin, ETH_ASSET).expense)


def test_one_that_failed_and_succeeds_on_the_other_branch(eth: Firm) -> None:
    office = open_office(eth, {ETH: ("device:terminal-1",)})
    eth.deposit("eth-1", 5 * ETHER)
    eth.mine(4)
    proposal = find_proposal(eth, eth.instruct("client:harbour", ETH, ETHER).id)
    drive(eth, proposal, office.serve, "RELEASED")
    eth.work()
    # The destination refuses by its code: the transaction is mined, and pays its fee and nothing else.
    destination = eth.world.registers["whitelist"].find("entry:harbour-eth", "whitelist").address
    pair_of(eth).replace_code(destination, bytes.fromhex("60006000fd"))
    eth.mine(3)
    assert "FAILED" == eth.state(proposal)
    balance, totals = load_balance(eth.admin, HARBOUR), load_totals(eth.admin, ETH_ASSET)
    assert (5 * ETHER, 0) == (balance.posted, balance.pending_out)
    assert 0 < totals.expense
    check_exact(eth, ETH, 5 * ETHER - totals.expense)
    pair_of(eth).reorganise(3)
    pair_of(eth).replace_code(destination, b"")
    eth.catch_up()
    balance = load_balance(eth.admin, HARBOUR)
    assert (5 * ETHER, ETHER) == (balance.posted, balance.pending_out)
    drive(eth, proposal, office.serve, "RECONCILED")
    assert 4 * ETHER == posted(eth)
    check_exact(eth, ETH, 4 * ETHER - load_totals(eth.admin, ETH_ASSET).expense)


def test_a_theft_that_leaves_the_chain_leaves_suspense_too(eth: Firm) -> None:
    eth.deposit("eth-1", 5 * ETHER)
    eth.mine(4)
    steal(eth, ETHER)
    eth.mine(1)
    (freeze,) = load_standing_freezes(eth.admin, eth.rules)
    officers = ("person:r.ho", "person:s.lee")
    eth.world.now = eth.clock()
    lift = eth.world.sign(FreezeLift(freeze=freeze, reason="known"), officers[0], officers)
    accept_lift(eth.platform.connection, lift, eth.clock())
    eth.mine(1)
    assert ETHER < load_totals(eth.admin, ETH_ASSET).suspense
    pair_of(eth).reorganise(2)
    eth.catch_up()
    assert 0 == load_totals(eth.admin, ETH_ASSET).suspense
    assert () == load_standing_freezes(eth.admin, eth.rules)
    check_ledger(eth.admin)
    build_prover(eth.world.fingerprint, eth.folder / "prover", eth.clock).check(eth.admin)
    assert 5 * ETHER == load_totals(eth.admin, ETH_ASSET).custody
    ((status,),) = eth.query("select status from watch.runs where reorganisation is null order by height desc limit 1")
    assert "MATCHED" == status
