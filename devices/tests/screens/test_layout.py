"""Pages become exact lines: nothing is cut off, no group is broken, and what cannot be drawn is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.devices.screens.layout import COLUMNS, ROWS, build_screenfuls, draw_texts
from strongroom.devices.screens.page import Breaks, Line, Mark, Page, Row
from strongroom.devices.screens.visible import render_visible, width_of

ADDRESS = "0x 71C7 656E C7ab 88b0 98de fB75 1B74 01B5 f6d8 976F"


def english(message: str) -> str:
    return message


def value(text: str, breaks: Breaks = Breaks.BETWEEN_GROUPS) -> Line:
    return Line(message="{text}", values=(("text", text),), breaks=breaks)


def page(*lines: Line, mark: Mark = Mark.NONE) -> Page:
    return Page(title="Transfer", rows=(Row(label="TO", lines=lines, mark=mark),))


def bodies(*lines: Line) -> list[str]:
    return [text[12:] for text in draw_texts([page(*lines)], english)[3:]]


def test_a_short_value_stands_beside_its_label() -> None:
    assert (f"  TO        {ADDRESS}",) == draw_texts([page(value(ADDRESS))], english)[3:]


def test_groups_stay_whole_and_nothing_is_left_out() -> None:
    digest = "sha256: " + " ".join(f"{i:04x}" for i in range(40))
    lines = bodies(value(digest))
    assert len(lines) > 1
    assert digest == " ".join(lines)
    assert set(digest.split(" ")) == {group for line in lines for group in line.split(" ")}


@given(st.text(max_size=400), st.integers(min_value=0, max_value=60))
def test_whatever_a_client_writes_is_whole_and_fits(text: str, count: int) -> None:
    lines = [value(text, Breaks.ANYWHERE), *[value("more")] * count]
    screenfuls = build_screenfuls([page(*lines)], english)
    for each in screenfuls:
        assert ROWS - 1 == len(each.lines)
        assert all(width_of(line.text) <= COLUMNS for line in each.lines)
    shown = "".join(bodies(*lines)).replace(" ", "")
    assert (render_visible(text) + "more" * count).replace(" ", "") == shown


def test_a_value_wider_than_the_screen_is_refused_and_its_twin_in_groups_is_not() -> None:
    with pytest.raises(RefusedError) as caught:
        draw_texts([page(value("9" * 78))], english)
    assert {Code.UNRENDERABLE} == caught.value.codes
    assert bodies(value("9" * 68)) == ["9" * 68]
    assert len(bodies(value("9999 " * 20 + "9"))) == 2


def test_a_label_that_runs_into_its_value_is_refused() -> None:
    wide = Page(title="Transfer", rows=(Row(label="收款地址甲", lines=(value("x"),), mark=Mark.NONE),))
    fits = Page(title="Transfer", rows=(Row(label="收款地址", lines=(value("x"),), mark=Mark.NONE),))
    with pytest.raises(RefusedError) as caught:
        draw_texts([wide], english)
    assert {Code.UNRENDERABLE} == caught.value.codes
    assert ("  收款地址  x",) == draw_texts([fits], english)[3:]


def test_a_title_wider_than_the_screen_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        build_screenfuls([Page(title="T" * 81, rows=())], english)
    assert {Code.UNRENDERABLE} == caught.value.codes
    assert build_screenfuls([Page(title="T" * 80, rows=())], english)


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("a\u202eb", "a<U+202E>b"),
        ("a\u200bb", "a<U+200B>b"),
        ("a\x1b[2Jb", "a<U+001B>[2Jb"),
        ("e\u0301", "e<U+0301>"),
        ("\u05d0", "<U+05D0>"),
        ("\u3164", "<U+3164>"),
        ("\n", "<U+000A>"),
    ],
)
def test_what_hides_or_turns_is_spelled_out(hidden: str, shown: str) -> None:
    assert shown == render_visible(hidden)


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Redemption 2027-031, J. Ho", "贖回 第三十一號 何先生", "Café"):
        assert text == render_visible(text)
    assert width_of("贖回") == 4


@given(st.text(st.characters(max_codepoint=0x180), max_size=40))
def test_the_short_way_for_ascii_says_what_the_long_way_says(text: str) -> None:
    """One character that is no ASCII takes the long way for everything beside it."""
    assert render_visible(text + "\u8d16") == render_visible(text) + "\u8d16"
    assert width_of(text + "\u8d16") == width_of(text) + 2
    words = " ".join(text.split()) + " end"
    if words.isprintable() and width_of(words) <= 60:
        first, *rest = bodies(value("a" * 8 + " " + words + " " + "b" * 70, Breaks.ANYWHERE))
        long_way = bodies(value("\u00e9" * 8 + " " + words + " " + "b" * 70, Breaks.ANYWHERE))
        assert [first.replace("a" * 8, "\u00e9" * 8, 1), *rest] == long_way


def test_chinese_is_broken_where_the_screen_ends() -> None:
    lines = bodies(value("贖" * 40, Breaks.ANYWHERE))
    assert ["贖" * 34, "贖" * 6] == lines


def test_a_mark_is_said_without_colour() -> None:
    assert ("! TO        a", "!           b") == draw_texts([page(value("a"), value("b"), mark=Mark.WARN)], english)[3:]
    assert ("* TO        a",) == draw_texts([page(value("a"), mark=Mark.DIFF)], english)[3:]


def test_a_long_page_goes_on_under_its_title() -> None:
    first, second = build_screenfuls([page(*[value(str(i)) for i in range(20)])], english)
    assert "Transfer" == first.lines[0].text == second.lines[0].text
    assert ("page 1 of 2", "page 2 of 2") == (first.lines[-1].text, second.lines[-1].text)
    assert "            19" == second.lines[2].text


def test_a_brace_in_a_value_is_a_brace() -> None:
    assert ["{0.__class__} {text}"] == bodies(value("{0.__class__} {text}", Breaks.ANYWHERE))


def test_a_chinese_sentence_breaks_between_its_characters_and_never_inside_a_group() -> None:
    sentence = "本公司地址" + "的說明" * 8 + ADDRESS + "重新推導得出"

    lines = bodies(value(sentence))

    assert len(lines) == 2
    assert all(width_of(line) <= 68 for line in lines)
    assert set(ADDRESS.split(" ")[1:-1]) <= {group for line in lines for group in line.split(" ")}
    assert sentence.replace(" ", "") == "".join(lines).replace(" ", "")


def test_no_line_begins_with_what_closes_or_ends_with_what_opens() -> None:
    assert ["贖" * 33, "贖\uff0c回"] == bodies(value("贖" * 34 + "\uff0c回"))
    assert ["贖" * 33, "\uff08回\uff09"] == bodies(value("贖" * 33 + "\uff08回\uff09"))
