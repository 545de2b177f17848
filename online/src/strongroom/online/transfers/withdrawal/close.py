"""End a transfer that pays nobody: what it held is given back as soon as nothing that was signed can use it any more.

1. No terminal was ever handed it: nothing can be signed, its coins are free at once. So is its nonce when that is the
   account's highest; below a higher one it would leave a gap, so its void twin takes it.
2. A terminal was: what was signed is valid for ever, so everything stays held until a conflict is final. On Ethereum
   that is the void twin; on the Bitcoin family somebody is told.
3. Another attempt has left: only this attempt ends, and the payment goes on with the other.

That a nonce which no terminal saw may be used again is safe: no memory of a device knows it, so nothing is signed for
it; and should anybody bring the old docket to a terminal later, it and the new one share the nonce, the devices sign
one of them, and the chain takes one.
"""

from __future__ import annotations

from typing import Any

from strongroom.core.bodies import Instruction, Rejection
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.ids import Digest
from strongroom.core.records import encode_time
from strongroom.core.statements import Statement, expect
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Ending
from strongroom.online.ledger.store import find_reservation, void
from strongroom.online.transfers.withdrawal.attempts import (
    LEFT,
    free_commitments,
    is_exported,
    load_family,
    load_own_commitments,
    rebind_instructions,
    save_docket_alone,
    save_twin,
)
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step2_decide import build_blocked, withdrawal_transfer
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    load_commitments,
    load_docket_statements,
    open_alert,
    save_docket,
)
from strongroom.online.transfers.withdrawal.usage import void_usage


def close_unpaid(platform: Platform, row: DocketRow, because: Statement[Any], state: State) -> None:
    """Void what was reserved for a docket that pays nobody, in the caller's transaction."""
    for statement in _instructions(platform, row):
        _give_back(platform, statement, because)
    save_docket(platform.connection, row.proposal, state, why=f"{because.type.value} by {because.issuer}")


def close_expired(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """The same where only time speaks: the platform says for each instruction that it is over."""
    for statement in _instructions(platform, row):
        _give_back(platform, statement, platform.say(rules, build_blocked(rules, statement)))
    save_docket(platform.connection, row.proposal, State.EXPIRED, why=f"to be signed by {encode_time(row.sign_by)}")


def _instructions(platform: Platform, row: DocketRow) -> list[Statement[Instruction]]:
    statements = load_docket_statements(platform.connection, row.proposal)
    return [expect(s, Instruction, "instruction") for s in statements if isinstance(s.body, Instruction)]


def _give_back(platform: Platform, statement: Statement[Instruction], because: Statement[Any]) -> None:
    reserved = find_reservation(platform.connection, withdrawal_transfer(statement.id))
    void(platform.connection, Ending(transfer=reserved, statement=because.id, event_at=platform.clock()))
    void_usage(platform.connection, statement.id)


def reject(platform: Platform, rules: Rules, row: DocketRow, rejection: Statement[Rejection]) -> None:
    """One rejection ends a transfer at whatever stage it comes, as long as it has not left."""
    _end(platform, rules, row, rejection, State.REJECTED, State.CANCELLED)


def expire(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Its time is over. The same as a rejection, but that it is time which says so."""
    _end(platform, rules, row, None, State.EXPIRED, State.EXPIRED)


def _end(
    platform: Platform, rules: Rules, row: DocketRow, because: Statement[Any] | None, state: State, closing: State
) -> None:
    connection, exported = platform.connection, is_exported(platform.connection, row.proposal)
    others = [d for d in load_family(connection, row.family) if d.proposal != row.proposal and d.state in LEFT]
    if others:
        if not exported:
            free_commitments(connection, row.proposal)
        save_docket_alone(connection, row.proposal, state, why=f"{others[-1].proposal} goes on")
        rebind_instructions(connection, others[-1], others[-1].state)
    elif is_free(platform, row):
        free_commitments(connection, row.proposal)
        if because is None:
            close_expired(platform, rules, row)
        else:
            close_unpaid(platform, row, because, state)
    elif row.void:
        if because is None and exported:
            _tell_unreturned(platform, row)
        start_void(platform, row, closing)
    else:
        hold(platform, row, because)


def _tell_unreturned(platform: Platform, row: DocketRow) -> None:
    """Page for what a terminal was given and never left: somebody may keep a signature, or be made to sign again."""
    detail = f"{row.proposal} was given to a terminal, may be signed, and has not left in its time; its void follows"
    open_alert(platform.connection, Code.RELEASE_EXPIRED.value, "high", f"docket {row.proposal}", detail)


def is_free(platform: Platform, row: DocketRow) -> bool:
    """Whether all that this docket holds can be given back at once: no terminal saw it, and it leaves no gap."""
    if is_exported(platform.connection, row.proposal):
        return False
    return not row.void or _is_highest(platform, row.proposal)


def start_void(platform: Platform, row: DocketRow, closing: State) -> None:
    """From here on the docket is about its void twin: station, terminal, gate and chain, as for a transfer."""
    save_twin(platform.connection, row.proposal, Twin.VOID, closing)
    save_docket(
        platform.connection, row.proposal, State.APPROVED, why=f"its void twin takes the nonce: {closing.value}"
    )


def hold(platform: Platform, row: DocketRow, because: Statement[Any] | None) -> None:
    """Something may be signed that nothing here can make impossible: coins and balance stay held, and people look."""
    code = Code.REJECTED if because else Code.RELEASE_EXPIRED
    detail = f"{row.proposal} may be signed, and is over; its coins stay held until a conflict with it is final"
    open_alert(platform.connection, code.value, "critical", f"docket {row.proposal}", detail)
    save_docket(platform.connection, row.proposal, State.BLOCKED, why=detail)


def _is_highest(platform: Platform, proposal: Digest) -> bool:
    """Whether no docket holds a higher nonce of this docket's account."""
    (mine,) = load_own_commitments(platform.connection, proposal)
    account, _, nonce = mine.rpartition(":")
    taken = load_commitments(platform.connection, f"{account}:")
    return all(int(each.rpartition(":")[2]) <= int(nonce) for each in taken)
