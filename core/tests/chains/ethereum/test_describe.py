"""Facts and words: they say everything, and no byte of an unsigned payment can change without them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.describe import EthereumFacts, describe, render_grouped, render_plain
from strongroom.chains.ethereum.transactions import Transfer, encode_unsigned, parse_unsigned
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest

from .examples import TOKEN_TRANSFER, TRANSFER, token_transfers, transfers

BOTH = {"native": TRANSFER, "token": TOKEN_TRANSFER}


def test_the_words() -> None:
    facts = describe(TRANSFER)
    assert (
        "Unsigned payment on local development chain (eip155:31337), asset eip155:31337/slip44:60.",
        "It pays 1.250000000000000000 ETH (1250000000000000000 wei)",
        "  to address 0x 71C7 656E C7ab 88b0 98de fB75 1B74 01B5 f6d8 976F",
        "  and does nothing else: no contract call, no data, no access list.",
        "Network fee: at most 0.001890000000000000 ETH (1890000000000000 wei).",
        "Value and fee together: at most 1.251890000000000000 ETH (1251890000000000000 wei).",
        "Gas limit 21000, at most 90000000000 wei for each unit of gas,",
        "  of which at most 1000000000 wei as a tip to who builds the block.",
        "Number of the transaction on its account (nonce): 207. The bytes name no sender.",
        f"Digest that is signed: {facts.signing_digest}",
        f"Digest of the unsigned bytes: {facts.unsigned_digest}",
    ) == render_plain(facts)


def test_the_words_of_a_token() -> None:
    facts = describe(TOKEN_TRANSFER)
    assert (
        (
            "Unsigned payment on local development chain (eip155:31337), "
            "asset eip155:31337/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48."
        ),
        "It calls transfer of the token contract 0x A0b8 6991 c621 8b36 c1d1 9D4a 2e9E b0cE 3606 eB48,",
        "  which pays 2500000 smallest units of that token",
        "  to address 0x 71C7 656E C7ab 88b0 98de fB75 1B74 01B5 f6d8 976F",
        "  and does nothing else: value 0 wei, no access list.",
        (
            "Call data, whole: a9059cbb00000000000000000000000071c7656ec7ab88b098defb751b7401b5f6d8976f"
            "00000000000000000000000000000000000000000000000000000000002625a0"
        ),
        "Network fee: at most 0.005850000000000000 ETH (5850000000000000 wei).",
        "Value and fee together: at most 0.005850000000000000 ETH (5850000000000000 wei).",
        "Gas limit 65000, at most 90000000000 wei for each unit of gas,",
        "  of which at most 1000000000 wei as a tip to who builds the block.",
        "Number of the transaction on its account (nonce): 208. The bytes name no sender.",
        f"Digest that is signed: {facts.signing_digest}",
        f"Digest of the unsigned bytes: {facts.unsigned_digest}",
    ) == render_plain(facts)


def test_a_chain_without_a_name_is_called_so_and_its_coin_is_not_ether() -> None:
    lines = render_plain(describe(replace(TRANSFER, chain_id=137)))
    assert "Unsigned payment on a chain without a known name (eip155:137), asset eip155:137/slip44:60." == lines[0]
    assert not any("ETH" in line for line in lines)


def test_an_address_is_shown_whole() -> None:
    address = describe(TRANSFER).destination
    assert address == render_grouped(address).replace(" ", "")


def _without_digests(facts: EthereumFacts) -> EthereumFacts:
    """What a human compares; a digest would hide a fact that is missing."""
    return replace(facts, unsigned_digest=Digest(""), signing_digest="")


def _facts_or_none(raw: bytes) -> EthereumFacts | None:
    """What the bytes say; None when they are refused."""
    try:
        return _without_digests(describe(parse_unsigned(raw)))
    except StrongroomError:
        return None


@pytest.mark.parametrize("kind", BOTH)
def test_every_byte_flipped_is_refused_or_shown(kind: str) -> None:
    transfer = BOTH[kind]
    raw, facts = encode_unsigned(transfer), _without_digests(describe(transfer))
    words = render_plain(facts)
    assert transfer == parse_unsigned(raw)
    for place in range(len(raw)):
        for value in range(256):
            changed = raw[:place] + bytes([value]) + raw[place + 1 :]
            found = _facts_or_none(changed) if changed != raw else None
            if found is not None:
                assert facts != found
                assert words != render_plain(found)


@given(one=st.one_of(transfers(), token_transfers()), other=st.one_of(transfers(), token_transfers()))
def test_different_payments_are_told_apart(one: Transfer, other: Transfer) -> None:
    same = _without_digests(describe(one)) == _without_digests(describe(other))
    assert (one == other) is same
    assert same is (render_plain(_without_digests(describe(one))) == render_plain(_without_digests(describe(other))))
