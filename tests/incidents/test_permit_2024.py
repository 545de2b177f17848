"""`permit-2024`: one signature of typed data, free of gas and unseen on chain, gave a stranger a holder's balance.

Stopped by: (1) approver's device and terminal sign no message: what is not a transaction of the closed grammar is
refused by its first byte, and a `permit` that is called on chain by its function (TX_TYPE_REFUSED, TX_CONTRACT_CALL:
the row's TYPED_DATA_NOT_ALLOWED); (2) station and gate refuse it in a reading of their own, and what a terminal of the
attacker's signs over a message is sealed to the gate, which finds that it is no signature of the approved bytes
(SIGNER_KEY_MISMATCH): nobody ever holds it.

Software cannot stop: a permit signed outside leaves no trace until it is used. There is no ALLOWANCE_APPEARED: what
leaves by an allowance freezes the vault in its block (UNEXPLAINED_OUTFLOW, `online/tests/watch/test_tokens.py`), and
for that transfer it is too late.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from crooked import STRANGER, Forge, call, calling, check_each, crooked_eth
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.transactions import signing_digest
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import TerminalResult
from strongroom.core.records import HexBytes
from world import USD_CONTRACT, chain_key, eth_trip, usd_trip

TOKEN = parse_address(USD_CONTRACT)
OWNER = bytes.fromhex("0d" * 20)


def typed(domain: bytes, kind: str, *words: bytes | int) -> bytes:
    """Typed data as it is hashed (EIP-712): 0x1901, the domain's hash, the message's."""
    message = keccak256(keccak256(kind.encode()) + call("x()", *words)[4:])
    return b"\x19\x01" + keccak256(domain) + message


PERMIT = typed(
    b"EIP712Domain of the token",
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
    *(OWNER, STRANGER, 2**256 - 1, 0, 2**256 - 1),
)
MESSAGES: dict[str, bytes] = {
    "Permit": PERMIT,
    "Permit2": typed(b"Permit2", "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)", STRANGER),
    "Seaport": typed(b"Seaport", "OrderComponents(address offerer,address zone,uint256 counter)", OWNER, STRANGER, 0),
    "SafeTx": typed(b"Safe", "SafeTx(address to,uint256 value,bytes data,uint8 operation)", STRANGER, 0, 0, 1),
    "personal_sign": b"\x19Ethereum Signed Message:\n32" + keccak256(PERMIT),
    "eth_sign of a bare digest": keccak256(PERMIT),
    "a login": b"wallet.example wants you to sign in with your Ethereum account",
    "JSON": b'{"types":{"Permit":[]},"primaryType":"Permit"}',
}
PERMIT_CALL = call(
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", OWNER, STRANGER, 1, 2**64, 27, b"r", b"s"
)
CALLS: dict[str, Forge] = {
    "permit on chain": calling(TOKEN, PERMIT_CALL),
    "approve on chain": calling(TOKEN, call("approve(address,uint256)", STRANGER, 1)),
    "transferFrom on chain": calling(TOKEN, call("transferFrom(address,address,uint256)", OWNER, STRANGER, 1)),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_each_place_alone_refuses_a_message(places: Places, message: bytes) -> None:
    """Controls 1 and 2: as the bytes of a proposal, which are all that is ever signed; everybody else is willing."""
    check_each(places.all(crooked_eth(places.world, lambda _: message)), Code.TX_TYPE_REFUSED)
    assert [] == places.wire.sent


@pytest.mark.parametrize("forge", CALLS.values(), ids=CALLS)
def test_each_place_alone_refuses_the_same_as_a_call(places: Places, forge: Forge) -> None:
    check_each(places.all(crooked_eth(places.world, forge)), Code.TX_CONTRACT_CALL)
    assert [] == places.wire.sent


def test_the_signing_code_takes_no_digest(places: Places) -> None:
    """The function that a terminal signs with reads the whole transaction; there is no other."""
    for message in MESSAGES.values():
        assert {Code.TX_TYPE_REFUSED} == codes_of(partial(signing_digest, message))
    assert 32 == len(signing_digest(eth_trip(places.world).to(Stage.PROPOSE).unsigned))


def test_a_permit_that_a_terminal_signed_never_leaves_the_seal(places: Places) -> None:
    """Control 1 out of the way: the docket is honest, and a terminal of the attacker's signs the permit."""
    trip = usd_trip(places.world)

    def instead(result: TerminalResult) -> TerminalResult:
        raw = chain_key("key:eth-1").sign_recoverable(keccak256(PERMIT), hasher=None)
        return replace(result, signatures=(replace(result.signatures[0], signature=HexBytes(raw[:64])),))

    trip.edits = {"result": instead}
    assert {Code.SIGNER_KEY_MISMATCH} == places.gate(trip)
    assert [] == places.wire.sent
    (sealed,) = trip.sealed.values()
    raw = chain_key("key:eth-1").sign_recoverable(keccak256(PERMIT), hasher=None)
    assert raw[:64] not in sealed


def test_a_payment_of_the_token_is_released(places: Places) -> None:
    """The honest twin."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(usd_trip(places.world))
    assert 1 == len(places.wire.sent)
