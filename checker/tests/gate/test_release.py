"""Honest releases: what leaves, what is signed for, and that nothing is lost or changed when a run comes again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.checker.gate.cli import main
from strongroom.checker.gate.nodes import NodeAnswer
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import Broadcast, Halt, Release
from strongroom.core.codes import Code
from strongroom.core.ids import ChainId
from world import Trip, World, eth_trip, ltc_trip, mixed_trip, one_key_trip, usd_trip

from .gatehouse import Answer, Fault, Gatehouse, RpcNode, id_of, open_gatehouse, serving, walked

TRIPS = (eth_trip, usd_trip, ltc_trip, one_key_trip, mixed_trip)


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


def _signed(answer: Answer) -> bytes:
    assert answer.body is not None
    return bytes.fromhex(answer.body.signed)


@pytest.mark.parametrize("make", TRIPS)
def test_a_release_is_sent_to_every_node_and_told(gate: Gatehouse, make: Callable[[World], Trip]) -> None:
    trip = walked(make(gate.world))
    with serving(RpcNode()) as one, serving(RpcNode()) as two:
        answer = gate.release(gate.pack(trip), one, two)
    signed = trip.build_signed()
    release, broadcast = (each.body for each in answer.statements)
    assert (0, "RELEASED", signed) == (answer.code, answer.json["outcome"], _signed(answer))
    assert ([signed], [signed]) == (one.sent, two.sent)
    assert isinstance(release, Release)
    assert isinstance(broadcast, Broadcast)
    assert (id_of(signed), id_of(signed)) == (release.txid, broadcast.txid)
    assert ("node-1", "node-2") == broadcast.nodes
    assert gate.world.current_heads() == release.heads
    assert [] == gate.quarantined()


@pytest.mark.parametrize("make", TRIPS)
def test_what_it_says_continues_the_docket(gate: Gatehouse, make: Callable[[World], Trip]) -> None:
    """Release and broadcast stand in the log, and the whole docket proves from the root alone."""
    trip = walked(make(gate.world))
    with serving(RpcNode()) as node:
        answer = gate.release(gate.pack(trip), node)
    trip.signed = _signed(answer)
    trip.statements += [gate.world.record(each) for each in answer.envelopes]
    proof = prove_docket(trip.docket_bytes(), gate.world.root_file)
    assert ("BROADCAST", id_of(trip.signed)) == (proof.furthest.name, proof.txid)


def test_the_same_package_again_sends_the_same_bytes_and_says_the_same(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    with serving(RpcNode()) as node:
        first = gate.release(raw, node)
        gate.world.tick(3600)
        again = gate.release(raw, node)
    assert (0, first.raw) == (again.code, again.raw)
    assert [_signed(first)] * 2 == node.sent


def test_a_new_package_for_a_released_proposal_sends_the_same_bytes(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    with serving(RpcNode()) as node:
        first = gate.release(gate.pack(trip), node)
        gate.seen = gate.world.log.tree.size
        again = gate.release(gate.pack(trip), node)
    assert (first.envelopes, _signed(first)) == (again.envelopes, _signed(again))
    assert [_signed(first)] * 2 == node.sent


@pytest.mark.parametrize("make", TRIPS)
def test_a_node_that_was_down_gets_the_kept_bytes_later(gate: Gatehouse, make: Callable[[World], Trip]) -> None:
    raw = gate.pack(walked(make(gate.world)))
    with serving(RpcNode()) as gone:
        url = gone.url
    down = gate.release(raw, urls=(url,))
    assert (4, {Code.NODE_UNAVAILABLE}, None) == (down.code, down.codes, down.body)
    with serving(RpcNode()) as node:
        up = gate.release(raw, node)
    assert (0, 1) == (up.code, len(node.sent))
    assert node.sent[0] == _signed(up)


@pytest.mark.parametrize(
    "known",
    [
        Fault(code=-32000, message="already known"),
        Fault(code=-32003, message="transaction already imported"),
        Fault(code=-27, message="Transaction already in block chain"),
        Fault(code=-26, message="txn-already-in-mempool"),
    ],
)
def test_a_node_that_has_it_already_took_it(gate: Gatehouse, known: Fault) -> None:
    make = eth_trip if known.code < -32_000 + 1 else ltc_trip
    with serving(RpcNode(answer=lambda _: known)) as node:
        answer = gate.release(gate.pack(walked(make(gate.world))), node)
    assert (0, "RELEASED") == (answer.code, answer.json["outcome"])


def test_a_node_is_logged_in_to_with_its_url(gate: Gatehouse) -> None:
    with serving(RpcNode()) as node:
        url = node.url.replace("http://", "http://gate:secret-word@")
        answer = gate.release(gate.pack(walked(ltc_trip(gate.world))), urls=(url,))
    assert (0, ["gate:secret-word"]) == (answer.code, node.logins)
    assert b"secret-word" not in answer.raw


def test_a_node_that_answers_another_id_disagrees(gate: Gatehouse) -> None:
    """What was released stays released, and is handed back with a halt that names the node."""
    with serving(RpcNode()) as honest, serving(RpcNode(answer=lambda _: "0x" + "11" * 32)) as strange:
        answer = gate.release(gate.pack(walked(eth_trip(gate.world))), honest, strange)
    assert (3, {Code.NODES_DISAGREE}) == (answer.code, answer.codes)
    release, broadcast, halt = (each.body for each in answer.statements)
    assert isinstance(release, Release)
    assert isinstance(broadcast, Broadcast)
    assert isinstance(halt, Halt)
    assert (("node-1",), "BROADCAST") == (broadcast.nodes, halt.stage)


def test_a_silent_node_beside_one_that_took_it_is_told_until_it_answers(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    with serving(RpcNode()) as gone:
        url = gone.url
    with serving(RpcNode()) as node:
        partly = gate.release(raw, node, urls=(url,))
    assert (3, {Code.NODES_DISAGREE}) == (partly.code, partly.codes)
    assert ["nodes[node-2]"] == [each["field"] for each in partly.json["refusals"]]
    assert ["release", "broadcast", "halt"] == [each.type.value for each in partly.statements]
    with serving(RpcNode()) as one, serving(RpcNode()) as two:
        again = gate.release(raw, one, two)
    assert (0, partly.raw) == (again.code, again.raw)


def test_what_every_node_refuses_is_told_and_can_come_again(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    with serving(RpcNode(answer=lambda _: Fault(code=-32000, message="intrinsic gas too low"))) as refusing:
        refused = gate.release(raw, refusing)
    assert (3, {Code.NODE_REFUSED}) == (refused.code, refused.codes)
    assert ("none", "BROADCAST") == (refused.body.signed if refused.body else "", refused.halt.stage)
    with serving(RpcNode()) as node:
        assert 0 == gate.release(raw, node).code


def test_two_dockets_leave_one_after_the_other(gate: Gatehouse) -> None:
    for nonce in (7, 8):
        trip = walked(eth_trip(gate.world, nonce=nonce, sequence=nonce))
        with serving(RpcNode()) as node:
            answer = gate.release(gate.pack(trip), node)
        gate.seen = gate.world.log.tree.size
        assert (0, [trip.build_signed()]) == (answer.code, node.sent)
    names = sorted(each.name for each in gate.out.iterdir())
    assert ["000001-release-result.package.json", "000002-release-result.package.json"] == names


def test_it_is_kept_before_it_is_sent(gate: Gatehouse) -> None:
    """While the first node is being asked, the bytes and what they use up are on disk already."""
    kept: list[tuple[bytes, str]] = []

    def look(raw: bytes) -> str:
        query = "SELECT signed, commitment FROM releases JOIN commitments USING (proposal)"
        with closing(sqlite3.connect(gate.home / "state.sqlite")) as connection:
            kept.extend(connection.execute(query))
        return id_of(raw)

    trip = walked(eth_trip(gate.world))
    with serving(RpcNode(answer=look)) as node:
        assert 0 == gate.release(gate.pack(trip), node).code
    assert [(trip.build_signed(), *trip.proposal.body.commits)] == kept


def test_a_run_that_was_cut_off_goes_on(gate: Gatehouse) -> None:
    """Power fails after the release was kept: the same package sends the very same bytes."""
    trip = walked(eth_trip(gate.world))
    raw = gate.pack(trip)
    with pytest.raises(_PowerCutError):
        main(
            ["release", "--home", str(gate.home), gate.put(raw), "--out", str(gate.out), "--node", "a=http://a"],
            clock=lambda: gate.world.now,
            network=_Cut(),
        )
    assert not gate.out.exists()
    with serving(RpcNode()) as node:
        assert 0 == gate.release(raw, node).code
    assert [trip.build_signed()] == node.sent


class _PowerCutError(Exception):
    """The end of a process."""


class _Cut:
    def send(self, chain: ChainId, signed: bytes, txid: str) -> tuple[NodeAnswer, ...]:
        raise _PowerCutError(chain, signed, txid)
