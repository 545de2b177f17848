"""Everybody who was there signs the transcript, each with their own token; the payload never changes on the way.

The payload is frozen in the home before the first signature. Signatures are added to one file, so that somebody may
also sign on another machine (`strongroom-ceremony sign`), and an interruption loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pkcs11 import TokenFlag

from strongroom.core.canonical import parse_canonical, sha256
from strongroom.core.ceremonies import Ceremony, CeremonyRole, Participant
from strongroom.core.checks.ceremony import check_ceremony, check_ceremony_follows, check_transcript
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError, refused
from strongroom.core.keys import PublicKey
from strongroom.core.records import parse_time
from strongroom.core.statements import (
    Statement,
    StatementType,
    build_payload,
    expect,
    parse_envelope_bytes,
    parse_statement,
)
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.marks import show_mark
from strongroom.vault.ceremony.run.transcript import build_body, build_participants
from strongroom.vault.ceremony.sign_statement import MAX_BYTES, render_payload, sign
from strongroom.vault.ceremony.token_setup import report_token
from strongroom.vault.hsm.module import token_errors
from strongroom.vault.hsm.signing_key import PersonToken, public_key_of
from strongroom.vault.terminal.files import load_file, save_durably

_INITIALIZED = TokenFlag.TOKEN_INITIALIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Where the transcript comes into being in a home."""

    home: Path

    @property
    def payload(self) -> Path:
        """What everybody signs."""
        return self.home / "payload.json"

    @property
    def envelope(self) -> Path:
        """The signatures so far."""
        return self.home / "envelope.json"

    @property
    def transcript(self) -> Path:
        """The finished transcript."""
        return self.home / "transcript.json"


def collect_signatures(desk: Desk) -> Statement[Ceremony]:
    """Freeze the payload, let everybody sign who has not yet, check the whole, and write the transcript."""
    papers = Papers(home=desk.options.home)
    if not papers.payload.exists():
        save_durably(papers.payload, _build_payload(desk, desk.clock().replace(microsecond=0)))
    raw = _load_payload(desk, papers)
    for participant in _in_order(build_participants(desk)):
        while desk.party(participant.person).key.key_id not in _signed(papers.envelope):
            _let_sign(desk, papers, participant, raw)
    statement = parse_transcript(load_file(papers.envelope, MAX_BYTES))
    check_ceremony(statement, desk.options.roster, desk.clock())
    save_durably(papers.transcript, statement.envelope.encode())
    return statement


def parse_transcript(raw: bytes) -> Statement[Ceremony]:
    """A transcript from a file. Only its form is checked; `check_ceremony` says whether it is true."""
    return expect(parse_statement(parse_envelope_bytes(raw)), Ceremony, "transcript")


def _load_payload(desk: Desk, papers: Papers) -> bytes:
    """The frozen payload, if it is what the record says; only the time of its end is taken from the file.

    Otherwise who has the home medium for a minute lays a transcript of their own there, and everybody signs it.
    Raises CEREMONY_RECORD.
    """
    raw = load_file(papers.payload, MAX_BYTES)
    ended = _ended_of(raw)
    if not desk.record.entries[-1].at <= ended <= desk.clock() or _build_payload(desk, ended) != raw:
        wanted = "the transcript that follows from the record, with the ceremony's token plugged in"
        raise refused(Code.CEREMONY_RECORD, papers.payload.name, wanted, f"another one, {sha256(raw)}")
    return raw


def _ended_of(raw: bytes) -> datetime:
    value = parse_canonical(raw, limit=MAX_BYTES)
    body = value.get("body") if isinstance(value, dict) else None
    return parse_time(body.get("ended") if isinstance(body, dict) else None, "payload.body.ended")


def _build_payload(desk: Desk, moment: datetime) -> bytes:
    """The payload, checked as the platform will check it: nobody signs what nobody would take."""
    ended = max(moment, desk.record.entries[-1].at)
    body = build_body(desk, ended)
    check_transcript(body, desk.options.roster, desk.clock())
    if desk.options.previous is not None:
        check_ceremony_follows(body, desk.options.previous.body)
    leader = desk.person_in(CeremonyRole.KEY_OFFICER)
    return build_payload(body, context=desk.options.context, issuer=leader, issued_at=ended)[1]


def _in_order(participants: Sequence[Participant]) -> list[Participant]:
    """The officer first, then the witness, then the custodians: the order in which the roles are declared."""
    order = list(CeremonyRole)
    return sorted(participants, key=lambda each: (order.index(each.role), each.person))


def _signed(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    return frozenset(each.keyid for each in parse_envelope_bytes(load_file(path, MAX_BYTES)).signatures)


def _let_sign(desk: Desk, papers: Papers, participant: Participant, raw: bytes) -> None:
    """One signature, or a refusal shown and the same person asked again."""
    screen = desk.screen
    screen.clear()
    screen.say(f"SIGNING THE TRANSCRIPT   [{participant.role.value}]")
    screen.rule()
    show_mark(desk)
    screen.say(f"{participant.person}, the transcript says what was recorded and shown in every step. It is the file")
    screen.show([f"  {papers.payload}", f"  {sha256(raw)}"])
    for line in _what_is_signed(raw):
        screen.say(line, indent="  ")
    screen.say()
    try:
        screen.ask("Plug in your own token and press Enter")
        label = _find_label(desk, desk.party(participant.person).key)
        pin = screen.ask_secret(f"{participant.person}: PIN of your token {label!r}")
        with PersonToken(desk.module, label, pin) as person:
            envelope = sign(StatementType.CEREMONY, raw, papers.envelope, (person.key, person.sign))
    except (RefusedError, UnavailableError) as error:
        if error.code is Code.OPERATOR_REFUSED:
            raise
        # After a wrong PIN the module keeps a session that nobody can close; loading it anew ends it.
        desk.module.library.reinitialize()
        for each in error.refusals:
            screen.say(f"{each.code.value}: {each.sentence}", indent="! ")
        screen.ask("Press Enter to try again")
        return
    save_durably(papers.envelope, envelope.encode())


def _what_is_signed(raw: bytes) -> list[str]:
    """What each signer reads of the bytes to be signed: keys, tokens, who holds shares, and every interruption."""
    told = ("check_value", "key_lists", "tokens", "shares", "interruptions", "drills")
    shown = ("check_value", "digest", "count", "serial", "custodian", "site", "step", "said", "second_token")
    lines = [line.removeprefix("body.") for line in render_payload(raw) if line.startswith("body.")]
    return [
        line
        for line in lines
        if line.startswith(told) and line.partition(":")[0].rpartition(".")[2].partition("[")[0] in shown
    ]


def _find_label(desk: Desk, key: PublicKey) -> str:
    """The label of the plugged token that holds this key: nobody signs with another one than the roster's."""
    with token_errors("tokens"):
        labels = [token.label for token in desk.module.library.get_tokens() if token.flags & _INITIALIZED]
    for label in labels:
        point = report_token(desk.module, label).statement_key
        if point is not None and public_key_of(point) == key:
            return label
    raise refused(Code.KEY_NOT_IN_TOKEN, "your token", f"the key {key.key_id}", f"tokens {', '.join(labels) or 'none'}")
