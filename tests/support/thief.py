"""Coins that leave a cold address around every control: what the watch is there to see."""

from __future__ import annotations

from eth_account import Account

from firm import Firm
from strongroom.chains.ethereum.addresses import address_of, parse_address, render_address
from strongroom.chains.ethereum.transactions import Transfer, encode_signed, encode_unsigned, signing_digest
from strongroom.online.nodes.devchain import AnvilChain
from world import ETH, chain_key

STRANGER = "0x" + "71" * 20


def chain_of(firm: Firm) -> AnvilChain:
    chain = firm.chain(ETH)
    assert isinstance(chain, AnvilChain)
    return chain


def steal(firm: Firm, units: int) -> str:
    """Spend from the cold address with its key, around every control; mined with the next block."""
    node = chain_of(firm).node()
    source = firm.world.registers["addresses"].find("address:eth-1", "addresses").address
    transfer = Transfer(
        chain_id=31337,
        nonce=node.fetch_pending_nonce(source),
        max_priority_fee_per_gas_wei=10**9,
        max_fee_per_gas_wei=10**11,
        gas_limit=21_000,
        to=parse_address(STRANGER),
        value_wei=units,
    )
    raw = chain_key("key:eth-1").sign_recoverable(signing_digest(encode_unsigned(transfer)), hasher=None)
    signed = encode_signed(transfer, raw[64], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"))
    return node.send_raw(signed)


def call_as_us(firm: Firm, contract: str, data: bytes) -> str:
    """Call a contract with the cold address's key, around every control; mined with the next block."""
    node = chain_of(firm).node()
    source = firm.world.registers["addresses"].find("address:eth-1", "addresses").address
    call = {
        "type": 2,
        "chainId": 31337,
        "nonce": node.fetch_pending_nonce(source),
        "maxPriorityFeePerGas": 10**9,
        "maxFeePerGas": 10**11,
        "gas": 100_000,
        "to": contract,
        "value": 0,
        "data": data,
    }
    signed = Account.sign_transaction(call, chain_key("key:eth-1").secret)
    return node.send_raw(bytes(signed.raw_transaction))


def delegate(firm: Firm, to: str) -> None:
    """A real EIP-7702 transaction: a stranger pays for it, the key of our cold address signed the delegation."""
    chain, node = chain_of(firm), chain_of(firm).node()
    cold, stranger = chain_key("key:eth-1").secret, chain_key("a stranger")
    sponsor = render_address(address_of(stranger.public_key.format(compressed=False)))
    chain.fund(sponsor, 10**18)
    chain.mine(1)
    ours = firm.world.registers["addresses"].find("address:eth-1", "addresses").address
    authorization = {"chainId": 31337, "address": to, "nonce": node.fetch_pending_nonce(ours)}
    call = {
        "type": 4,
        "chainId": 31337,
        "nonce": node.fetch_pending_nonce(sponsor),
        "maxPriorityFeePerGas": 10**9,
        "maxFeePerGas": 10**11,
        "gas": 200_000,
        "to": sponsor,
        "value": 0,
        "data": b"",
        "authorizationList": [Account.sign_authorization(authorization, cold)],
    }
    node.send_raw(bytes(Account.sign_transaction(call, stranger.secret).raw_transaction))
    firm.mine()
