"""Payments: published transactions, another implementation, and everything that is no plain payment refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.datatypes import PrivateKey, Signature
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.addresses import MAX_CHAIN_ID, render_address
from strongroom.chains.ethereum.curve import HALF_ORDER, ORDER
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.rlp import RlpItem, encode_integer, encode_rlp, parse_rlp
from strongroom.chains.ethereum.tokens import encode_token_transfer
from strongroom.chains.ethereum.transactions import (
    MAX_NONCE,
    MAX_TOKEN_GAS,
    MIN_TOKEN_GAS,
    SignedTransfer,
    Transfer,
    encode_signed,
    encode_unsigned,
    max_fee_wei,
    parse_signed,
    parse_unsigned,
    signing_digest,
    transaction_hash,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples import (
    CONTRACT,
    FIELDS,
    SIGNATURE,
    TOKEN_TRANSFER,
    TRANSFER,
    load_vectors,
    token_transfers,
    transfers,
    with_fields,
)

VECTORS = load_vectors("eip1559.json")
STRUCTURE = VECTORS["structure"]
RAW = encode_unsigned(TRANSFER)
SIGNED = encode_signed(TRANSFER, 1, 2, 3)


def _published(case: dict[str, Any]) -> SignedTransfer:
    transfer = Transfer(
        chain_id=case["chain_id"],
        nonce=case["nonce"],
        max_priority_fee_per_gas_wei=case["max_priority_fee_per_gas_wei"],
        max_fee_per_gas_wei=case["max_fee_per_gas_wei"],
        gas_limit=case["gas_limit"],
        to=bytes.fromhex(case["to"]),
        value_wei=int(case["value_wei"]),
    )
    return SignedTransfer(transfer=transfer, y_parity=case["y_parity"], r=int(case["r"], 16), s=int(case["s"], 16))


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: case["hash"])
def test_published_payments(case: dict[str, Any]) -> None:
    raw, expected = bytes.fromhex(case["signed"]), _published(case)
    assert expected == parse_signed(raw)
    assert raw == encode_signed(expected.transfer, expected.y_parity, expected.r, expected.s)
    assert case["hash"] == transaction_hash(raw).hex()
    digest = signing_digest(encode_unsigned(expected.transfer))
    signature = Signature(vrs=(expected.y_parity, expected.r, expected.s))
    assert case["sender"] == signature.recover_public_key_from_msg_hash(digest).to_canonical_address().hex()


@pytest.mark.parametrize("case", STRUCTURE["cases"], ids=lambda case: str(case["nonce"]))
def test_published_transactions_with_another_gas_limit(case: dict[str, Any]) -> None:
    """Their bytes and signatures agree with our encoding of the same fields; only our rule about gas refuses them."""
    raw = bytes.fromhex(case["signed"])
    numbers = [
        STRUCTURE["chain_id"],
        *(case[name] for name in ("nonce", "max_priority_fee_per_gas_wei", "max_fee_per_gas_wei", "gas_limit")),
    ]
    unsigned: tuple[RlpItem, ...] = (
        *(encode_integer(number) for number in numbers),
        bytes.fromhex(STRUCTURE["to"]),
        encode_integer(case["value_wei"]),
        b"",
        (),
    )
    items = parse_rlp(raw[1:])
    assert unsigned == items[:9]
    key = PrivateKey(bytes.fromhex(STRUCTURE["private_key"]))
    signature = key.sign_msg_hash(keccak256(b"\x02" + encode_rlp(unsigned)))
    assert tuple(encode_integer(number) for number in signature.vrs) == items[9:]
    with pytest.raises(StrongroomError) as caught:
        parse_signed(raw)
    assert [("gas_limit", "21000", str(case["gas_limit"]))] == [
        (r.field, r.expected, r.got) for r in caught.value.refusals
    ]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_published_transactions_that_are_refused(case: dict[str, str]) -> None:
    raw = bytes.fromhex(case["signed"])
    assert case.get("hash", keccak256(raw).hex()) == keccak256(raw).hex()
    with pytest.raises(StrongroomError) as caught:
        parse_signed(raw)
    assert Code(case["code"]) in caught.value.codes


@given(transfer=st.one_of(transfers(), token_transfers()))
def test_every_payment_round_trips(transfer: Transfer) -> None:
    raw = encode_unsigned(transfer)
    assert transfer == parse_unsigned(raw)
    assert transfer.gas_limit * transfer.max_fee_per_gas_wei == max_fee_wei(transfer)


@given(transfer=st.one_of(transfers(), token_transfers()), secret=st.integers(1, ORDER - 1))
def test_another_implementation_signs_the_same(transfer: Transfer, secret: int) -> None:
    fields = {
        "type": 2,
        "chainId": transfer.chain_id,
        "nonce": transfer.nonce,
        "maxPriorityFeePerGas": transfer.max_priority_fee_per_gas_wei,
        "maxFeePerGas": transfer.max_fee_per_gas_wei,
        "gas": transfer.gas_limit,
        "to": render_address(transfer.to),
        "value": transfer.value_wei,
        "data": b"" if transfer.token is None else encode_token_transfer(transfer.token),
    }
    unsigned = encode_unsigned(transfer)
    assert TypedTransaction.from_dict(fields).hash() == signing_digest(unsigned)
    theirs = Account.sign_transaction(fields, secret.to_bytes(32, "big"))
    raw = encode_signed(transfer, theirs.v, theirs.r, theirs.s)
    assert theirs.raw_transaction == HexBytes(raw)
    assert theirs.hash == HexBytes(transaction_hash(raw))
    expected = SignedTransfer(transfer=transfer, y_parity=theirs.v, r=theirs.r, s=theirs.s)
    assert expected == parse_signed(raw)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "legacy"),
        (b"\x00", "unknown type 0x00"),
        (b"\x01", "access list (EIP-2930)"),
        (b"\x03", "blob (EIP-4844)"),
        (b"\x04", "set code (EIP-7702)"),
        (b"\x05", "unknown type 0x05"),
        (b"\x7f", "unknown type 0x7f"),
        (b"\x80", "unknown type 0x80"),
    ],
)
def test_every_other_type_is_refused_by_name(head: bytes, name: str) -> None:
    assert TRANSFER == parse_unsigned(RAW)
    for parse in (parse_unsigned, parse_signed):
        with pytest.raises(StrongroomError) as caught:
            parse(head + RAW[1:])
        assert {Code.TX_TYPE_REFUSED} == caught.value.codes
        assert name == caught.value.refusals[0].got


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({5: b""}, Code.TX_CONTRACT_CREATION, "to"),
        ({5: b"\x11" * 19}, Code.TX_FIELD_INVALID, "to"),
        ({5: b"\x11" * 32}, Code.TX_FIELD_INVALID, "to"),
        ({5: ()}, Code.TX_FIELD_INVALID, "to"),
        ({7: b"\x00"}, Code.TX_CONTRACT_CALL, "data"),
        ({7: bytes.fromhex("a9059cbb") + bytes(64)}, Code.TX_TOKEN_CALL, "recipient"),
        ({7: ()}, Code.TX_FIELD_INVALID, "data"),
        ({8: ((b"\x11" * 20, ()),)}, Code.TX_ACCESS_LIST, "access_list"),
        ({8: b""}, Code.TX_FIELD_INVALID, "access_list"),
        ({4: encode_integer(20_999)}, Code.TX_FIELD_INVALID, "gas_limit"),
        ({4: encode_integer(21_001)}, Code.TX_FIELD_INVALID, "gas_limit"),
        ({6: b""}, Code.TX_FIELD_INVALID, "value_wei"),
        ({6: b"\x01" + bytes(32)}, Code.TX_FIELD_INVALID, "value_wei"),
        ({6: b"\xff" * 32}, Code.TX_FIELD_INVALID, "value and fee"),
        ({2: encode_integer(90_000_000_001)}, Code.TX_FIELD_INVALID, "max_priority_fee_per_gas_wei"),
        ({3: b"\xff" * 32}, Code.TX_FIELD_INVALID, "value and fee"),
        ({0: b""}, Code.TX_FIELD_INVALID, "chain_id"),
        ({0: encode_integer(MAX_CHAIN_ID + 1)}, Code.TX_FIELD_INVALID, "chain_id"),
        ({0: ()}, Code.TX_FIELD_INVALID, "chain_id"),
        ({1: encode_integer(MAX_NONCE + 1)}, Code.TX_FIELD_INVALID, "nonce"),
        ({1: b"\x00"}, Code.TX_NOT_CANONICAL, "nonce"),
        ({6: b"\x00\x01"}, Code.TX_NOT_CANONICAL, "value_wei"),
    ],
)
def test_what_is_no_plain_payment_is_refused(changes: dict[int, Any], code: Code, field: str) -> None:
    assert RAW == with_fields({})
    assert TRANSFER == parse_unsigned(with_fields({}))
    assert TRANSFER == parse_signed(with_fields({}, (*FIELDS, *SIGNATURE))).transfer
    for raw, parse in (
        (with_fields(changes), parse_unsigned),
        (with_fields(changes, (*FIELDS, *SIGNATURE)), parse_signed),
    ):
        with pytest.raises(StrongroomError) as caught:
            parse(raw)
        assert [(code, field)] == [(r.code, r.field) for r in caught.value.refusals]


CALL = bytes.fromhex("a9059cbb") + bytes(12) + TRANSFER.to + (2_500_000).to_bytes(32, "big")
TOKEN_FIELDS: tuple[Any, ...] = (
    encode_integer(31337),
    encode_integer(208),
    encode_integer(1_000_000_000),
    encode_integer(90_000_000_000),
    encode_integer(65_000),
    CONTRACT,
    b"",
    CALL,
    (),
)
"""The nine fields of `TOKEN_TRANSFER`."""


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({6: b"\x01"}, Code.TX_FIELD_INVALID, "value_wei"),
        ({4: encode_integer(21_000)}, Code.TX_FIELD_INVALID, "gas_limit"),
        ({4: encode_integer(MIN_TOKEN_GAS - 1)}, Code.TX_FIELD_INVALID, "gas_limit"),
        ({4: encode_integer(MAX_TOKEN_GAS + 1)}, Code.TX_FIELD_INVALID, "gas_limit"),
        ({5: TRANSFER.to}, Code.TX_TOKEN_CALL, "recipient"),
        ({5: b""}, Code.TX_CONTRACT_CREATION, "to"),
        ({7: bytes.fromhex("095ea7b3") + CALL[4:]}, Code.TX_CONTRACT_CALL, "data"),
        ({7: CALL[:-1]}, Code.TX_TOKEN_CALL, "data"),
        ({7: CALL + b"\x00"}, Code.TX_TOKEN_CALL, "data"),
        ({7: CALL[:4] + b"\x01" + CALL[5:]}, Code.TX_TOKEN_CALL, "recipient"),
        ({7: CALL[:36] + bytes(32)}, Code.TX_TOKEN_CALL, "units"),
        ({7: CALL[:16] + bytes(20) + CALL[36:]}, Code.TX_TOKEN_CALL, "recipient"),
        ({8: ((CONTRACT, ()),)}, Code.TX_ACCESS_LIST, "access_list"),
    ],
)
def test_what_is_no_plain_payment_of_a_token_is_refused(changes: dict[int, Any], code: Code, field: str) -> None:
    assert TOKEN_TRANSFER == parse_unsigned(with_fields({}, TOKEN_FIELDS))
    assert TOKEN_TRANSFER == parse_signed(with_fields({}, (*TOKEN_FIELDS, *SIGNATURE))).transfer
    for least_or_most in (MIN_TOKEN_GAS, MAX_TOKEN_GAS):
        assert parse_unsigned(with_fields({4: encode_integer(least_or_most)}, TOKEN_FIELDS)).token
    for raw, parse in (
        (with_fields(changes, TOKEN_FIELDS), parse_unsigned),
        (with_fields(changes, (*TOKEN_FIELDS, *SIGNATURE)), parse_signed),
    ):
        with pytest.raises(StrongroomError) as caught:
            parse(raw)
        assert [(code, field)] == [(r.code, r.field) for r in caught.value.refusals]


def test_every_reason_is_reported() -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_unsigned(with_fields({5: b"", 7: b"\x60", 8: (b"",)}))
    assert {Code.TX_CONTRACT_CREATION, Code.TX_CONTRACT_CALL, Code.TX_ACCESS_LIST} == caught.value.codes
    with pytest.raises(StrongroomError) as caught:
        replace(TRANSFER, chain_id=0, nonce=-1, gas_limit=1, to=b"", value_wei=0)
    assert {"chain_id", "nonce", "gas_limit", "to", "value_wei"} == {r.field for r in caught.value.refusals}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.TX_TRUNCATED),
        (RAW[:-1], Code.TX_TRUNCATED),
        (RAW + b"\x00", Code.TX_TRAILING_BYTES),
        (b"\x02\x80", Code.TX_FIELD_INVALID),
        (with_fields({}, FIELDS[:8]), Code.TX_FIELD_INVALID),
        (SIGNED, Code.TX_FIELD_INVALID),
        (b"\x02\xf8" + bytes([len(RAW) - 2]) + RAW[2:], Code.TX_NOT_CANONICAL),
        (b"\x02" + bytes(200_000), Code.TOO_LARGE),
    ],
)
def test_other_bytes_are_refused(raw: bytes, code: Code) -> None:
    assert TRANSFER == parse_unsigned(RAW)
    for call in (parse_unsigned, signing_digest):
        with pytest.raises(StrongroomError) as caught:
            call(raw)
        assert {code} == caught.value.codes


@pytest.mark.parametrize("raw", [RAW, SIGNED[:-1], SIGNED + b"\x00"])
def test_other_bytes_are_no_signed_payment(raw: bytes) -> None:
    assert transaction_hash(SIGNED)
    for call in (parse_signed, transaction_hash):
        with pytest.raises(StrongroomError) as caught:
            call(raw)
        assert {Code.TX_FIELD_INVALID, Code.TX_TRUNCATED, Code.TX_TRAILING_BYTES} & caught.value.codes


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ((0, 1, HALF_ORDER + 1), Code.SIGNATURE_HIGH_S),
        ((0, 1, ORDER - 1), Code.SIGNATURE_HIGH_S),
        ((0, 1, ORDER), Code.SIGNATURE_INVALID),
        ((0, 1, 0), Code.SIGNATURE_INVALID),
        ((0, 0, 1), Code.SIGNATURE_INVALID),
        ((0, ORDER, 1), Code.SIGNATURE_INVALID),
        ((2, 1, 1), Code.TX_FIELD_INVALID),
        ((27, 1, 1), Code.TX_FIELD_INVALID),
    ],
)
def test_bad_signatures_are_refused(signature: tuple[int, int, int], code: Code) -> None:
    honest = encode_signed(TRANSFER, 0, 1, HALF_ORDER)
    assert SignedTransfer(transfer=TRANSFER, y_parity=0, r=1, s=HALF_ORDER) == parse_signed(honest)
    with pytest.raises(StrongroomError) as caught:
        encode_signed(TRANSFER, *signature)
    assert {code} == caught.value.codes
    with pytest.raises(StrongroomError) as caught:
        parse_signed(with_fields({}, (*FIELDS, *map(encode_integer, signature))))
    assert {code} == caught.value.codes


def test_signatures_have_one_spelling() -> None:
    assert TRANSFER == parse_signed(with_fields({}, (*FIELDS, b"", b"\x01", b"\x01"))).transfer
    for place, item in ((9, b"\x00"), (10, b"\x00\x01"), (11, b"\x00" * 31 + b"\x01")):
        with pytest.raises(StrongroomError) as caught:
            parse_signed(with_fields({place: item}, (*FIELDS, b"", b"\x01", b"\x01")))
        assert {Code.TX_NOT_CANONICAL} == caught.value.codes
