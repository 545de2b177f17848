"""Each operator reads in the language that they chose; what is signed, and what is asked of them, stays the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from strongroom.devices.screens.language import Language, load_language
from strongroom.vault.terminal import cli
from strongroom.vault.terminal.config import Home
from strongroom.vault.terminal.languages import find_languages
from strongroom.vault.terminal.setting import build_setting

LAM, WU = PartyId("person:c.lam"), PartyId("person:p.wu")
CHINESE = load_language(Language.CHINESE)


def choose(stand: Any, person: str, language: str, *more: str) -> int:
    arguments = ["language", "--home", str(stand.home.path), "--person", person, language, *more]
    return cli.run(cli.build_parser().parse_args(arguments), stand.outside(), CHINESE)


def test_english_until_somebody_chooses(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert (Language.ENGLISH,) == find_languages(stand.home, None)

    assert 0 == choose(stand, LAM, "zh_Hant", "--json")

    assert {"language": "zh_Hant", "person": LAM} == json.loads(capsys.readouterr().out)
    assert (Language.CHINESE, Language.ENGLISH) == find_languages(stand.home, None)
    assert (Language.ENGLISH,) == find_languages(stand.home, [WU, WU])
    assert ["中文", "English"] == list(build_setting(stand.home.path, find_languages(stand.home, None)).languages)

    assert 0 == choose(stand, WU, "zh_Hant")
    assert (Language.CHINESE,) == find_languages(stand.home, [WU, LAM])

    assert 0 == choose(stand, LAM, "en")
    assert (Language.ENGLISH, Language.CHINESE) == find_languages(stand.home, [WU, LAM])


def test_where_nothing_is_enrolled_english_is_spoken(stand: Any) -> None:
    assert (Language.ENGLISH,) == find_languages(Home(path=stand.folder / "elsewhere"), [LAM])


def test_who_does_not_operate_here_chooses_nothing(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert 3 == choose(stand, "person:m.chan", "zh_Hant")

    assert "OPERATORS_NOT_TWO" in capsys.readouterr().err
    assert (Language.ENGLISH,) == find_languages(stand.home, None)


def test_a_spoiled_choice_is_refused_and_said_in_english(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stand.home.languages.write_bytes(b"person:c.lam xx\n")

    with pytest.raises(StrongroomError) as caught:
        find_languages(stand.home, None)
    assert Code.FIELD_INVALID in caught.value.codes

    assert 3 == cli.main(["status", "--home", str(stand.home.path)])
    assert "A field does not hold what the format allows" in capsys.readouterr().err


def test_a_refusal_is_said_in_the_language_of_who_operates(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == choose(stand, LAM, "zh_Hant")
    capsys.readouterr()

    assert 4 == cli.main(["show-frames", "--home", str(stand.home.path), str(stand.folder / "missing")])

    said = capsys.readouterr().err
    assert "FILE_UNAVAILABLE" in said
    assert "檔案或資料夾無法讀取或寫入" in said


def test_a_session_in_chinese_signs_what_one_in_english_signs(firm: Any, stand: Any) -> None:
    stand.language = Language.CHINESE
    trip = firm.trip()

    outcome = stand.run(firm.turn(trips=[trip]), "sign")

    assert [trip.proposal.id] == [each.proposal for each in outcome.results]
    shown = stand.screen.getvalue()
    assert all(each in shown for each in ("轉帳", "收款", "准簽令", "請以自己紙本上的客戶指示逐項核對"))
    assert not any(each in shown for each in ("Transfer", "characters", "Session", "Unsigned", "as on your paper"))


def test_a_halt_in_chinese_has_the_code_and_both_values(firm: Any, stand: Any) -> None:
    stand.language = Language.CHINESE

    assert {Code.OPERATOR_REFUSED} == stand.refusals(firm.turn(trips=[firm.trip()]), "reject", "not on my paper")

    shown = stand.screen.getvalue()
    assert all(each in shown for each in ("OPERATOR_REFUSED", "reject: not on my paper", "操作員沒有確認所顯示的內容"))
    assert "An operator did not confirm" not in shown
