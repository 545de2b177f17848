"""Withdrawals in the database: instructions, dockets, commitments, sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.core.canonical import sha256
from strongroom.core.checks.spend import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import STAGE_OF, Twin
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement, parse_envelope_bytes, parse_statement
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.transfers.withdrawal")


class State(StrEnum):
    """States of instructions and dockets, in the field's words."""

    SUBMITTED = "SUBMITTED"
    SCREENING = "SCREENING"
    PREPARED = "PREPARED"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    EXPORTED = "EXPORTED"
    VERIFIED = "VERIFIED"
    SIGNED = "SIGNED"
    RELEASED = "RELEASED"
    CONFIRMING = "CONFIRMING"
    COMPLETED = "COMPLETED"
    RECONCILED = "RECONCILED"
    REJECTED = "REJECTED"
    BLOCKED = "BLOCKED"
    CANCELLED = "CANCELLED"
    REPLACED = "REPLACED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRow:
    """An instruction taken in; the statement itself is in the log."""

    id: Digest
    client: PartyId
    wallet: WalletId
    chain: ChainId
    asset: str
    amount: int
    state: State
    decision: Digest | None
    proposal: Digest | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocketRow:
    """A docket on its way. signed, txid: None before the gate released.

    family: the proposal of its first attempt. twin: what it is about now. void: the void twin's unsigned bytes, empty
    where there is none. closing: what it becomes when its void twin is final, None while it is about its transfer.
    """

    proposal: Digest
    chain: ChainId
    wallet: WalletId
    state: State
    unsigned: bytes
    signed: bytes | None
    txid: str | None
    fee: int
    sign_by: datetime
    release_by: datetime
    attempt: int
    family: Digest
    twin: Twin
    void: bytes
    closing: State | None
    why: str

    def unsigned_digest(self, twin: Twin) -> Digest:
        """The digest of the unsigned bytes of a twin; on the Bitcoin family of the transaction inside the PSBT."""
        if twin is Twin.VOID:
            return sha256(self.void)
        return sha256(self.unsigned if is_ethereum(self.chain) else parse_psbt(self.unsigned).unsigned_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """A coin that pays one of our addresses."""

    txid: str
    output: int
    address: EntryId
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A terminal session that is cleared. seen: the log size that the terminal holds while it is open."""

    nonce: str
    terminal: PartyId
    clear: Digest
    seen: int


def take_sequence(connection: Connection, client: PartyId, sequence: int) -> None:
    """Use up a client's next sequence number. Raises INSTRUCTION_REPLAYED or SEQUENCE_GAP."""
    last = load_first(connection, _QUERIES["lock_sequence"], lambda last: int(last), {"client": client}) or 0
    if sequence <= last:
        raise refused(Code.INSTRUCTION_REPLAYED, "instruction.sequence", str(last + 1), str(sequence))
    if sequence != last + 1:
        raise refused(Code.SEQUENCE_GAP, "instruction.sequence", str(last + 1), str(sequence))
    execute(connection, _QUERIES["save_sequence"], {"client": client, "sequence": sequence})


def add_instruction(connection: Connection, statement: Statement[Any], wallet: WalletId) -> None:
    """Take in an instruction."""
    body = statement.body
    fields = {
        "id": statement.id,
        "client": body.client,
        "sequence": body.sequence,
        "account": body.account,
        "wallet": wallet,
        "asset": body.asset,
        "chain": body.chain,
        "amount": body.amount,
    }
    execute(connection, _QUERIES["add_instruction"], fields)


def load_instructions(connection: Connection, state: State) -> tuple[InstructionRow, ...]:
    """Instructions in a state, oldest first."""
    return load_all(connection, _QUERIES["load_instructions"], _instruction, {"state": state.value})


def load_instruction(connection: Connection, instruction: Digest) -> InstructionRow | None:
    """One instruction; None when it was never taken in."""
    return load_first(connection, _QUERIES["load_instruction"], _instruction, {"id": instruction})


def lock_instructions(
    connection: Connection, instructions: Sequence[Digest], state: State
) -> tuple[InstructionRow, ...]:
    """Those of these instructions that are still in a state, oldest first, locked until the transaction ends."""
    fields = {"ids": list(instructions), "state": state.value}
    return load_all(connection, _QUERIES["lock_instructions"], _instruction, fields)


def save_instruction(
    connection: Connection, instruction: Digest, state: State, why: str = "", decision: Digest | None = None
) -> None:
    """Move an instruction on."""
    fields = {"id": instruction, "state": state.value, "why": why, "decision": decision}
    execute(connection, _QUERIES["save_instruction"], fields)


def add_statement(connection: Connection, proposal: Digest, statement: Statement[Any]) -> None:
    """Add a logged statement to a docket."""
    fields = {"proposal": proposal, "statement": statement.id, "stage": int(STAGE_OF[statement.type])}
    execute(connection, _QUERIES["add_statement"], fields)


def load_dockets(connection: Connection, *states: State) -> tuple[DocketRow, ...]:
    """Dockets in these states, oldest first."""
    return load_all(connection, _QUERIES["load_dockets"], build_docket_row, {"states": [s.value for s in states]})


def load_docket(connection: Connection, proposal: Digest) -> DocketRow:
    """One docket. Raises NOT_IN_LOG."""
    found = load_first(connection, _QUERIES["load_docket"], build_docket_row, {"proposal": proposal})
    if found is None:
        raise refused(Code.NOT_IN_LOG, "proposal", "a docket of ours", proposal)
    return found


def lock_docket(connection: Connection, proposal: Digest) -> DocketRow:
    """One docket, locked until the transaction ends. Raises NOT_IN_LOG."""
    found = load_first(connection, _QUERIES["lock_docket"], build_docket_row, {"proposal": proposal})
    if found is None:
        raise refused(Code.NOT_IN_LOG, "proposal", "a docket of ours", proposal)
    return found


def save_docket(connection: Connection, proposal: Digest, state: State, why: str = "") -> None:
    """Move a docket and its instructions on, both or neither, whether or not the caller has a transaction."""
    fields = {"proposal": proposal, "state": state.value, "why": why}
    with connection.transaction():
        execute(connection, _QUERIES["save_docket"], fields)
        execute(connection, _QUERIES["save_docket_instructions"], fields)


def save_signed(connection: Connection, proposal: Digest, signed: bytes, txid: str) -> None:
    """Keep what the gate released."""
    execute(connection, _QUERIES["save_signed"], {"proposal": proposal, "signed": signed, "txid": txid})


def load_docket_statements(connection: Connection, proposal: Digest) -> tuple[Statement[Any], ...]:
    """The docket's statements, in its order."""

    def build(leaf: bytes) -> Statement[Any]:
        return parse_statement(parse_envelope_bytes(bytes(leaf)))

    return load_all(connection, _QUERIES["load_docket_statements"], build, {"proposal": proposal})


def load_commitments(connection: Connection, prefix: str) -> frozenset[str]:
    """All commitments that begin so."""
    return frozenset(
        load_all(connection, _QUERIES["load_commitments"], lambda commitment: str(commitment), {"prefix": prefix + "%"})
    )


def load_coins(connection: Connection, chain: ChainId, wallet: WalletId) -> tuple[Coin, ...]:
    """Confirmed, unspent coins of a wallet, oldest first."""
    return load_all(connection, _QUERIES["load_coins"], _coin, {"chain": chain, "wallet": wallet})


def add_sealed(
    connection: Connection, proposal: Digest, twin: Twin, terminal: PartyId, sealed: bytes, record: Digest
) -> None:
    """Keep a sealed result until the gate gets it."""
    fields = {"proposal": proposal, "terminal": terminal, "sealed": sealed, "record": record, "twin": twin.value}
    execute(connection, _QUERIES["add_sealed"], fields)


def load_sealed(connection: Connection, proposal: Digest, twin: Twin) -> tuple[tuple[PartyId, bytes], ...]:
    """Terminal and sealed result of each terminal that signed this twin."""
    return load_all(
        connection,
        _QUERIES["load_sealed"],
        lambda terminal, sealed: (PartyId(terminal), bytes(sealed)),
        {"proposal": proposal, "twin": twin.value},
    )


def add_session(
    connection: Connection, request: Statement[SessionRequest], seen: int, proposals: Iterable[Digest]
) -> None:
    """A terminal's session and the dockets that wait for it; the same request again adds nothing to it."""
    nonce = request.body.nonce.hex()
    fields = {
        "nonce": nonce,
        "terminal": request.body.terminal,
        "seen": seen,
        "journal_number": request.body.journal.number,
        "request": request.envelope.encode(),
    }
    if not execute(connection, _QUERIES["add_session"], fields):
        return
    for proposal in proposals:
        execute(connection, _QUERIES["add_session_docket"], {"nonce": nonce, "proposal": proposal})


def load_cleared_sessions(connection: Connection) -> tuple[Session, ...]:
    """Sessions that both keys cleared and that were not exported yet."""
    return load_all(connection, _QUERIES["load_cleared_sessions"], _session)


def lock_session(connection: Connection, nonce: str) -> Session | None:
    """A session that is cleared and not exported, locked until the transaction ends; None when there is none such."""
    return load_first(connection, _QUERIES["lock_session"], _session, {"nonce": nonce})


def load_session_dockets(connection: Connection, nonce: str) -> tuple[Digest, ...]:
    """Proposals of a session."""
    return load_all(connection, _QUERIES["load_session_dockets"], lambda proposal: Digest(proposal), {"nonce": nonce})


def save_exported(connection: Connection, nonce: str) -> None:
    """The session's package is decided."""
    execute(connection, _QUERIES["save_exported"], {"nonce": nonce})


def load_last_run(connection: Connection, chain: ChainId) -> tuple[str, int] | None:
    """Status and height of the last reconciliation of a chain; None when there was none."""
    return load_first(
        connection, _QUERIES["load_last_run"], lambda status, height: (str(status), int(height)), {"chain": chain}
    )


def open_alert(connection: Connection, code: str, severity: str, subject: str, detail: str) -> None:
    """Tell the SOC, once a subject."""
    fields = {"code": code, "severity": severity, "subject": subject, "detail": detail}
    execute(connection, _QUERIES["open_alert"], fields)


def save_lift(connection: Connection, freeze: Digest, lift: Digest) -> None:
    """Officers lifted a freeze."""
    execute(connection, _QUERIES["save_lift"], {"freeze": freeze, "lift": lift})


def save_outflow_settled(connection: Connection, proposal: Digest, block_hash: str) -> None:
    """The ledger has posted what this docket moved in that block."""
    execute(connection, _QUERIES["save_outflow_settled"], {"proposal": proposal, "hash": block_hash})


def _instruction(
    id: str,
    client: str,
    wallet: str,
    chain: str,
    asset: str,
    amount: str,
    state: str,
    decision: str | None,
    proposal: str | None,
    why: str,
) -> InstructionRow:
    return InstructionRow(
        id=Digest(id),
        client=PartyId(client),
        wallet=WalletId(wallet),
        chain=ChainId(chain),
        asset=asset,
        amount=int(amount),
        state=State(state),
        decision=Digest(decision) if decision else None,
        proposal=Digest(proposal) if proposal else None,
        why=why,
    )


def build_docket_row(
    proposal: str,
    chain: str,
    wallet: str,
    state: str,
    unsigned: bytes,
    signed: bytes | None,
    txid: str | None,
    fee: str,
    sign_by: datetime,
    release_by: datetime,
    attempt: int,
    family: str,
    twin: str,
    void: bytes | None,
    closing: str,
    why: str,
) -> DocketRow:
    """A row of `transfers.dockets`, column by column."""
    return DocketRow(
        proposal=Digest(proposal),
        chain=ChainId(chain),
        wallet=WalletId(wallet),
        state=State(state),
        unsigned=bytes(unsigned),
        signed=bytes(signed) if signed is not None else None,
        txid=txid,
        fee=int(fee),
        sign_by=sign_by,
        release_by=release_by,
        attempt=int(attempt),
        family=Digest(family),
        twin=Twin(twin),
        void=bytes(void) if void is not None else b"",
        closing=State(closing) if closing else None,
        why=why,
    )


def _coin(txid: str, output: int, address: str, units: str) -> Coin:
    return Coin(txid=txid, output=output, address=EntryId(address), units=int(units))


def _session(nonce: str, terminal: str, clear: str, seen: int) -> Session:
    return Session(nonce=nonce, terminal=PartyId(terminal), clear=Digest(clear), seen=int(seen))


def clear_sent(connection: Connection, device: PartyId, proposal: Digest) -> None:
    """Forget that a docket was sent to a device, so that it is sent again; the packages themselves stay on record."""
    execute(connection, _QUERIES["clear_sent"], {"device": device, "proposal": proposal})
