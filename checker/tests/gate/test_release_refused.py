"""What the gate refuses: nothing is sent, the package is in quarantine, and a halt tells every reason.

Each case stands beside `test_release.py`, where the same trip without its one change is released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned, signing_digest
from strongroom.checker.reading.checks.release import read_signed
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.assemble import Governance, build_docket, build_package_checkpoint, build_placed
from strongroom.core.bodies import Decision, Instruction
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, TransactionPart, Twin
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import PartialSignature, ReleaseBody, TerminalResult, encode_result
from strongroom.core.records import Base64Bytes, HexBytes, HexOrNone
from strongroom.core.statements import Statement
from world import START, Edit, Trip, World, eth_trip, ltc_trip, seed

from .gatehouse import (
    Gatehouse,
    RpcNode,
    digest_of,
    high_s,
    open_gatehouse,
    resigned,
    serving,
    sign_with,
    walked,
)


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


def check_halted(gate: Gatehouse, raw: bytes, code: Code) -> None:
    """The package is refused with this code, kept, told, and not sent; the same package again is not sent either."""
    kept = len(gate.quarantined())
    with serving(RpcNode()) as node:
        answer = gate.release(raw, node)
        again = gate.release(raw, node)
    assert answer.body is not None
    assert code in answer.codes
    assert (3, "none", []) == (answer.code, answer.body.signed, node.sent)
    assert code in {each.code for each in answer.halt.refusals}
    assert raw in gate.quarantined()
    assert kept + 1 == len(gate.quarantined())
    assert (3, answer.raw) == (again.code, again.raw)
    gate.seen = gate.world.log.tree.size


def check_released(gate: Gatehouse, raw: bytes) -> None:
    """The package is released."""
    with serving(RpcNode()) as node:
        answer = gate.release(raw, node)
    assert (0, 1) == (answer.code, len(node.sent))
    gate.seen = gate.world.log.tree.size


def _spoiled(body: ReleaseBody) -> ReleaseBody:
    first, *others = body.sealed
    raw = bytes([*first.sealed[:-1], first.sealed[-1] ^ 1])
    return replace(body, sealed=(replace(first, sealed=Base64Bytes(raw)), *others))


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_a_changed_sealed_byte(gate: Gatehouse, make: Callable[[World], Trip]) -> None:
    trip = walked(make(gate.world))
    check_halted(gate, gate.pack(trip, _spoiled), Code.SEAL_DIGEST_MISMATCH)
    check_released(gate, gate.pack(trip))


def test_a_sealed_result_that_no_record_names(gate: Gatehouse) -> None:
    trip = walked(ltc_trip(gate.world))

    def added(body: ReleaseBody) -> ReleaseBody:
        extra = replace(body.sealed[0], terminal=PartyId("device:terminal-3"))
        return replace(body, sealed=(*body.sealed, extra))

    check_halted(gate, gate.pack(trip, added), Code.SEAL_DIGEST_MISMATCH)
    check_released(gate, gate.pack(trip))


def test_a_sealed_result_that_is_missing(gate: Gatehouse) -> None:
    trip = walked(ltc_trip(gate.world))
    check_halted(gate, gate.pack(trip, lambda body: replace(body, sealed=body.sealed[:1])), Code.SIGNATURES_MISSING)
    check_released(gate, gate.pack(trip))


Seal = Callable[[Trip, str, TerminalResult], bytes]
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def _info(trip: Trip, terminal: str) -> bytes:
    return f"strongroom-terminal-result/1\n{trip.proposal.id}\n{terminal}".encode()


def _to_another_gate(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    stranger = X25519PrivateKey.from_private_bytes(seed("another gate")).public_key()
    return SUITE.encrypt(encode_result(result), stranger, info=_info(trip, terminal))


def _for_another_terminal(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    public = trip.world.seal_key.public_key()
    return SUITE.encrypt(encode_result(result), public, info=_info(trip, terminal + "0"))


def _not_padded(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    public = trip.world.seal_key.public_key()
    return SUITE.encrypt(encode_result(result)[:-1], public, info=_info(trip, terminal))


def _padded_with_words(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    public = trip.world.seal_key.public_key()
    return SUITE.encrypt(encode_result(result)[:-1] + b"!", public, info=_info(trip, terminal))


def _about_another_proposal(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    return Trip.seal(trip, terminal, replace(result, proposal=Digest("sha256:" + "00" * 32)))


def _honestly(trip: Trip, terminal: str, result: TerminalResult) -> bytes:
    return SUITE.encrypt(encode_result(result), trip.world.seal_key.public_key(), info=_info(trip, terminal))


def _sealing(trip: Trip, seal: Seal) -> Trip:
    trip.seal = lambda terminal, result: seal(trip, terminal, result)  # type: ignore[method-assign]
    return walked(trip)


@pytest.mark.parametrize(
    "seal", [_to_another_gate, _for_another_terminal, _not_padded, _padded_with_words, _about_another_proposal]
)
def test_a_seal_that_is_not_for_this_gate_and_docket(gate: Gatehouse, seal: Seal) -> None:
    check_halted(gate, gate.pack(_sealing(eth_trip(gate.world), seal)), Code.SEAL_INVALID)


def test_a_seal_made_by_the_page_is_opened(gate: Gatehouse) -> None:
    check_released(gate, gate.pack(_sealing(eth_trip(gate.world), _honestly)))


def test_a_gate_whose_sealing_key_the_root_does_not_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    gate = Gatehouse(world=world, folder=tmp_path, capsys=capsys)
    gate.take_keys(seal=seed("another gate"))
    gate.enroll()
    gate.update(world.update_body())
    check_halted(gate, gate.pack(walked(eth_trip(world))), Code.SEAL_INVALID)


def _over_another_amount(trip: Trip) -> bytes:
    """What a corrupt signer signs: the same transaction with twice the amount."""
    transfer = parse_unsigned(trip.unsigned)
    return signing_digest(encode_unsigned(replace(transfer, value_wei=2 * transfer.value_wei)))


def test_an_altered_ethereum_transaction_sealed_anew(gate: Gatehouse) -> None:
    """A signature over other bytes gives another sender, whichever of both points it is read with."""
    trip = eth_trip(gate.world)
    trip.edits = resigned(lambda _: sign_with("key:eth-1", _over_another_amount(trip)))
    check_halted(gate, gate.pack(walked(trip)), Code.SIGNER_KEY_MISMATCH)


def test_an_altered_litecoin_transaction_sealed_anew(gate: Gatehouse) -> None:
    trip = ltc_trip(gate.world, edits=resigned(lambda part: sign_with(part.key, seed("other bytes"))))
    check_halted(gate, gate.pack(walked(trip)), Code.SIGNATURE_INVALID)


def test_another_key_signed(gate: Gatehouse) -> None:
    trip = eth_trip(gate.world)
    trip.edits = resigned(lambda _: sign_with("key:eth-2", digest_of(trip)))
    check_halted(gate, gate.pack(walked(trip)), Code.SIGNER_KEY_MISMATCH)


def test_another_key_is_named(gate: Gatehouse) -> None:
    def renamed(result: Any) -> Any:
        return replace(result, signatures=(replace(result.signatures[0], key="key:eth-2"),))

    check_halted(gate, gate.pack(walked(eth_trip(gate.world, edits={"result": renamed}))), Code.SIGNER_KEY_MISMATCH)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_the_second_spelling_of_a_signature(gate: Gatehouse, make: Callable[..., Trip]) -> None:
    trip = make(gate.world, edits=resigned(lambda part: high_s(part.signature)))
    check_halted(gate, gate.pack(walked(trip)), Code.SIGNATURE_HIGH_S)


def test_a_terminal_that_signed_nothing(gate: Gatehouse) -> None:
    edits: Mapping[str, Edit] = {"result": lambda result: replace(result, outcome="nothing", signatures=())}
    check_halted(gate, gate.pack(walked(eth_trip(gate.world, edits=edits))), Code.SIGNATURES_MISSING)


def test_signed_bytes_that_are_not_the_unsigned_ones() -> None:
    """Terminals hand over signatures only, so this stands where bytes are compared, for both families."""
    world = World()
    for make in (eth_trip, ltc_trip):
        ours, other = walked(make(world)), walked(make(world, nonce=8, sequence=8))
        proof = prove_docket(ours.docket_bytes(), world.root_file)
        spend, _ = proof.paid()
        entries = proof.foundation.entries
        assert read_signed(spend, proof.docket.unsigned, ours.build_signed(), entries, "signed").txid
        with pytest.raises(StrongroomError) as caught:
            read_signed(spend, proof.docket.unsigned, other.build_signed(), entries, "signed")
        assert Code.SIGNED_MISMATCH in caught.value.codes


def _with_news(gate: Gatehouse, trip: Trip, freezes: list[Statement[Any]], lifts: list[Statement[Any]]) -> bytes:
    def edit(body: ReleaseBody) -> ReleaseBody:
        size = gate.world.log.tree.size
        put = [tuple(build_placed(gate.world.log, s.envelope, size) for s in said) for said in (freezes, lifts)]
        return replace(body, freezes=put[0], lifts=put[1])

    return gate.pack(trip, edit)


def test_a_freeze_latches_until_officers_lift_it(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    freeze = gate.world.freeze()
    check_halted(gate, _with_news(gate, trip, [freeze], []), Code.FROZEN)
    check_halted(gate, gate.pack(trip), Code.FROZEN)
    lift = gate.world.lift(freeze.id)
    check_released(gate, _with_news(gate, trip, [], [lift]))


def test_a_freeze_stops_a_repeated_broadcast(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    released = gate.pack(trip)
    check_released(gate, released)
    later = walked(eth_trip(gate.world, nonce=8, sequence=8))
    check_halted(gate, _with_news(gate, later, [gate.world.freeze()], []), Code.FROZEN)
    with serving(RpcNode()) as node:
        answer = gate.release(released, node)
    assert (3, {Code.FROZEN}, []) == (answer.code, answer.codes, node.sent)


def test_after_release_by(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    last = trip.proposal.body.release_by
    gate.clock = lambda: last + timedelta(seconds=1)
    check_halted(gate, gate.pack(trip), Code.RELEASE_EXPIRED)
    gate.clock = lambda: last
    check_released(gate, gate.pack(trip))


def test_kept_but_not_sent_in_time(gate: Gatehouse) -> None:
    """No node was reached before release_by: what is kept stays here."""
    trip = walked(eth_trip(gate.world))
    with serving(RpcNode()) as gone:
        url = gone.url
    raw = gate.pack(trip)
    assert 4 == gate.release(raw, urls=(url,)).code
    gate.clock = lambda: trip.proposal.body.release_by + timedelta(seconds=1)
    check_halted(gate, raw, Code.RELEASE_EXPIRED)


def test_a_nonce_that_another_proposal_used(gate: Gatehouse) -> None:
    check_released(gate, gate.pack(walked(eth_trip(gate.world))))
    check_halted(gate, gate.pack(walked(eth_trip(gate.world, sequence=2))), Code.ALREADY_COMMITTED)
    check_released(gate, gate.pack(walked(eth_trip(gate.world, sequence=3, nonce=8))))


def test_coins_that_another_proposal_used(gate: Gatehouse) -> None:
    check_released(gate, gate.pack(walked(ltc_trip(gate.world))))
    check_halted(gate, gate.pack(walked(ltc_trip(gate.world, sequence=2))), Code.ALREADY_COMMITTED)
    check_released(gate, gate.pack(walked(ltc_trip(gate.world, sequence=3, nonce=8))))


def test_an_instruction_that_another_proposal_paid(gate: Gatehouse) -> None:
    first = walked(eth_trip(gate.world))
    check_released(gate, gate.pack(first))
    again = eth_trip(gate.world, nonce=8)
    again.statements = [each for each in first.statements if isinstance(each.body, Instruction | Decision)]
    check_halted(gate, gate.pack(walked(again)), Code.INSTRUCTION_ALREADY_PAID)
    check_released(gate, gate.pack(walked(eth_trip(gate.world, nonce=8, sequence=2))))


def _with_secret_number(world: World, nonce: int, secret: int) -> Trip:
    trip = eth_trip(world, nonce=nonce, sequence=nonce)
    trip.edits = resigned(lambda _: sign_with("key:eth-1", digest_of(trip), nonce=secret))
    return walked(trip)


def test_the_same_secret_number_in_two_transactions(gate: Gatehouse) -> None:
    check_released(gate, gate.pack(_with_secret_number(gate.world, 7, 12345)))
    check_halted(gate, gate.pack(_with_secret_number(gate.world, 8, 12345)), Code.NONCE_REUSED)
    check_released(gate, gate.pack(_with_secret_number(gate.world, 9, 54321)))


def _litecoin_with(world: World, nonce: int, secret_of: Callable[[PartialSignature], int]) -> Trip:
    trip = ltc_trip(world, nonce=nonce, sequence=nonce)
    trip.edits = resigned(lambda part: sign_with(part.key, digest_of(trip, part.input), nonce=secret_of(part)))
    return walked(trip)


def test_the_same_secret_number_twice_in_one_transaction(gate: Gatehouse) -> None:
    check_halted(gate, gate.pack(_litecoin_with(gate.world, 7, lambda _: 12345)), Code.NONCE_REUSED)
    distinct = _litecoin_with(gate.world, 8, lambda part: 1000 + 10 * part.input + int(part.key[-1]))
    check_released(gate, gate.pack(distinct))


def _publish(gate: Gatehouse, register: str, added: tuple[Any, ...] = (), removed: tuple[str, ...] = ()) -> None:
    """A register's next version, which the gate takes."""
    gate.world.change_register(register, added, removed)
    gate.update(gate.world.register_update(register, added, removed, gate.seen))


def _standing_on(gate: Gatehouse, trip: Trip, governance: Governance) -> bytes:
    """The package of a docket that stands on what was in force earlier."""
    step, _ = build_package_checkpoint(gate.world.log, gate.seen)
    part = TransactionPart(
        chain=trip.chain, signed=HexOrNone("none"), twin=Twin.TRANSFER, unsigned=HexBytes(trip.unsigned)
    )
    docket = build_docket(gate.world.log, governance, trip.statements, part)
    return gate.pack(trip, lambda body: replace(body, checkpoint=step, docket=docket))


def _governance(world: World) -> Governance:
    return replace(world.governance, heads=dict(world.heads), registers=dict(world.registers))


@pytest.mark.parametrize(
    ("removed", "check"),
    [("entry:harbour-eth", partial(check_halted, code=Code.DEST_NOT_WHITELISTED)), ("entry:peak-eth", check_released)],
)
def test_a_docket_that_stands_on_an_older_whitelist(
    gate: Gatehouse, removed: str, check: Callable[[Gatehouse, bytes], None]
) -> None:
    """A destination that was taken off since is not paid; that another one was taken off changes nothing."""
    trip = walked(eth_trip(gate.world))
    before = _governance(gate.world)
    _publish(gate, "whitelist", removed=(removed,))
    check(gate, _standing_on(gate, trip, before))


def test_a_key_that_was_suspended_since(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    before = _governance(gate.world)
    key = gate.world.registers["keys"].find("key:eth-1", "keys")
    _publish(gate, "keys", added=(replace(key, state="suspended"),))
    check_halted(gate, _standing_on(gate, trip, before), Code.NOT_IN_REGISTER)


def test_a_gate_that_is_behind_the_docket(gate: Gatehouse) -> None:
    gate.world.change_register("whitelist", removed=("entry:peak-eth",))
    trip = walked(eth_trip(gate.world))
    check_halted(gate, gate.pack(trip), Code.HEAD_ROLLBACK)
    gate.update(gate.world.register_update("whitelist", (), ("entry:peak-eth",), 0))
    check_released(gate, gate.pack(trip))


def test_a_destination_that_this_gate_has_not_held_long_enough(gate: Gatehouse) -> None:
    entry = gate.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
    gate.world.change_register("whitelist", (replace(entry, purpose="subscription"),))
    gate.update(gate.world.update_body(gate.seen, whole=False))
    check_halted(gate, gate.pack(walked(eth_trip(gate.world))), Code.ENTRY_TOO_YOUNG)
    gate.world.tick(86_400)
    check_released(gate, gate.pack(walked(eth_trip(gate.world, sequence=2))))


def test_a_docket_that_has_not_been_signed(gate: Gatehouse) -> None:
    trip = eth_trip(gate.world).to(Stage.VERIFY)
    check_halted(gate, gate.pack(trip), Code.STAGE_MISSING)
    check_released(gate, gate.pack(walked(trip)))


def test_a_clock_behind_the_package(gate: Gatehouse) -> None:
    """A clock that was set back would let go what has expired: the package's own checkpoint tells the time."""
    before = gate.world.now
    trip = walked(eth_trip(gate.world))
    gate.world.tick(13 * 3600)
    gate.world.freeze()
    raw = gate.pack(trip)
    gate.clock = lambda: before
    with serving(RpcNode()) as node:
        answer = gate.release(raw, node)
    assert (3, {Code.CLOCK_BEHIND}, None, []) == (answer.code, answer.codes, answer.body, node.sent)
    gate.clock = None
    check_halted(gate, raw, Code.RELEASE_EXPIRED)


def test_a_clock_behind_the_last_checkpoint(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    gate.clock = lambda: START
    assert {Code.CLOCK_BEHIND} == gate.release(raw, urls=("http://127.0.0.1:1",)).codes
    gate.clock = None
    check_released(gate, raw)
