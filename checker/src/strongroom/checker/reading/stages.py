"""The ten stages of a docket, and what comes before them; spec/docket.md, "Stages"."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final

from strongroom.checker.reading.envelopes import Type


class Stage(IntEnum):
    """Where a docket is, or where it was refused. BYTES and TRUST come before the first statement."""

    BYTES = -1
    TRUST = 0
    INSTRUCT = 1
    DECIDE = 2
    PROPOSE = 3
    APPROVE = 4
    VERIFY = 5
    CLEAR = 6
    SIGN = 7
    RELEASE = 8
    BROADCAST = 9
    SETTLE = 10


class Twin(StrEnum):
    """Which transaction a docket is about from VERIFY on: the transfer, or the one that uses its nonce up."""

    TRANSFER = "transfer"
    VOID = "void"


JOURNEY: Final = tuple(stage for stage in Stage if stage >= Stage.INSTRUCT)
STAGE_OF: Final[Mapping[Type, Stage]] = {
    Type.INSTRUCTION: Stage.INSTRUCT,
    Type.KEY_STATE: Stage.INSTRUCT,
    Type.DECISION: Stage.DECIDE,
    Type.SWEEP: Stage.DECIDE,
    Type.PROPOSAL: Stage.PROPOSE,
    Type.APPROVAL: Stage.APPROVE,
    Type.REJECTION: Stage.APPROVE,
    Type.VERIFICATION: Stage.VERIFY,
    Type.CLEAR_TO_SIGN: Stage.CLEAR,
    Type.SIGNATURE_RECORD: Stage.SIGN,
    Type.RELEASE: Stage.RELEASE,
    Type.BROADCAST: Stage.BROADCAST,
    Type.SETTLEMENT: Stage.SETTLE,
}
