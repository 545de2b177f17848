"""Our output descriptors, as a real node reads them: the same checksum, and the same addresses."""

from __future__ import annotations

import pytest

from nodes import LitecoinChain, litecoin_chain
from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.descriptors import build_descriptor, parse_descriptor
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.online.nodes.rpc import JsonRpc
from world import chain_key

__all__ = ["litecoin_chain"]

pytestmark = pytest.mark.xdist_group("litecoind")  # One worker, so that one node serves all.
KEYS = [chain_key(f"key:{name}").public_key.format() for name in ("a", "b", "c")]


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 2), (2, 3), (3, 3)])
def test_the_node_reads_the_same_address(litecoin_chain: LitecoinChain, threshold: int, count: int) -> None:
    rpc = JsonRpc(litecoin_chain.url, credentials=(litecoin_chain.user, litecoin_chain.password))
    descriptor = build_descriptor(threshold, KEYS[:count])
    info = rpc.call("getdescriptorinfo", [descriptor])
    assert isinstance(info, dict)
    assert (descriptor, True, False) == (info["descriptor"], info["issolvable"], info["isrange"])
    expected = render_address(own_script(threshold, KEYS[:count])[0], LITECOIN_REGTEST)
    assert [expected] == rpc.call("deriveaddresses", [descriptor])
    assert expected == render_address(parse_descriptor(descriptor).script, LITECOIN_REGTEST)
    rpc.close()
