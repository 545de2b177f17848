"""Each limit of a rule beside what was used of it and what a request takes: the one place where they are compared.

The evaluation refuses by it and `explain` tells it, so that no explanation can differ from the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.policy.model import Rule, Window
from strongroom.core.policy.request import Request, Usage


class Measured(StrEnum):
    """What a limit counts."""

    AMOUNT = "amount"
    COUNT = "count"
    FEE = "fee"
    HKD_CENTS = "hkd_cents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One limit. used: before the request. takes: by it. None in either: not known, so it blocks."""

    code: Code
    field: str
    measured: Measured
    bound: int
    used: int | None
    takes: int | None
    unknown: tuple[Refusal, ...]

    @property
    def left(self) -> int | None:
        """What is left of it after the request; below zero when it is over; None when that is not known."""
        if self.used is None or self.takes is None:
            return None
        return self.bound - self.used - self.takes

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why this limit says no; empty when it holds."""
        if self.left is None:
            return self.unknown
        if self.left >= 0:
            return ()
        return (
            Refusal(
                code=self.code, field=self.field, expected=f"at most {self.bound}", got=str(self.bound - self.left)
            ),
        )


def measure_transaction(rule: Rule, request: Request) -> Iterator[Measure]:
    """The limits of one transaction under a rule."""
    yield _known(Code.LIMIT_TRANSACTION, f"{rule.id}.max_amount", Measured.AMOUNT, rule.max_amount, request.amount)
    yield _known(Code.FEE_CEILING, f"{rule.id}.max_fee", Measured.FEE, rule.max_fee, request.fee)
    if rule.max_hkd_cents is not None:
        yield _value(f"{rule.id}.max_hkd_cents", rule.max_hkd_cents, 0, request)


def measure_window(rule: Rule, window: Window, request: Request, used: Usage) -> Iterator[Measure]:
    """The limits of one window of a rule, whose usage is known."""
    field = f"{rule.id}.windows.{window.seconds}"
    yield _known(Code.LIMIT_WINDOW, field, Measured.AMOUNT, window.max_amount, request.amount, used.amount)
    yield _known(Code.LIMIT_COUNT, field, Measured.COUNT, window.max_count, 1, used.count)
    if window.max_fee is not None:
        yield _known(Code.LIMIT_FEES, field, Measured.FEE, window.max_fee, request.fee_share, used.fees)
    if window.max_hkd_cents is not None:
        yield _value(field, window.max_hkd_cents, used.hkd_cents, request)


def refuse_unknown_window(rule: Rule, window: Window) -> Refusal:
    """A window whose usage is not known: never assume zero, or whoever can hide the history lifts the limit."""
    field = f"{rule.id}.windows.{window.seconds}"
    return Refusal(code=Code.POLICY_NOT_EVALUABLE, field=field, expected="known usage of the window", got="none")


def _known(code: Code, field: str, measured: Measured, bound: int, takes: int, used: int = 0) -> Measure:
    return Measure(code=code, field=field, measured=measured, bound=bound, used=used, takes=takes, unknown=())


def _value(field: str, bound: int, used: int | None, request: Request) -> Measure:
    unknown = Refusal(
        code=Code.POLICY_NOT_EVALUABLE,
        field=field,
        expected="a value from a fresh price" if request.hkd_cents is None else "known value of what was used",
        got="none",
    )
    return Measure(
        code=Code.LIMIT_HKD,
        field=field,
        measured=Measured.HKD_CENTS,
        bound=bound,
        used=used,
        takes=request.hkd_cents,
        unknown=(unknown, *request.unpriced),
    )
