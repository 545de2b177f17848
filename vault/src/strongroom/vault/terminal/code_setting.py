"""Setting codes: a person alone at the terminal, with their token's PIN, and what they said before or a colleague."""

from __future__ import annotations

from contextlib import ExitStack

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.core.page_values import Line, build_line
from strongroom.core.roster import Party, check_not_expired, check_party
from strongroom.vault.hsm.module import open_module
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.terminal.codes import Meaning, build_codes, read_code, worst
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.people import ask_code, open_operator
from strongroom.vault.terminal.release import check_release
from strongroom.vault.terminal.terminal import Terminal

QUESTIONS = {
    Meaning.NORMAL: (build_line("New code for every day:"), build_line("The code for every day again:")),
    Meaning.DURESS: (build_line("New code for when you are forced:"), build_line("The code for duress again:")),
    Meaning.DRILL: (build_line("New code for drills:"), build_line("The code for drills again:")),
}


def set_codes(terminal: Terminal, person: PartyId, voucher: PartyId | None) -> None:
    """Set a person's three codes. voucher: another operator who answers for them when theirs are forgotten or burnt.

    The present code, and the voucher's, decide what the new ones mean: under duress nothing true is set, and nothing
    shows it. Raises PIN_WRONG, CODES_MISSING (the voucher's), CODES_UNFIT, KEY_NOT_IN_TOKEN, OPERATORS_NOT_TWO,
    ROLE_MISSING, SIGNER_NOT_VALID, EXPIRED; then nothing changes but the counts of attempts.
    """
    if voucher == person:
        raise refused(Code.OPERATORS_NOT_TWO, "voucher", f"somebody else than {person}", person)
    check_release(terminal)
    owner = _operator(terminal, person)
    with ExitStack() as stack:
        module = open_module(terminal.config.module)
        open_operator(terminal, module, stack, owner)
        said = Meaning.NORMAL
        if voucher is not None:
            open_operator(terminal, module, stack, _operator(terminal, voucher))
            said = worst((ask_code(terminal, voucher), _overhear(terminal, person)))
        elif terminal.journal.state.codes_of(person) is not None:
            said = ask_code(terminal, person)
        codes = {meaning: _ask_twice(terminal, *questions) for meaning, questions in QUESTIONS.items()}
        kept = build_codes(person, codes, said, terminal.outside.random)
    terminal.journal.append(EntryKind.CODES_SET, encode_canonical({"person": person}), (kept,))


def _overhear(terminal: Terminal, person: PartyId) -> Meaning:
    """Ask whoever forgot their code for it: anything will do, but a colleague cannot vouch duress away."""
    kept = terminal.journal.state.codes_of(person)
    typed = Secret(terminal.outside.console.ask_secret(build_line("Code of {who}, or anything:", who=person)))
    return (read_code(kept, typed) if kept else None) or Meaning.NORMAL


def _operator(terminal: Terminal, person: PartyId) -> Party:
    now, roster = terminal.now(), terminal.trust.roster.body
    check_not_expired(roster.expires, now, f"roster version {roster.version}")
    return check_party(roster, person, "operator", now, person)


def _ask_twice(terminal: Terminal, first: Line, again: Line) -> Secret:
    """Typed blind, so typed twice. Raises CODES_UNFIT."""
    typed, repeated = (Secret(terminal.outside.console.ask_secret(question)) for question in (first, again))
    if not typed.equals(repeated):
        raise refused(Code.CODES_UNFIT, "codes", "the same code twice", "two different ones")
    return typed
