"""Two nodes of one chain: what both say is taken in; one away, one behind, and one that lies are told apart by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from firm import COIN, ETHER, Firm, open_firm
from forger import FORGED, forge_ethereum_deposit, forge_litecoin_output
from nodes import AnvilPair, Lie, LitecoinPair, start_anvil_pair, start_liar, start_litecoind_pair
from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.core.ids import AccountId
from strongroom.online.db.bootstrap import Database
from strongroom.online.ledger.store import load_balance
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.sources import build_followers, build_sources
from strongroom.online.watch.agree import MAX_LAG
from strongroom.online.watch.clear import check_watched, check_world
from strongroom.online.watch.follow import follow, follow_or_tell
from strongroom.online.watch.reconciler import Reconciler
from world import ETH, LTC

HARBOUR = AccountId("account:harbour:eth")


@pytest.fixture
def eth(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on two anvils in step."""
    with start_anvil_pair() as pair, open_firm(tmp_path, database, eth=pair) as firm:
        firm.mine()
        yield firm


def pair_of(firm: Firm) -> AnvilPair:
    pair = firm.chain(ETH)
    assert isinstance(pair, AnvilPair)
    return pair


def alerts(firm: Firm) -> list[tuple[str, str, bool]]:
    """Code, severity and whether it is closed, of every alert."""
    rows = firm.query("select code, severity, closed_at is not null from watch.alerts order by id")
    return [(str(code), str(severity), bool(closed)) for code, severity, closed in rows]


def detail(firm: Firm, code: Code) -> str:
    """What the alert says."""
    return str(firm.query("select detail from watch.alerts where code = %s", code.value)[0][0])


def height(firm: Firm) -> int:
    """How far the chain was taken in."""
    return int(firm.query("select max(height) from watch.blocks")[0][0])


@contextmanager
def one_lies(firm: Firm, lies: dict[str, Lie]) -> Iterator[Reconciler]:
    """The reconciler with a proxy before its second node."""
    first = pair_of(firm).nodes()[0]
    with (
        start_liar(pair_of(firm).second.url, lies) as liar,
        EthereumNode(liar.url, name="provider-b") as second,
    ):
        yield replace(firm.reconciler, followers=build_followers({ETH: (first, second)}))


def test_what_both_say_is_credited(eth: Firm) -> None:
    eth.deposit("eth-1", ETHER)
    eth.mine()
    assert ETHER == load_balance(eth.admin, HARBOUR).posted
    check_world(eth.reconciler, eth.rules)
    check_watched(eth.watcher, eth.rules)
    assert [] == alerts(eth)


def test_a_node_that_is_away_is_named_and_nothing_new_is_taken_in(eth: Firm) -> None:
    before, first = height(eth), pair_of(eth).nodes()[0]
    with EthereumNode("http://127.0.0.1:9", name="provider-b") as nobody:
        nodes = {ETH: (first, nobody)}
        away = replace(eth.reconciler, followers=build_followers(nodes))
        pair_of(eth).mine(3)
        follow_or_tell(away, ETH)
        assert before == height(eth)
        assert [(Code.NODE_UNAVAILABLE.value, "critical", False)] == alerts(eth)
        assert "provider-b" in detail(eth, Code.NODE_UNAVAILABLE)
        assert "anvil-1" not in detail(eth, Code.NODE_UNAVAILABLE)
        with pytest.raises(UnavailableError):
            check_watched(replace(eth.watcher, chains=build_sources(nodes)), eth.rules)
    # It answers again: the alert closes by itself, and all is taken in.
    follow_or_tell(eth.reconciler, ETH)
    assert before + 3 == height(eth)
    assert [(Code.NODE_UNAVAILABLE.value, "critical", True)] == alerts(eth)


def test_a_node_that_is_behind_is_waited_for_and_told_after_a_while(eth: Firm) -> None:
    before = height(eth)
    pair_of(eth).mine_apart(0, MAX_LAG)
    follow_or_tell(eth.reconciler, ETH)
    assert before == height(eth)
    assert [] == alerts(eth)
    check_world(eth.reconciler, eth.rules)
    pair_of(eth).mine_apart(0, 1)
    follow_or_tell(eth.reconciler, ETH)
    assert before == height(eth)
    assert [(Code.NODE_LAGGING.value, "high", False)] == alerts(eth)
    assert "anvil-2" in detail(eth, Code.NODE_LAGGING)
    with pytest.raises(RefusedError) as caught:
        check_world(eth.reconciler, eth.rules)
    assert Code.NODE_LAGGING in caught.value.codes
    pair_of(eth).catch_up()
    follow_or_tell(eth.reconciler, ETH)
    assert before + MAX_LAG + 1 == height(eth)
    assert [(Code.NODE_LAGGING.value, "high", True)] == alerts(eth)
    check_world(eth.reconciler, eth.rules)


def test_nodes_on_two_branches_are_named_with_both_hashes(eth: Firm) -> None:
    before = height(eth)
    pair_of(eth).mine_apart(0, 2)
    pair_of(eth).mine_apart(1, 2, later_s=1000)
    follow_or_tell(eth.reconciler, ETH)
    assert before == height(eth)
    assert [(Code.NODES_DISAGREE.value, "critical", False)] == alerts(eth)
    one, other = (node.fetch_block_hash(before + 1) for node in pair_of(eth).nodes())
    assert all(word in detail(eth, Code.NODES_DISAGREE) for word in ("anvil-1", "anvil-2", one, other))


def test_one_provider_that_forges_a_deposit_is_caught_and_named(eth: Firm) -> None:
    address = eth.world.registers["addresses"].find("address:eth-1", "addresses").address
    before = height(eth)
    pair_of(eth).mine(3)
    lies = dict(forge_ethereum_deposit(before + 1, address, 100 * ETHER))
    with one_lies(eth, lies) as fooled:
        follow_or_tell(fooled, ETH)
        assert before == height(eth)
        with pytest.raises(RefusedError) as caught:
            check_world(fooled, eth.rules)
        assert Code.RECONCILIATION_BREAK in caught.value.codes
    assert [(Code.NODES_DISAGREE.value, "critical", False)] == alerts(eth)
    told = detail(eth, Code.NODES_DISAGREE)
    assert "provider-b" in told
    assert FORGED in told
    eth.catch_up()
    assert 0 == load_balance(eth.admin, HARBOUR).posted
    assert [] == eth.query("select txid from watch.deposits")


def test_a_proxy_that_tells_the_truth_is_believed(eth: Firm) -> None:
    eth.deposit("eth-1", ETHER)
    pair_of(eth).mine(3)
    with one_lies(eth, {}) as honest:
        assert 3 == follow(honest, ETH)
    assert [] == alerts(eth)
    assert [("SEEN",)] == eth.query("select state from watch.deposits")


def test_a_litecoin_block_with_a_forged_output_is_no_block(tmp_path: Path, database: Database) -> None:
    with start_litecoind_pair() as pair, open_firm(tmp_path, database, ltc=pair) as firm:
        assert isinstance(pair, LitecoinPair)
        firm.mine()
        before = height(firm)
        firm.deposit("ltc-1", COIN)
        pair.mine(2)
        address = firm.world.registers["addresses"].find("address:ltc-1", "addresses").address
        lies = dict(forge_litecoin_output(parse_address(address, LITECOIN_REGTEST), 100 * COIN))
        user, password = pair.second.user, pair.second.password
        with start_liar(pair.second.url, lies) as liar, BitcoinNode(liar.url, user, password, name="b") as second:
            fooled = replace(firm.reconciler, followers=build_followers({LTC: (pair.nodes()[0], second)}))
            follow_or_tell(fooled, LTC)
        assert before == height(firm)
        assert [(Code.DIGEST_MISMATCH.value, "critical", False)] == alerts(firm)
        assert "b block" in detail(firm, Code.DIGEST_MISMATCH)
        firm.catch_up()
        assert COIN == load_balance(firm.admin, AccountId("account:harbour:ltc")).posted
