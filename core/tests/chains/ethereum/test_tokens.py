"""Call data: the one call that is signed, and everything near it that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.tokens import SELECTOR, TokenTransfer, encode_token_transfer, parse_token_transfer
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.money import MAX_UNITS

TO = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")
PADDING, UNITS = bytes(12), (1_500_000).to_bytes(32, "big")
PLAIN = SELECTOR + PADDING + TO + UNITS


def test_the_selector_is_that_of_the_function() -> None:
    assert keccak256(b"transfer(address,uint256)")[:4] == SELECTOR


def test_a_plain_transfer_is_read() -> None:
    assert TokenTransfer(recipient=TO, units=1_500_000) == parse_token_transfer(PLAIN)


@given(
    recipient=st.binary(min_size=20, max_size=20).filter(any),
    units=st.integers(min_value=1, max_value=MAX_UNITS),
)
def test_what_is_written_is_read(recipient: bytes, units: int) -> None:
    transfer = TokenTransfer(recipient=recipient, units=units)
    assert transfer == parse_token_transfer(encode_token_transfer(transfer))


def _selector(function: str) -> bytes:
    return keccak256(function.encode())[:4]


NOT_PLAIN = [
    ("approve", _selector("approve(address,uint256)") + PLAIN[4:], Code.TX_CONTRACT_CALL),
    (
        "transferFrom",
        _selector("transferFrom(address,address,uint256)") + PLAIN[4:36] + PLAIN[4:],
        Code.TX_CONTRACT_CALL,
    ),
    ("increaseAllowance", _selector("increaseAllowance(address,uint256)") + PLAIN[4:], Code.TX_CONTRACT_CALL),
    (
        "permit",
        _selector("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)") + bytes(7 * 32),
        Code.TX_CONTRACT_CALL,
    ),
    ("a selector cut short", SELECTOR[:3], Code.TX_CONTRACT_CALL),
    ("the selector alone", SELECTOR, Code.TX_TOKEN_CALL),
    ("one byte less", PLAIN[:-1], Code.TX_TOKEN_CALL),
    ("one byte more", PLAIN + b"\x00", Code.TX_TOKEN_CALL),
    ("a dirty first byte", SELECTOR + b"\x01" + bytes(11) + TO + UNITS, Code.TX_TOKEN_CALL),
    ("a dirty twelfth byte", SELECTOR + bytes(11) + b"\x01" + TO + UNITS, Code.TX_TOKEN_CALL),
    ("to nobody", SELECTOR + PADDING + bytes(20) + UNITS, Code.TX_TOKEN_CALL),
    ("nothing", SELECTOR + PADDING + TO + bytes(32), Code.TX_TOKEN_CALL),
]


@pytest.mark.parametrize(("why", "data", "code"), NOT_PLAIN, ids=[each[0] for each in NOT_PLAIN])
def test_whatever_is_not_a_plain_transfer_is_refused(why: str, data: bytes, code: Code) -> None:
    del why
    with pytest.raises(StrongroomError) as caught:
        parse_token_transfer(data)
    assert {code} == set(caught.value.codes)


@pytest.mark.parametrize(("recipient", "units"), [(TO[:19], 1), (TO + b"\x00", 1), (TO, -1), (TO, MAX_UNITS + 1)])
def test_what_has_no_bytes_cannot_be_made(recipient: bytes, units: int) -> None:
    with pytest.raises(StrongroomError) as caught:
        TokenTransfer(recipient=recipient, units=units)
    assert {Code.TX_TOKEN_CALL} == set(caught.value.codes)
