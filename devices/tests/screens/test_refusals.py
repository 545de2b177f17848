"""A refusal says in either language what it means and what to do, and both values as they are."""

from __future__ import annotations

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.devices.screens.language import Language, english, load_language
from strongroom.devices.screens.refusals import render_refusals

PAID = Refusal(code=Code.FEE_CEILING, field="fee", expected="at most 5", got="6")
FROZEN = Refusal(code=Code.FROZEN, field="freeze\u202e")


def test_it_is_said_in_english() -> None:
    assert (
        "FEE_CEILING: fee",
        "  The fee is not within what the client allowed and the proposal states",
        "  expected: at most 5",
        "  got: 6",
        "  Have it built with a lower fee, or have the client sign a higher ceiling.",
    ) == render_refusals([PAID], english)


def test_it_is_said_in_chinese_with_the_same_code_and_values() -> None:
    lines = render_refusals([PAID], load_language(Language.CHINESE))

    assert "FEE_CEILING: fee" == lines[0]
    assert ("  應為\uff1aat most 5", "  實為\uff1a6") == lines[2:4]
    assert len(lines) == 5
    assert not set(lines) & set(render_refusals([PAID], english)[1:])


def test_values_that_are_not_there_leave_no_line_and_hidden_characters_show() -> None:
    first, *rest = render_refusals([FROZEN], english)

    assert "FROZEN: freeze<U+202E>" == first
    assert len(rest) == 2
