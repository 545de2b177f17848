"""What a signer signs: structured facts made from the bytes alone, and the same facts in plain words.

Nothing is left out: every byte of an unsigned payment, changed, is refused by the parser or changes facts and words.
Nothing is taken from a description.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from strongroom.chains.ethereum.addresses import chain_of, native_asset, render_address, token_asset
from strongroom.chains.ethereum.tokens import encode_token_transfer
from strongroom.chains.ethereum.transactions import Transfer, encode_unsigned, max_fee_wei, signing_digest
from strongroom.core.ids import AssetId, ChainId, Digest
from strongroom.core.money import render_units
from strongroom.core.page_values import Line, build_quote

CHAIN_NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "Ethereum mainnet",
        17000: "Holesky test network",
        31337: "local development chain",
        560048: "Hoodi test network",
        11155111: "Sepolia test network",
    }
)
"""Chains whose native coin is ether. Source: the chain list of EIP-155, https://github.com/ethereum-lists/chains."""
_DECIMALS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class EthereumFacts:
    """The whole transaction.

    chain_name: None for a chain that we have no name for. asset: what is paid; units: how many of its smallest units.
    destination: who is paid, in EIP-55. contract: the token's, in EIP-55; None for the native coin. call_data: hex,
    empty for the native coin. max_fee_wei: the most that the network can take. max_total_wei: that and the value.
    unsigned_digest: SHA-256 of the unsigned bytes. signing_digest: hex of the 32 bytes that the key signs.
    """

    chain: ChainId
    chain_id: int
    chain_name: str | None
    asset: AssetId
    nonce: int
    destination: str
    units: int
    contract: str | None
    call_data: str
    value_wei: int
    gas_limit: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int
    max_fee_wei: int
    max_total_wei: int
    unsigned_digest: Digest
    signing_digest: str


def describe(transfer: Transfer) -> EthereumFacts:
    """State everything that the bytes of this payment say; they name no sender."""
    raw, chain = encode_unsigned(transfer), chain_of(transfer.chain_id)
    contract = None if transfer.token is None else render_address(transfer.to)
    return EthereumFacts(
        chain=chain,
        chain_id=transfer.chain_id,
        chain_name=CHAIN_NAMES.get(transfer.chain_id),
        asset=native_asset(chain) if contract is None else token_asset(chain, contract),
        nonce=transfer.nonce,
        destination=render_address(transfer.recipient),
        units=transfer.units,
        contract=contract,
        call_data="" if transfer.token is None else encode_token_transfer(transfer.token).hex(),
        value_wei=transfer.value_wei,
        gas_limit=transfer.gas_limit,
        max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
        max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
        max_fee_wei=max_fee_wei(transfer),
        max_total_wei=transfer.value_wei + max_fee_wei(transfer),
        unsigned_digest=Digest("sha256:" + hashlib.sha256(raw).hexdigest()),
        signing_digest="0x" + signing_digest(raw).hex(),
    )


def render_grouped(address: str) -> str:
    """An address, whole, in groups of four digits after `0x`: people compare groups, and lose their place without."""
    digits = address.removeprefix("0x")
    return "0x " + " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def render_plain(facts: EthereumFacts) -> tuple[str, ...]:
    """The facts as English lines for a screen or for paper; nothing is shortened."""
    return tuple(line.text for line in build_lines(facts))


def build_lines(facts: EthereumFacts) -> tuple[Line, ...]:
    """The same lines as message values, which a catalogue says in another language."""
    most, tip = str(facts.max_fee_per_gas_wei), str(facts.max_priority_fee_per_gas_wei)
    numbered = "Number of the transaction on its account (nonce): {nonce}. The bytes name no sender."
    return (
        _chain_line(facts),
        *(_native_lines(facts) if facts.contract is None else _token_lines(facts, facts.contract)),
        build_quote("Network fee: at most {amount}.", amount=_amount(facts.max_fee_wei, facts)),
        build_quote("Value and fee together: at most {amount}.", amount=_amount(facts.max_total_wei, facts)),
        build_quote("Gas limit {gas}, at most {most} wei for each unit of gas,", gas=str(facts.gas_limit), most=most),
        build_quote("  of which at most {tip} wei as a tip to who builds the block.", tip=tip),
        build_quote(numbered, nonce=str(facts.nonce)),
        build_quote("Digest that is signed: {digest}", digest=facts.signing_digest),
        build_quote("Digest of the unsigned bytes: {digest}", digest=facts.unsigned_digest),
    )


def _native_lines(facts: EthereumFacts) -> tuple[Line, ...]:
    return (
        build_quote("It pays {amount}", amount=_amount(facts.value_wei, facts)),
        build_quote("  to address {address}", address=render_grouped(facts.destination)),
        build_quote("  and does nothing else: no contract call, no data, no access list."),
    )


def _token_lines(facts: EthereumFacts, contract: str) -> tuple[Line, ...]:
    """How many units make one token is not in the bytes, so none is claimed here."""
    return (
        build_quote("It calls transfer of the token contract {contract},", contract=render_grouped(contract)),
        build_quote("  which pays {units} smallest units of that token", units=str(facts.units)),
        build_quote("  to address {address}", address=render_grouped(facts.destination)),
        build_quote("  and does nothing else: value {value} wei, no access list.", value=str(facts.value_wei)),
        build_quote("Call data, whole: {data}", data=facts.call_data),
    )


def _chain_line(facts: EthereumFacts) -> Line:
    chain, asset = facts.chain, facts.asset
    if facts.chain_name is None:
        unnamed = "Unsigned payment on a chain without a known name ({chain}), asset {asset}."
        return build_quote(unnamed, chain=chain, asset=asset)
    named = "Unsigned payment on {name} ({chain}), asset {asset}."
    return build_quote(named, name=facts.chain_name, chain=chain, asset=asset)


def _amount(wei: int, facts: EthereumFacts) -> str:
    """In whole coins and in wei. Only where we know the chain do we call its coin ether."""
    symbol = "units of the chain's coin" if facts.chain_name is None else "ETH"
    return f"{render_units(wei, _DECIMALS)} {symbol} ({wei} wei)"
