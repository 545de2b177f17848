"""One badly signed entry in the log stops nobody: no package brings it, it counts for nothing, and it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from firm import Firm
from office import Office, open_office
from strongroom.core.bodies import Freeze, FreezeLift, FreezeScope
from strongroom.core.checks.notices import build_latches
from strongroom.core.codes import Code
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.packages import UpdateBody, parse_package
from strongroom.core.registers import KeyState
from strongroom.core.statements import Envelope
from strongroom.core.trust import Trust
from strongroom.online.evidence.store import append
from strongroom.online.exchange.store import load_packages
from strongroom.online.governance.notices import load_notices
from strongroom.online.watch.freezes import load_standing_freezes
from world import DELEGATES

TERMINAL, WATCHER, PLATFORM = "device:terminal-1", "service:watcher", "service:platform"


def freeze(firm: Firm, who: str, named: str = "") -> Envelope:
    """A freeze in the name of one party, signed by another where one is named."""
    firm.world.now = firm.clock()
    body = Freeze(evidence="nothing", reason=f"by {who}", scope=FreezeScope.VAULT)
    return firm.world.sign(body, named or who, (who,))


def lift(firm: Firm, of: Digest) -> Envelope:
    """A lift that one officer signed."""
    firm.world.now = firm.clock()
    return firm.world.sign(FreezeLift(freeze=of, reason="a test"), "person:r.ho", ("person:r.ho",))


def lease(firm: Firm) -> Envelope:
    """A lease that one delegate signed."""
    firm.world.now = firm.clock()
    body = replace(firm.world.build_lease(TERMINAL), number=2)
    return firm.world.sign(body, DELEGATES["keys"][0], DELEGATES["keys"][:1])


def key_state(firm: Firm) -> Envelope:
    """Somebody without the role declares a key compromised."""
    firm.world.now = firm.clock()
    body = KeyStateChange(keys=(EntryId("key:eth-1"),), lifts=(), reason="a test", state=KeyState.COMPROMISED)
    return firm.world.sign(body, PLATFORM, (PLATFORM,))


RUBBISH: tuple[tuple[str, Callable[[Firm], Envelope]], ...] = (
    ("a freeze of nobody who may", lambda firm: freeze(firm, PLATFORM)),
    ("a freeze in another name", lambda firm: freeze(firm, PLATFORM, WATCHER)),
    ("a lift without its quorum", lambda firm: lift(firm, Digest("sha256:" + "7" * 64))),
    ("a lease of one delegate", lease),
    ("a key state of the platform", key_state),
)


def serve(firm: Firm, office: Office) -> Trust:
    """Rounds until all that was logged is witnessed, sent and taken in by every device."""
    for _ in range(3):
        firm.work()
        firm.witness()
        office.serve()
    return office.terminals[TERMINAL].trust


def newest(firm: Firm) -> UpdateBody:
    """The last update of the terminal."""
    *_, raw = [raw for device, _, kind, raw in load_packages(firm.admin) if device == TERMINAL and kind == "update"]
    body = parse_package(raw).body
    assert isinstance(body, UpdateBody)
    return body


def sent(firm: Firm) -> set[Digest]:
    """Every freeze, lift and notice of it."""
    body = newest(firm)
    return {each.envelope.id for each in (*body.freezes, *body.lifts, *body.notices)}


def pages(firm: Firm) -> list[tuple[str, str]]:
    """What was told of entries without their signatures."""
    code = Code.LOGGED_UNSIGNED.value
    return [(r[0], r[1]) for r in firm.query("select subject, severity from watch.alerts where code = %s", code)]


@pytest.mark.parametrize("make", [row[1] for row in RUBBISH], ids=[row[0].replace(" ", "_") for row in RUBBISH])
def test_what_lacks_its_signatures_stops_no_device(office_firm: Firm, make: Callable[[Firm], Envelope]) -> None:
    firm, office = office_firm, open_office(office_firm, {})
    before = serve(firm, office)
    rubbish = make(firm)
    append(firm.reconciler.connection, rubbish)
    serve(firm, office)
    honest = freeze(firm, WATCHER)
    append(firm.watcher.connection, honest)
    trust = serve(firm, office)
    assert rubbish.id not in sent(firm)
    assert [(f"statement {rubbish.id}", "critical")] == pages(firm)
    # The honest twin: what was signed goes to every device, and latches.
    assert honest.id in sent(firm)
    assert {honest.id} == set(trust.frozen - before.frozen)
    assert before.key_states == trust.key_states
    assert before.find_lease(PartyId(TERMINAL)) == trust.find_lease(PartyId(TERMINAL))


def test_what_is_no_statement_at_all_stops_no_device(office_firm: Firm) -> None:
    firm, office = office_firm, open_office(office_firm, {})
    serve(firm, office)
    for i, kind in enumerate(("freeze", "lease", "key-state")):
        firm.reconciler.connection.execute(
            "select evidence.append(%s, %s, 'nobody', now(), %s)", (f"sha256:{i:064x}", kind, b"%d rubbish" % i)
        )
    honest = freeze(firm, WATCHER)
    append(firm.watcher.connection, honest)
    assert {honest.id} == serve(firm, office).frozen


def test_devices_and_clears_count_the_same(office_firm: Firm) -> None:
    """What is left out of packages is left out of the digest in a clear too, or no session would ever open again."""
    firm, office = office_firm, open_office(office_firm, {})
    for _, make in RUBBISH:
        append(firm.platform.connection, make(firm))
    append(firm.watcher.connection, freeze(firm, WATCHER))
    trust = serve(firm, office)
    standing = load_standing_freezes(firm.admin, firm.rules)
    assert 1 == len(standing)
    assert trust.latches == build_latches(standing, load_notices(firm.admin, firm.rules))
