"""Networks are named by their genesis block, and a chain that is not of the family is refused."""

from __future__ import annotations

import pytest

from strongroom.chains.bitcoin.networks import NETWORKS, Network, network_of
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import ChainId, chain_of, parse_asset_id, parse_chain_id


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_chain_and_asset_follow_from_the_genesis_block(network: Network) -> None:
    assert f"bip122:{network.genesis_hash[:32]}" == network.chain
    assert network.chain == chain_of(network.asset)
    assert network.chain == parse_chain_id(network.chain, "chain")
    assert network.asset == parse_asset_id(network.asset, "asset")


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_a_network_is_found_by_its_chain(network: Network) -> None:
    assert network is network_of(network.chain)


@pytest.mark.parametrize("chain", ["eip155:1", "bip122:000000000933ea01ad0ee984209779ba", ""])
def test_another_chain_is_refused(chain: str) -> None:
    with pytest.raises(StrongroomError) as caught:
        network_of(ChainId(chain))
    assert Code.TX_WRONG_CHAIN in caught.value.codes
