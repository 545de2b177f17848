"""A freeze stands until two officers lift it; what left is then in suspense, and ledger and chain match again."""

from __future__ import annotations

import pytest

from firm import ETHER, Firm
from strongroom.core.bodies import Freeze, FreezeLift, FreezeScope
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.ids import AccountId, Digest
from strongroom.core.statements import Envelope
from strongroom.online.evidence.store import append
from strongroom.online.ledger.store import check_ledger, load_balance
from strongroom.online.watch.follow import follow
from strongroom.online.watch.freezes import accept_freeze, load_standing_freezes
from strongroom.online.watch.lift import accept_lift
from strongroom.online.watch.store import load_alerts
from thief import steal
from world import ETH

OFFICERS = ("person:r.ho", "person:s.lee")
SUSPENSE = AccountId("account:suspense:eip155-31337")


@pytest.fixture
def frozen(firm: Firm) -> tuple[Firm, Digest]:
    """A firm that a theft froze, and the freeze."""
    steal(firm, ETHER)
    firm.chain(ETH).mine(1)
    follow(firm.reconciler, ETH)
    (freeze,) = load_standing_freezes(firm.admin, firm.rules)
    return firm, freeze


def lift_of(firm: Firm, freeze: Digest, officers: tuple[str, ...]) -> Envelope:
    """The officers' word."""
    firm.world.now = firm.clock()
    return firm.world.sign(FreezeLift(freeze=freeze, reason="explained"), officers[0], officers)


def test_two_officers_lift_it(frozen: tuple[Firm, Digest]) -> None:
    firm, freeze = frozen
    lift = accept_lift(firm.platform.connection, lift_of(firm, freeze, OFFICERS), firm.clock())
    assert () == load_standing_freezes(firm.admin, firm.rules)
    (units,) = firm.query("select units from watch.outflows")[0]
    assert int(units) == load_balance(firm.admin, SUSPENSE).posted
    assert [(lift.id,)] == firm.query("select statement from ledger.transfers where kind = 'unexplained'")
    firm.chain(ETH).mine(1)
    follow(firm.reconciler, ETH)
    assert [("MATCHED",)] == firm.query("select status from watch.runs order by height desc limit 1")
    check_ledger(firm.admin)
    assert Code.UNEXPLAINED_OUTFLOW.value not in {a.code for a in load_alerts(firm.admin)}


@pytest.mark.parametrize(
    ("officers", "code"),
    [
        (OFFICERS[:1], Code.QUORUM_NOT_MET),
        ((OFFICERS[0], "person:m.chan"), Code.SIGNER_UNKNOWN),
        (("person:m.chan", "person:r.singh"), Code.ROLE_MISSING),
    ],
)
def test_fewer_do_not(frozen: tuple[Firm, Digest], officers: tuple[str, ...], code: Code) -> None:
    firm, freeze = frozen
    with pytest.raises(RefusedError) as caught:
        accept_lift(firm.platform.connection, lift_of(firm, freeze, officers), firm.clock())
    assert code in caught.value.codes
    # Also one that somebody wrote straight into the log lifts nothing, nor does a row of the table.
    append(firm.platform.connection, lift_of(firm, freeze, officers))
    firm.query("update watch.freezes set lift = statement")
    assert (freeze,) == load_standing_freezes(firm.admin, firm.rules)
    firm.clock.forward(seconds=1)
    accept_lift(firm.platform.connection, lift_of(firm, freeze, OFFICERS), firm.clock())
    assert () == load_standing_freezes(firm.admin, firm.rules)


def test_an_under_signed_copy_does_not_keep_the_place_of_a_lift(frozen: tuple[Firm, Digest]) -> None:
    firm, freeze = frozen
    whole = lift_of(firm, freeze, OFFICERS)
    half = Envelope(payload=whole.payload, payloadType=whole.payloadType, signatures=whole.signatures[:1])
    append(firm.platform.connection, half)
    # Nothing is lifted, and nobody is told that it was.
    with pytest.raises(RefusedError) as caught:
        accept_lift(firm.platform.connection, whole, firm.clock())
    assert Code.LOG_CONFLICT in caught.value.codes
    assert (freeze,) == load_standing_freezes(firm.admin, firm.rules)
    assert [] == firm.query("select id from ledger.transfers where kind = 'unexplained'")
    firm.clock.forward(seconds=1)
    accept_lift(firm.platform.connection, lift_of(firm, freeze, OFFICERS), firm.clock())
    assert () == load_standing_freezes(firm.admin, firm.rules)


def freeze_by(firm: Firm, *people: str) -> Envelope:
    firm.world.now = firm.clock()
    return firm.world.sign(Freeze(evidence="none", reason="security", scope=FreezeScope.VAULT), people[0], people)


def test_one_officer_stops_everything_and_two_let_it_go_on(firm: Firm) -> None:
    freeze = accept_freeze(firm.platform.connection, freeze_by(firm, OFFICERS[0]), firm.clock())
    assert (freeze.id,) == load_standing_freezes(firm.admin, firm.rules)
    assert [(Code.FROZEN.value, f"freeze {freeze.id}")] == [(a.code, a.subject) for a in load_alerts(firm.admin)]
    accept_lift(firm.platform.connection, lift_of(firm, freeze.id, OFFICERS), firm.clock())
    assert () == load_standing_freezes(firm.admin, firm.rules)
    assert () == tuple(load_alerts(firm.admin))


@pytest.mark.parametrize(
    ("people", "code"), [(("person:m.chan",), Code.ROLE_MISSING), ((OFFICERS[0], "person:m.chan"), Code.SIGNER_UNKNOWN)]
)
def test_nobody_else_does(firm: Firm, people: tuple[str, ...], code: Code) -> None:
    with pytest.raises(RefusedError) as caught:
        accept_freeze(firm.platform.connection, freeze_by(firm, *people), firm.clock())
    assert code in caught.value.codes
    assert () == load_standing_freezes(firm.admin, firm.rules)


def test_only_a_freeze_is_lifted(frozen: tuple[Firm, Digest]) -> None:
    firm, freeze = frozen
    for other, code in ((firm.world.policy.id, Code.TYPE_MISMATCH), (Digest("sha256:" + "3" * 64), Code.NOT_IN_LOG)):
        with pytest.raises(StrongroomError) as caught:
            accept_lift(firm.platform.connection, lift_of(firm, other, OFFICERS), firm.clock())
        assert code in caught.value.codes
    assert (freeze,) == load_standing_freezes(firm.admin, firm.rules)
