"""Values, vectors and strategies that this room's tests start from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from strongroom.chains.ethereum.addresses import MAX_CHAIN_ID
from strongroom.chains.ethereum.rlp import encode_integer, encode_rlp
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import MAX_NONCE, MAX_TOKEN_GAS, MIN_TOKEN_GAS, Transfer

VECTORS = Path(__file__).parents[4] / "vectors" / "ethereum"

TRANSFER = Transfer(
    chain_id=31337,
    nonce=207,
    max_priority_fee_per_gas_wei=1_000_000_000,
    max_fee_per_gas_wei=90_000_000_000,
    gas_limit=21_000,
    to=bytes.fromhex("71c7656ec7ab88b098defb751b7401b5f6d8976f"),
    value_wei=1_250_000_000_000_000_000,
)
CONTRACT = bytes.fromhex("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48")
TOKEN_TRANSFER = Transfer(
    chain_id=31337,
    nonce=208,
    max_priority_fee_per_gas_wei=1_000_000_000,
    max_fee_per_gas_wei=90_000_000_000,
    gas_limit=65_000,
    to=CONTRACT,
    value_wei=0,
    token=TokenTransfer(recipient=TRANSFER.to, units=2_500_000),
)
"""The same account pays 2.5 of a token of six decimals to the same destination."""
FIELDS: tuple[Any, ...] = (
    encode_integer(TRANSFER.chain_id),
    encode_integer(TRANSFER.nonce),
    encode_integer(TRANSFER.max_priority_fee_per_gas_wei),
    encode_integer(TRANSFER.max_fee_per_gas_wei),
    encode_integer(TRANSFER.gas_limit),
    TRANSFER.to,
    encode_integer(TRANSFER.value_wei),
    b"",
    (),
)
"""The nine fields of `TRANSFER`, to be changed one at a time."""
SIGNATURE: tuple[bytes, ...] = (b"\x01", b"\x11" * 32, b"\x22" * 32)


def load_vectors(name: str) -> Any:
    """A file of official vectors; each test parses what it needs."""
    return json.loads((VECTORS / name).read_text())


def with_fields(changes: dict[int, Any], fields: tuple[Any, ...] = FIELDS) -> bytes:
    """A transaction of type 2 with some fields replaced."""
    return b"\x02" + encode_rlp(tuple(changes.get(number, item) for number, item in enumerate(fields)))


@st.composite
def token_transfers(draw: st.DrawFn) -> Transfer:
    """Any payment of a token of our grammar."""
    payment = draw(transfers())
    recipient = draw(st.binary(min_size=20, max_size=20).filter(lambda raw: any(raw) and raw != payment.to))
    return replace(
        payment,
        gas_limit=draw(st.integers(MIN_TOKEN_GAS, MAX_TOKEN_GAS)),
        value_wei=0,
        token=TokenTransfer(
            recipient=recipient, units=draw(st.one_of(st.integers(1, 10**12), st.integers(1, 2**256 - 1)))
        ),
    )


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """Any payment of our grammar."""
    max_fee = draw(st.one_of(st.integers(0, 10**13), st.integers(0, 2**200)))
    return Transfer(
        chain_id=draw(st.one_of(st.sampled_from((1, 31337, 11155111)), st.integers(1, MAX_CHAIN_ID))),
        nonce=draw(st.one_of(st.integers(0, 300), st.integers(0, MAX_NONCE))),
        max_priority_fee_per_gas_wei=draw(st.integers(0, max_fee)),
        max_fee_per_gas_wei=max_fee,
        gas_limit=21_000,
        to=draw(st.binary(min_size=20, max_size=20)),
        value_wei=draw(st.one_of(st.integers(1, 10**24), st.integers(1, 2**255))),
    )
