"""Two halves of a clear-to-sign: each key signs only what its own holder sees, and says why when it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from firm import CONFIRMATIONS, ETHER, Firm, drive, find_proposal
from nodes import Lie, start_liar
from office import Office, open_office
from strongroom.core.bodies import ClearToSign, Freeze, FreezeScope, JournalPlace, Rejection
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import HexBytes, Units
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement, expect, parse_envelope_bytes, parse_statement
from strongroom.online.evidence.store import append, load_statement
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.sources import build_sources
from strongroom.online.transfers.withdrawal.inbox import read_inbox
from strongroom.online.watch import store
from strongroom.online.watch.clear import (
    check_budget,
    check_heads,
    check_watched,
    check_world,
    clear_sessions,
    countersign_sessions,
    settle_outflows,
)
from world import ETH

TERMINAL = "device:terminal-1"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A firm with one session of a terminal, opened and not cleared."""

    firm: Firm
    office: Office
    nonce: str
    proposal: Digest

    def withheld(self) -> str:
        """The code of why the clear is withheld; empty when it is not."""
        return str(self.firm.query("select withheld from transfers.sessions where nonce = %s", self.nonce)[0][0]).split(
            ":"
        )[0]

    def clear(self) -> Digest | None:
        """The clear, once both halves are there."""
        return self.firm.query("select clear from transfers.sessions where nonce = %s", self.nonce)[0][0]  # type: ignore[no-any-return]

    def reconciler_half(self) -> None:
        """The reconciler's pass over the sessions, as a program just started."""
        clear_sessions(self.firm.reconciler, self.firm.reconciler_reader)

    def watcher_half(self) -> None:
        """The watcher's pass over the sessions."""
        countersign_sessions(self.firm.watcher)


@pytest.fixture
def waiting(firm: Firm) -> Waiting:
    """One verified docket and the session that a terminal opened for it."""
    office = open_office(firm, {ETH: (TERMINAL,)})
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    drive(firm, proposal, office.serve, "VERIFIED")
    if not firm.query("select nonce from transfers.sessions"):
        office.serve()
        read_inbox(firm.platform, firm.rules, firm.inbox)
    (nonce,) = firm.query("select nonce from transfers.sessions")[0]
    firm.query("update transfers.sessions set clear = null, clear_payload = null")
    return Waiting(firm=firm, office=office, nonce=str(nonce), proposal=proposal)


def test_both_halves_make_a_clear(waiting: Waiting) -> None:
    waiting.reconciler_half()
    assert None is waiting.clear()
    waiting.watcher_half()
    clear = waiting.clear()
    assert clear is not None
    statement = load_statement(waiting.firm.admin, clear)[1]
    assert 2 == len(statement.envelope.signatures)
    fee = waiting.firm.query("select fee from transfers.dockets")[0][0]
    assert [ETHER + int(fee)] == [b.units for b in statement.body.budget]
    drive(waiting.firm, waiting.proposal, waiting.office.serve, "RECONCILED")


def test_the_watcher_alone_clears_nothing(waiting: Waiting) -> None:
    waiting.watcher_half()
    assert None is waiting.clear()
    waiting.reconciler_half()
    waiting.watcher_half()
    assert None is not waiting.clear()


def freeze(firm: Firm) -> None:
    """The watcher freezes the vault."""
    firm.world.now = firm.clock()
    body = Freeze(evidence="nothing", reason="a test", scope=FreezeScope.VAULT)
    append(firm.watcher.connection, firm.world.sign(body, "service:watcher", ("service:watcher",)))


def a_block_behind(firm: Firm) -> None:
    """A block that nobody has followed yet."""
    firm.chain(ETH).mine(1)


def no_overseer(firm: Firm) -> None:
    """The overseers' time is over."""
    firm.clock.forward(days=61)


@pytest.mark.parametrize(
    ("happen", "code"),
    [
        (freeze, Code.FROZEN),
        (a_block_behind, Code.RECONCILIATION_BREAK),
        (no_overseer, Code.OVERSEER_MISSING),
    ],
)
def test_the_reconciler_withholds(waiting: Waiting, happen: Callable[[Firm], None], code: Code) -> None:
    check_world(waiting.firm.reconciler, waiting.firm.rules)
    happen(waiting.firm)
    with pytest.raises(RefusedError) as caught:
        check_world(waiting.firm.reconciler, waiting.firm.rules)
    assert code in caught.value.codes
    waiting.reconciler_half()
    assert code.value == waiting.withheld()
    assert [(None,)] == waiting.firm.query("select clear_payload from transfers.sessions")


def test_another_branch_of_the_same_height_is_no_match(waiting: Waiting) -> None:
    firm = waiting.firm
    firm.mine(2)
    check_world(firm.reconciler, firm.rules)
    firm.chain(ETH).reorganise(1)  # type: ignore[union-attr]
    with pytest.raises(RefusedError) as caught:
        check_world(firm.reconciler, firm.rules)
    assert Code.CHAIN_REORGANISED in caught.value.codes


def test_a_terminal_that_believes_something_older_gets_no_clear(waiting: Waiting) -> None:
    (session,) = store.load_sessions_without_clear(waiting.firm.admin)
    request = expect(parse_statement(parse_envelope_bytes(session.request)), SessionRequest, "request").body
    check_heads(request, waiting.firm.rules)
    heads = waiting.firm.rules.build_heads()
    older = replace(heads, whitelist=replace(heads.whitelist, version=heads.whitelist.version + 1))
    with pytest.raises(RefusedError) as caught:
        check_heads(replace(request, heads=older), waiting.firm.rules)
    assert Code.HEAD_UNEQUAL in caught.value.codes
    put_request(waiting, TERMINAL, heads=older)
    waiting.reconciler_half()
    assert Code.HEAD_UNEQUAL.value == waiting.withheld()


def put_request(waiting: Waiting, signer: str, **changes: Any) -> bytes:
    """The session's request with something else in it, signed by a party; returns what was there."""
    firm = waiting.firm
    before = bytes(firm.query("select request from transfers.sessions where nonce = %s", waiting.nonce)[0][0])
    body = replace(parse_statement(parse_envelope_bytes(before)).body, **changes)
    firm.world.now = firm.clock()
    after = firm.world.sign(body, TERMINAL, (signer,)).encode()
    firm.query("update transfers.sessions set request = %s where nonce = %s", after, waiting.nonce)
    return before


FORGED: tuple[tuple[str, str, dict[str, Any], Code], ...] = (
    ("signed by the platform", "service:platform", {}, Code.SIGNER_UNKNOWN),
    ("signed by another terminal", "device:terminal-2", {}, Code.SIGNER_UNKNOWN),
    ("in another terminal's name", TERMINAL, {"terminal": PartyId("device:terminal-2")}, Code.SIGNER_UNKNOWN),
    ("of another session", TERMINAL, {"nonce": HexBytes(bytes(32))}, Code.CLEAR_NOT_FOR_SESSION),
    ("under another lease", TERMINAL, {"lease": sha256(b"another")}, Code.LEASE_REPLACED),
)


@pytest.mark.parametrize(
    ("signer", "changes", "code"), [r[1:] for r in FORGED], ids=[r[0].replace(" ", "_") for r in FORGED]
)
def test_both_halves_read_what_the_terminal_signed(
    waiting: Waiting, signer: str, changes: dict[str, Any], code: Code
) -> None:
    """A row that says a place far above the journal's locks nobody out: it is judged before it is remembered."""
    journal = JournalPlace(head=sha256(b"far away"), number=2**53 - 1)
    honest = put_request(waiting, signer, journal=journal, **changes)
    waiting.reconciler_half()
    assert code.value == waiting.withheld()
    waiting.firm.query("update transfers.sessions set request = %s", honest)
    waiting.reconciler_half()
    put_request(waiting, signer, journal=journal, **changes)
    waiting.watcher_half()
    assert code.value == waiting.withheld()
    waiting.firm.query("update transfers.sessions set request = %s", honest)
    waiting.watcher_half()
    assert waiting.clear() is not None


def reject(waiting: Waiting, signer: str) -> None:
    """An approver's no to the docket stands in the log, and the platform does as if it did not."""
    firm = waiting.firm
    firm.world.now = firm.clock()
    body = Rejection(
        device=PartyId("device:approver-2"),
        display_digest=sha256(b"display"),
        heads=firm.rules.build_heads(),
        language="en",
        prev=sha256(b"prev"),
        proposal=waiting.proposal,
        reason="not what was agreed",
        renderer="a test",
        unsigned_digest=sha256(b"unsigned"),
    )
    append(firm.platform.connection, firm.world.sign(body, "person:r.singh", (signer,)))


def test_a_rejection_that_the_platform_leaves_out_withholds_the_clear(waiting: Waiting) -> None:
    reject(waiting, "person:r.singh")
    waiting.reconciler_half()
    assert Code.REJECTED.value == waiting.withheld()
    assert [(None,)] == waiting.firm.query("select clear_payload from transfers.sessions")
    # What a rejected docket is ended with is cleared, for its fee and no more.
    waiting.firm.query("update transfers.dockets set twin = 'void'")
    waiting.reconciler_half()
    waiting.watcher_half()
    clear = waiting.clear()
    assert clear is not None
    budget = load_statement(waiting.firm.admin, clear)[1].body.budget
    assert all(each.units < ETHER // 10 for each in budget)


def test_the_watcher_looks_for_rejections_itself(waiting: Waiting) -> None:
    waiting.reconciler_half()
    reject(waiting, "person:r.singh")
    waiting.watcher_half()
    assert Code.REJECTED.value == waiting.withheld()
    assert None is waiting.clear()


def test_a_rejection_that_nobody_signed_who_may_withholds_nothing(waiting: Waiting) -> None:
    """Whoever only appends to the log stops nobody's payment."""
    reject(waiting, "service:platform")
    waiting.reconciler_half()
    waiting.watcher_half()
    assert waiting.clear() is not None


def half_of(waiting: Waiting) -> Statement[ClearToSign]:
    """The reconciler's half."""
    (session,) = store.load_sessions_half_cleared(waiting.firm.admin)
    return parse_statement(parse_envelope_bytes(session.clear_payload or b""))


def put_half(waiting: Waiting, **changes: Any) -> None:
    """A half that says something else, signed with the reconciler's own key: whoever holds it may try."""
    body = replace(half_of(waiting).body, **changes)
    waiting.firm.world.now = waiting.firm.clock()
    envelope = waiting.firm.world.sign(body, "service:reconciler", ("service:reconciler",))
    waiting.firm.query("update transfers.sessions set clear_payload = %s", envelope.encode())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            lambda body: {"budget": (replace(body.budget[0], units=Units(body.budget[0].units + 1)),)},
            Code.CLEAR_BUDGET,
        ),
        (lambda body: {"nonce": type(body.nonce)(b"\x01" * 32)}, Code.CLEAR_NOT_FOR_SESSION),
        (lambda _body: {"terminal": "device:terminal-2"}, Code.CLEAR_NOT_FOR_SESSION),
        (lambda body: {"heads": replace(body.heads, keys=body.heads.whitelist)}, Code.HEAD_UNEQUAL),
    ],
)
def test_the_watcher_reads_what_it_countersigns(
    waiting: Waiting, changes: Callable[[ClearToSign], dict[str, Any]], code: Code
) -> None:
    waiting.reconciler_half()
    honest = half_of(waiting)
    put_half(waiting, **changes(honest.body))
    waiting.watcher_half()
    assert code.value == waiting.withheld()
    assert None is waiting.clear()
    waiting.firm.query("update transfers.sessions set clear_payload = %s", honest.envelope.encode())
    waiting.watcher_half()
    assert None is not waiting.clear()


def test_a_half_that_cannot_be_read_withholds_its_own_session_and_no_other(waiting: Waiting) -> None:
    waiting.reconciler_half()
    poison = "00" * 32
    honest = put_request(waiting, TERMINAL, nonce=HexBytes(bytes(32)))
    waiting.firm.query(
        """insert into transfers.sessions (nonce, terminal, seen, clear_payload, opened_at, journal_number, request)
           select %s, terminal, 0, 'no envelope', '2000-01-01', 1000000, request from transfers.sessions""",
        poison,
    )
    waiting.firm.query("update transfers.sessions set request = %s where nonce <> %s", honest, poison)
    countersign_sessions(waiting.firm.watcher)
    withheld = waiting.firm.query("select withheld, clear from transfers.sessions where nonce = %s", poison)
    assert "" != withheld[0][0]
    assert withheld[0][1] is None
    assert waiting.clear() is not None


def test_the_budget_is_what_the_dockets_move_to_the_last_unit(waiting: Waiting) -> None:
    waiting.reconciler_half()
    (session,) = store.load_sessions_half_cleared(waiting.firm.admin)
    body = half_of(waiting).body
    check_budget(waiting.firm.watcher, session, body)
    less = replace(body, budget=(replace(body.budget[0], units=Units(body.budget[0].units - 1)),))
    with pytest.raises(RefusedError) as caught:
        check_budget(waiting.firm.watcher, session, less)
    assert Code.CLEAR_BUDGET in caught.value.codes


def richer(reply: dict[str, Any]) -> dict[str, Any]:
    """A balance of one wei more."""
    return {**reply, "result": hex(int(reply["result"], 16) + 1)}


def lying(firm: Firm, lies: dict[str, Lie]) -> Any:
    """A proxy before the firm's node."""
    return start_liar(firm.chain(ETH).url, lies)


def test_a_node_that_lies_to_one_of_them_is_found_out(waiting: Waiting) -> None:
    firm = waiting.firm
    check_watched(firm.watcher, firm.rules)
    with lying(firm, {"eth_getBalance": richer}) as liar, EthereumNode(liar.url) as node:
        fooled = replace(firm.watcher, chains=build_sources({ETH: (node,)}))
        with pytest.raises(RefusedError) as caught:
            check_watched(fooled, firm.rules)
        assert Code.NODES_DISAGREE in caught.value.codes
        waiting.reconciler_half()
        countersign_sessions(fooled)
    assert Code.NODES_DISAGREE.value == waiting.withheld()
    waiting.watcher_half()
    assert None is not waiting.clear()


@pytest.mark.parametrize(("happen", "code"), [(freeze, Code.FROZEN), (a_block_behind, Code.RECONCILIATION_BREAK)])
def test_the_watcher_asks_by_itself(waiting: Waiting, happen: Callable[[Firm], None], code: Code) -> None:
    waiting.reconciler_half()
    happen(waiting.firm)
    waiting.watcher_half()
    assert code.value == waiting.withheld()
    assert None is waiting.clear()


def test_nothing_is_settled_by_hearsay(waiting: Waiting) -> None:
    firm = waiting.firm
    drive(firm, waiting.proposal, waiting.office.serve, "RELEASED")
    firm.work()
    assert "CONFIRMING" == firm.state(waiting.proposal)
    firm.chain(ETH).mine(CONFIRMATIONS)
    firm.reconcile()

    def failed(reply: dict[str, Any]) -> dict[str, Any]:
        return {**reply, "result": [{**receipt, "status": "0x0"} for receipt in reply["result"]]}

    with lying(firm, {"eth_getBlockReceipts": failed}) as liar, EthereumNode(liar.url) as node:
        settle_outflows(replace(firm.watcher, chains=build_sources({ETH: (node,)})))
    assert [(0,)] == firm.query("select count(*) from evidence.entries where kind = 'settlement'")
    settle_outflows(firm.watcher)
    assert [(1,)] == firm.query("select count(*) from evidence.entries where kind = 'settlement'")
