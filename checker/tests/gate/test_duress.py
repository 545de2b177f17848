"""What somebody was forced to sign: nothing of it leaves, nobody at the gate can tell, and the SOC knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.checker.gate.hold import FREEZE_REASON, LEAST_DELAY_S, MOST_DELAY_S
from strongroom.checker.gate.paging import PAGE_BYTES
from strongroom.core.bodies import Freeze
from strongroom.core.codes import Code
from strongroom.core.packages import ResultOutcome, StatementsBody, parse_package
from strongroom.core.statements import Statement, parse_statement
from world import Edit, Trip, World, eth_trip, ltc_trip, signer_of

from .gatehouse import GATE, Answer, Gatehouse, RpcNode, open_gatehouse, serving, walked
from .test_release_refused import _with_news

FORCED = (ResultOutcome.DURESS, ResultOutcome.DRILL)
ALL = "all"


def forced(outcome: ResultOutcome, terminal: str = ALL) -> Mapping[str, Edit]:
    """Results of a crew of which one typed another code."""

    def edit(result: Any) -> Any:
        return replace(result, outcome=outcome, signatures=()) if terminal in (ALL, result.terminal) else result

    return {"result": edit}


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


@pytest.fixture
def soc(gate: Gatehouse) -> Callable[[], tuple[int, list[dict[str, Any]]]]:
    """The SOC reads its pages; exit code and pages."""
    key = gate.folder / "soc.key"
    key.touch(mode=0o600)
    key.write_text(gate.world.soc_key.private_bytes_raw().hex() + "\n")
    public = signer_of(GATE).key.public.hex()

    def read() -> tuple[int, list[dict[str, Any]]]:
        code, said = gate.run("read-pages", "--key", str(key), "--gate-key", public, str(gate.home / "pages"))
        return code, said["pages"]

    return read


def hand_in(gate: Gatehouse, trip: Trip, *nodes: RpcNode, urls: tuple[str, ...] = ()) -> Answer:
    """Answer a trip's package; the gate keeps its news whatever it answers."""
    raw, size = gate.pack(trip), gate.world.log.tree.size
    answer = gate.release(raw, *nodes, urls=urls)
    gate.seen = size
    return answer


def tell(gate: Gatehouse) -> list[Statement[Any]]:
    """What the gate says of its own accord."""
    code, said = gate.run("tell", "--home", str(gate.home), "--out", str(gate.out))
    assert 0 == code
    found = []
    for path in said["written"]:
        body = parse_package(Path(path).read_bytes()).body
        assert isinstance(body, StatementsBody)
        found += [parse_statement(each) for each in body.statements]
    return found


@pytest.mark.parametrize("outcome", FORCED)
@pytest.mark.parametrize(("make", "terminal"), [(eth_trip, ALL), (ltc_trip, "device:terminal-2")])
def test_nothing_leaves_and_it_looks_as_if_the_nodes_were_away(
    gate: Gatehouse, soc: Any, make: Callable[..., Trip], terminal: str, outcome: ResultOutcome
) -> None:
    with serving(RpcNode()) as gone:
        url = gone.url
    honest = hand_in(gate, walked(make(gate.world, nonce=8, sequence=8)), urls=(url,))
    with serving(RpcNode()) as node:
        held = hand_in(gate, walked(make(gate.world, edits=forced(outcome, terminal))), node)
        assert [] == node.sent
        assert [] == node.logins
    assert honest == held
    assert (4, {Code.NODE_UNAVAILABLE}, None) == (held.code, held.codes, held.body)
    assert [] == gate.quarantined()
    code, pages = soc()
    assert (3 if outcome is ResultOutcome.DURESS else 0) == code
    assert {"signed", outcome.value} == {page["outcome"] for page in pages}
    assert 1 == len({path.stat().st_size for path in (gate.home / "pages").iterdir()})


def test_every_package_has_its_page_once(gate: Gatehouse, soc: Any) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    with serving(RpcNode()) as node:
        for _ in range(2):
            assert 0 == gate.release(raw, node).code
    code, (page,) = soc()
    assert (0, "signed", "transfer") == (code, page["outcome"], page["twin"])
    assert {"device:terminal-1": "signed"} == page["outcomes"]
    (path,) = (gate.home / "pages").iterdir()
    assert PAGE_BYTES < path.stat().st_size < PAGE_BYTES + 100


def sign_again(trip: Trip, edits: Mapping[str, Edit]) -> Trip:
    """Other crews sign the same proposal."""
    trip.edits = edits
    trip.statements = [each for each in trip.statements if each.type.value != "signature-record"]
    trip.sign()
    return trip


def test_it_never_leaves_whatever_is_handed_in_later(gate: Gatehouse) -> None:
    """The same crew, or another one, signs the same proposal: the gate remembers."""
    trip = walked(eth_trip(gate.world, edits=forced(ResultOutcome.DURESS)))
    with serving(RpcNode()) as node:
        assert 4 == hand_in(gate, trip, node).code
        later = hand_in(gate, sign_again(trip, {}), node)
        assert (4, {Code.NODE_UNAVAILABLE}) == (later.code, later.codes)
        assert [] == node.sent


@pytest.mark.parametrize("outcome", FORCED)
def test_until_the_freeze_the_nodes_are_away_for_every_payment(gate: Gatehouse, outcome: ResultOutcome) -> None:
    """Another payment that goes out would say that the nodes are there. A replacement would pay what is held."""
    before = walked(eth_trip(gate.world, nonce=6, sequence=6))
    held = walked(eth_trip(gate.world, edits=forced(outcome)))
    other = walked(eth_trip(gate.world, nonce=8, sequence=8))
    rival = walked(eth_trip(gate.world, sequence=9))
    with serving(RpcNode()) as node:
        raw = gate.pack(before)
        assert 0 == gate.release(raw, node).code
        gate.seen = gate.world.log.tree.size
        hand_in(gate, held, node)
        # What a node took stays so; nothing is sent again, and it looks away too.
        assert {Code.NODE_UNAVAILABLE} == gate.release(raw, node).codes
        answer = hand_in(gate, other, node)
        assert (4, {Code.NODE_UNAVAILABLE}, 1) == (answer.code, answer.codes, len(node.sent))
        code, status = gate.run("status", "--home", str(gate.home))
        assert (0, 3, 2) == (code, status["released"], status["waiting"])
        # Its nonce is used up, as it would be had it been kept for nodes that are away.
        assert Code.ALREADY_COMMITTED in hand_in(gate, rival, node).codes
        gate.world.tick(MOST_DELAY_S)
        (gate.run("tell", "--home", str(gate.home), "--out", str(gate.out)))
        later = hand_in(gate, other, node)
    expected = {Code.FROZEN} if outcome is ResultOutcome.DURESS else set()
    assert expected == later.codes


def test_one_freeze_is_said_for_all_that_is_held(gate: Gatehouse) -> None:
    with serving(RpcNode()) as node:
        for number in (7, 8, 9):
            edits = forced(ResultOutcome.DURESS)
            hand_in(gate, walked(eth_trip(gate.world, edits=edits, nonce=number, sequence=number)), node)
    gate.world.tick(MOST_DELAY_S)
    assert 1 == len(tell(gate))
    gate.world.tick(MOST_DELAY_S)
    assert 1 == len(tell(gate))


def test_a_result_that_is_left_out_silences_no_other(gate: Gatehouse, soc: Any) -> None:
    trip = walked(ltc_trip(gate.world, edits=forced(ResultOutcome.DURESS, "device:terminal-2")))
    raw = gate.pack(trip, lambda body: replace(body, sealed=body.sealed[1:]))
    with serving(RpcNode()) as node:
        assert Code.SIGNATURES_MISSING in gate.release(raw, node).codes
    code, (page,) = soc()
    assert (3, "duress") == (code, page["outcome"])
    gate.world.tick(MOST_DELAY_S)
    assert 1 == len(tell(gate))


def test_what_is_wrong_besides_is_said_as_on_any_other_day(gate: Gatehouse) -> None:
    """A docket that comes too late halts for that, forced or not."""
    answers = []
    for outcome, number in ((ResultOutcome.DURESS, 7), (ResultOutcome.SIGNED, 8)):
        edits = forced(outcome) if outcome is not ResultOutcome.SIGNED else {}
        trip = walked(eth_trip(gate.world, edits=edits, nonce=number, sequence=number))
        late = trip.proposal.body.release_by + timedelta(seconds=1)
        gate.clock = lambda late=late: late  # type: ignore[misc]
        with serving(RpcNode()) as node:
            answers.append(hand_in(gate, trip, node))
    assert [{Code.RELEASE_EXPIRED}] * 2 == [answer.codes for answer in answers]


def test_a_freeze_comes_when_nobody_can_foretell_and_stops_the_gate_until_officers_lift_it(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world, edits=forced(ResultOutcome.DURESS)))
    other = walked(eth_trip(gate.world, nonce=8, sequence=8))
    with serving(RpcNode()) as node:
        hand_in(gate, trip, node)
        gate.world.tick(LEAST_DELAY_S - 60)
        assert [] == tell(gate)
        gate.world.tick(MOST_DELAY_S)
        (freeze,) = tell(gate)
        assert (GATE, Freeze) == (freeze.issuer, type(freeze.body))
        assert ("none", FREEZE_REASON) == (freeze.body.evidence, freeze.body.reason)
        assert [freeze.id] == [each.id for each in tell(gate)]
        assert {Code.FROZEN} == hand_in(gate, other, node).codes
        logged = gate.world.record(freeze.envelope)
        lift = gate.world.lift(logged.id)
        answer = gate.release(_with_news(gate, other, [logged], [lift]), node)
        gate.seen = gate.world.log.tree.size
        assert (0, 1) == (answer.code, len(node.sent))
        assert 4 == hand_in(gate, trip, node).code


def test_a_freeze_that_is_due_is_said_before_any_package(gate: Gatehouse) -> None:
    """Without a timer the next package brings it."""
    with serving(RpcNode()) as node:
        hand_in(gate, walked(eth_trip(gate.world, edits=forced(ResultOutcome.DURESS))), node)
        gate.world.tick(MOST_DELAY_S)
        other = walked(eth_trip(gate.world, nonce=8, sequence=8))
        assert {Code.FROZEN} == hand_in(gate, other, node).codes
    assert list(gate.out.glob("*-statements.package.json"))


@pytest.mark.parametrize(("second", "freezes"), [(ResultOutcome.DRILL, 0), (ResultOutcome.DURESS, 1)])
def test_a_drill_freezes_nothing_and_duress_after_it_does(gate: Gatehouse, second: ResultOutcome, freezes: int) -> None:
    trip = walked(eth_trip(gate.world, edits=forced(ResultOutcome.DRILL)))
    with serving(RpcNode()) as node:
        hand_in(gate, trip, node)
        hand_in(gate, sign_again(trip, forced(second)), node)
        assert [] == node.sent
    gate.world.tick(MOST_DELAY_S)
    assert freezes == len(tell(gate))


def test_a_gate_that_could_page_nobody_releases_nothing(gate: Gatehouse) -> None:
    raw = gate.pack(walked(eth_trip(gate.world)))
    kept = (gate.home / "soc.public").read_bytes()
    (gate.home / "soc.public").unlink()
    with serving(RpcNode()) as node:
        answer = gate.release(raw, node)
        assert (2, {Code.FILE_UNAVAILABLE}, []) == (answer.code, answer.codes, node.sent)
        (gate.home / "soc.public").write_bytes(kept)
        assert 0 == gate.release(raw, node).code


def test_a_page_that_cannot_be_read_hides_no_other_and_one_that_is_kept_back_is_missed(
    gate: Gatehouse, soc: Any
) -> None:
    """Anybody can seal to the SOC's key, and only this gate can sign for this gate."""
    with serving(RpcNode()) as node:
        for number in (7, 8, 9):
            hand_in(gate, walked(eth_trip(gate.world, nonce=number, sequence=number)), node)
    pages = gate.home / "pages"
    assert 0 == soc()[0]
    (pages / "junk.page").write_bytes(b"no page")
    key, public = str(gate.folder / "soc.key"), signer_of(GATE).key.public.hex()
    read = ("read-pages", "--key", key, "--gate-key", public, str(pages))
    code, said = gate.run(*read)
    assert (3, [1, 2, 3], [Code.SEAL_INVALID]) == (
        code,
        [page["number"] for page in said["pages"]],
        [each["code"] for each in said["unread"]],
    )
    (pages / "junk.page").unlink()
    strange = signer_of("device:station-1").key.public.hex()
    code, said = gate.run("read-pages", "--key", key, "--gate-key", strange, str(pages))
    assert (3, [], {Code.SIGNATURE_INVALID}) == (code, said["pages"], {each["code"] for each in said["unread"]})
    for path in pages.iterdir():
        kept = path.read_bytes()
        path.unlink()
        code, said = gate.run(*read)
        last = 3 not in [page["number"] for page in said["pages"]]
        assert last or (3, 1) == (code, len(said["missing"]))
        path.write_bytes(kept)


def test_the_soc_makes_its_own_key(gate: Gatehouse) -> None:
    words = ("soc-key", "--key", str(gate.folder / "soc" / "new.key"))
    first, again = gate.run(*words), gate.run(*words)
    assert first == again
    assert 64 == len(first[1]["soc_key"])
    assert 0o600 == (gate.folder / "soc" / "new.key").stat().st_mode & 0o777
