"""Leading people through a run book: the next step is always the first one that is not confirmed.

What stands in the record was confirmed; what stands in the token or in files was done, and is recognised; secrets that
were only in memory are asked again, or what was half made with them is begun again and that is recorded. So a program
that was killed anywhere goes on with the same command, and nothing is skipped, reordered or done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.ceremonies import CeremonyKind, CeremonyOutcome, Fact
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError, UnavailableError, malformed
from strongroom.core.records import encode_time
from strongroom.vault.ceremony.run.books import RUN_BOOKS
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.marks import check_mark, show_mark
from strongroom.vault.ceremony.run.record import EntryKind
from strongroom.vault.ceremony.run.screen import render_fact
from strongroom.vault.ceremony.run.shares_in import take_share
from strongroom.vault.ceremony.run.step import Answers, AskSecret, Confirm, Facts, Question, Step
from strongroom.vault.hsm.secret import Secret

BACK = "back"
FAIL = "fail"
FAILED_FACT = "failed at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One step as it stands now. number, count: of the repeated ones; place: among the book's steps, from 1."""

    step: Step
    place: int
    number: int
    count: int


def next_turn(desk: Desk) -> Turn | None:
    """The first step that is not confirmed; None when all are."""
    steps = RUN_BOOKS[desk.options.kind].steps
    if outcome_of(desk) is CeremonyOutcome.FAILED:
        steps = steps[-1:]
    for place, step in enumerate(steps, start=1):
        done, count = len(desk.entries(step.name)), step.repeat(desk) if _is_after_people(desk) else 1
        if done < count:
            return Turn(step=step, place=place, number=done + 1, count=count)
    return None


def outcome_of(desk: Desk) -> CeremonyOutcome:
    """Failed once a drill was ended so."""
    is_failed = any(entry.kind is EntryKind.FAIL for entry in desk.record.entries)
    return CeremonyOutcome.FAILED if is_failed else CeremonyOutcome.COMPLETED


def lead(desk: Desk) -> None:
    """Lead through every step that is left. Raises OPERATOR_REFUSED when nobody answers any more."""
    if desk.record.entries[-1].kind is not EntryKind.START:
        check_mark(desk)
    _record_restart(desk)
    _return_if_half_made(desk)
    while turn := next_turn(desk):
        _take_turn(desk, turn)


def _record_restart(desk: Desk) -> None:
    """A stop is where somebody could be alone with token and medium, so each is in the transcript that all sign."""
    turn = next_turn(desk)
    if turn is not None and desk.record.entries[-1].kind is not EntryKind.START:
        said = (Fact(name="said", value="the program was stopped and started again with the same command"),)
        desk.record.add(EntryKind.RESTART, turn.step.name, "program", said, desk.clock())


def _is_after_people(desk: Desk) -> bool:
    return bool(desk.entries("people"))


def _return_if_half_made(desk: Desk) -> None:
    """A key that was only in memory is gone: go back to where it is drawn, and void the papers written since."""
    turn = next_turn(desk)
    if turn is None or not turn.step.needs_new_key or desk.memory.key is not None:
        return
    if turn.step.find_done(desk) is not None:
        return
    papers = ", ".join(_seal_of(entry.facts) for entry in desk.entries("hand-out")) or "none"
    said = f"the key that was being made is gone with the memory and is in no token; papers written, now void: {papers}"
    desk.record.add(EntryKind.RETURN, "entropy", "program", (Fact(name="said", value=said),), desk.clock())
    desk.screen.clear()
    desk.screen.say("THE PROGRAM WAS STOPPED WHILE A WRAPPING KEY WAS ONLY IN MEMORY.")
    desk.screen.say()
    desk.screen.say(f"That key is gone and was in no token. Papers in these bags are void: {papers}. Shred them now.")
    desk.screen.say("The ceremony goes on where the key is drawn; a new one is made.")
    desk.screen.ask("Press Enter when the papers are shredded")


def _seal_of(facts: Facts) -> str:
    return next((fact.value for fact in facts if fact.name == "seal"), "?")


def _take_turn(desk: Desk, turn: Turn) -> None:
    actor = _actor(desk, turn.step)
    found = turn.step.find_done(desk) if _is_after_people(desk) else None
    if found is not None:
        _keep_found(desk, turn, actor, found)
        return
    shown: dict[str, str] = {}
    while True:
        _show_head(desk, turn)
        try:
            _refill_shares(desk, turn.step)
            answers = _ask_all(desk, turn.step.questions(desk), shown)
            done = _perform(desk, turn, answers)
        except (MalformedError, RefusedError, UnavailableError) as error:
            if error.code is Code.OPERATOR_REFUSED:
                raise
            if not _offer_again(desk, turn, error):
                return
            shown = {}
            continue
        if done is None:
            shown = dict(list(answers.shown.items())[:-1])
            continue
        _confirm(desk, turn, actor, done)
        return


def _perform(desk: Desk, turn: Turn, answers: Answers) -> Facts | None:
    """Do the step around the people's yes; None when they go back to the last answer."""
    match turn.step.confirm:
        case Confirm.BEFORE:
            desk.screen.say()
            desk.screen.say("This cannot be undone.")
            return turn.step.do(desk, answers) if _says_yes(desk, "Type yes to do it, or back") else None
        case Confirm.AFTER:
            done = turn.step.do(desk, answers)
            _show_facts(desk, done)
            return done if _says_yes(desk, "Type yes if this is right, or back") else None


def _confirm(desk: Desk, turn: Turn, actor: str, done: Facts) -> None:
    said = tuple(Fact(name="said by the program", value=line) for line in desk.said)
    desk.said.clear()
    desk.record.add(EntryKind.STEP, turn.step.name, actor, (*done, *said), desk.clock())
    if turn.step.confirm is Confirm.BEFORE:
        _show_facts(desk, (*done, *said))
        desk.screen.ask("Recorded. Press Enter to go on")


def _keep_found(desk: Desk, turn: Turn, actor: str, found: Facts) -> None:
    """The token or the files show that the step was done before the record could say so: it is not done again."""
    recognised = Fact(name="recognised", value="done before an interruption; read from the token or the files")
    _show_head(desk, turn)
    desk.screen.say("This was done before the program was stopped, and is not done again.")
    _show_facts(desk, found)
    desk.screen.ask("Press Enter to go on")
    desk.record.add(EntryKind.STEP, turn.step.name, actor, (*found, recognised), desk.clock())


def _refill_shares(desk: Desk, step: Step) -> None:
    """Shares that were typed before an interruption are gone, so their custodians type them again."""
    if not step.needs_old_shares:
        return
    missing = [person for person in desk.bringers() if person not in desk.memory.shares]
    for person in missing:
        desk.screen.say(f"The share of {person} is no longer in memory: the program was stopped. Type it again.")
        desk.screen.ask(f"Press Enter when only {person} can see the screen")
        take_share(desk, person)
        desk.said.append(f"share of {person} typed again after an interruption")


def _ask_all(desk: Desk, questions: Sequence[Question], kept: dict[str, str]) -> Answers:
    """Ask every question; `back` goes to the one before. kept: answers of before, not asked again."""
    shown, secret = dict(kept), dict[str, Secret]()
    place = next((i for i, q in enumerate(questions) if q.name not in shown), len(questions))
    while place < len(questions):
        question = questions[place]
        answer = _ask_one(desk, question)
        if answer is None:
            place = max(place - 1, 0)
            continue
        if isinstance(answer, Secret):
            secret[question.name] = answer
        else:
            shown[question.name] = answer
        place += 1
    return Answers(shown=shown, secret=secret)


def _ask_one(desk: Desk, question: Question) -> str | Secret | None:
    """One good answer, or None for `back`."""
    while True:
        try:
            if isinstance(question, AskSecret):
                return _ask_secret(desk, question)
            answer = desk.screen.ask(question.words)
            if answer == BACK:
                return None
            question.check(answer)
        except (MalformedError, RefusedError) as error:
            if error.code is Code.OPERATOR_REFUSED:
                raise
            _show_refusal(desk, error)
            continue
        return answer


def _ask_secret(desk: Desk, question: AskSecret) -> Secret | None:
    first = desk.screen.ask_secret(question.words)
    if first.equals(Secret(BACK)):
        return None
    if not first.reveal() or not first.reveal().isprintable():
        raise malformed(Code.FIELD_INVALID, question.name, "printable characters on one line", "nothing, or others")
    if question.is_new and not first.equals(desk.screen.ask_secret(f"{question.words}, again")):
        raise malformed(Code.FIELD_INVALID, question.name, "the same twice", "two that differ")
    return first


def _says_yes(desk: Desk, question: str) -> bool:
    while True:
        match desk.screen.ask(question):
            case "yes":
                return True
            case "back":
                return False
            case _:
                desk.screen.say("Please type yes or back.")


def _offer_again(desk: Desk, turn: Turn, error: StrongroomError) -> bool:
    """Show what was refused. True to try again; False when the people end a drill as failed, which is recorded."""
    # After a wrong PIN the module keeps a session that nobody can close; loading it anew ends it.
    desk.module.library.reinitialize()
    _show_refusal(desk, error)
    may_fail = desk.options.kind is CeremonyKind.RESTORE and turn.place > 3
    ending = ", or fail to end the drill as failed" if may_fail else ""
    while True:
        answer = desk.screen.ask(f"Press Enter to do this step again{ending}")
        if answer == FAIL and may_fail:
            because = "; ".join(f"{each.code.value} {each.field}" for each in error.refusals)
            facts = (Fact(name=FAILED_FACT, value=turn.step.name), Fact(name="because", value=because[:1000]))
            desk.record.add(EntryKind.FAIL, turn.step.name, _actor(desk, turn.step), facts, desk.clock())
            return False
        if not answer:
            return True


def _actor(desk: Desk, step: Step) -> str:
    if step.actor is not None:
        return step.actor(desk)
    people = desk.entries("people")
    found = [fact.value for entry in people for fact in entry.facts if fact.name == step.who.value]
    return found[0] if found else "none"


def _show_head(desk: Desk, turn: Turn) -> None:
    book = RUN_BOOKS[desk.options.kind]
    desk.screen.clear()
    repeat = f" ({turn.number} of {turn.count})" if turn.count > 1 else ""
    place = len(book.steps) - 1 if outcome_of(desk) is CeremonyOutcome.FAILED else turn.place - 1
    left = f"STRONGROOM CEREMONY {book.kind.value}: step {place + 1} of {len(book.steps)}{repeat}"
    desk.screen.show([f"{left:<56}  {encode_time(desk.clock())}"])
    desk.screen.rule()
    show_mark(desk)
    desk.screen.say(f"{turn.step.title.upper()}   [{turn.step.who.value}]")
    desk.screen.say(turn.step.words, indent="  ")
    desk.screen.say()


def _show_facts(desk: Desk, found: Facts) -> None:
    desk.screen.say()
    for fact in found:
        desk.screen.show(render_fact(fact.name, fact.value))
    desk.screen.say()


def _show_refusal(desk: Desk, error: StrongroomError) -> None:
    desk.screen.say()
    for each in error.refusals:
        desk.screen.say(f"{each.code.value}: {each.sentence}", indent="! ")
    desk.screen.say()
