"""What the HSM register says at a moment, for machines: certificates, days left, windows that stand open, findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from strongroom.core.canonical import Json
from strongroom.core.hsm_judge import HsmFinding, LiveToken, certificate_fault, find_near, judge_register, judge_token
from strongroom.core.hsm_times import measure_patches, measure_vendor
from strongroom.core.hsms import HsmRegister, Module, Vendor
from strongroom.core.records import NONE, encode_time
from strongroom.core.statements import Statement

_DAY = timedelta(days=1)


def build_report(statement: Statement[HsmRegister], now: datetime) -> dict[str, Json]:
    """The whole register at `now`; keys are stable. Days are whole ones."""
    register = statement.body
    return {
        "at": encode_time(now),
        "findings": render_findings(judge_register(register, now)),
        "modules": [_module(module, now) for module in register.modules],
        "near": [{**refusal.as_json()} for refusal in find_near(register, now)],
        "register": statement.id,
        "signatures": len(statement.envelope.signatures),
        "vendors": [_vendor(vendor, now) for vendor in register.vendors],
        "version": register.version,
    }


def build_comparison(register: HsmRegister, live: LiveToken, now: datetime) -> dict[str, Json]:
    """One token against the register."""
    return {
        "at": encode_time(now),
        "findings": render_findings(judge_token(register, live, now)),
        "firmware": live.firmware,
        "hardware": live.hardware,
        "manufacturer": live.manufacturer,
        "model": live.model,
        "serial": live.serial,
    }


def render_findings(findings: Sequence[HsmFinding]) -> list[Json]:
    """Findings as rows."""
    return [
        {
            "code": found.refusal.code.value,
            "expected": found.expected,
            "fault": found.fault.value,
            "field": found.field,
            "got": found.got,
            "ruling": found.ruling.value,
        }
        for found in findings
    ]


def days_left(until: datetime, now: datetime) -> int:
    """Whole days until a moment; negative when it has passed."""
    return (until - now) // _DAY


def _days(until: datetime, now: datetime) -> Json:
    """Days left and days over, one of them zero: canonical JSON has no number below it."""
    days = days_left(until, now)
    return {"left": max(days, 0), "over": max(-days, 0)}


def _module(module: Module, now: datetime) -> Json:
    certificate = module.certificate
    fault = certificate_fault(certificate, now)
    times = measure_patches(module, now)
    patches: list[Json] = [
        {
            "deadline_days": _days(patch.deadline, now),
            "firmware": patch.firmware,
            "is_late": time.is_late,
            "is_open": time.is_open,
            "uncertified_days": time.uncertified_days,
        }
        for patch, time in zip(module.patches, times, strict=True)
    ]
    return {
        "certificate": {
            "caveat": certificate.caveat,
            "checked_days_ago": days_left(now, certificate.checked),
            "days": _days(certificate.sunset, now),
            "fault": fault.value if fault else NONE,
            "level": certificate.level,
            "number": certificate.number,
            "scheme": certificate.scheme.value,
            "status": certificate.status.value,
        },
        "firmware": module.firmware,
        "id": module.id,
        "model": f"{module.manufacturer} {module.model}",
        "patches": patches,
        "review_days": _days(module.review_by, now),
        "serials": list(module.serials),
        "state": module.state.value,
        "vendor": module.vendor,
    }


def _vendor(vendor: Vendor, now: datetime) -> Json:
    advisories: list[Json] = [
        {
            "exposed_days": time.exposed_days,
            "id": time.advisory,
            "is_late": time.is_late,
            "is_open": time.is_open,
            "our_days": time.our_days,
            "vendor_days": time.vendor_days,
        }
        for time in measure_vendor(vendor, now)
    ]
    diligence: list[Json] = [
        {"decision": each.decision.value, "document": each.document, "on": encode_time(each.on)}
        for each in vendor.diligence
    ]
    return {
        "advisories": advisories,
        "diligence": diligence,
        "id": vendor.id,
        "is_accepted": vendor.is_accepted,
        "name": vendor.name,
        "promised_days": vendor.patch_days,
        "review_days": _days(vendor.review_by, now),
    }
