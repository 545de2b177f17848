"""A signing session, step by step: receive, prove, check, show, sign, hand back. Each only if the last one let it pass.

A refused docket stops the others unless the policy lets so many pass; a fault of the token always does. Whatever
happens, what was made is handed back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.core.alike import build_address_book
from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.docket import Docket
from strongroom.core.errors import InvariantError, MalformedError, Refusal, RefusedError, StrongroomError
from strongroom.core.packages import SealedResult
from strongroom.core.page_values import build_line, build_quote
from strongroom.core.records import NONE
from strongroom.core.statements import Envelope, StatementType, payload_type
from strongroom.devices.screens.refusals import build_halt_pages
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.wrapped_keys import WrappedKey, find_wrapping_key, sign_digest_with
from strongroom.vault.terminal import (
    sitting,
    step1_receive,
    step2_prove,
    step3_check,
    step4_show,
    step5_sign,
    step6_hand_back,
)
from strongroom.vault.terminal.desk import Desk, SignDigest
from strongroom.vault.terminal.halts import halt
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.key_folder import KeyFolder
from strongroom.vault.terminal.notice import CARRY, build_notice, keep_notice, render_notice
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.session import Session, open_session
from strongroom.vault.terminal.terminal import Terminal
from strongroom.vault.terminal.token_check import compare_token

IDLE_S = 600
"""So long a question stands unanswered before the session ends: tokens that are open wait for nobody. III.16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """Where packages come from and go to, and how long to wait for one."""

    inbox: Path
    out: Path
    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A docket, or a whole package (`proposal` is `none`), that was refused, at which step, and why.

    notice: the text of its code for the security desk.
    """

    proposal: str
    step: str
    refusals: tuple[Refusal, ...]
    notice: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a session gave. names: of the results, as the journal keeps them. package: the file that was handed back.

    is_over: the session ended by itself.
    """

    session: Session
    results: list[SealedResult] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    halts: list[Envelope] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    package: Path | None = None
    is_over: bool = False


class _HaltedError(Exception):
    """A step refused."""

    def __init__(self, step: str, error: StrongroomError) -> None:
        self.step = step
        self.error = error
        super().__init__(step)

    @property
    def is_fault(self) -> bool:
        """Is it the token or this program that is at fault? Then nothing more is signed with it."""
        return isinstance(self.error, InvariantError) or Code.NONCE_REUSED in self.error.codes

    @property
    def is_end(self) -> bool:
        """Did nobody answer in time? Then a page that waits to be seen would wait for nobody."""
        return Code.SESSION_OVER in self.error.codes


def sign_docket(desk: Desk, docket: Docket, number: int, total: int) -> tuple[SealedResult, str]:
    """The six steps for one docket, whose package was received before. Raises `_HaltedError` at the first refusal."""
    now = desk.terminal.now()
    with _step("receive"):
        step1_receive.check_same_checkpoint(docket, desk.body)
    with _step("prove"):
        proved = step2_prove.prove(docket, desk.terminal.trust, now)
    with _step("check"):
        plan = step3_check.check(desk, proved, now)
    with _step("show"):
        step4_show.show(desk, plan, number, total)
    with _step("sign"):
        signed = step5_sign.sign(desk, plan)
    with _step("hand back"):
        return step6_hand_back.seal(desk, plan, signed), step3_check.name_result(proved)


def run_session(terminal: Terminal, crew: Crew, medium: Medium, sign: SignDigest | None = None) -> Outcome:
    """One session from nonce to package. sign: how the token signs; None for the terminal's own token.

    Raises UnavailableError after handing back what was already made.
    """
    console = terminal.outside.console
    session = open_session(terminal, crew, medium.out)
    outcome = Outcome(session=session)
    _tell(terminal, crew, crew.alarms, outcome)
    try:
        desk = _receive(terminal, crew, session, medium, sign or _own_token(crew))
        with _step("token"):
            # The package may have brought another register, or the news that this token is no longer good.
            found = compare_token(terminal, crew.live)
        _tell(terminal, crew, tuple(alarm for alarm in found if alarm not in crew.alarms), outcome)
        console.wait_at_most(lambda: min(IDLE_S, desk.clear.seconds_left(terminal)))
        _sign_all(desk, outcome)
    except _HaltedError as halted:
        _record(terminal, crew, NONE, halted, outcome)
    finally:
        console.wait_at_most(None)
        if outcome.results or outcome.halts:
            outcome.package = step6_hand_back.hand_back(
                terminal, medium.out, outcome.results, outcome.halts, outcome.names
            )
    ended = "over" if outcome.is_over else "done"
    closed = encode_canonical({"ended": ended, "halts": len(outcome.halts), "results": len(outcome.results)})
    terminal.journal.append(EntryKind.SESSION_CLOSED, closed)
    _tell_end(terminal, outcome)
    return outcome


def _sign_all(desk: Desk, outcome: Outcome) -> None:
    """Each docket in turn, until the token is at fault or the policy stops the package."""
    most, before = desk.terminal.trust.policy_in_force.parameters.package_max_halts, len(outcome.refused)
    for number, docket in enumerate(desk.body.dockets, start=1):
        if outcome.is_over or desk.clear.seconds_left(desk.terminal) < 0:
            outcome.is_over = True
            _leave_rest(desk, desk.body.dockets[number - 1 :], RefusedError(_over(desk)), outcome)
            return
        if not _sign_or_halt(desk, docket, number, outcome):
            return
        halts = len(outcome.refused) - before
        if halts > most:
            # Something is wrong with this package: people who go on would sign beside an attack that they just saw.
            _leave_rest(desk, desk.body.dockets[number:], RefusedError(_stopped(halts, most)), outcome)
            return


def _stopped(halts: int, most: int) -> Refusal:
    return Refusal(
        code=Code.PACKAGE_STOPPED,
        field="package.halts",
        expected=f"at most {most}",
        got=f"{halts}, and this came after",
    )


def _over(desk: Desk) -> Refusal:
    life_s = desk.clear.statement.body.life_s
    expected, got = f"answers in {IDLE_S} s, and the clear's life of {life_s} s", "the session's end before this"
    return Refusal(code=Code.SESSION_OVER, field="session", expected=expected, got=got)


def _leave_rest(desk: Desk, dockets: Sequence[Docket], error: RefusedError, outcome: Outcome) -> None:
    """A halt for each docket that nobody looks at any more, without a page for each."""
    for docket in dockets:
        _keep_halt(desk.terminal, desk.crew, claimed_proposal(docket), _HaltedError("receive", error), outcome)
    if dockets:
        said = "{count} transactions of this package were not looked at."
        desk.terminal.outside.console.say(build_line(said, count=str(len(dockets))))


def _tell_end(terminal: Terminal, outcome: Outcome) -> None:
    if outcome.is_over:
        said = "The session ended by itself: its clear-to-sign is over, or nobody answered. A new one needs every PIN."
        terminal.outside.console.say(build_line(said))
    counts = {"signed": str(len(outcome.results)), "refused": str(len(outcome.refused))}
    terminal.outside.console.say(build_line("The session is closed: {signed} signed, {refused} refused.", **counts))
    if outcome.package is not None:
        terminal.outside.console.say(build_quote("Carry back {package}.", package=str(outcome.package)))


def _receive(terminal: Terminal, crew: Crew, session: Session, medium: Medium, sign: SignDigest) -> Desk:
    with _step("receive"):
        received = step1_receive.wait_for_package(terminal, medium.inbox, medium.wait_s)
        try:
            clear = step1_receive.receive(terminal, session, received)
            sitting.check_package(terminal, len(received.body.dockets))
        except (MalformedError, RefusedError):
            step1_receive.keep_package(terminal, received.raw)
            raise
    return Desk(
        terminal=terminal,
        crew=crew,
        session=session,
        clear=clear,
        body=received.body,
        sign_digest=sign,
        sitting=sitting.load_sitting(terminal, crew.people),
        keys=KeyFolder.find(Path(terminal.config.keys)),
        book=build_address_book(terminal.trust.entries),
    )


def _sign_or_halt(desk: Desk, docket: Docket, number: int, outcome: Outcome) -> bool:
    """Sign one docket or say why not. False when no further one may be signed with this token."""
    try:
        result, name = sign_docket(desk, docket, number, len(desk.body.dockets))
    except _HaltedError as halted:
        _record(desk.terminal, desk.crew, claimed_proposal(docket), halted, outcome)
        return not halted.is_fault
    outcome.results.append(result)
    outcome.names.append(name)
    desk.done.add(name)
    return True


def _record(terminal: Terminal, crew: Crew, proposal: str, halted: _HaltedError, outcome: Outcome) -> None:
    notice = _keep_halt(terminal, crew, proposal, halted, outcome)
    if halted.is_end:
        outcome.is_over = True
        return
    pages = build_halt_pages(halted.step, halted.error.refusals)
    terminal.outside.console.stop(pages, render_notice(notice), CARRY)


def _keep_halt(terminal: Terminal, crew: Crew, proposal: str, halted: _HaltedError, outcome: Outcome) -> str:
    """Say a halt, and keep the text of its code."""
    refusals = halted.error.refusals
    said = halt(terminal, crew, proposal, halted.step, halted.error)
    outcome.halts.append(said)
    notice = build_notice(terminal, crew, said, refusals[0].code.value)
    outcome.refused.append(Refused(proposal=proposal, step=halted.step, refusals=refusals, notice=notice))
    keep_notice(terminal, notice)
    return notice


def _tell(terminal: Terminal, crew: Crew, alarms: Sequence[Refusal], outcome: Outcome) -> None:
    """Hand out what the HSM register finds wrong with our token and lets pass: a halt that stops nothing."""
    if alarms:
        outcome.halts.append(halt(terminal, crew, NONE, "token", RefusedError(*alarms)))


def claimed_proposal(docket: Docket) -> str:
    """The id of the proposal that a docket carries, proved or not: what a halt is about. `none` without one."""
    wanted = payload_type(StatementType.PROPOSAL)
    return next((s.envelope.id for s in docket.statements if s.envelope.payloadType == wanted), NONE)


def _own_token(crew: Crew) -> SignDigest:
    """Sign with our own token; its wrapping key is found and compared once a session, at the first signature."""
    found: list[WrappingKey] = []

    def sign(key: WrappedKey, digest: bytes) -> tuple[int, int]:
        if not found:
            found.append(find_wrapping_key(crew.terminal.session))
        return sign_digest_with(found[0], key, digest)

    return sign


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Name the step that refuses. What is unavailable passes through: it is no refusal, and may be tried again."""
    try:
        yield
    except (MalformedError, RefusedError, InvariantError) as error:
        raise _HaltedError(name, error) from error
