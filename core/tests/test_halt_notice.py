"""The code of a halt: it fits its screen, says what was signed, and nothing that was changed passes for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, StrongroomError
from strongroom.core.halt_notice import HaltNotice, build_notice_text, check_notice, parse_notice_text, point_at
from strongroom.core.ids import Digest, PartyId
from strongroom.core.statements import Context, Environment
from world_keys import Signer, ed25519_signer, p256_signer

from .refusals import refuse

FIRM = Context(organization="harbour-custody", environment=Environment.DEVELOPMENT)
TERMINAL = p256_signer("device:terminal-1")
HALTED = HaltNotice(
    terminal=PartyId("device:terminal-1"),
    code=Code.DEST_NOT_INSTRUCTED.value,
    journal=5521,
    at=datetime(2027, 3, 14, 3, 12, 40, tzinfo=UTC),
    halt=point_at(Digest("sha256:" + "0123456789abcdef" * 4)),
)
TEXT = build_notice_text(HALTED, FIRM, TERMINAL.sign)
VERSION_6_CHARACTERS = 195
"""What a QR code holds that fits 80 columns and 24 lines with its quiet zone."""


@pytest.mark.parametrize("signer", [TERMINAL, ed25519_signer("device:terminal-1")], ids=["p256", "ed25519"])
def test_what_is_scanned_is_what_was_signed(signer: Signer) -> None:
    scanned = parse_notice_text(build_notice_text(HALTED, FIRM, signer.sign))

    assert HALTED == scanned.notice
    check_notice(scanned, signer.key, FIRM)


@given(
    journal=st.integers(0, 2**32 - 1), code=st.sampled_from(Code), name=st.from_regex(r"[a-z]{1,16}", fullmatch=True)
)
def test_every_halt_fits_the_code_that_eighty_columns_show(journal: int, code: Code, name: str) -> None:
    notice = replace(HALTED, journal=journal, code=code.value, terminal=PartyId(f"device:{name}"))

    text = build_notice_text(notice, FIRM, lambda _: b"\xff" * 64)

    assert len(text) <= VERSION_6_CHARACTERS
    assert notice == parse_notice_text(text).notice


@given(place=st.integers(0, len(TEXT) - 1), character=st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$*-. +"))
def test_a_changed_notice_is_refused(place: int, character: str) -> None:
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    if changed == TEXT:
        check_notice(parse_notice_text(changed), TERMINAL.key, FIRM)
        return
    with pytest.raises(StrongroomError) as caught:
        check_notice(parse_notice_text(changed), TERMINAL.key, FIRM)
    assert caught.value.codes <= {Code.HALT_NOTICE_INVALID, Code.SIGNATURE_INVALID, Code.SIGNATURE_HIGH_S}


@given(text=st.one_of(st.text(max_size=80), st.from_regex(r"SRH1-[0-9A-Z$*.-]{0,250}", fullmatch=True)))
def test_whatever_is_scanned_is_read_or_refused(text: str) -> None:
    assert answer_of(text) in ({Code.HALT_NOTICE_INVALID}, text)


def answer_of(text: str) -> frozenset[Code] | str:
    """What is refused, or the text when it is a notice."""
    try:
        parse_notice_text(text)
    except MalformedError as error:
        return error.codes
    return text


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.removeprefix("SRH1-"),
        TEXT.lower(),
        TEXT + " ",
        TEXT.replace("SRH1-", "SRH2-"),
        TEXT.replace("SRH1-", "SRH1-0"),
        "SRH1-",
        "SRH1-Z",
        "SRH1-" + "Z" * 500,
        build_notice_text(replace(HALTED, code="NO_SUCH_CODE"), FIRM, TERMINAL.sign),
        build_notice_text(replace(HALTED, terminal=PartyId("device:")), FIRM, TERMINAL.sign),
        build_notice_text(HALTED, FIRM, lambda _: bytes(63)),
    ],
)
def test_anything_else_is_no_notice(text: str) -> None:
    refuse(Code.HALT_NOTICE_INVALID, lambda: parse_notice_text(text))
    assert HALTED == parse_notice_text(TEXT).notice


def test_a_notice_of_another_machine_firm_or_environment_is_refused() -> None:
    scanned = parse_notice_text(TEXT)

    refuse(Code.SIGNATURE_INVALID, lambda: check_notice(scanned, p256_signer("device:terminal-2").key, FIRM))
    refuse(Code.SIGNATURE_INVALID, lambda: check_notice(scanned, TERMINAL.key, replace(FIRM, organization="other")))
    production = replace(FIRM, environment=Environment.PRODUCTION)
    refuse(Code.SIGNATURE_INVALID, lambda: check_notice(scanned, TERMINAL.key, production))
    check_notice(scanned, TERMINAL.key, FIRM)


def test_a_statements_signature_is_no_notices() -> None:
    notice = parse_notice_text(build_notice_text(HALTED, FIRM, lambda m: TERMINAL.sign(b"DSSEv1 " + m)))

    refuse(Code.SIGNATURE_INVALID, lambda: check_notice(notice, TERMINAL.key, FIRM))
    check_notice(parse_notice_text(TEXT), TERMINAL.key, FIRM)
