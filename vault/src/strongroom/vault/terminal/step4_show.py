"""Step 4, show: everything from the bytes to be signed, one question with three answers and no default, then the paper.

Whoever says sign types a part of each destination and the amount from their own paper, after a floor on the time of
reading. Doubt is possible at every question, and costs nothing.
"""

from __future__ import annotations

from enum import StrEnum

from strongroom.core.active_reading import Doubt, ask_tasks, build_tasks
from strongroom.core.alike import AlikeTask, ask_alike, build_alike_pages, build_alike_tasks
from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused
from strongroom.core.page_values import Line, build_line
from strongroom.devices.screens.console import DOUBTS, REJECT, UNSURE, Choice
from strongroom.vault.terminal.desk import Desk, Plan
from strongroom.vault.terminal.halts import clean_text
from strongroom.vault.terminal.history import build_history_pages
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.words import build_signing_pages, place_of

QUESTION = build_line("Take the client's instruction from your own paper and compare.")
_NS = 1_000_000_000
VOID_QUESTION = build_line(
    "This pays nobody; it ends a transfer that must not go. Compare the nonce. Its FEE is burnt: is it right for a "
    "transaction that moves nothing?"
)
SWEEP_QUESTION = build_line(
    "This pays only ourselves, on officers' order. Compare the wallet and every address with their paper."
)


def _question(plan: Plan) -> Line:
    """What is compared with which paper."""
    if plan.proved.twin is Twin.VOID:
        return VOID_QUESTION
    return SWEEP_QUESTION if is_sweep(plan.proved.journey) else QUESTION


class Answer(StrEnum):
    """What the operators say. Doubt is as easy as consent."""

    SIGN = "sign"
    REJECT = REJECT.word
    UNSURE = UNSURE.word


CHOICES = (Choice(word=Answer.SIGN.value, key="s", label="sign", needs_reading=True), *DOUBTS)


def show(desk: Desk, plan: Plan, number: int, total: int) -> None:
    """Show and ask; returns only for `sign`.

    Raises OPERATOR_REFUSED with the operators' reason, READING_MISMATCH, SITTING_FULL.
    """
    desk.sitting.check()
    console, outside = desk.terminal.outside.console, desk.terminal.outside
    shown_ns = outside.elapsed_ns()
    alike = build_alike_tasks(plan.proved.facts, desk.book, outside.random)
    first, *others = build_signing_pages(plan.proved, place_of(desk, plan, number, total))
    pages = (*build_alike_pages(alike), first, *build_history_pages(desk, plan), *others)
    answer = Answer(console.choose(pages, _question(plan), CHOICES))
    if answer is Answer.SIGN:
        _wait_for_floor(desk, shown_ns)
        doubt = _read_from_paper(desk, plan, alike)
        answer = Answer(doubt.value) if doubt else answer
    if answer is Answer.SIGN:
        operators: list[Json] = [*desk.crew.people]
        fields: dict[str, Json] = {"facts": plan.proved.facts.digest, "operators": operators, "proposal": plan.proposal}
        desk.terminal.journal.append(EntryKind.CONFIRMED, encode_canonical(fields))
        desk.sitting.confirm()
        return
    reason = clean_text(console.ask(build_line("Why? One line:")))
    console.say(build_line("Thank you. Nothing is signed; this goes to the security desk."))
    raise refused(Code.OPERATOR_REFUSED, "operators", Answer.SIGN.value, f"{answer.value}: {reason}")


def _read_from_paper(desk: Desk, plan: Plan, alike: tuple[AlikeTask, ...]) -> Doubt | None:
    """What the operators' own paper says, and of two addresses that look alike, which one it has."""
    console = desk.terminal.outside.console

    def ask(question: Line) -> str:
        return console.ask(question, DOUBTS)

    tasks = build_tasks(plan.proved.facts, plan.proved.foundation.entries.assets, desk.terminal.outside.random)
    return ask_tasks(tasks, ask, console.say) or ask_alike(alike, ask, console.say)


def _wait_for_floor(desk: Desk, shown_ns: int) -> None:
    """Whoever says sign at once has not read; the time runs on a clock that nobody can set. No is taken at once."""
    floor_s = desk.terminal.trust.policy_in_force.parameters.reading_floor_s
    left_ns = floor_s * _NS - (desk.terminal.outside.elapsed_ns() - shown_ns)
    if left_ns > 0:
        said = build_line("Nothing is signed before {floor} s. Read it once more.", floor=str(floor_s))
        desk.terminal.outside.console.say(said)
        desk.terminal.outside.pause(-(-left_ns // _NS))
