"""A token's transfer from the builder, on a real anvil: the estimated gas is enough, and what is paid arrives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from nodes import AnvilChain, ethereum_chain
from strongroom.chains.ethereum.addresses import address_of, render_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.tokens import TokenTransfer, encode_token_transfer
from strongroom.chains.ethereum.transactions import (
    MAX_TOKEN_GAS,
    MIN_TOKEN_GAS,
    encode_signed,
    parse_unsigned,
    signing_digest,
)
from strongroom.core.bodies import Instruction
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId
from strongroom.core.records import Units
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.nodes.executed import ReceiptStatus
from strongroom.online.sources import choose_token_gas
from strongroom.online.transfers.withdrawal.build import Built, build_token, token_transfer_of
from strongroom.online.transfers.withdrawal.platform import EthereumTerms
from world import ETH, World, chain_key, usd_trip

__all__ = ["ethereum_chain"]

pytestmark = pytest.mark.xdist_group("anvil")

_PUBLISHED: Final = json.loads((Path(__file__).parents[3] / "vectors/ethereum/erc20.json").read_text("utf-8"))
OURS: Final = render_address(address_of(chain_key("key:eth-1").public_key.format(compressed=False)))
UNITS: Final = 2_500 * 10**6


@pytest.fixture
def node(ethereum_chain: AnvilChain) -> EthereumNode:
    """A client of a chain on which our address has ether for gas."""
    ethereum_chain.fund(OURS, 10**18)
    ethereum_chain.mine(1)
    return ethereum_chain.node()


def _deployed(chain: AnvilChain, name: str, units: int) -> str:
    """A token's contract, with some of the token at our address."""
    contract = chain.deploy(bytes.fromhex(_PUBLISHED["contracts"][name]["bytecode"]))
    chain.mine(1)
    chain.fund_token(contract, OURS, units)
    chain.mine(1)
    return contract


def _build(node: EthereumNode, contract: str, gas_limit: int) -> Built:
    """What the builder makes of the instruction of a trip, for that contract."""
    world = World()
    order = usd_trip(world).to(Stage.INSTRUCT).of(Instruction)[0]
    source = replace(world.registers["addresses"].find("address:eth-1", "source"), id=EntryId("address:eth-1"))
    fees = node.fetch_fees()
    terms = EthereumTerms(
        nonce=node.fetch_pending_nonce(OURS),
        max_fee_per_gas_wei=2 * fees.base_fee_wei + fees.priority_fee_wei,
        max_priority_fee_per_gas_wei=fees.priority_fee_wei,
    )
    return build_token(ETH, order, source, terms, contract, gas_limit)


def _signed(unsigned: bytes) -> bytes:
    raw = chain_key("key:eth-1").sign_recoverable(signing_digest(unsigned), hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return encode_signed(parse_unsigned(unsigned), raw[64], r, s)


def test_what_the_builder_makes_moves_the_token(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    contract = _deployed(ethereum_chain, "TestToken", UNITS)
    world = World()
    body = usd_trip(world).to(Stage.INSTRUCT).of(Instruction)[0].body
    data = encode_token_transfer(token_transfer_of(body))
    estimate = node.fetch_gas(OURS, contract, data)
    built = _build(node, contract, choose_token_gas(estimate))
    transfer = parse_unsigned(built.unsigned)
    assert TokenTransfer(recipient=transfer.recipient, units=UNITS) == transfer.token
    assert (contract, 0) == (render_address(transfer.to), transfer.value_wei)
    assert estimate < transfer.gas_limit <= MAX_TOKEN_GAS
    assert transfer.gas_limit * transfer.max_fee_per_gas_wei == built.fee
    txid = node.send_raw(_signed(built.unsigned))
    ethereum_chain.mine(1)
    receipt = node.fetch_receipt(txid)
    assert receipt is not None
    assert ReceiptStatus.SUCCESS is receipt.status
    block = node.fetch_block_hash(node.fetch_block_number())
    assert (0, UNITS) == node.fetch_token_balances(contract, [OURS, body.destination.address], block)
    code = node.fetch_code(contract, block)
    assert keccak256(bytes.fromhex(_PUBLISHED["contracts"]["TestToken"]["runtime"])) == keccak256(code)


def test_a_transfer_that_would_fail_has_no_estimate(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    contract = _deployed(ethereum_chain, "TestToken", UNITS)
    body = usd_trip(World()).to(Stage.INSTRUCT).of(Instruction)[0].body
    assert node.fetch_gas(OURS, contract, encode_token_transfer(token_transfer_of(body)))
    too_much = replace(token_transfer_of(body), units=UNITS + 1)
    with pytest.raises(RefusedError) as caught:
        node.fetch_gas(OURS, contract, encode_token_transfer(too_much))
    assert Code.NODE_REFUSED in caught.value.codes


@pytest.mark.parametrize(
    ("estimate", "limit"),
    [(1, MIN_TOKEN_GAS), (40_000, 60_000), (150_000, MAX_TOKEN_GAS), (MAX_TOKEN_GAS, MAX_TOKEN_GAS)],
)
def test_the_gas_limit_is_the_estimate_with_headroom_inside_what_is_signed(estimate: int, limit: int) -> None:
    assert limit == choose_token_gas(estimate)


def test_a_contract_that_takes_more_than_any_token_is_not_called() -> None:
    assert choose_token_gas(MAX_TOKEN_GAS)
    with pytest.raises(RefusedError) as caught:
        choose_token_gas(MAX_TOKEN_GAS + 1)
    assert {Code.CANNOT_FUND} == set(caught.value.codes)


def test_an_amount_is_paid_to_the_last_unit(node: EthereumNode, ethereum_chain: AnvilChain) -> None:
    contract = _deployed(ethereum_chain, "TestToken", UNITS)
    built = _build(node, contract, 65_000)
    assert [0] == [output.index for output in built.outputs]
    assert Units(UNITS) == parse_unsigned(built.unsigned).units
