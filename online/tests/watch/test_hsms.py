"""The platform and the HSM register: taken in version by version, and what it gives cause for told as alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from firm import Firm
from hsm_registers import build_module, build_register
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.hsms import HsmRegister
from strongroom.core.records import DigestOrNone
from strongroom.online.evidence.store import append
from strongroom.online.governance.notices import accept_notice
from strongroom.online.watch.hsms import tell_hsms
from world import DELEGATES

DAY = timedelta(days=1)
KEYS = DELEGATES["keys"]


def register_of(firm: Firm, **fields: Any) -> HsmRegister:
    """A register with one module, whose own fields a test changes."""
    now = firm.clock().replace(microsecond=0)
    return build_register(now, replace(build_module(now, "1"), **fields))


def say(firm: Firm, body: HsmRegister, who: tuple[str, ...] = KEYS) -> str:
    """The delegates sign it and hand it in."""
    firm.world.now = firm.clock()
    return accept_notice(firm.admin, firm.world.sign(body, who[0], who), firm.clock()).id


def told(firm: Firm, days: int = 0) -> list[tuple[str, str, str]]:
    """What the reconciler's own user tells then: code, severity and subject of what is open."""
    tell_hsms(firm.reconciler.connection, firm.rules, firm.clock() + days * DAY)
    rows = firm.query("select code, severity, subject from watch.alerts where closed_at is null order by id")
    return [(str(code), str(severity), str(subject)) for code, severity, subject in rows]


def test_an_overdue_review_opens_one_alert_and_the_next_version_closes_it(office_firm: Firm) -> None:
    firm = office_firm
    assert [] == told(firm)
    soon = firm.clock().replace(microsecond=0) + 5 * DAY
    first = say(firm, register_of(firm, review_by=soon))
    near = ("HSM_DEADLINE_NEAR", "medium", "hsm hsm-cold.review_by")
    assert [near] == told(firm, days=4)
    overdue = ("HSM_REVIEW_OVERDUE", "high", "hsm hsm-cold.review_by")
    assert [overdue] == told(firm, days=6)
    assert [overdue] == told(firm, days=7)
    say(firm, replace(register_of(firm), version=2, previous=DigestOrNone(first)))
    assert [] == told(firm, days=7)


def test_a_certificate_past_its_end_is_told(office_firm: Firm) -> None:
    firm = office_firm
    honest = register_of(firm)
    module = honest.modules[0]
    ends = replace(module.certificate, sunset=firm.clock().replace(microsecond=0) + DAY)
    say(firm, replace(honest, modules=(replace(module, certificate=ends),)))
    assert [(Code.HSM_DEADLINE_NEAR, "medium", "hsm hsm-cold.certificate")] == told(firm)
    assert [(Code.HSM_CERTIFICATE_LAPSED, "high", "hsm hsm-cold.certificate")] == told(firm, days=2)


WRONG = (
    ("one delegate", {}, KEYS[:1], Code.THRESHOLD_NOT_MET),
    ("other delegates", {}, DELEGATES["whitelist"], Code.SIGNER_UNKNOWN),
    ("a version left out", {"version": 3}, KEYS, Code.HEAD_ROLLBACK),
    ("the first again", {"version": 1, "previous": DigestOrNone("none")}, KEYS, Code.HEAD_ROLLBACK),
    ("another before it", {"previous": DigestOrNone(sha256(b"x"))}, KEYS, Code.HEAD_MISMATCH),
)


@pytest.mark.parametrize(("fields", "who", "code"), [r[1:] for r in WRONG], ids=[r[0] for r in WRONG])
def test_what_is_not_taken_in(office_firm: Firm, fields: dict[str, Any], who: tuple[str, ...], code: Code) -> None:
    firm = office_firm
    first = say(firm, register_of(firm))
    second = replace(register_of(firm), version=2, previous=DigestOrNone(first))
    with pytest.raises(StrongroomError) as caught:
        say(firm, replace(second, **fields), who)
    assert {code} == caught.value.codes
    assert say(firm, second)


def test_a_register_put_into_the_log_by_the_platform_alone_counts_for_nothing(office_firm: Firm) -> None:
    """Whoever can write to the log declares that the overdue is done."""
    firm = office_firm
    now = firm.clock().replace(microsecond=0)
    first = say(firm, register_of(firm, review_by=now - DAY))
    forged = replace(register_of(firm), version=2, previous=DigestOrNone(first))
    firm.world.now = firm.clock()
    append(firm.admin, firm.world.sign(forged, "service:platform", ("service:platform",)))
    assert ["HSM_REVIEW_OVERDUE"] == [code for code, _, _ in told(firm)]
