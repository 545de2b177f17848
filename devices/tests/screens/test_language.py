"""The same page in two languages: other words, the same values; and what people chose is read back as written."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, UnavailableError
from strongroom.core.ids import PartyId
from strongroom.devices.measure.tree import Selection, measure_tree
from strongroom.devices.screens import language as room
from strongroom.devices.screens.language import (
    Language,
    encode_languages,
    languages_of,
    load_language,
    load_languages,
    parse_languages,
)
from strongroom.devices.screens.layout import RULE, draw_texts
from strongroom.devices.screens.page import Breaks, Line, Mark, Page, Row

ADDRESS = "0x 71C7 656E C7ab 88b0 98de fB75 1B74 01B5 f6d8 976F"
LAM, WU, CHAN = (PartyId(f"person:{name}") for name in ("c.lam", "p.wu", "m.chan"))


def line(message: str, **values: str) -> Line:
    return Line(message=message, values=tuple(sorted(values.items())), breaks=Breaks.BETWEEN_GROUPS)


PAGE = Page(
    title="Transfer",
    rows=(
        Row(label="TO", lines=(line("{address}  paid here", address=ADDRESS),), mark=Mark.NONE),
        Row(label="FEE", lines=(line("at most {amount}", amount="0.00189 ETH"),), mark=Mark.WARN),
    ),
)


def test_english_needs_no_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CATALOGUE", Path("/nowhere"))

    drawn = draw_texts([PAGE], load_language(Language.ENGLISH))

    assert ("Transfer", RULE, f"  TO        {ADDRESS}  paid here", "! FEE       at most 0.00189 ETH") == drawn[1:]


def test_chinese_says_the_same_of_the_same_values() -> None:
    drawn = draw_texts([PAGE], load_language(Language.CHINESE))

    assert ("轉帳", RULE, f"  收款      {ADDRESS}  此次收款", "! 手續費    最多 0.00189 ETH") == drawn[1:]


def test_a_sentence_that_the_catalogue_lacks_is_said_in_english() -> None:
    assert "Nobody has ever said {this}." == load_language(Language.CHINESE)("Nobody has ever said {this}.")


def test_nothing_is_said_as_nothing() -> None:
    # gettext answers the empty id with the catalogue's header.
    assert "" == load_language(Language.CHINESE)("")


@pytest.mark.parametrize("content", [None, b"", b"no catalogue"])
def test_a_catalogue_that_is_missing_or_spoiled_is_unavailable(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "CATALOGUE", tmp_path)
    monkeypatch.setattr(gettext, "_translations", {})
    folder = tmp_path / "zh_Hant" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "strongroom.mo").write_bytes(content)

    with pytest.raises(UnavailableError) as caught:
        load_language(Language.CHINESE)

    assert Code.FILE_UNAVAILABLE in caught.value.codes


def test_the_catalogue_is_among_the_files_that_a_start_measures() -> None:
    everything = Selection(skips=lambda _: False, rewrites=lambda _: None)

    measured = measure_tree("source", Path(room.__file__).parent, everything)

    assert "catalogue/zh_Hant/LC_MESSAGES/strongroom.mo" in [file.path for file in measured.files]


def test_a_screen_has_every_language_and_begins_with_the_first_reader_s() -> None:
    assert ["English", "中文"] == list(load_languages())
    assert ["中文", "English"] == list(load_languages(Language.CHINESE))
    assert "轉帳" == load_languages(Language.CHINESE, Language.ENGLISH)["中文"]("Transfer")


def test_those_who_read_together_have_each_of_their_languages_once() -> None:
    chosen = {LAM: Language.CHINESE, CHAN: Language.CHINESE}

    assert (Language.CHINESE,) == languages_of(chosen, [LAM, CHAN])
    assert (Language.CHINESE, Language.ENGLISH) == languages_of(chosen, [LAM, WU])
    assert (Language.ENGLISH, Language.CHINESE) == languages_of(chosen, [WU, LAM])
    assert (Language.ENGLISH,) == languages_of({}, [WU, LAM])


def test_what_was_chosen_is_read_back() -> None:
    chosen = {WU: Language.ENGLISH, LAM: Language.CHINESE}

    raw = encode_languages(chosen)

    assert b"person:c.lam zh_Hant\nperson:p.wu en\n" == raw
    assert chosen == parse_languages(raw)
    assert {} == parse_languages(b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"person:c.lam fr\n",
        b"person:c.lam\n",
        b"service:gate en\n",
        b"person:p.wu en\nperson:c.lam en\n",
        b"person:c.lam en\nperson:c.lam zh_Hant\n",
        b"person:c.lam en",
        b"person:c.lam  en\n",
        b"\n",
        b"\xff en\n",
    ],
)
def test_another_spelling_of_what_was_chosen_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_languages(raw)

    assert Code.FIELD_INVALID in caught.value.codes
