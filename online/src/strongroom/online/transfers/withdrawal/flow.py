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
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from strongroom.core.errors import MalformedError, RefusedError
from strongroom.online.evidence.store import sign_checkpoint
from strongroom.online.exchange.outgoing import send_updates, write_outbox
from strongroom.online.governance.store import Rules, load_rules
from strongroom.online.transfers.withdrawal import (
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
    State,
    load_cleared_sessions,
    load_dockets,
    load_instructions,
    open_alert,
    save_docket,
)


def advance(platform: Platform, *, inbox_path: Path, outbox_path: Path) -> list[str]:
    """One pass over all that waits. Each step is its own transaction; what a kill interrupts, the next pass repeats.

    Returns what became of the packages that came in.
    """
    connection = platform.connection
    rules = load_rules(connection)
    platform.reader.refresh(connection)
    outcomes = inbox.read_inbox(platform, rules, inbox_path)
    for row in load_instructions(connection, State.SUBMITTED):
        step2_decide.decide(platform, rules, row)
    for group in step3_propose.group_rows(load_instructions(connection, State.SCREENING)):
        step3_propose.propose(platform, rules, group)
    sign_checkpoint(connection, platform.reader, rules.root.log, platform.log_key)
    platform.reader.refresh(connection)
    send_updates(connection, platform.reader, rules, platform.clock())
    for state, step in STEPS:
        for docket in load_dockets(connection, state):
            _advance_one(platform, rules, docket, step)
        if state is State.APPROVED:
            for session in load_cleared_sessions(connection):
                step6_sign.export(platform, rules, session)
    write_outbox(connection, outbox_path)
    return outcomes


Step = Callable[[Platform, Rules, DocketRow], None]
STEPS: tuple[tuple[State, Step], ...] = (
    (State.PREPARED, step4_approve.export),
    (State.PENDING_APPROVAL, step4_approve.count),
    (State.APPROVED, step5_verify.export),
    (State.SIGNED, step7_release.export),
    (State.CONFIRMING, step9_settle.complete),
    (State.COMPLETED, step9_settle.reconcile),
)
"""What is done with a docket in a state; in the states between, somebody else must act."""


def _advance_one(platform: Platform, rules: Rules, docket: DocketRow, step: Step) -> None:
    """One step of one docket. A docket that is refused stays where it is, says why, and stops no other (III.A7-GP)."""
    try:
        step(platform, rules, docket)
    except (MalformedError, RefusedError) as error:
        with platform.connection.transaction():
            save_docket(platform.connection, docket.proposal, docket.state, why=str(error))
            open_alert(platform.connection, error.code.value, "critical", f"docket {docket.proposal}", str(error))
