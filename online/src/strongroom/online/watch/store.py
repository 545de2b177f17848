"""What the watch keeps: blocks, coins, deposits, outflows, runs, freezes, alerts, clears."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.core.bodies import Outcome
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import InvariantError, Refusal
from strongroom.core.ids import AssetId, ChainId, Digest, PartyId
from strongroom.core.registers import AddressPurpose
from strongroom.core.statements import Statement, parse_envelope_bytes, parse_statement
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries
from strongroom.online.watch.chain_view import BlockView, Inflow, Outflow, OwnCoin

_QUERIES = load_queries("strongroom.online.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """ledger: custody as posted. The others: moved on chain and not in the ledger yet. All in smallest units.

    credits_gone, payments_gone: in the ledger still, though a reorganisation took them out of the chain.
    """

    ledger: int
    arriving: int
    leaving: int
    change: int
    credits_gone: int
    payments_gone: int

    @property
    def explained(self) -> int:
        """What the chain must hold if every movement is known."""
        return self.ledger + self.arriving + self.change - self.leaving - self.credits_gone + self.payments_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalOutflow:
    """A docket's transaction that is deep enough to settle."""

    txid: str
    height: int
    block_hash: str
    fee: int
    proposal: Digest
    outcome: Outcome
    twin: Twin


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One docket that may explain a spend. twins: the unsigned bytes of its transfer and, where there is one, its void.

    txid: of what the gate let go; None before it told.
    """

    proposal: Digest
    twins: tuple[bytes, ...]
    state: str
    txid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An open alert."""

    id: int
    code: str
    severity: str
    subject: str
    detail: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSession:
    """A session that waits for a clear. clear_payload: the reconciler's envelope; None before it signed.

    request: the terminal's envelope, of which nothing is verified here (`watch/requests.py`).
    """

    nonce: str
    terminal: PartyId
    clear_payload: bytes | None
    request: bytes


def load_last_block(connection: Connection, chain: ChainId) -> tuple[int, str] | None:
    """Height and hash where the follower stands; None before the first block."""
    return load_first(
        connection, _QUERIES["load_last_block"], lambda height, hash: (int(height), str(hash)), {"chain": chain}
    )


def load_coins(connection: Connection, chain: ChainId) -> dict[tuple[str, int], OwnCoin]:
    """Unspent coins of ours by outpoint."""

    def build(txid: str, output: int, address: str, units: str) -> OwnCoin:
        return OwnCoin(txid=txid, output=output, address=address, units=int(units))

    return {(c.txid, c.output): c for c in load_all(connection, _QUERIES["load_coins"], build, {"chain": chain})}


def load_hashes(connection: Connection, chain: ChainId, height: int, most: int) -> tuple[tuple[int, str], ...]:
    """Height and hash of what was taken in, from a height downwards, at most so many."""
    fields = {"chain": chain, "height": height, "most": most}
    return load_all(connection, _QUERIES["load_hashes"], lambda height, hash: (int(height), str(hash)), fields)


def add_block(connection: Connection, view: BlockView) -> None:
    """Take in a block. Raises INVARIANT when it is in already: whoever calls holds the chain's lock."""
    fields = {"chain": view.chain, "height": view.height, "hash": view.hash, "parent": view.parent}
    if not execute(connection, _QUERIES["add_block"], fields):
        raise InvariantError(
            Refusal(code=Code.INVARIANT, field=f"{view.chain} block {view.height}", expected="a new one", got=view.hash)
        )


def undo_blocks(connection: Connection, chain: ChainId, height: int, reorganisation: Digest) -> None:
    """Everything above a height is in the chain no more, in the caller's transaction."""
    fields = {"chain": chain, "height": height, "reorganisation": reorganisation}
    for name in ("undo_blocks", "undo_runs", "undo_deposits", "undo_outflows", "undo_spends", "undo_coins"):
        execute(connection, _QUERIES[name], fields)


def add_inflows(connection: Connection, view: BlockView, own: frozenset[str], accounts: Sequence[str]) -> None:
    """Payments to us. own: ids of our own transactions, whose payments to us are change. accounts: whose each is."""
    if not view.inflows:
        return
    rows = json.dumps([_inflow(i, own, account) for i, account in zip(view.inflows, accounts, strict=True)])
    fields = {"chain": view.chain, "height": view.height, "hash": view.hash, "rows": rows}
    execute(connection, _QUERIES["add_deposits"], fields)


def save_coins(connection: Connection, view: BlockView) -> None:
    """New coins and spent ones of a block of the Bitcoin family."""
    made = json.dumps([_inflow(i, frozenset(), i.address.account) for i in view.inflows])
    execute(connection, _QUERIES["add_coins"], {"chain": view.chain, "height": view.height, "rows": made})
    spent = []
    for outflow in view.outflows:
        for commitment in outflow.commitments:
            _, _, _, txid, output = commitment.split(":")
            spent.append({"txid": txid, "output": int(output), "spender": outflow.txid})
    execute(
        connection, _QUERIES["spend_coins"], {"chain": view.chain, "height": view.height, "rows": json.dumps(spent)}
    )


def add_outflow(connection: Connection, view: BlockView, outflow: Outflow, proposal: Digest | None) -> None:
    """What left us. proposal: the docket that explains it; None for nobody's."""
    fields = {
        "chain": view.chain,
        "txid": outflow.txid,
        "address": outflow.address.id,
        "asset": outflow.asset,
        "outcome": outflow.outcome.value,
        "units": outflow.units,
        "fee": outflow.fee,
        "height": view.height,
        "hash": view.hash,
        "proposal": proposal,
    }
    execute(connection, _QUERIES["add_outflow"], fields)


def load_attempts(connection: Connection, commitments: Iterable[str]) -> tuple[Attempt, ...]:
    """Every docket that committed one of these, the newest attempt first."""

    def build(proposal: str, unsigned: bytes, void: bytes | None, state: str, txid: str | None) -> Attempt:
        twins = (bytes(unsigned), *([bytes(void)] if void is not None else []))
        return Attempt(proposal=Digest(proposal), twins=twins, state=state, txid=txid)

    return load_all(connection, _QUERIES["find_docket"], build, {"commitments": list(commitments)})


def add_freeze(connection: Connection, statement: Digest, reason: str) -> None:
    """A freeze that stands."""
    execute(connection, _QUERIES["add_freeze"], {"statement": statement, "reason": reason})


def open_alert(connection: Connection, code: str, severity: str, subject: str, detail: str) -> None:
    """Tell the SOC, once a subject."""
    fields = {"code": code, "severity": severity, "subject": subject, "detail": detail}
    execute(connection, _QUERIES["open_alert"], fields)


def close_alerts(connection: Connection, subject: str, *codes: Code) -> None:
    """What passed by itself needs nobody any more; closed alerts stay on record."""
    fields = {"subject": subject, "codes": [code.value for code in codes]}
    execute(connection, _QUERIES["close_alerts"], fields)


def load_alerts(connection: Connection) -> tuple[Alert, ...]:
    """Open alerts, the worst first."""
    return load_all(connection, _QUERIES["load_alerts"], Alert)


def load_held(connection: Connection, chain: ChainId) -> int:
    """What our coins hold."""
    return load_first(connection, _QUERIES["load_held"], lambda units: int(units), {"chain": chain}) or 0


def load_in_flight(connection: Connection, chain: ChainId, asset: AssetId) -> InFlight:
    """What the ledger holds of a chain's asset, and what moved on chain and is not in it yet, at one moment."""

    def build(**sums: str) -> InFlight:
        return InFlight(**{name: int(units) for name, units in sums.items()})

    (found,) = load_all(connection, _QUERIES["load_in_flight"], build, {"chain": chain, "asset": asset})
    return found


def add_run(connection: Connection, view: BlockView, status: str, statement: Digest) -> None:
    """Keep a reconciliation run at a block."""
    fields = {
        "chain": view.chain,
        "height": view.height,
        "hash": view.hash,
        "status": status,
        "statement": statement,
    }
    execute(connection, _QUERIES["add_run"], fields)


def load_last_run(connection: Connection, chain: ChainId) -> tuple[int, str, Digest] | None:
    """Height, status and statement of the newest run."""
    return load_first(
        connection,
        _QUERIES["load_last_run"],
        lambda height, status, statement: (int(height), str(status), Digest(statement)),
        {"chain": chain},
    )


def load_final_outflows(connection: Connection, chain: ChainId, height: int) -> tuple[FinalOutflow, ...]:
    """Explained transactions at or below a height that have no settlement yet."""

    def build(
        txid: str, height: int, block_hash: str, fee: str, proposal: str, outcome: str, twin: str
    ) -> FinalOutflow:
        return FinalOutflow(
            txid=txid,
            height=int(height),
            block_hash=block_hash,
            fee=int(fee),
            proposal=Digest(proposal),
            outcome=Outcome(outcome),
            twin=Twin(twin),
        )

    return load_all(connection, _QUERIES["load_final_outflows"], build, {"chain": chain, "height": height})


def load_docket_statements(connection: Connection, proposal: Digest) -> tuple[Statement[Any], ...]:
    """A docket's statements in its order."""

    def build(leaf: bytes) -> Statement[Any]:
        return parse_statement(parse_envelope_bytes(bytes(leaf)))

    return load_all(connection, _QUERIES["load_docket_leaves"], build, {"proposal": proposal})


def lock_unsettled(connection: Connection, proposal: Digest) -> bool:
    """Whether a docket still waits for its settlement; it is locked until the transaction ends.

    Two statements: the second sees what another watcher committed while the first one waited for the lock.
    """
    fields = {"proposal": proposal}
    state = load_first(connection, _QUERIES["lock_docket"], lambda state: str(state), fields)
    said = load_first(connection, _QUERIES["load_settlements"], lambda n: int(n), fields)
    return state == "CONFIRMING" and not said


def add_settlement(connection: Connection, proposal: Digest, statement: Digest) -> None:
    """The settlement joins its docket."""
    execute(connection, _QUERIES["add_settlement"], {"proposal": proposal, "statement": statement})


def load_sessions_without_clear(connection: Connection) -> tuple[WaitingSession, ...]:
    """Sessions that wait for the reconciler."""
    return load_all(connection, _QUERIES["load_sessions_without_clear"], _session)


def load_sessions_half_cleared(connection: Connection) -> tuple[WaitingSession, ...]:
    """Sessions that wait for the watcher."""
    return load_all(connection, _QUERIES["load_sessions_half_cleared"], _session)


def load_session_amounts(connection: Connection, nonce: str) -> tuple[tuple[AssetId, int], ...]:
    """What a session would move, by asset."""
    return load_all(
        connection,
        _QUERIES["load_session_amounts"],
        lambda asset, units: (AssetId(asset), int(units)),
        {"nonce": nonce},
    )


def load_session_twins(connection: Connection, nonce: str) -> Mapping[Digest, Twin]:
    """Which twin of each docket a session is for."""
    rows = load_all(
        connection,
        _QUERIES["load_session_twins"],
        lambda proposal, twin: (Digest(proposal), Twin(twin)),
        {"nonce": nonce},
    )
    return dict(rows)


def load_session_proposals(connection: Connection, nonce: str) -> tuple[Statement[Any], ...]:
    """The proposals of a session's dockets, as the builder signed them."""

    def build(leaf: bytes) -> Statement[Any]:
        return parse_statement(parse_envelope_bytes(bytes(leaf)))

    return load_all(connection, _QUERIES["load_session_proposals"], build, {"nonce": nonce})


def save_clear_payload(connection: Connection, nonce: str, payload: bytes) -> None:
    """The reconciler's half of a clear."""
    execute(connection, _QUERIES["save_clear_payload"], {"nonce": nonce, "payload": payload})


def save_clear(connection: Connection, nonce: str, clear: Digest) -> None:
    """Both halves: the clear is in the log."""
    execute(connection, _QUERIES["save_clear"], {"nonce": nonce, "clear": clear})


def save_withheld(connection: Connection, nonce: str, why: str) -> None:
    """Why a clear is withheld."""
    execute(connection, _QUERIES["save_withheld"], {"nonce": nonce, "why": why})


def _session(nonce: str, terminal: str, clear_payload: bytes | None, request: bytes) -> WaitingSession:
    return WaitingSession(
        nonce=nonce,
        terminal=PartyId(terminal),
        clear_payload=bytes(clear_payload) if clear_payload is not None else None,
        request=bytes(request),
    )


def _inflow(inflow: Inflow, own: frozenset[str], account: str) -> Mapping[str, str | int]:
    return {
        "txid": inflow.txid,
        "output": inflow.output,
        "address": inflow.address.id,
        "wallet": inflow.address.wallet,
        "account": account,
        "asset": inflow.asset,
        "units": str(inflow.units),
        "state": _state(inflow, own),
    }


def _state(inflow: Inflow, own: frozenset[str]) -> str:
    if inflow.is_disputed:
        return "HELD"
    return "OWN" if inflow.txid in own and inflow.address.purpose is AddressPurpose.CHANGE else "SEEN"
