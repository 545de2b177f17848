"""Every dialog of the three programs, in both languages, as it is committed: a change shows as a difference.

To take the pictures again after a change that is meant: `.venv/bin/python tools/golden_screens.py`, and look at them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gallery import PROGRAMS, dialogs_of
from golden_screens import FOLDER, draw
from strongroom.core.words import group
from strongroom.devices.screens.language import Language

URL = re.compile(r"https?://[^\"')\s<]+")


def committed(program: str, language: Language) -> dict[str, str]:
    folder = FOLDER / program / language.value
    return {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_what_is_drawn_is_what_was_committed(program: str, language: Language) -> None:
    drawn, kept = draw(program, language), committed(program, language)
    assert kept.keys() == drawn.keys()
    for name, content in drawn.items():
        assert kept[name] == content, f"{program}/{language.value}/{name}"


@pytest.mark.parametrize("program", list(PROGRAMS))
def test_each_dialog_is_tied_to_the_transaction_that_it_shows(program: str) -> None:
    english = committed(program, Language.ENGLISH)
    chinese = committed(program, Language.CHINESE)
    tied = [dialog for dialog in dialogs_of(program) if dialog.facts is not None]
    assert tied
    for dialog in tied:
        for texts in (english, chinese):
            first, _, rest = texts[f"{dialog.name}.txt"].partition("\n")
            assert f"facts {group(str(dialog.facts))}" == first
            if "FACTS" in rest:
                # The page itself names the digest of what it shows.
                assert group(str(dialog.facts)).replace(" ", "") in "".join(rest.split())


def test_no_picture_asks_anybody_for_anything() -> None:
    for path in Path(FOLDER).rglob("*.svg"):
        found = set(URL.findall(path.read_text("utf-8")))
        assert found <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}, path
