"""What the HSM register itself says is overdue or lapsed, as alerts: reviews, certificates, patches without one.

The platform sees no token; the terminals compare theirs. An alert closes by itself when a later version of the register
no longer gives cause for it. II.3, II.5, II.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from strongroom.core.checks.notices import find_hsms
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.hsm_judge import FAULT_CODES, find_near, judge_register
from strongroom.core.hsms import Ruling
from strongroom.online.db.connect import Connection
from strongroom.online.governance.notices import load_notices
from strongroom.online.governance.store import Rules
from strongroom.online.watch import store

SUBJECT: Final = "hsm "
"""How the subject of every such alert begins; the field of the register follows."""
CODES: Final = {code.value: code for code in (*FAULT_CODES.values(), Code.HSM_DEADLINE_NEAR)}
"""Every code of such an alert."""


def tell_hsms(connection: Connection, rules: Rules, now: datetime) -> None:
    """Open what the register gives cause for now, and close what it no longer does."""
    found = _judge(connection, rules, now)
    standing = {(refusal.code.value, SUBJECT + refusal.field) for refusal, _ in found}
    for alert in store.load_alerts(connection):
        ours = alert.code in CODES and alert.subject.startswith(SUBJECT)
        if ours and (alert.code, alert.subject) not in standing:
            store.close_alerts(connection, alert.subject, CODES[alert.code])
    for refusal, severity in found:
        store.open_alert(connection, refusal.code.value, severity, SUBJECT + refusal.field, refusal.sentence)


def _judge(connection: Connection, rules: Rules, now: datetime) -> Sequence[tuple[Refusal, str]]:
    """What is wrong, with how bad it is: what stops a terminal is critical."""
    try:
        register = find_hsms(load_notices(connection, rules), rules.root, rules.context)
    except RefusedError as error:
        return [(refusal, "critical") for refusal in error.refusals]
    if register is None:
        return []
    return [(refusal, "medium") for refusal in find_near(register.body, now)] + [
        (finding.refusal, "critical" if finding.ruling is Ruling.BLOCK else "high")
        for finding in judge_register(register.body, now)
    ]
