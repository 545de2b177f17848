"""The second reading of Ethereum payments: published ones, agreement with the first reading, and refusals by name."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.addresses import address_of, parse_address, render_address
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import (
    Transfer,
    encode_signed,
    encode_unsigned,
    max_fee_wei,
    parse_signed,
    parse_unsigned,
    signing_digest,
    transaction_hash,
)
from strongroom.checker.reading.ethereum import (
    EthereumReading,
    bytes_to_ethereum_address,
    ethereum_address_of,
    ethereum_address_to_bytes,
    ethereum_transaction_hash,
    read_ethereum_signed,
    read_ethereum_unsigned,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

VECTORS = Path(__file__).parents[3] / "vectors" / "ethereum"
EIP1559 = json.loads((VECTORS / "eip1559.json").read_text())
EIP55 = json.loads((VECTORS / "eip55.json").read_text())
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = PrivateKey(b"\x07" * 32)
REFUSED = "refused"
FIELDS: list[Any] = [
    bytes.fromhex("7a69"),
    bytes.fromhex("cf"),
    bytes.fromhex("3b9aca00"),
    bytes.fromhex("14f46b0400"),
    bytes.fromhex("5208"),
    bytes.fromhex("71c7656ec7ab88b098defb751b7401b5f6d8976f"),
    bytes.fromhex("1158e460913d0000"),
    b"",
    [],
]
RAW = b"\x02" + rlp.encode(FIELDS)


def _sign(raw: bytes, key: PrivateKey = KEY) -> bytes:
    signature = key.sign_msg_hash(keccak(raw))
    numbers = [rlp.sedes.big_endian_int.serialize(number) for number in signature.vrs]
    return b"\x02" + bytes(rlp.encode([*rlp.decode(raw[1:]), *numbers]))


def _with(changes: dict[int, Any], fields: list[Any]) -> bytes:
    return b"\x02" + bytes(rlp.encode([changes.get(number, item) for number, item in enumerate(fields)]))


TOKEN_FIELDS: list[Any] = [*FIELDS]
TOKEN_FIELDS[4:8] = [
    (65_000).to_bytes(2, "big"),
    bytes.fromhex("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    b"",
    bytes.fromhex("a9059cbb") + bytes(12) + FIELDS[5] + (2_500_000).to_bytes(32, "big"),
]
CALL: bytes = TOKEN_FIELDS[7]
TOKEN_RAW = _with({}, TOKEN_FIELDS)
SIGNED = _sign(RAW)
SIGNED_FIELDS: list[Any] = rlp.decode(SIGNED[1:])


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    max_fee = draw(st.one_of(st.integers(0, 10**13), st.integers(0, 2**200)))
    return Transfer(
        chain_id=draw(st.one_of(st.sampled_from((1, 31337)), st.integers(1, 2**63 - 37))),
        nonce=draw(st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 2))),
        max_priority_fee_per_gas_wei=draw(st.integers(0, max_fee)),
        max_fee_per_gas_wei=max_fee,
        gas_limit=21_000,
        to=draw(st.binary(min_size=20, max_size=20)),
        value_wei=draw(st.one_of(st.integers(1, 10**24), st.integers(1, 2**255))),
    )


@st.composite
def token_transfers(draw: st.DrawFn) -> Transfer:
    payment = draw(transfers())
    recipient = draw(st.binary(min_size=20, max_size=20).filter(lambda raw: any(raw) and raw != payment.to))
    token = TokenTransfer(
        recipient=recipient, units=draw(st.one_of(st.integers(1, 10**12), st.integers(1, 2**256 - 1)))
    )
    return replace(payment, gas_limit=draw(st.integers(30_000, 200_000)), value_wei=0, token=token)


ANY_PAYMENT = st.one_of(transfers(), token_transfers())


def _first_reading(raw: bytes, transfer: Transfer) -> EthereumReading:
    """What `strongroom.chains` understood, in the words of this reading."""
    return EthereumReading(
        chain_id=transfer.chain_id,
        nonce=transfer.nonce,
        recipient=transfer.recipient,
        units=transfer.units,
        contract=None if transfer.token is None else transfer.to,
        gas_limit=transfer.gas_limit,
        max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
        max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
        max_fee_wei=max_fee_wei(transfer),
        signing_digest=signing_digest(raw),
        unsigned_bytes=raw,
    )


# --- Published transactions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", EIP1559["accepted"], ids=lambda case: case["hash"])
def test_published_payments(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["signed"])
    reading, y_parity, r, s, sender = read_ethereum_signed(raw)
    assert (case["chain_id"], case["nonce"], case["gas_limit"]) == (reading.chain_id, reading.nonce, reading.gas_limit)
    assert case["max_fee_per_gas_wei"] == reading.max_fee_per_gas_wei
    assert case["max_priority_fee_per_gas_wei"] == reading.max_priority_fee_per_gas_wei
    assert (case["to"], int(case["value_wei"])) == (reading.recipient.hex(), reading.units)
    assert (case["y_parity"], int(case["r"], 16), int(case["s"], 16)) == (y_parity, r, s)
    assert case["sender"] == sender.hex()
    assert case["hash"] == ethereum_transaction_hash(raw).hex()
    assert reading == read_ethereum_unsigned(reading.unsigned_bytes)


@pytest.mark.parametrize("case", EIP1559["refused"], ids=lambda case: case["name"])
def test_published_transactions_that_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_signed(bytes.fromhex(case["signed"]))
    assert Code(case["code"]) in caught.value.codes


@pytest.mark.parametrize("case", EIP1559["structure"]["cases"], ids=lambda case: str(case["nonce"]))
def test_published_transactions_with_another_gas_limit(case: dict[str, Any]) -> None:
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_signed(bytes.fromhex(case["signed"]))
    assert ["gas_limit"] == [refusal.field for refusal in caught.value.refusals]


# --- Both readings ------------------------------------------------------------------------------------------------


@given(transfer=ANY_PAYMENT, secret=st.integers(1, ORDER - 1))
def test_both_readings_agree_on_every_field(transfer: Transfer, secret: int) -> None:
    raw = encode_unsigned(transfer)
    assert _first_reading(raw, transfer) == read_ethereum_unsigned(raw)
    key = PrivateKey(secret.to_bytes(32, "big"))
    signature = key.sign_msg_hash(signing_digest(raw))
    signed = encode_signed(transfer, *signature.vrs)
    reading, *rest = read_ethereum_signed(signed)
    assert _first_reading(raw, transfer) == reading
    assert [*signature.vrs, address_of(b"\x04" + key.public_key.to_bytes())] == rest
    assert transaction_hash(signed) == ethereum_transaction_hash(signed)


def test_a_transaction_that_neither_reading_made() -> None:
    fields: dict[str, Any] = {
        "chainId": 31337,
        "nonce": 207,
        "maxPriorityFeePerGas": 10**9,
        "maxFeePerGas": 90 * 10**9,
        "gas": 21000,
    }
    fields |= {"to": "0x71C7656EC7ab88b098defB751B7401B5f6d8976F", "value": 125 * 10**16, "data": b"", "type": 2}
    signed = Account.sign_transaction(fields, KEY.to_bytes())
    reading, _, _, _, sender = read_ethereum_signed(bytes(signed.raw_transaction))
    assert RAW == reading.unsigned_bytes
    assert bytes(TypedTransaction.from_dict(fields).hash()) == reading.signing_digest
    assert KEY.public_key.to_canonical_address() == sender
    assert bytes(signed.hash) == ethereum_transaction_hash(bytes(signed.raw_transaction))


@pytest.mark.parametrize("raw", [RAW, TOKEN_RAW], ids=["native", "token"])
def test_where_both_accept_a_changed_byte_they_agree(raw: bytes) -> None:
    honest = read_ethereum_unsigned(raw)
    for place in range(len(raw)):
        for value in range(256):
            changed = raw[:place] + bytes([value]) + raw[place + 1 :]
            first = _outcome(lambda other: _first_reading(other, parse_unsigned(other)), changed)
            second = _outcome(read_ethereum_unsigned, changed)
            assert first == second
            assert (changed == raw) is (honest == second)


@pytest.mark.parametrize("place", range(len(SIGNED)))
def test_no_byte_of_a_signed_payment_can_change_unnoticed(place: int) -> None:
    reading, _, _, _, sender = read_ethereum_signed(SIGNED)
    for value in (SIGNED[place] ^ 1, SIGNED[place] ^ 0x80, 0, 0xFF):
        if value == SIGNED[place]:
            continue
        changed = SIGNED[:place] + bytes([value]) + SIGNED[place + 1 :]
        outcome = _outcome(read_ethereum_signed, changed)
        if outcome == REFUSED:
            continue
        other, y_parity, r, s, other_sender = outcome
        first = parse_signed(changed)
        assert _first_reading(other.unsigned_bytes, first.transfer) == other
        assert (first.y_parity, first.r, first.s) == (y_parity, r, s)
        assert other != reading or other_sender != sender


def _outcome(call: Any, raw: bytes) -> Any:
    """What a reading made of the bytes; for a refusal, that it refused: the readings may name another reason first."""
    try:
        return call(raw)
    except StrongroomError:
        return REFUSED


# --- Refusals by name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "legacy"),
        (b"\x00", "unknown type 0x00"),
        (b"\x01", "access list (EIP-2930)"),
        (b"\x03", "blob (EIP-4844)"),
        (b"\x04", "set code (EIP-7702)"),
        (b"\x7f", "unknown type 0x7f"),
    ],
)
def test_every_other_type_is_refused_by_name(head: bytes, name: str) -> None:
    assert RAW == read_ethereum_unsigned(RAW).unsigned_bytes
    for read, raw in ((read_ethereum_unsigned, RAW), (read_ethereum_signed, SIGNED)):
        with pytest.raises(StrongroomError) as caught:
            read(head + raw[1:])
        assert {Code.TX_TYPE_REFUSED} == caught.value.codes
        assert name == caught.value.refusals[0].got


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({5: b""}, Code.TX_CONTRACT_CREATION),
        ({5: b"\x11" * 19}, Code.TX_FIELD_INVALID),
        ({5: []}, Code.TX_FIELD_INVALID),
        ({7: b"\x00"}, Code.TX_CONTRACT_CALL),
        ({7: []}, Code.TX_FIELD_INVALID),
        ({8: [[b"\x11" * 20, []]]}, Code.TX_ACCESS_LIST),
        ({8: b""}, Code.TX_FIELD_INVALID),
        ({4: b"\x52\x07"}, Code.TX_FIELD_INVALID),
        ({4: b"\x52\x09"}, Code.TX_FIELD_INVALID),
        ({6: b""}, Code.TX_FIELD_INVALID),
        ({6: b"\x01" + bytes(32)}, Code.TX_FIELD_INVALID),
        ({6: b"\xff" * 32}, Code.TX_FIELD_INVALID),
        ({2: b"\x14\xf4\x6b\x04\x01"}, Code.TX_FIELD_INVALID),
        ({3: b"\xff" * 32}, Code.TX_FIELD_INVALID),
        ({0: b""}, Code.TX_FIELD_INVALID),
        ({0: b"\x7f" + b"\xff" * 7}, Code.TX_FIELD_INVALID),
        ({0: []}, Code.TX_FIELD_INVALID),
        ({1: b"\xff" * 8}, Code.TX_FIELD_INVALID),
        ({1: b"\x00"}, Code.TX_NOT_CANONICAL),
        ({6: b"\x00\x01"}, Code.TX_NOT_CANONICAL),
    ],
)
def test_what_is_no_plain_payment_is_refused_by_both_alike(changes: dict[int, Any], code: Code) -> None:
    assert RAW == _with({}, FIELDS)
    assert RAW == read_ethereum_unsigned(RAW).unsigned_bytes
    assert read_ethereum_signed(_with({}, SIGNED_FIELDS))
    calls = ((read_ethereum_unsigned, FIELDS), (read_ethereum_signed, SIGNED_FIELDS), (parse_unsigned, FIELDS))
    for call, fields in calls:
        with pytest.raises(StrongroomError) as caught:
            call(_with(changes, fields))
        assert {code} == caught.value.codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({6: b"\x01"}, Code.TX_FIELD_INVALID),
        ({4: b"\x52\x08"}, Code.TX_FIELD_INVALID),
        ({4: (29_999).to_bytes(2, "big")}, Code.TX_FIELD_INVALID),
        ({4: (200_001).to_bytes(3, "big")}, Code.TX_FIELD_INVALID),
        ({5: FIELDS[5]}, Code.TX_TOKEN_CALL),
        ({5: b""}, Code.TX_CONTRACT_CREATION),
        ({7: bytes.fromhex("095ea7b3") + CALL[4:]}, Code.TX_CONTRACT_CALL),
        ({7: bytes.fromhex("23b872dd") + CALL[4:36] + CALL[4:]}, Code.TX_CONTRACT_CALL),
        ({7: bytes.fromhex("d505accf") + bytes(7 * 32)}, Code.TX_CONTRACT_CALL),
        ({7: CALL[:3]}, Code.TX_CONTRACT_CALL),
        ({7: CALL[:4]}, Code.TX_TOKEN_CALL),
        ({7: CALL[:-1]}, Code.TX_TOKEN_CALL),
        ({7: CALL + b"\x00"}, Code.TX_TOKEN_CALL),
        ({7: CALL + bytes(32)}, Code.TX_TOKEN_CALL),
        ({7: CALL[:4] + b"\x01" + CALL[5:]}, Code.TX_TOKEN_CALL),
        ({7: CALL[:15] + b"\x80" + CALL[16:]}, Code.TX_TOKEN_CALL),
        ({7: CALL[:36] + bytes(32)}, Code.TX_TOKEN_CALL),
        ({7: CALL[:16] + bytes(20) + CALL[36:]}, Code.TX_TOKEN_CALL),
        ({8: [[FIELDS[5], []]]}, Code.TX_ACCESS_LIST),
    ],
)
def test_what_is_no_plain_payment_of_a_token_is_refused_by_both_alike(changes: dict[int, Any], code: Code) -> None:
    signed = [*TOKEN_FIELDS, *SIGNED_FIELDS[9:]]
    assert 2_500_000 == read_ethereum_unsigned(_with({}, TOKEN_FIELDS)).units
    assert read_ethereum_signed(_with({}, signed))
    for call, fields in (
        (read_ethereum_unsigned, TOKEN_FIELDS),
        (read_ethereum_signed, signed),
        (parse_unsigned, TOKEN_FIELDS),
    ):
        with pytest.raises(StrongroomError) as caught:
            call(_with(changes, fields))
        assert {code} == caught.value.codes


def test_every_reason_is_reported() -> None:
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_unsigned(_with({5: b"", 7: b"\x60", 8: [b""]}, FIELDS))
    assert {Code.TX_CONTRACT_CREATION, Code.TX_CONTRACT_CALL, Code.TX_ACCESS_LIST} == caught.value.codes
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_unsigned(_with({0: b"", 4: b"\x01", 6: b""}, FIELDS))
    assert {"chain_id", "gas_limit", "value_wei"} == {refusal.field for refusal in caught.value.refusals}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.TX_TRUNCATED),
        (b"\x02", Code.TX_TRUNCATED),
        (RAW[:-1], Code.TX_TRUNCATED),
        (RAW + b"\x00", Code.TX_TRAILING_BYTES),
        (b"\x02\x80", Code.TX_FIELD_INVALID),
        (SIGNED, Code.TX_FIELD_INVALID),
        (b"\x02\xf8" + bytes([len(RAW) - 2]) + RAW[2:], Code.TX_NOT_CANONICAL),
        (b"\x02\x81\x01", Code.TX_NOT_CANONICAL),
        (b"\x02\xb8\x00", Code.TX_NOT_CANONICAL),
        (b"\x02\xf9\x00\x40" + bytes(64), Code.TX_NOT_CANONICAL),
        (b"\x02" + bytes(200_000), Code.TOO_LARGE),
    ],
)
def test_other_bytes_are_refused_by_both_alike(raw: bytes, code: Code) -> None:
    assert RAW == read_ethereum_unsigned(RAW).unsigned_bytes
    for call in (read_ethereum_unsigned, parse_unsigned):
        with pytest.raises(StrongroomError) as caught:
            call(raw)
        assert {code} == caught.value.codes


def test_lists_in_lists_end_in_a_refusal() -> None:
    """The library follows them by calling itself; its limit (other tests raise it) must not end us."""
    nested = b"\xc0"
    for _ in range(3_000):
        nested = bytes(rlp.codec.length_prefix(len(nested), 0xC0)) + nested
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    try:
        assert RAW == read_ethereum_unsigned(RAW).unsigned_bytes
        for call in (read_ethereum_unsigned, parse_unsigned):
            with pytest.raises(StrongroomError) as caught:
                call(b"\x02" + nested)
            assert {Code.TOO_LARGE} == caught.value.codes
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ((0, 1, ORDER // 2 + 1), Code.SIGNATURE_HIGH_S),
        ((0, 1, ORDER), Code.SIGNATURE_INVALID),
        ((0, 1, 0), Code.SIGNATURE_INVALID),
        ((0, 0, 1), Code.SIGNATURE_INVALID),
        ((0, ORDER, 1), Code.SIGNATURE_INVALID),
        ((0, 5, 1), Code.SIGNATURE_INVALID),
        ((2, 1, 1), Code.TX_FIELD_INVALID),
        ((27, 1, 1), Code.TX_FIELD_INVALID),
    ],
)
def test_bad_signatures_are_refused(signature: tuple[int, int, int], code: Code) -> None:
    """The one with r = 5 is well formed, but 5 is the x of no point: no key can have made it, and recovery tells."""
    _, y_parity, r, s, _ = read_ethereum_signed(SIGNED)
    assert SIGNED == _with(
        dict(zip((9, 10, 11), map(rlp.sedes.big_endian_int.serialize, (y_parity, r, s)), strict=True)), SIGNED_FIELDS
    )
    changes = dict(zip((9, 10, 11), map(rlp.sedes.big_endian_int.serialize, signature), strict=True))
    for call in (read_ethereum_signed, ethereum_transaction_hash):
        with pytest.raises(StrongroomError) as caught:
            call(_with(changes, SIGNED_FIELDS))
        assert {code} == caught.value.codes


def test_the_high_twin_of_a_valid_signature_is_refused() -> None:
    _, y_parity, r, s, _ = read_ethereum_signed(SIGNED)
    numbers = map(rlp.sedes.big_endian_int.serialize, (1 - y_parity, r, ORDER - s))
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_signed(_with(dict(zip((9, 10, 11), numbers, strict=True)), SIGNED_FIELDS))
    assert {Code.SIGNATURE_HIGH_S} == caught.value.codes


def test_when_eth_account_reads_something_else_the_readings_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RAW == read_ethereum_unsigned(RAW).unsigned_bytes
    honest = TypedTransaction.from_bytes
    other = _with({1: b"\x01"}, FIELDS)

    def lying(_: Any) -> TypedTransaction:
        return honest(HexBytes(_sign(other)))

    monkeypatch.setattr(TypedTransaction, "from_bytes", lying)
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_unsigned(RAW)
    assert {Code.READINGS_DISAGREE} == caught.value.codes

    def refusing(_: Any) -> TypedTransaction:
        raise TypeError("no")

    monkeypatch.setattr(TypedTransaction, "from_bytes", refusing)
    with pytest.raises(StrongroomError) as caught:
        read_ethereum_unsigned(RAW)
    assert {Code.READINGS_DISAGREE} == caught.value.codes


# --- Addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", EIP55["all_caps"] + EIP55["all_lower"] + EIP55["normal"])
def test_official_addresses_round_trip(text: str) -> None:
    assert text[2:].lower() == ethereum_address_to_bytes(text).hex()
    assert text == bytes_to_ethereum_address(bytes.fromhex(text[2:]))


HONEST = EIP55["normal"][0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        HONEST[2:],
        HONEST.lower(),
        HONEST.upper(),
        "0x" + HONEST[2:].upper(),
        HONEST[:-1],
        HONEST + " ",
        HONEST[:-2] + " d",
        "0X" + HONEST[2:],
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    assert ethereum_address_to_bytes(HONEST)
    for call in (ethereum_address_to_bytes, parse_address):
        with pytest.raises(StrongroomError) as caught:
            call(text)
        assert {Code.ADDRESS_INVALID} == caught.value.codes


@given(raw=st.binary(min_size=20, max_size=20))
def test_both_readings_spell_addresses_alike(raw: bytes) -> None:
    assert render_address(raw) == bytes_to_ethereum_address(raw)


def test_only_twenty_bytes_are_an_address() -> None:
    assert bytes_to_ethereum_address(bytes(20))
    with pytest.raises(StrongroomError) as caught:
        bytes_to_ethereum_address(bytes(21))
    assert {Code.ADDRESS_INVALID} == caught.value.codes


@given(secret=st.integers(1, ORDER - 1))
def test_both_readings_derive_the_same_address_of_a_key(secret: int) -> None:
    public = PrivateKey(secret.to_bytes(32, "big")).public_key
    for spelling in (public.to_compressed_bytes(), b"\x04" + public.to_bytes()):
        assert address_of(spelling) == ethereum_address_of(spelling) == public.to_canonical_address()


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        b"\x06" + KEY.public_key.to_bytes(),
        b"\x04" + KEY.public_key.to_bytes()[:-1] + bytes([KEY.public_key.to_bytes()[-1] ^ 1]),
        b"\x02" + b"\x00" * 31 + b"\x05",
        b"\x02" + b"\xff" * 32,
    ],
)
def test_what_is_no_key_has_no_address(public_key: bytes) -> None:
    assert ethereum_address_of(KEY.public_key.to_compressed_bytes())
    for call in (ethereum_address_of, address_of):
        with pytest.raises(StrongroomError) as caught:
            call(public_key)
        assert {Code.ADDRESS_INVALID} == caught.value.codes
