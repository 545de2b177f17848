"""Judging a token by the HSM register at a moment: everything that is wrong with it, each with the register's ruling.

Pure: the token's own words, the register and the time come from outside. Every fault is reported, not the first.
Source: spec/statement.md, hsm-register; II.3, II.5, II.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.hsms import (
    Certificate,
    CertificateStatus,
    Fault,
    HsmRegister,
    Module,
    ModuleState,
    Ruling,
    Scheme,
    Vendor,
)
from strongroom.core.records import encode_time

FIPS_140_2_HISTORICAL = datetime(2026, 9, 21, tzinfo=UTC)
"""From here every FIPS 140-2 certificate is historical, whatever an entry says. Source: NIST CMVP, transition."""
NEAR_DAYS = 30
"""How long before a deadline people are told of it."""
FAULT_CODES: Mapping[Fault, Code] = {
    Fault.UNKNOWN: Code.HSM_UNKNOWN,
    Fault.NOT_ACTIVE: Code.HSM_NOT_ACTIVE,
    Fault.FIRMWARE: Code.HSM_NOT_CERTIFIED,
    Fault.HISTORICAL: Code.HSM_CERTIFICATE_HISTORICAL,
    Fault.REVOKED: Code.HSM_CERTIFICATE_REVOKED,
    Fault.LAPSED: Code.HSM_CERTIFICATE_LAPSED,
    Fault.INTERIM_EXPIRED: Code.HSM_CERTIFICATE_LAPSED,
    Fault.PATCH_PENDING: Code.HSM_PATCH_PENDING,
    Fault.PATCH_OVERDUE: Code.HSM_PATCH_OVERDUE,
    Fault.REVIEW_OVERDUE: Code.HSM_REVIEW_OVERDUE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveToken:
    """What a token says of itself through PKCS#11; versions as `major.minor`."""

    manufacturer: str
    model: str
    serial: str
    hardware: str
    firmware: str

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model} {self.serial}, hardware {self.hardware}, firmware {self.firmware}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmFinding:
    """One thing that is wrong, and what the register says that it does."""

    fault: Fault
    ruling: Ruling
    field: str
    expected: str
    got: str

    @property
    def refusal(self) -> Refusal:
        """The same as a refusal: raised when it blocks, told when it is an alarm."""
        return Refusal(code=FAULT_CODES[self.fault], field=self.field, expected=self.expected, got=self.got)


Found = tuple[Fault, str, str, str]
"""A fault, where, what was expected, what was there."""


def judge_token(register: HsmRegister, token: LiveToken, now: datetime) -> tuple[HsmFinding, ...]:
    """Everything that is wrong with this token now; empty when nothing is."""
    module = find_module(register, token)
    if module is None:
        return _ruled(register, [(Fault.UNKNOWN, f"token {token.serial}", "a serial of the HSM register", str(token))])
    found = [*_judge_versions(module, token), *judge_module(register, module, now)]
    return _ruled(register, found)


def judge_register(register: HsmRegister, now: datetime) -> tuple[HsmFinding, ...]:
    """What is overdue or lapsed without looking at any token: for the platform's alerts and the register's table."""
    found = [each for m in register.modules if m.state is ModuleState.ACTIVE for each in judge_module(register, m, now)]
    return _ruled(register, list(dict.fromkeys(found)))


def find_near(register: HsmRegister, now: datetime) -> tuple[Refusal, ...]:
    """Deadlines within the next 30 days: what will be wrong then and is not yet, while there is time to do it."""
    wrong = {(found.fault, found.field) for found in judge_register(register, now)}
    later = now + timedelta(days=NEAR_DAYS)
    return tuple(
        Refusal(
            code=Code.HSM_DEADLINE_NEAR,
            field=found.field,
            expected=f"{found.expected}, before {found.fault.value}",
            got=f"{found.refusal.code.value} within {NEAR_DAYS} days",
        )
        for found in judge_register(register, later)
        if (found.fault, found.field) not in wrong
    )


def find_module(register: HsmRegister, token: LiveToken) -> Module | None:
    """The module whose maker, model and serial the token says; None when it is none of ours."""
    said = (token.manufacturer, token.model)
    return next(
        (m for m in register.modules if (m.manufacturer, m.model) == said and token.serial in m.serials),
        None,
    )


def judge_module(register: HsmRegister, module: Module, now: datetime) -> Iterator[Found]:
    """What is wrong with an entry by itself: its state, its certificate, its pending patch, its reviews."""
    if module.state is not ModuleState.ACTIVE:
        yield Fault.NOT_ACTIVE, f"{module.id}.state", ModuleState.ACTIVE.value, module.state.value
    yield from _judge_certificate(module.certificate, f"{module.id}.certificate", now)
    yield from _judge_patch(module, now)
    yield from _judge_reviews(register, module, register.vendor_of(module), now)


def certificate_fault(certificate: Certificate, now: datetime) -> Fault | None:
    """Why a certificate does not count now; None when it does. The worst is named."""
    if certificate.status is CertificateStatus.REVOKED:
        return Fault.REVOKED
    if certificate.status is CertificateStatus.HISTORICAL:
        return Fault.HISTORICAL
    if certificate.scheme is Scheme.FIPS_140_2 and now >= FIPS_140_2_HISTORICAL:
        return Fault.HISTORICAL
    if now >= certificate.sunset:
        return Fault.INTERIM_EXPIRED if certificate.status is CertificateStatus.INTERIM else Fault.LAPSED
    return None


def _judge_certificate(certificate: Certificate, field: str, now: datetime) -> Iterator[Found]:
    fault = certificate_fault(certificate, now)
    if fault is not None:
        got = f"{certificate.scheme.value} {certificate.number}, {certificate.status.value}, ends "
        yield fault, field, "a certificate that counts now", got + encode_time(certificate.sunset)


def _judge_versions(module: Module, token: LiveToken) -> Iterator[Found]:
    """The token runs what the register says, and the certificate names it or a patch is pending for it."""
    certificate = module.certificate
    if token.firmware != module.firmware:
        yield Fault.FIRMWARE, f"{module.id}.firmware", module.firmware, token.firmware
    elif token.firmware not in certificate.firmware and module.pending is None:
        yield Fault.FIRMWARE, f"{module.id}.certificate.firmware", " or ".join(certificate.firmware), token.firmware
    if token.hardware not in certificate.hardware:
        yield Fault.FIRMWARE, f"{module.id}.certificate.hardware", " or ".join(certificate.hardware), token.hardware


def _judge_patch(module: Module, now: datetime) -> Iterator[Found]:
    patch = module.pending
    if patch is None:
        return
    days = (now - patch.applied).days
    got = f"firmware {patch.firmware} for {days} days, deadline {encode_time(patch.deadline)}"
    fault = Fault.PATCH_OVERDUE if now >= patch.deadline else Fault.PATCH_PENDING
    yield fault, f"{module.id}.patches", "a certificate that names the patched firmware", got


def _judge_reviews(register: HsmRegister, module: Module, vendor: Vendor, now: datetime) -> Iterator[Found]:
    due = {
        f"{module.id}.review_by": module.review_by,
        f"{vendor.id}.review_by": vendor.review_by,
        f"{module.id}.certificate.checked": module.certificate.checked + timedelta(days=register.check_days),
    }
    for field, moment in due.items():
        if now >= moment:
            yield Fault.REVIEW_OVERDUE, field, f"done by {encode_time(moment)}", f"not done on {encode_time(now)}"


def _ruled(register: HsmRegister, found: Sequence[Found]) -> tuple[HsmFinding, ...]:
    return tuple(
        HsmFinding(fault=fault, ruling=register.ruling(fault), field=field, expected=expected, got=got)
        for fault, field, expected, got in found
    )
