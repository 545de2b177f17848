"""The people at the terminal and their tokens: two operators, and the terminal's own token, each with its PIN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.canonical import encode_canonical
from strongroom.core.checks.signers import check_operators
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.hsm_judge import LiveToken
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey
from strongroom.core.page_values import build_line
from strongroom.core.records import encode_time
from strongroom.core.roster import Party, check_not_expired, check_party
from strongroom.vault.hsm.mirror import open_mirror
from strongroom.vault.hsm.module import TokenModule, describe_live, find_token, identity_of, open_module
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.hsm.wrapped_keys import check_unwraps_sealed, find_wrapping_key
from strongroom.vault.self_tests.token import check_token_arithmetic
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import Mark, RightPin, WrongPin
from strongroom.vault.terminal.lease import check_lease
from strongroom.vault.terminal.mirror import mirrored
from strongroom.vault.terminal.release import check_release
from strongroom.vault.terminal.terminal import Terminal
from strongroom.vault.terminal.token_check import compare_token

MAX_WRONG_PINS = 5
"""Wrong PINs in a row after which a token has to rest: not every module locks by itself (SoftHSM does not)."""
REST_S = 900
"""Seconds of rest; then one attempt, and another rest when that is wrong too. See docs/runbook/device-refuses.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The terminal's own token and its operators', all open. operators: sorted by id.

    live: what the terminal's token said of itself. alarms: what the HSM register finds wrong with it and lets pass.
    """

    terminal: PersonToken
    operators: tuple[tuple[PartyId, PersonToken], ...]
    live: LiveToken
    alarms: tuple[Refusal, ...]

    @property
    def people(self) -> tuple[PartyId, ...]:
        """Who operates."""
        return tuple(person for person, _ in self.operators)


def find_operators(terminal: Terminal, people: Sequence[PartyId], now: datetime) -> tuple[Party, ...]:
    """The roster entries of the two who are to operate.

    Raises OPERATORS_NOT_TWO, ROLE_MISSING, SIGNER_NOT_VALID; EXPIRED for our own root or roster, before a PIN is asked.
    """
    roster = terminal.trust.roster.body
    check_not_expired(terminal.trust.root.expires, now, f"root version {terminal.trust.root.version}")
    check_not_expired(roster.expires, now, f"roster version {roster.version}")
    operators = [check_party(roster, person, "operator", now, f"operators.{person}") for person in sorted(set(people))]
    check_operators(operators, "operators")
    return tuple(operators)


@contextmanager
def open_crew(terminal: Terminal, people: Sequence[PartyId]) -> Iterator[Crew]:
    """Ask for every PIN and open every token: the terminal's first, then each operator's in the order of their ids.

    Raises PIN_WRONG (counted in the journal), KEY_NOT_IN_TOKEN when a token does not hold the roster's key, and what
    `find_operators`, `check_release`, `check_lease`, `compare_token` and `mirrored` raise.
    """
    now = terminal.now()
    operators = find_operators(terminal, people, now)
    me = check_party(terminal.trust.roster.body, terminal.config.terminal, "terminal", now, "terminal")
    check_release(terminal)
    module = open_module(terminal.config.module)
    mine = find_token(module, terminal.config.token)
    live = describe_live(mine)
    # Before any PIN: a token that is none of ours must not learn one, nor a copy of this terminal.
    alarms = compare_token(terminal, live)
    lease = check_lease(terminal, identity_of(mine))
    with ExitStack() as stack:
        own = _open_token(terminal, module, stack, terminal.config.token, "terminal")
        _check_key(own, me.key, me.id)
        check_token_arithmetic(own.session)
        check_unwraps_sealed(own.session, find_wrapping_key(own.session))
        opened = []
        for party in operators:
            token = _open_token(terminal, module, stack, terminal.config.token_of(party.id), party.id)
            _check_key(token, party.key, party.id)
            opened.append((party.id, token))
        mirror = stack.enter_context(open_mirror(own.session))
        stack.enter_context(mirrored(terminal, lease.id, mirror))
        yield Crew(terminal=own, operators=tuple(opened), live=live, alarms=alarms)


def _open_token(terminal: Terminal, module: TokenModule, stack: ExitStack, label: str, who: str) -> PersonToken:
    """Ask for the PIN, count the attempt before it is made, and keep the token open in `stack`.

    Counted first, because otherwise a power cut or a full disk at the right moment would make attempts free.
    """
    find_token(module, label)
    _check_rested(terminal, label)
    pin = Secret(terminal.outside.console.ask_secret(build_line("PIN of {who} (token {label}):", who=who, label=label)))
    _remember(terminal, label, WrongPin(token=label))
    try:
        token = stack.enter_context(PersonToken(module, label, pin))
    except RefusedError as error:
        if Code.PIN_WRONG in error.codes:
            raise _wrong_pin(terminal, label) from error
        # The token took the PIN; it is its key that was refused.
        _remember(terminal, label, RightPin(token=label))
        raise
    _remember(terminal, label, RightPin(token=label))
    return token


def _wrong_pin(terminal: Terminal, label: str) -> RefusedError:
    """How many attempts are left, for the people who are about to type the next."""
    wrong = terminal.journal.state.wrong_pins(label)
    left = MAX_WRONG_PINS - wrong
    after = f"{left} left before it rests" if left > 0 else f"it rests for {REST_S} s"
    return refused(Code.PIN_WRONG, f"token {label!r}", "the PIN of this token", f"{wrong} wrong in a row, {after}")


def _check_rested(terminal: Terminal, label: str) -> None:
    """Raise PIN_WRONG while a token rests after too many wrong PINs, without asking for another one."""
    state = terminal.journal.state
    wrong, entry = state.wrong_pins(label), state.last_pin_entry(label)
    if wrong < MAX_WRONG_PINS or entry is None:
        return
    until = terminal.journal.entry(entry).time + timedelta(seconds=REST_S)
    if terminal.now() < until:
        raise refused(
            Code.PIN_WRONG, f"token {label!r}", f"no attempt before {encode_time(until)}", f"{wrong} wrong in a row"
        )


def _remember(terminal: Terminal, label: str, mark: Mark) -> None:
    terminal.journal.append(EntryKind.PIN_TRIED, encode_canonical({"token": label}), (mark,))


def _check_key(token: PersonToken, key: PublicKey, who: str) -> None:
    if token.key != key:
        raise refused(Code.KEY_NOT_IN_TOKEN, who, f"the roster's key {key.key_id}", f"key {token.key.key_id}")
