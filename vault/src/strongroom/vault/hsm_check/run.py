"""The run: every group of points in order, each in sessions of its own.

An error that no point expected fails the points of its group that had no finding yet: a module that breaks off has
not passed what came after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pkcs11.exceptions import PKCS11Error

from strongroom.core.errors import StrongroomError
from strongroom.vault.hsm_check.bench import Bench, check_is_for_testing, remove_leftovers
from strongroom.vault.hsm_check.curves import CURVES
from strongroom.vault.hsm_check.export import check_attributes, check_unwrap_template, check_wrapping
from strongroom.vault.hsm_check.judge import finding
from strongroom.vault.hsm_check.keys import check_curve
from strongroom.vault.hsm_check.points import (
    ATTRIBUTE,
    COPY,
    CURVE_POINTS,
    PIN_LOCK,
    PULLED_OUT,
    READ_VALUE,
    SESSION,
    TRUSTED,
    UNWRAP_TEMPLATE,
    WRAP_SEALED,
    WRAP_UNTRUSTED,
    WRONG_PIN,
    Finding,
    Point,
    Verdict,
)
from strongroom.vault.hsm_check.sessions import check_pin_lock, check_pulled_out, check_session, check_wrong_pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Points that share their sessions. points: all that `gather` must have a finding for, once or oftener."""

    points: tuple[Point, ...]
    gather: Callable[[Bench], Iterator[Finding]]
    about: str = ""


def _unwrap_template(bench: Bench) -> Iterator[Finding]:
    if bench.officer is None:
        yield finding(UNWRAP_TEMPLATE, Verdict.NOT_RUN, "needs the security officer: --officer")
        return
    yield from check_unwrap_template(bench, bench.officer)


GROUPS: tuple[Group, ...] = (
    *(Group(points=CURVE_POINTS, gather=partial(check_curve, curve=curve), about=curve.name) for curve in CURVES),
    Group(points=(ATTRIBUTE, COPY, READ_VALUE), gather=check_attributes),
    Group(points=(WRAP_SEALED, WRAP_UNTRUSTED, TRUSTED), gather=check_wrapping),
    Group(points=(UNWRAP_TEMPLATE,), gather=_unwrap_template),
    Group(points=(SESSION,), gather=check_session),
    Group(points=(WRONG_PIN,), gather=check_wrong_pin),
    Group(points=(PULLED_OUT,), gather=check_pulled_out),
    # Last, because it may lock the token.
    Group(points=(PIN_LOCK,), gather=check_pin_lock),
)


def run_check(bench: Bench) -> Iterator[Finding]:
    """Every finding in order, as soon as it is there. Raises ALREADY_EXISTS when the token is not for testing."""
    check_is_for_testing(bench)
    with bench.session() as session:
        remove_leftovers(session)
    for group in GROUPS:
        yield from run_group(bench, group)


def run_group(bench: Bench, group: Group) -> Iterator[Finding]:
    """One group's findings; what it did not come to is a FAIL that names the error."""
    seen: set[Point] = set()
    try:
        for found in group.gather(bench):
            seen.add(found.point)
            yield found
    except (PKCS11Error, StrongroomError) as error:
        name = type(error).__name__ if isinstance(error, PKCS11Error) else error.refusals[0].sentence
        missing = [point for point in group.points if point not in seen]
        if not missing:
            # Everything was judged and then the clearing up failed: that is not a point, and not to be passed over.
            raise
        for point in missing:
            yield finding(point, Verdict.FAIL, f"broke off: {name}", group.about)


def is_conforming(findings: Sequence[Finding]) -> bool:
    """True when no point failed; what is not offered or was not run is for a person to weigh."""
    return all(found.verdict is not Verdict.FAIL for found in findings)
