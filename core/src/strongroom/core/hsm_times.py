"""How long weaknesses stood open: the vendor's measured patch latency, and the windows without patch or certificate.

Source: II.6 (a vendor able and committed to patch), II.7 (the certificate follows promptly).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.hsms import Advisory, Module, Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryTimes:
    """One advisory in whole days. vendor: from publication to the patch. ours: from the patch to our last module.

    exposed: from publication until it was applied. What is not over yet is counted until now, and `is_open` says so.
    """

    advisory: str
    vendor_days: int
    our_days: int
    exposed_days: int
    is_open: bool
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchTimes:
    """How long a patched firmware ran without a certificate that names it, in whole days; until now while it does."""

    firmware: str
    uncertified_days: int
    is_open: bool
    is_late: bool


def measure_advisory(advisory: Advisory, patch_days: int, now: datetime) -> AdvisoryTimes:
    """is_late: the vendor took longer than was promised, or has by now."""
    available, applied = advisory.available or now, advisory.applied or now
    vendor_days = (available - advisory.published).days
    return AdvisoryTimes(
        advisory=advisory.id,
        vendor_days=vendor_days,
        our_days=(applied - available).days if advisory.available else 0,
        exposed_days=(applied - advisory.published).days,
        is_open=advisory.applied is None,
        is_late=vendor_days > patch_days,
    )


def measure_vendor(vendor: Vendor, now: datetime) -> tuple[AdvisoryTimes, ...]:
    """Every advisory of a vendor against its promise."""
    return tuple(measure_advisory(advisory, vendor.patch_days, now) for advisory in vendor.advisories)


def measure_patches(module: Module, now: datetime) -> tuple[PatchTimes, ...]:
    """Every change of firmware of a module: its window without a certificate."""
    return tuple(
        PatchTimes(
            firmware=patch.firmware,
            uncertified_days=((patch.certified or now) - patch.applied).days,
            is_open=patch.certified is None,
            is_late=(patch.certified or now) > patch.deadline,
        )
        for patch in module.patches
    )
