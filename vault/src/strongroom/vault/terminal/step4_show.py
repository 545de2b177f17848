"""Step 4, show: everything from the bytes to be signed, one question with three answers and no default, then the paper.

Whoever says sign types a part of each destination and the amount from their own paper, after a floor on the time of
reading. Doubt is possible at every question, and costs nothing.
"""

from __future__ import annotations

from enum import StrEnum

from strongroom.core.active_reading import ask_tasks, build_tasks
from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused
from strongroom.vault.terminal.desk import Desk, Plan
from strongroom.vault.terminal.halts import clean_text
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.words import render_plan

QUESTION = "Take the client's instruction from your own paper and compare. Type sign, reject or unsure:"
_NS = 1_000_000_000
VOID_QUESTION = (
    "This pays nobody; it ends a transfer that must not go. Compare the nonce. Its FEE is burnt: is it right for a "
    "transaction that moves nothing? Type sign, reject or unsure:"
)


SWEEP_QUESTION = (
    "This pays only ourselves, on officers' order. Compare the wallet and every address with their paper. "
    "Type sign, reject or unsure:"
)


def _question(plan: Plan) -> str:
    """What is compared with which paper."""
    if plan.proved.twin is Twin.VOID:
        return VOID_QUESTION
    return SWEEP_QUESTION if is_sweep(plan.proved.journey) else QUESTION


class Answer(StrEnum):
    """What the operators say. Doubt is as easy as consent."""

    SIGN = "sign"
    REJECT = "reject"
    UNSURE = "unsure"


def show(desk: Desk, plan: Plan, number: int, total: int) -> None:
    """Show and ask; returns only for `sign`.

    Raises OPERATOR_REFUSED with the operators' reason, READING_MISMATCH, SITTING_FULL.
    """
    desk.sitting.check()
    console, outside = desk.terminal.outside.console, desk.terminal.outside
    shown_ns = outside.elapsed_ns()
    for line in render_plan(desk, plan, number, total):
        console.say(line)
    answer = _ask(desk, _question(plan))
    if answer is Answer.SIGN:
        _wait_for_floor(desk, shown_ns)
        tasks = build_tasks(plan.proved.facts, plan.proved.foundation.entries.assets, outside.random)
        doubt = ask_tasks(tasks, console.ask, console.say)
        answer = Answer(doubt.value) if doubt else answer
    if answer is Answer.SIGN:
        operators: list[Json] = [*desk.crew.people]
        fields: dict[str, Json] = {"facts": plan.proved.facts.digest, "operators": operators, "proposal": plan.proposal}
        desk.terminal.journal.append(EntryKind.CONFIRMED, encode_canonical(fields))
        desk.sitting.confirm()
        return
    reason = clean_text(console.ask("Why? One line:"))
    console.say("Thank you. Nothing is signed; this goes to the security desk.")
    raise refused(Code.OPERATOR_REFUSED, "operators", Answer.SIGN.value, f"{answer.value}: {reason}")


def _wait_for_floor(desk: Desk, shown_ns: int) -> None:
    """Whoever says sign at once has not read; the time runs on a clock that nobody can set. No is taken at once."""
    floor_s = desk.terminal.trust.policy_in_force.parameters.reading_floor_s
    left_ns = floor_s * _NS - (desk.terminal.outside.elapsed_ns() - shown_ns)
    if left_ns > 0:
        desk.terminal.outside.console.say(f"Nothing is signed before {floor_s} s. Read it once more.")
        desk.terminal.outside.pause(-(-left_ns // _NS))


def _ask(desk: Desk, question: str) -> Answer:
    console = desk.terminal.outside.console
    while True:
        typed = console.ask(question)
        if typed in {answer.value for answer in Answer}:
            return Answer(typed)
        console.say("Only the three words are an answer; nothing was signed.")
