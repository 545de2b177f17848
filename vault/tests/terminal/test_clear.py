"""The clear-to-sign and the package around it: everything that a session refuses before any docket is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import world
from strongroom.core import assemble
from strongroom.core.bodies import Budget, Head
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import PackageKind
from strongroom.core.records import HexBytes, Units
from strongroom.core.statements import parse_statement

OTHER = Digest("sha256:" + "11" * 32)
Edit = Callable[[Any], Any]


def other_policy(clear: Any) -> Any:
    return replace(clear, heads=replace(clear.heads, policy=Head(version=1, digest=OTHER)))


CLEARS: list[tuple[Code, Edit]] = [
    (Code.CLEAR_NOT_FOR_SESSION, lambda c: replace(c, nonce=HexBytes(bytes(32)))),
    (Code.CLEAR_NOT_FOR_SESSION, lambda c: replace(c, terminal=PartyId("device:terminal-2"))),
    (Code.CLEAR_EXPIRED, lambda c: replace(c, life_s=0)),
    (Code.CLEAR_BUDGET, lambda c: replace(c, max_count=0)),
    (Code.CLEAR_BUDGET, lambda c: replace(c, budget=())),
    (Code.CLEAR_BUDGET, lambda c: replace(c, budget=(Budget(asset=c.budget[0].asset, units=Units(125 * 10**16)),))),
    (Code.HEAD_UNEQUAL, other_policy),
    (Code.HEAD_ROLLBACK, lambda c: replace(c, checkpoint=replace(c.checkpoint, size=1))),
    (Code.HEAD_MISMATCH, lambda c: replace(c, checkpoint=replace(c.checkpoint, size=1000))),
]


@pytest.mark.parametrize(("code", "edit"), CLEARS)
def test_a_clear_that_does_not_fit_refuses_and_is_said(firm: Any, stand: Any, code: Code, edit: Edit) -> None:
    assert code in stand.refusals(firm.turn(trips=[firm.trip()], clear=edit), "sign")
    result = stand.result()
    assert () == result.results
    (halt,) = [parse_statement(envelope) for envelope in result.halts]
    assert code in {reason.code for reason in halt.body.refusals}
    with stand.open() as terminal:
        check_statement_signers(halt, terminal.trust.roster.body, firm.world.now, terminal.trust.entries, "halt")


def test_a_clear_that_fits_signs(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_budget_of_payment_and_fee_is_enough(firm: Any, stand: Any) -> None:
    units = Units(125 * 10**16 + 21000 * 90 * 10**9)
    turn = firm.turn(
        trips=[firm.trip()], clear=lambda c: replace(c, budget=(Budget(asset=c.budget[0].asset, units=units),))
    )
    assert set() == stand.refusals(turn, "sign")


TOKEN, TOKEN_FEE = 2_500 * 10**6, 65_000 * 90 * world.GWEI
ETHER, ETHER_FEE = 125 * 10**16, 21_000 * 90 * world.GWEI


@pytest.mark.parametrize(
    ("token", "ether", "signed"),
    [
        (TOKEN, TOKEN_FEE + ETHER + ETHER_FEE, 2),
        (TOKEN, TOKEN_FEE + ETHER + ETHER_FEE - 1, 1),
        (TOKEN - 1, TOKEN_FEE + ETHER + ETHER_FEE, 1),
        (TOKEN, TOKEN_FEE - 1, 0),
        (10**30, 0, 0),
    ],
)
def test_a_session_counts_each_asset_for_itself(firm: Any, stand: Any, token: int, ether: int, signed: int) -> None:
    """A token's transfer uses the token's budget, and the ether's for its fee, which the next docket then lacks."""
    budget = (
        Budget(asset=world.USD_ASSET, units=Units(token)),
        Budget(asset=world.ETH_ASSET, units=Units(ether)),
    )
    trips = [firm.trip("usd"), firm.trip(nonce=8, sequence=2)]
    outcome = stand.run(firm.turn(trips=trips, clear=lambda c: replace(c, budget=budget)), "sign", "sign")
    assert signed == len(outcome.results)
    assert {Code.CLEAR_BUDGET} >= {refusal.code for each in outcome.refused for refusal in each.refusals}


def test_a_clear_for_one_signs_one_of_two(firm: Any, stand: Any) -> None:
    turn = firm.turn(
        trips=[firm.trip(), firm.trip(nonce=8, sequence=2)], clear=lambda clear: replace(clear, max_count=1)
    )
    assert {Code.CLEAR_BUDGET} == stand.refusals(turn, "sign", "sign")
    assert (1, 1) == (len(stand.result().results), len(stand.result().halts))


def test_the_log_that_was_cleared_is_the_log_that_we_know(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    known = stand.last_seen()
    turn = firm.turn(
        trips=[firm.trip(nonce=8, sequence=2)],
        clear=lambda c: replace(c, checkpoint=replace(c.checkpoint, size=known, root=OTHER)),
    )
    assert {Code.HEAD_UNEQUAL} == stand.refusals(turn, "sign")


@pytest.mark.parametrize("signers", [("service:reconciler",), ("service:reconciler", "service:platform")])
def test_one_key_is_not_enough(firm: Any, stand: Any, signers: tuple[str, ...]) -> None:
    found = stand.refusals(firm.turn(trips=[firm.trip()], signers=signers), "sign")
    assert found & {Code.SIGNATURES_MISSING, Code.SIGNER_UNKNOWN}


def test_the_life_runs_from_the_nonce(firm: Any, stand: Any) -> None:
    def wait(seconds: int) -> Callable[[], None]:
        def later() -> None:
            stand.elapsed_s += seconds

        return later

    assert set() == stand.refusals(firm.turn(trips=[firm.trip()], before=wait(890)), "sign", wait_s=900)
    late = firm.turn(trips=[firm.trip(nonce=8, sequence=2)], before=wait(900))
    assert {Code.CLEAR_EXPIRED} == stand.refusals(late, "sign", wait_s=5000)


def test_a_clear_dies_while_people_think(firm: Any, stand: Any) -> None:
    def think(line: str) -> None:
        stand.elapsed_s += 901 if line == "sign" else 0

    stand.on_answer = think
    assert {Code.CLEAR_EXPIRED} == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    stand.on_answer = lambda _: None
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


def test_a_clear_is_used_once(firm: Any, stand: Any) -> None:
    stand.random = lambda size: bytes([7]) * size
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    again = firm.turn(trips=[firm.trip(nonce=8, sequence=2)])
    assert {Code.CLEAR_USED} == stand.refusals(again, "sign")
    stand.random = lambda size: bytes([8]) * size
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=9, sequence=3)]), "sign")


def test_the_nonce_of_the_package_is_the_session(firm: Any, stand: Any) -> None:
    turn = firm.turn(trips=[firm.trip()], body=lambda body: replace(body, nonce=HexBytes(bytes(32))))
    assert {Code.CLEAR_NOT_FOR_SESSION} == stand.refusals(turn, "sign")


def test_a_clear_must_be_in_the_log(firm: Any, stand: Any) -> None:
    turn = firm.turn(
        trips=[firm.trip()], body=lambda body: replace(body, clear=replace(body.clear, index=body.clear.index - 1))
    )
    assert stand.refusals(turn, "sign") & {Code.NOT_IN_LOG, Code.PROOF_INVALID}


def test_the_packages_log_extends_ours(firm: Any, stand: Any) -> None:
    def no_proof(body: Any) -> Any:
        return replace(body, checkpoint=replace(body.checkpoint, consistency=()))

    assert stand.refusals(firm.turn(trips=[firm.trip()], body=no_proof), "sign") & {
        Code.LOG_NOT_CONSISTENT,
        Code.PROOF_INVALID,
    }


def test_silence_is_no_clear(firm: Any, stand: Any) -> None:
    assert {Code.CLEAR_MISSING} == stand.refusals(None)


def test_an_older_package_is_named_and_does_not_stop_a_newer(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert {Code.PACKAGE_SEQUENCE, Code.CLEAR_MISSING} == stand.refusals(None)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


PACKAGES: list[tuple[Code, Edit]] = [
    (Code.PACKAGE_NOT_FOR_US, lambda p: replace(p, to=PartyId("device:terminal-2"))),
    (Code.PACKAGE_NOT_FOR_US, lambda p: replace(p, sender=PartyId("service:builder"))),
]


@pytest.mark.parametrize(("code", "edit"), PACKAGES)
def test_a_package_for_or_from_another_is_refused_and_kept(firm: Any, stand: Any, code: Code, edit: Edit) -> None:
    assert {code} == stand.refusals(firm.turn(trips=[firm.trip()], package=edit), "sign")
    assert 1 == len(list(stand.home.kept.iterdir()))


@pytest.mark.parametrize(
    ("code", "edit"),
    [
        (Code.JSON_SYNTAX, lambda raw: raw[:-1]),
        (Code.JSON_NOT_CANONICAL, lambda raw: raw + b"\n"),
        (Code.FIELD_MISSING, lambda _: b"{}"),
    ],
)
def test_a_package_that_cannot_be_read_is_refused_and_kept(firm: Any, stand: Any, code: Code, edit: Edit) -> None:
    assert {code} == stand.refusals(firm.turn(trips=[firm.trip()], raw=edit), "sign")
    (kept,) = stand.home.kept.iterdir()
    (sent,) = stand.inbox.iterdir()
    assert sent.read_bytes() == kept.read_bytes()


def test_another_kind_under_the_name_of_a_signing_package_is_refused(firm: Any, stand: Any) -> None:
    body = firm.world.update_body()
    turn = firm.turn(trips=[firm.trip()], raw=lambda _: firm.world.package(stand.name, PackageKind.UPDATE, body))
    assert {Code.TYPE_MISMATCH} == stand.refusals(turn, "sign")


def put_freeze(firm: Any, freeze: Any) -> Edit:
    def edit(body: Any) -> Any:
        size = firm.world.log.last_checkpoint().size
        return replace(body, freezes=(assemble.build_placed(firm.world.log, freeze.envelope, size),))

    return edit


def test_a_freeze_latches_until_officers_lift_it(firm: Any, stand: Any) -> None:
    freeze = firm.world.freeze()
    assert {Code.FROZEN} == stand.refusals(firm.turn(trips=[firm.trip()], body=put_freeze(firm, freeze)), "sign")
    # The next package does not mention it, and it stands all the same.
    assert {Code.FROZEN} == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")
    lift = firm.world.lift(freeze.id)
    seen = stand.last_seen()
    placed = assemble.build_placed(firm.world.log, lift.envelope, firm.world.log.last_checkpoint().size)
    update = replace(firm.world.update_body(seen, whole=False), registers=(), lifts=(placed,))
    (change,) = stand.take(stand.update(update))
    assert ("freezes", (freeze.id,)) == (change.name, change.removed)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=9, sequence=3)]), "sign")


def test_a_freeze_latches_though_the_clear_is_refused(firm: Any, stand: Any) -> None:
    freeze = firm.world.freeze()
    turn = firm.turn(
        trips=[firm.trip()], body=put_freeze(firm, freeze), clear=lambda c: replace(c, nonce=HexBytes(bytes(32)))
    )
    assert {Code.CLEAR_NOT_FOR_SESSION} == stand.refusals(turn, "sign")
    with stand.open() as terminal:
        assert {freeze.id} == terminal.trust.frozen
        assert (freeze.id,) == tuple(f.freeze for f in terminal.journal.state.latched_freezes())


def test_one_officer_cannot_lift(firm: Any, stand: Any) -> None:
    freeze = firm.world.freeze()
    lift = firm.world.lift(freeze.id, ("person:r.ho",))
    placed = assemble.build_placed(firm.world.log, lift.envelope, firm.world.log.last_checkpoint().size)
    update = replace(firm.world.update_body(stand.last_seen(), whole=False), registers=(), lifts=(placed,))
    with pytest.raises(StrongroomError) as caught:
        stand.take(stand.update(update))
    assert Code.QUORUM_NOT_MET in caught.value.codes


def test_a_clock_that_was_set_back_stops_everything(firm: Any, stand: Any) -> None:
    now = firm.world.now
    firm.world.now = firm.world.now.replace(year=2026)
    with pytest.raises(StrongroomError) as caught:
        stand.run(None)
    assert Code.CLOCK_BEHIND in caught.value.codes
    firm.world.now = now
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_clear_from_the_future_is_refused(firm: Any, stand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reconciler's clock runs an hour ahead; the witness's is right."""
    honest = firm.world.record

    def ahead(clear: Any) -> Any:
        firm.world.tick(3600)
        return clear

    def record(envelope: Any) -> Any:
        firm.world.tick(-3600)
        return honest(envelope)

    trips = [firm.trip(), firm.trip(nonce=8, sequence=2)]
    with monkeypatch.context() as patch:
        patch.setattr(firm.world, "record", record)
        assert {Code.CLOCK_BEHIND} == stand.refusals(firm.turn(trips=trips[:1], clear=ahead), "sign")
    assert set() == stand.refusals(firm.turn(trips=trips[1:]), "sign")
