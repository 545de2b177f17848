"""Refusals as statements and as journal entries: a refusal is on record, signed, and goes out like any result."""

from __future__ import annotations

import unicodedata

from strongroom.core.bodies import Halt, HaltReason
from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.errors import Refusal, StrongroomError
from strongroom.core.records import MAX_TEXT, DigestOrNone
from strongroom.core.statements import Envelope, build_payload, sign_payload
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.terminal import Terminal

MAX_REASONS = 64
"""More than this many refusals of one docket are summed up in the last; the first name the cause."""


def halt(terminal: Terminal, crew: Crew, proposal: str, step: str, error: StrongroomError) -> Envelope:
    """Record a refusal, then say it: a `halt` statement signed by the terminal's key."""
    reasons = build_reasons(error)
    codes: list[Json] = [f"{r.code} {r.field}" for r in reasons]
    fields: dict[str, Json] = {"proposal": proposal, "refusals": codes, "step": step}
    terminal.journal.append(EntryKind.HALTED, encode_canonical(fields))
    kind, payload = build_payload(
        Halt(proposal=DigestOrNone(proposal), refusals=reasons, stage=f"SIGN {step}"),
        context=terminal.trust.context,
        issuer=terminal.config.terminal,
        issued_at=terminal.now(),
    )
    return sign_payload(kind, payload, [(crew.terminal.key, crew.terminal.sign)])


def build_reasons(error: StrongroomError) -> tuple[HaltReason, ...]:
    """Refusals in the form of the statement."""
    return tuple(_reason(refusal) for refusal in error.refusals[:MAX_REASONS])


def _reason(refusal: Refusal) -> HaltReason:
    return HaltReason(
        code=refusal.code.value,
        expected=clean_text(refusal.expected),
        field=clean_text(refusal.field),
        got=clean_text(refusal.got),
    )


def clean_text(text: str) -> str:
    """Text that a statement can hold: what was refused may be hostile, and must not stop its own refusal.

    Hidden characters are spelled out; what is too long says how long it was.
    """
    visible = "".join(c if _is_visible(c) else f"<U+{ord(c):04X}>" for c in unicodedata.normalize("NFC", text))
    if len(visible) <= MAX_TEXT:
        return visible
    note = f"... ({len(text)} characters)"
    return visible[: MAX_TEXT - len(note)] + note


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
