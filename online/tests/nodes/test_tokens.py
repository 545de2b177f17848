"""The test tokens on a real anvil: the published code stands there, and each moves what its name says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from nodes import AnvilChain, ethereum_chain
from strongroom.chains.ethereum.addresses import parse_address, render_address
from strongroom.online.nodes.replies import Reply
from strongroom.online.nodes.rpc import JsonRpc

__all__ = ["ethereum_chain"]

pytestmark = pytest.mark.xdist_group("anvil")

_PUBLISHED: Final = json.loads((Path(__file__).parents[3] / "vectors/ethereum/erc20.json").read_text("utf-8"))
HOLDER = "0x00000000000000000000000000000000000000AA"
MOVED = {"TestToken": 1_000_000, "SilentToken": 0, "SkimmingToken": 990_000, "RefusingToken": 0}
"""What arrives of one million units. The first is honest."""
LOGGED = {"TestToken": 1, "SilentToken": 1, "SkimmingToken": 1, "RefusingToken": 0}


def _balance(rpc: JsonRpc, contract: str, holder: str) -> int:
    """`balanceOf(address)` of a contract."""
    data = "0x70a08231" + bytes(12).hex() + parse_address(holder).hex()
    return int(str(rpc.call("eth_call", [{"to": contract, "data": data}, "latest"])), 16)


@pytest.mark.parametrize("name", sorted(MOVED))
def test_a_token_moves_what_its_name_says(ethereum_chain: AnvilChain, name: str) -> None:
    published = _PUBLISHED["contracts"][name]
    contract = ethereum_chain.deploy(bytes.fromhex(published["bytecode"]))
    ethereum_chain.mine(1)
    assert render_address(parse_address(contract)) == contract
    rpc = JsonRpc(ethereum_chain.url)
    assert "0x" + published["runtime"] == rpc.call("eth_getCode", [contract, "latest"])
    txid = ethereum_chain.fund_token(contract, HOLDER, 1_000_000)
    ethereum_chain.mine(1)
    receipt = Reply(rpc.call("eth_getTransactionReceipt", [txid]), "receipt")
    assert (1, LOGGED[name]) == (receipt.quantity("status"), len(receipt.children("logs")))
    assert MOVED[name] == _balance(rpc, contract, HOLDER)
    rpc.close()
