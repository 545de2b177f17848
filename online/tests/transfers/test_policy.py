"""The whole policy on the platform: prices, floors, fees in windows, and what `strongroom explain` says about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firm import ETHER, Firm, find_proposal, open_firm, widen_windows
from nodes import start_anvil
from office import Office, open_office
from policies import THREE, WEEKEND
from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest
from strongroom.core.policy import Policy, Window
from strongroom.core.records import Units
from strongroom.core.statements import Envelope
from strongroom.online.cli import main
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import load_statement
from strongroom.online.governance.store import publish
from strongroom.online.transfers.withdrawal.store import State, load_docket
from world import DELEGATES, ETH, Edit

CLIENT = "client:harbour"
ONE = Quorum(role="approver", people=1, groups=1)
Open = Callable[[dict[str, Edit]], Firm]


@pytest.fixture
def open_with(tmp_path: Path, database: Database) -> Iterator[Open]:
    """Open a firm on a chain of its own whose world is edited; client:harbour has 5 ETH."""
    with start_anvil() as eth:
        opened: list[Any] = []

        def build(edits: dict[str, Edit]) -> Firm:
            manager = open_firm(tmp_path, database, eth=eth, edits=edits)
            opened.append(manager)
            firm = manager.__enter__()
            firm.deposit("eth-1", 5 * ETHER)
            firm.mine()
            return firm

        yield build
        for manager in opened:
            manager.__exit__(None, None, None)


def rules(parameters: dict[str, Any] | None = None, **fields: Any) -> Edit:
    """An edit of the policy: other fields in every rule."""

    def edit(policy: Policy) -> Policy:
        wide = widen_windows(policy)
        changed = tuple(replace(rule, **fields) for rule in wide.rules)
        return replace(wide, rules=changed, parameters=replace(wide.parameters, **(parameters or {})))

    return edit


def order_of(firm: Firm, instruction: Digest) -> tuple[str, str]:
    """State of an order, and the code of what it waits for."""
    state, why = firm.query("select state, why from transfers.instructions where id = %s", instruction)[0]
    return state, why.split(":")[0]


def publish_prices(firm: Firm, signers: tuple[str, ...] = DELEGATES["prices"], **ago: float) -> Envelope:
    """A new snapshot, from so long ago."""
    firm.world.now = firm.clock()
    body = replace(firm.world.prices_body(), as_of=firm.clock() - timedelta(**ago))
    envelope = firm.world.sign(body, signers[0], signers)
    publish(firm.platform.connection, envelope, (), ())
    return envelope


def test_an_order_waits_for_fresh_prices_and_the_decision_names_them(open_with: Open) -> None:
    firm = open_with({"policy": rules({"price_max_age_s": 3600})})
    order = firm.instruct(CLIENT, ETH, ETHER)
    firm.work()
    assert (State.SUBMITTED.value, Code.POLICY_NOT_EVALUABLE.value) == order_of(firm, order.id)
    publish_prices(firm, minutes=59)
    find_proposal(firm, order.id)
    (decision, proposal) = firm.query("select decision, proposal from transfers.instructions")[0]
    newest = firm.rules.prices
    assert newest is not None
    assert newest.id == load_statement(firm.admin, decision)[1].body.prices
    firm.round()
    firm.round()
    docket = firm.platform.assemble(firm.rules, load_docket(firm.admin, proposal), up_to=Stage.PROPOSE)
    assert [newest.envelope] == [each.envelope for each in docket.prices]
    assert [(3_125_000, False)] == firm.query("select hkd_cents, voided from transfers.usage")


def test_prices_are_published_by_two_signers_and_go_forward(office_firm: Firm) -> None:
    connection = office_firm.platform.connection
    for signers, code in ((("person:f.one",), Code.THRESHOLD_NOT_MET), (DELEGATES["policy"], Code.SIGNER_UNKNOWN)):
        with pytest.raises(RefusedError) as caught:
            publish_prices(office_firm, signers)
        assert code is caught.value.code
    first = publish_prices(office_firm, minutes=10)
    with pytest.raises(RefusedError) as caught:
        publish_prices(office_firm, minutes=10)
    assert Code.PRICE_STALE is caught.value.code
    second = publish_prices(office_firm, minutes=9)
    newest = office_firm.rules.prices
    assert newest is not None
    assert second.id == newest.id != first.id
    assert 3 == connection.execute("select count(*) from custody.prices").fetchall()[0][0]


def test_fees_are_counted_when_the_bytes_are_built(open_with: Open) -> None:
    def fees(most: int) -> tuple[Window, ...]:
        return (Window(max_amount=Units(10**30), max_count=9, max_fee=Units(most), max_hkd_cents=None, seconds=86400),)

    firm = open_with({"policy": rules(windows=fees(21_000 * 200 * 10**9))})
    first = firm.instruct(CLIENT, ETH, ETHER)
    proposal = find_proposal(firm, first.id)
    (fee,) = firm.query("select fee from transfers.dockets where proposal = %s", proposal)[0]
    assert [(fee,)] == firm.query("select fee from transfers.usage")
    firm.world.now = firm.clock()
    firm.world.change_policy(lambda p: replace(p, rules=tuple(replace(r, windows=fees(int(fee))) for r in p.rules)))
    publish(firm.platform.connection, firm.world.policy, (), ())
    second = firm.instruct(CLIENT, ETH, ETHER)
    firm.work()
    assert (State.SCREENING.value, Code.LIMIT_FEES.value) == order_of(firm, second.id)


@pytest.fixture
def lowered(open_with: Open) -> Firm:
    """A firm whose policy asks one person; its root asks two."""
    return open_with({"policy": rules(quorums=(ONE,))})


def approve_on(office: Office, device: str) -> None:
    """Only this device answers what came to it; its answer is read."""
    for path in sorted((office.firm.outbox / device.replace(":", "-")).glob("*.package.json")):
        if path not in office.handled and office._answer(device, path):
            office.handled.add(path)
    for _ in range(3):
        office.firm.round()


def test_the_roots_floors_are_not_the_policys_to_lower(lowered: Firm) -> None:
    office = open_office(lowered, {ETH: ("device:terminal-1",)})
    proposal = find_proposal(lowered, lowered.instruct(CLIENT, ETH, ETHER).id)
    for _ in range(4):
        lowered.round()
    approve_on(office, "device:approver-1")
    assert State.PENDING_APPROVAL.value == lowered.state(proposal)
    approve_on(office, "device:approver-2")
    assert State.PENDING_APPROVAL.value != lowered.state(proposal)


def ask(firm: Firm, subject: Digest, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What `strongroom explain` prints."""
    capsys.readouterr()
    assert 0 == main(["explain", "--config", str(firm.config("work")), subject, *more])
    return capsys.readouterr().out


def test_explain_tells_who_is_missing(
    lowered: Firm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.online.cli.system_clock", lowered.clock)
    office = open_office(lowered, {ETH: ("device:terminal-1",)})
    order = lowered.instruct(CLIENT, ETH, ETHER)
    proposal = find_proposal(lowered, order.id)
    for _ in range(4):
        lowered.round()
    told = json.loads(ask(lowered, proposal, capsys, "--json"))
    assert [(1, 1), (2, 2)] == [(q["people"], q["people_missing"]) for q in told["quorums"]]
    assert {"person:m.chan", "person:r.singh", "person:a.wong"} == set(told["quorums"][1]["could"])
    approve_on(office, "device:approver-1")
    told = json.loads(ask(lowered, order.id, capsys, "--json"))
    assert [([], 0), (["person:a.wong", "person:r.singh"], 1)] == [
        (q["could"], q["people_missing"]) for q in told["quorums"]
    ]
    assert [["person:m.chan"]] * 2 == [q["approved"] for q in told["quorums"]]
    words = ask(lowered, proposal, capsys)
    for part in (
        "rule:eth matches",
        "does not match: asset",
        "met      1 of role",
        "could: person:a.wong, person:r.singh",
    ):
        assert part in words
    assert "nothing speaks against it" in words


def test_explain_tells_every_refusal_and_what_is_left(
    open_with: Open, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(max_amount=Units(3 * ETHER), max_count=5, max_fee=None, max_hkd_cents=Units(10**7), seconds=86400)
    firm = open_with({"policy": rules(windows=(window,), hours=(WEEKEND,), quorums=(THREE,))})
    monkeypatch.setattr("strongroom.online.cli.system_clock", firm.clock)
    firm.instruct(CLIENT, ETH, 2 * ETHER)
    firm.work()
    order = firm.instruct(CLIENT, ETH, 2 * ETHER)
    firm.work()
    told = json.loads(ask(firm, order.id, capsys, "--json"))
    (said,) = told["instructions"]
    assert {Code.LIMIT_WINDOW.value, Code.LIMIT_HKD.value} == {r["code"] for r in said["refusals"]}
    limits = {(r["measured"], r["window_s"]): r for rule in said["rules"] for r in rule["limits"]}
    amount = limits["amount", 86400]
    assert (3 * ETHER, 2 * ETHER, 2 * ETHER, -ETHER) == tuple(
        int(amount[name]) for name in ("bound", "used", "takes", "left")
    )
    assert (10**7, 6_250_000, 6_250_000, -2_500_000) == tuple(
        int(limits["hkd_cents", 86400][name]) for name in ("bound", "used", "takes", "left")
    )
    words = ask(firm, order.id, capsys)
    for part in ("REFUSED", "used 2.000000000000000000", "left -1.000000000000000000", "days 6 7", "HKD 62500.00"):
        assert part in words
    assert 3 == main(["explain", "--config", str(firm.config("work")), "sha256:" + "0" * 64])
