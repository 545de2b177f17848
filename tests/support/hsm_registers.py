"""An HSM register in which everything is in order on the day of the tests, for tests to spoil one thing of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from strongroom.core.canonical import sha256
from strongroom.core.hsms import (
    Advisory,
    Certificate,
    CertificateStatus,
    Decision,
    Diligence,
    Fault,
    HsmRegister,
    Module,
    ModuleState,
    Rule,
    Ruling,
    Scheme,
    Vendor,
)
from strongroom.core.ids import PartyId
from strongroom.core.records import DigestOrNone

DAY = timedelta(days=1)
LATER = datetime(2036, 1, 1, tzinfo=UTC)
"""Long after every test."""
BLOCKING = frozenset({Fault.UNKNOWN, Fault.NOT_ACTIVE, Fault.FIRMWARE, Fault.REVOKED, Fault.PATCH_OVERDUE})


def build_rules(blocking: frozenset[Fault] = BLOCKING) -> tuple[Rule, ...]:
    """A rule for every fault: these block, the others are alarms."""
    return tuple(
        Rule(fault=fault, ruling=Ruling.BLOCK if fault in blocking else Ruling.ALARM)
        for fault in sorted(Fault, key=lambda fault: fault.value)
    )


def build_vendor(now: datetime) -> Vendor:
    """A vendor that two people accepted a year ago, with one advisory that was patched in time."""
    accepted = Diligence(
        decision=Decision.ACCEPTED,
        document=sha256(b"due diligence of the vendor"),
        on=now - 365 * DAY,
        people=(PartyId("person:a.officer"), PartyId("person:b.officer")),
    )
    advisory = Advisory(applied=now - 75 * DAY, available=now - 80 * DAY, id="ADV-1", published=now - 100 * DAY)
    return Vendor(
        advisories=(advisory,),
        diligence=(accepted,),
        id="softhsm",
        name="SoftHSM project",
        patch_days=30,
        review_by=LATER,
    )


def build_module(
    now: datetime,
    *serials: str,
    manufacturer: str = "SoftHSM project",
    model: str = "SoftHSM v2",
    version: str = "2.6",
) -> Module:
    """An active module, certified as it stands."""
    certificate = Certificate(
        caveat="none",
        checked=now - DAY,
        firmware=(version,),
        hardware=(version,),
        level="3",
        number="4999",
        scheme=Scheme.FIPS_140_3,
        status=CertificateStatus.ACTIVE,
        sunset=LATER,
    )
    return Module(
        certificate=certificate,
        firmware=version,
        id="hsm-cold",
        manufacturer=manufacturer,
        model=model,
        patches=(),
        review_by=LATER,
        serials=tuple(sorted(serials)),
        state=ModuleState.ACTIVE,
        vendor="softhsm",
    )


def build_register(now: datetime, *modules: Module, version: int = 1, previous: str = "none") -> HsmRegister:
    """A register of these modules; all are of one vendor."""
    return HsmRegister(
        check_days=3650,
        modules=modules,
        previous=DigestOrNone(previous),
        rules=build_rules(),
        vendors=(build_vendor(now),),
        version=version,
    )
