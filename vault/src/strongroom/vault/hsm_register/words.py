"""The same for people, line by line: nothing is said here that is not in the report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from strongroom.core.hsm_judge import HsmFinding, LiveToken, certificate_fault, find_near, judge_register, judge_token
from strongroom.core.hsm_times import measure_patches, measure_vendor
from strongroom.core.hsms import HsmRegister, Module, Vendor
from strongroom.core.records import NONE, encode_time
from strongroom.core.statements import Statement
from strongroom.vault.hsm_register.report import days_left


def render_register(statement: Statement[HsmRegister], now: datetime) -> Iterator[str]:
    """The whole register at `now`."""
    register, signatures = statement.body, len(statement.envelope.signatures)
    yield f"HSM register version {register.version} on {encode_time(now)}"
    yield f"{signatures} signatures, counted here and checked by the terminal"
    for module in register.modules:
        yield ""
        yield from _module(module, now)
    for vendor in register.vendors:
        yield ""
        yield from _vendor(vendor, now)
    yield ""
    yield from _findings(judge_register(register, now))
    for refusal in find_near(register, now):
        yield f"SOON {refusal.code.value}: {refusal.sentence}"


def render_comparison(register: HsmRegister, live: LiveToken, now: datetime) -> Iterator[str]:
    """One token against the register."""
    yield f"token {live}"
    yield from _findings(judge_token(register, live, now))


def _module(module: Module, now: datetime) -> Iterator[str]:
    certificate = module.certificate
    fault = certificate_fault(certificate, now)
    yield f"module {module.id}: {module.state.value}, {module.manufacturer} {module.model}, firmware {module.firmware}"
    yield f"  serials      {', '.join(module.serials) or NONE}"
    yield (
        f"  certificate  {certificate.scheme.value} {certificate.number}, level {certificate.level}, "
        f"{certificate.status.value}{f' ({fault.value})' if fault else ''}, {_left(certificate.sunset, now)}, "
        f"checked {days_left(now, certificate.checked)} days ago"
    )
    if certificate.caveat != NONE:
        yield f"  caveat       {certificate.caveat}"
    for patch, time in zip(module.patches, measure_patches(module, now), strict=True):
        so_far = "so far" if time.is_open else "until it was"
        late = ", LATE" if time.is_late else ""
        end = f"; deadline {_left(patch.deadline, now)}" if time.is_open else ""
        yield f"  patched      {patch.firmware}: {time.uncertified_days} days not certified {so_far}{end}{late}"
    yield f"  review       {_left(module.review_by, now)}"


def _vendor(vendor: Vendor, now: datetime) -> Iterator[str]:
    yield f"vendor {vendor.id}: {vendor.name}, {'accepted' if vendor.is_accepted else 'NOT ACCEPTED'}"
    for each in vendor.diligence:
        yield f"  diligence    {each.decision.value} on {encode_time(each.on)} by {', '.join(each.people)}"
    for time in measure_vendor(vendor, now):
        late = ", LATE" if time.is_late else ""
        still = " so far" if time.is_open else ""
        yield (
            f"  advisory     {time.advisory}: patch after {time.vendor_days} days, {vendor.patch_days} promised{late}, "
            f"ours {time.our_days}, exposed {time.exposed_days} days{still}"
        )
    yield f"  review       {_left(vendor.review_by, now)}"


def _findings(findings: tuple[HsmFinding, ...]) -> Iterator[str]:
    for found in findings:
        yield f"{found.ruling.value.upper()} {found.refusal.code.value}: {found.refusal.sentence}"
    if not findings:
        yield "nothing is wrong"


def _left(until: datetime, now: datetime) -> str:
    days = days_left(until, now)
    return f"{days} days left" if days >= 0 else f"{-days} days overdue"
