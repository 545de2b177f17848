"""What goes wrong around the gate: bad files, a full disk at any moment, nodes that are down, hang or talk nonsense."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bad_files import BAD_FILES, BadFile, without_rights
from small_disk import KINDS, SmallDisk, fill_place, small_disk
from strongroom.checker.console import Exit
from strongroom.checker.gate import nodes
from strongroom.core.codes import Code
from world import World, eth_trip

from .gatehouse import Gatehouse, RpcNode, id_of, open_gatehouse, serving, walked


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(request.param, folder) as small:
        yield small


def kept(gate: Gatehouse) -> tuple[int, int]:
    """How many releases the gate remembers, and how many answers."""
    with closing(sqlite3.connect(gate.home / "state.sqlite")) as memory:
        releases, answers = memory.execute(
            "SELECT (SELECT count(*) FROM releases), (SELECT count(*) FROM answers)"
        ).fetchone()
    return releases, answers


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
@pytest.mark.parametrize("command", ["import", "release"])
def test_a_file_that_is_no_package_changes_nothing(gate: Gatehouse, bad: BadFile, command: str) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    path = gate.folder / "bad.package.json"
    bad.make(path, raw)
    before = gate.run("status", "--home", str(gate.home))
    with serving(RpcNode()) as node:
        words = ("--out", str(gate.out), "--node", f"node-1={node.url}") if command == "release" else ()
        with without_rights():
            code, said = gate.run(command, "--home", str(gate.home), str(path), *words)
        assert (Exit.USAGE if Code.FILE_UNAVAILABLE in bad.codes else Exit.REFUSED) == code
        assert {each["code"] for each in said["refusals"]} <= bad.codes
        assert (before, []) == (gate.run("status", "--home", str(gate.home)), node.sent)
        assert (0, 1) == (gate.release(raw, node).code, len(node.sent))


def test_a_gate_that_cannot_remember_releases_nothing(disk: SmallDisk, capsys: pytest.CaptureFixture[str]) -> None:
    gate = open_gatehouse(World(), disk.folder, capsys)
    raw = gate.pack(walked(eth_trip(gate.world)))
    gate.put(raw)
    with serving(RpcNode()) as node:
        disk.fill()
        # The package lies there already; writing it once more would meet the full disk itself.
        words = ("release", "--home", str(gate.home), str(gate.folder / "package.json"), "--out", str(gate.out))
        code, said = gate.run(*words, "--node", f"node-1={node.url}")
        disk.free()
        assert (Exit.UNAVAILABLE, [Code.STATE_UNWRITABLE]) == (code, [r["code"] for r in said["refusals"]])
        assert ([], (0, 0)) == (node.sent, kept(gate))
        assert (0, 1) == (gate.release(raw, node).code, len(node.sent))


def test_a_disk_that_fills_while_nodes_are_told_repeats_the_same_bytes(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Released and remembered, sent, and then no room for the answer: the same package sends the same bytes again."""
    gate = open_gatehouse(World(), disk.folder, capsys)
    trip = walked(eth_trip(gate.world))
    raw = gate.pack(trip)

    def full(sent: bytes) -> object:
        disk.fill()
        return id_of(sent)

    with serving(RpcNode(answer=full)) as node:
        answer = gate.release(raw, node)
        disk.free()
        assert (Exit.UNAVAILABLE, {Code.STATE_UNWRITABLE}, b"") == (answer.code, answer.codes, answer.raw)
        assert (1, 0) == kept(gate)
        node.answer = None
        again = gate.release(raw, node)
    assert (0, [trip.build_signed()] * 2) == (again.code, node.sent)
    assert (1, 1) == kept(gate)


def test_an_answer_that_the_outbox_did_not_take_comes_again(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    full = gate.folder / "full"
    fill_place(full / "000001-release-result.package.json")
    with serving(RpcNode()) as node:
        words = ("release", "--home", str(gate.home), gate.put(raw), "--out", str(full))
        code, said = gate.run(*words, "--node", f"node-1={node.url}")
        assert (Exit.USAGE, [Code.FILE_UNAVAILABLE]) == (code, [r["code"] for r in said["refusals"]])
        answer = gate.release(raw, node)
    assert (0, 1) == (answer.code, len(set(node.sent)))
    assert 2 == len(answer.statements)


def test_a_quarantine_that_cannot_be_written_answers_nothing(gate: Gatehouse) -> None:
    late = walked(eth_trip(gate.world))
    raw = gate.pack(late)
    (gate.home / "quarantine").write_text("in the way")
    gate.clock = lambda: late.proposal.body.release_by + timedelta(seconds=1)
    with serving(RpcNode()) as node:
        answer = gate.release(raw, node)
        assert (Exit.USAGE, {Code.FILE_UNAVAILABLE}, b"") == (answer.code, answer.codes, answer.raw)
        (gate.home / "quarantine").unlink()
        answer = gate.release(raw, node)
    assert (Exit.REFUSED, {Code.RELEASE_EXPIRED}, []) == (answer.code, answer.codes, node.sent)
    assert [raw] == gate.quarantined()


@contextmanager
def hanging() -> Iterator[str]:
    """A node that takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_nodes_that_are_down_hang_or_talk_nonsense_are_asked_again_later(
    gate: Gatehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "TIMEOUT_S", 0.2)
    raw = gate.pack(walked(eth_trip(gate.world)))
    with serving(RpcNode()) as gone:
        down = gone.url
    with hanging() as silent:
        for urls in ((down, down), (down, silent), (silent,), ("http://127.0.0.1:1",)):
            answer = gate.release(raw, urls=urls)
            assert (Exit.UNAVAILABLE, {Code.NODE_UNAVAILABLE}, b"") == (answer.code, answer.codes, answer.raw)
        assert (1, 0) == kept(gate)
        with serving(RpcNode()) as up:
            one = gate.release(raw, up, urls=(silent,))
            assert (Exit.REFUSED, {Code.NODES_DISAGREE}, 1) == (one.code, one.codes, len(up.sent))
    with serving(RpcNode()) as first, serving(RpcNode()) as second:
        both = gate.release(raw, first, second)
    assert (0, up.sent, up.sent) == (both.code, first.sent, second.sent)
    assert (1, 1) == kept(gate)
