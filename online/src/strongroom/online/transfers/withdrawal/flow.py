"""The table of contents of a withdrawal: state, step, next state. One pass does what can be done now.

SUBMITTED         step 2 decide      SCREENING (decided)  or BLOCKED
SCREENING         step 3 propose     PREPARED
PREPARED          step 4 export      PENDING_APPROVAL
PENDING_APPROVAL  step 4 count       APPROVED             or REJECTED
APPROVED          step 5 export      EXPORTED
EXPORTED          (station)          VERIFIED
VERIFIED          step 6, sessions   SIGNED
SIGNED            step 7 export      RELEASED
RELEASED          (gate, steps 7, 8) CONFIRMING
CONFIRMING        step 9 complete    COMPLETED
COMPLETED         step 9 reconcile   RECONCILED

Before every step time is looked at (`expiry.py`): after `sign_by`, or after `release_by` without a release, a docket
ends; approvals that lapsed are asked for again while nothing is verified. One rejection ends a docket, too. How it ends
is in `close.py`:

no terminal saw it, highest nonce or coins     REJECTED or EXPIRED, everything it held is free
a terminal may have signed it, or a gap        its void twin, from APPROVED on, to CANCELLED or EXPIRED (Ethereum)
a terminal may have signed it                  BLOCKED and told: held until a conflict is final (Bitcoin family)
another attempt has left                       REJECTED or EXPIRED alone; the payment goes on with the other

`bump.py` makes the next attempt of a docket that left and is stuck. When one attempt is final, the others are REPLACED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import ChainId, Digest, WalletId
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import sign_checkpoint
from strongroom.online.exchange.outgoing import send_updates, write_outbox
from strongroom.online.governance.store import Rules, load_rules
from strongroom.online.transfers.undo import undo_reorganised
from strongroom.online.transfers.withdrawal import (
    expiry,
    inbox,
    step2_decide,
    step3_propose,
    step4_approve,
    step5_verify,
    step6_sign,
    step7_release,
    step9_settle,
)
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    InstructionRow,
    State,
    load_cleared_sessions,
    load_dockets,
    load_instructions,
    lock_docket,
    lock_instructions,
    lock_session,
    open_alert,
    save_docket,
    save_instruction,
)


def advance(platform: Platform, *, inbox_path: Path, outbox_path: Path) -> list[str]:
    """One pass over all that waits. Each step is its own transaction; what a kill interrupts, the next pass repeats.

    Returns what became of the packages that came in. The jobs of `online/jobs` call the same functions one by one, from
    several workers at once: each locks its row and looks at its state again before it acts.
    """
    connection = platform.connection
    rules = load_rules(connection)
    platform.reader.refresh(connection)
    outcomes = inbox.read_inbox(platform, rules, inbox_path)
    undo_reorganised(platform, rules)
    decide_all(platform, rules)
    propose_all(platform, rules, load_instructions(connection, State.SCREENING))
    sign_checkpoint(connection, platform.reader, rules.root.log, platform.log_key)
    platform.reader.refresh(connection)
    send_updates(connection, platform.reader, rules, platform.clock())
    for state in STATES:
        for docket in load_dockets(connection, state):
            advance_docket(platform, rules, docket.proposal)
        if state is State.APPROVED:
            for session in load_cleared_sessions(connection):
                export_session(platform, rules, session.nonce)
    write_outbox(connection, outbox_path)
    return outcomes


def decide_all(platform: Platform, rules: Rules) -> None:
    """Step 2 for every instruction that waits. One that is refused stops no other (III.A7-GP)."""
    for row in load_instructions(platform.connection, State.SUBMITTED):
        try:
            _decide_one(platform, rules, row)
        except (MalformedError, RefusedError) as error:
            with platform.connection.transaction():
                save_instruction(platform.connection, row.id, State.SUBMITTED, why=str(error))
                open_alert(platform.connection, error.code.value, "critical", f"instruction {row.id}", str(error))


def _decide_one(platform: Platform, rules: Rules, row: InstructionRow) -> None:
    with platform.connection.transaction():
        # Limits count what was let through before: two workers that decide at once would both see the room for one.
        lock_name(platform.connection, "decide")
        for waiting in lock_instructions(platform.connection, [row.id], State.SUBMITTED):
            step2_decide.decide(platform, rules, waiting)


def propose_wallet(platform: Platform, rules: Rules, chain: ChainId, wallet: WalletId) -> None:
    """Step 3 for what was decided for one wallet."""
    rows = load_instructions(platform.connection, State.SCREENING)
    propose_all(platform, rules, [row for row in rows if (row.chain, row.wallet) == (chain, wallet)])


def propose_all(platform: Platform, rules: Rules, rows: Sequence[InstructionRow]) -> None:
    """Step 3, group by group. Coins and nonces of a wallet are given out by one worker at a time."""
    for group in step3_propose.group_rows(rows):
        try:
            with platform.connection.transaction():
                lock_name(platform.connection, f"propose {group[0].chain} {group[0].wallet}")
                ids = [row.id for row in group]
                if waiting := lock_instructions(platform.connection, ids, State.SCREENING):
                    step3_propose.propose(platform, rules, waiting)
        except (MalformedError, RefusedError) as error:
            with platform.connection.transaction():
                for row in group:
                    save_instruction(platform.connection, row.id, State.SCREENING, why=str(error))
                subject = f"wallet {group[0].wallet}"
                open_alert(platform.connection, error.code.value, "critical", subject, str(error))


def export_session(platform: Platform, rules: Rules, nonce: str) -> None:
    """Step 6 for one terminal session that both keys cleared. One that is refused waits and is told."""
    try:
        with platform.connection.transaction():
            session = lock_session(platform.connection, nonce)
            if session is not None:
                step6_sign.export(platform, rules, session)
    except (MalformedError, RefusedError) as error:
        open_alert(platform.connection, error.code.value, "critical", f"session {nonce}", str(error))


Step = Callable[[Platform, Rules, DocketRow], None]
STEPS: dict[State, Step] = {
    State.PREPARED: step4_approve.export,
    State.PENDING_APPROVAL: step4_approve.count,
    State.APPROVED: step5_verify.export,
    State.SIGNED: step7_release.export,
    State.CONFIRMING: step9_settle.complete,
    State.COMPLETED: step9_settle.reconcile,
}
"""What is done with a docket in a state; in the states between, somebody else must act."""
STATES = (*STEPS, *expiry.WATCHED)
"""States that a pass looks at: those with a step, and those that only time ends."""


def advance_docket(platform: Platform, rules: Rules, proposal: Digest) -> None:
    """The step that a docket's state asks for, if any, in one transaction that holds the docket.

    A docket that is refused stays where it is, says why, and stops no other (III.A7-GP).
    """
    try:
        with platform.connection.transaction():
            docket = lock_docket(platform.connection, proposal)
            if expiry.end_in_time(platform, rules, docket):
                return
            step = STEPS.get(docket.state)
            if step is not None:
                step(platform, rules, docket)
    except (MalformedError, RefusedError) as error:
        with platform.connection.transaction():
            docket = lock_docket(platform.connection, proposal)
            save_docket(platform.connection, proposal, docket.state, why=str(error))
            open_alert(platform.connection, error.code.value, "critical", f"docket {proposal}", str(error))
