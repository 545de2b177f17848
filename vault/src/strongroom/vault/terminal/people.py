"""The people at the terminal and their tokens: two operators, and the terminal's own token, each with its PIN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.core.checks.signers import check_operators
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.hsm_judge import LiveToken
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey
from strongroom.core.page_values import build_line
from strongroom.core.roster import Party, check_not_expired, check_party
from strongroom.vault.hsm.mirror import open_mirror
from strongroom.vault.hsm.module import TokenModule, describe_live, find_token, identity_of, open_module
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.hsm.wrapped_keys import check_unwraps_sealed, find_wrapping_key
from strongroom.vault.self_tests.token import check_token_arithmetic
from strongroom.vault.terminal.attempts import Attempts
from strongroom.vault.terminal.codes import Meaning, read_code, worst
from strongroom.vault.terminal.journal.marks import CodesSet
from strongroom.vault.terminal.lease import check_lease
from strongroom.vault.terminal.mirror import mirrored
from strongroom.vault.terminal.release import check_release
from strongroom.vault.terminal.terminal import Terminal
from strongroom.vault.terminal.token_check import compare_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The terminal's own token and its operators', all open. operators: sorted by id.

    live: what the terminal's token said of itself. alarms: what the HSM register finds wrong with it and lets pass.
    meaning: what their codes say together; only the sealed result may differ by it.
    """

    terminal: PersonToken
    operators: tuple[tuple[PartyId, PersonToken], ...]
    live: LiveToken
    alarms: tuple[Refusal, ...]
    meaning: Meaning = field(repr=False)

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
    """Ask for every PIN, open every token, and ask for codes: the terminal first, then operators in the order of ids.

    Raises PIN_WRONG (counted in the journal), CODES_MISSING, KEY_NOT_IN_TOKEN when a token does not hold the roster's
    key, and what `find_operators`, `check_release`, `check_lease`, `compare_token` and `mirrored` raise.
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
    for party in operators:
        codes_of(terminal, party.id)
    with ExitStack() as stack:
        own = _open_token(terminal, module, stack, terminal.config.token, "terminal")
        _check_key(own, me.key, me.id)
        check_token_arithmetic(own.session)
        check_unwraps_sealed(own.session, find_wrapping_key(own.session))
        opened, said = [], []
        for party in operators:
            opened.append((party.id, open_operator(terminal, module, stack, party)))
            said.append(ask_code(terminal, party.id))
        mirror = stack.enter_context(open_mirror(own.session))
        stack.enter_context(mirrored(terminal, lease.id, mirror))
        yield Crew(terminal=own, operators=tuple(opened), live=live, alarms=alarms, meaning=worst(said))


def open_operator(terminal: Terminal, module: TokenModule, stack: ExitStack, party: Party) -> PersonToken:
    """Ask an operator for their token's PIN, and keep it open in `stack`. Raises PIN_WRONG, KEY_NOT_IN_TOKEN."""
    token = _open_token(terminal, module, stack, terminal.config.token_of(party.id), party.id)
    _check_key(token, party.key, party.id)
    return token


def ask_code(terminal: Terminal, person: PartyId) -> Meaning:
    """Ask a person for one of their codes; what it says, which nothing outside the sealed result may show.

    Raises CODES_MISSING, PIN_WRONG (counted in the journal).
    """
    kept = codes_of(terminal, person)
    attempts = Attempts(terminal=terminal, label=f"code of {person}", field=f"code of {person}")
    attempts.check_rested()
    typed = Secret(terminal.outside.console.ask_secret(build_line("Code of {who}:", who=person)))
    attempts.begin()
    meaning = read_code(kept, typed)
    if meaning is None:
        raise attempts.wrong("a code of this person")
    attempts.succeed()
    return meaning


def codes_of(terminal: Terminal, person: PartyId) -> CodesSet:
    """The codes that a person set at this terminal. Raises CODES_MISSING."""
    kept = terminal.journal.state.codes_of(person)
    if kept is None:
        raise refused(Code.CODES_MISSING, person, "codes that this person set at this terminal", "none")
    return kept


def _open_token(terminal: Terminal, module: TokenModule, stack: ExitStack, label: str, who: str) -> PersonToken:
    """Ask for the PIN, count the attempt before it is made, and keep the token open in `stack`."""
    find_token(module, label)
    attempts = Attempts(terminal=terminal, label=label, field=f"token {label!r}")
    attempts.check_rested()
    pin = Secret(terminal.outside.console.ask_secret(build_line("PIN of {who} (token {label}):", who=who, label=label)))
    attempts.begin()
    try:
        token = stack.enter_context(PersonToken(module, label, pin))
    except RefusedError as error:
        if Code.PIN_WRONG in error.codes:
            raise attempts.wrong("the PIN of this token") from error
        # The token took the PIN; it is its key that was refused.
        attempts.succeed()
        raise
    attempts.succeed()
    return token


def _check_key(token: PersonToken, key: PublicKey, who: str) -> None:
    if token.key != key:
        raise refused(Code.KEY_NOT_IN_TOKEN, who, f"the roster's key {key.key_id}", f"key {token.key.key_id}")
