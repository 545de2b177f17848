"""Step 2, prove: the whole docket again from our own root. Only what comes out of here is shown or signed."""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import Verification
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage
from strongroom.core.errors import refused
from strongroom.core.trust import Trust


def prove(docket: Docket, trust: Trust, now: datetime) -> ProvedDocket:
    """Prove a docket that has come to VERIFY and no further: its clear travels beside it, and no record is in it."""
    proved = prove_docket(docket, trust.roots, now=now)
    furthest = proved.journey.furthest
    if furthest < Stage.VERIFY:
        raise refused(Code.STAGE_MISSING, "docket", Stage.VERIFY.name, furthest.name)
    if furthest > Stage.VERIFY:
        raise refused(Code.DOCKET_ORDER, "docket", f"nothing after {Stage.VERIFY.name}", furthest.name)
    return proved


def verification_of(proved: ProvedDocket) -> Proved[Verification]:
    """The station's verification. Raises STAGE_MISSING."""
    found = proved.journey.only(Verification)
    if found is None:
        raise refused(Code.STAGE_MISSING, "docket", Stage.VERIFY.name, "none")
    return found
