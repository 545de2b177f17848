"""`bybit-2025`: a page showed three signers a transfer while what they signed replaced their wallet's implementation.

Stopped by: (1) approver's device and terminal decode the bytes themselves with a closed grammar: a call that is not the
plain transfer of a registered token is refused, whatever is shown beside it; (2) station and gate do the same in a
reading of their own, and the gate compares what was signed with what was approved, so that a terminal of the
attacker's makes nothing that leaves. Of the row's codes DELEGATECALL_OR_UPGRADE is TX_CONTRACT_CALL here, and
INTENT_MISMATCH is DEST_NOT_INSTRUCTED, ASSET_UNKNOWN and, on signed bytes, SIGNED_MISMATCH and SIGNER_KEY_MISMATCH. No
address of ours is a contract; code at one is told (COLD_ADDRESS_HAS_CODE, `test_eip7702_2025.py`).

Software cannot stop: a quorum that is shown the truth and approves it all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from crooked import STRANGER, Forge, call, calling, check_each, crooked_eth, sign_raw, with_fields
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.checker.reading.checks.release import read_signed
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import TerminalResult
from strongroom.core.records import HexBytes
from world import Trip, World, chain_key, eth_trip, usd_trip

SAFE = bytes.fromhex("5a" * 20)
FAKE = call("transfer(address,uint256)", STRANGER, 0)
EXEC = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
UPGRADE = calling(SAFE, call("upgradeTo(address)", STRANGER))


def in_safe(inner: bytes) -> bytes:
    """The call that the signers signed: operation 1 lets the attacker's contract write the wallet's own slot 0."""
    tail = len(inner).to_bytes(32, "big") + inner.ljust(-(-len(inner) // 32) * 32, b"\0") + bytes(32)
    offsets = 10 * 32, 10 * 32 + len(tail) - 32
    return call(EXEC, STRANGER, 0, offsets[0], 1, 0, 0, 0, b"", b"", offsets[1]) + tail


FORGERIES: dict[str, tuple[Forge, Code]] = {
    "a Safe's delegate call": (calling(SAFE, in_safe(FAKE)), Code.TX_CONTRACT_CALL),
    "an upgrade of a proxy": (UPGRADE, Code.TX_CONTRACT_CALL),
    "a change of the master copy": (calling(SAFE, call("changeMasterCopy(address)", STRANGER)), Code.TX_CONTRACT_CALL),
    "a fake transfer at the attacker's contract": (
        calling(STRANGER, call("transfer(address,uint256)", SAFE, 1)),
        Code.ASSET_UNKNOWN,
    ),
    "a fake transfer with more behind it": (calling(STRANGER, FAKE + bytes(32)), Code.TX_TOKEN_CALL),
    "the digest of a Safe's transaction": (lambda _: keccak256(b"\x19\x01" + bytes(64)), Code.TX_TYPE_REFUSED),
    "its typed data": (lambda _: b"\x19\x01" + bytes(64), Code.TX_TYPE_REFUSED),
    "a plain payment to the attacker": (lambda raw: with_fields(raw, to=STRANGER), Code.DEST_NOT_INSTRUCTED),
}


@pytest.mark.parametrize(("forge", "code"), FORGERIES.values(), ids=FORGERIES)
def test_each_place_alone_reads_what_the_page_hid(places: Places, forge: Forge, code: Code) -> None:
    """Controls 1 and 2, each with the other out of the way: what is shown and said elsewhere is the honest text."""
    check_each(places.all(crooked_eth(places.world, forge)), code)
    assert [] == places.wire.sent


def test_the_lie_is_in_the_bytes_alone(places: Places) -> None:
    """The same lying screens and claims over the honest bytes: nothing else in the forgeries is refused."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(crooked_eth(places.world, lambda raw: raw))
    assert 1 == len(places.wire.sent)


def test_a_terminal_of_the_attackers_signs_nothing_that_leaves(places: Places) -> None:
    """Control 1 out of the way, for it never sees those bytes: the docket is honest, and the upgrade is signed."""
    trip = eth_trip(places.world)

    def instead(result: TerminalResult) -> TerminalResult:
        raw = chain_key("key:eth-1").sign_recoverable(keccak256(UPGRADE(trip.unsigned)), hasher=None)
        return replace(result, signatures=(replace(result.signatures[0], signature=HexBytes(raw[:64])),))

    trip.edits = {"result": instead}
    assert {Code.SIGNER_KEY_MISMATCH} == places.gate(trip)
    assert [] == places.wire.sent


def test_nor_when_the_whole_signed_transaction_is_put_in_its_place(places: Places) -> None:
    """The last comparison itself: signed by our own key, with every signature right, and not what was approved."""
    trip = eth_trip(places.world).to(Stage.SIGN)
    spend, _ = (proof := prove_second(trip.docket_bytes(), places.world.root_file, now=places.world.now)).paid()
    entries, unsigned = proof.foundation.entries, proof.docket.unsigned
    elsewhere = with_fields(trip.unsigned, to=STRANGER)
    for forged, code in ((UPGRADE(unsigned), Code.TX_CONTRACT_CALL), (elsewhere, Code.SIGNED_MISMATCH)):
        signed = sign_raw(forged, "key:eth-1")
        assert code in codes_of(partial(read_signed, spend, unsigned, signed, entries, "signed"))
    honest = sign_raw(unsigned, "key:eth-1")
    assert trip.build_signed() == honest
    assert read_signed(spend, unsigned, honest, entries, "signed").txid == "0x" + keccak256(honest).hex()


@pytest.mark.parametrize("make", [eth_trip, usd_trip])
def test_the_honest_twin_is_released(places: Places, make: Callable[[World], Trip]) -> None:
    """A routine transfer, of ether and of a registered token, on the same pages."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(make(places.world))
    assert 1 == len(places.wire.sent)
