"""The code of a halt, as the security desk scans it from a telephone: checked with the terminal's key, then an alert.

The halt itself comes later with the terminal's package and opens its own alert; until then this one says that a package
with a halt is on its way, and whom to ask for it. A code that no terminal signed changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from strongroom.core.halt_notice import HaltNotice, check_notice, parse_notice_text
from strongroom.core.records import encode_time
from strongroom.core.roster import check_party
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.watch.store import open_alert


def accept_notice(connection: Connection, rules: Rules, text: str, now: datetime) -> HaltNotice:
    """Tell the SOC what a terminal's screen says; the same code again changes nothing.

    Raises HALT_NOTICE_INVALID, SIGNER_UNKNOWN, ROLE_MISSING, SIGNER_NOT_VALID, SIGNATURE_INVALID.
    """
    scanned = parse_notice_text(text)
    notice = scanned.notice
    terminal = check_party(rules.roster, notice.terminal, "terminal", now, "notice.terminal")
    check_notice(scanned, terminal.key, rules.context)
    detail = (
        f"{notice.terminal} says at {encode_time(notice.at)} that it halted; halt {notice.halt}..., package to come"
    )
    with connection.transaction():
        open_alert(connection, notice.code, "critical", f"{notice.terminal} journal {notice.journal}", detail)
    return notice
