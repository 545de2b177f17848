"""The person at the approval device reads in the language that they chose, and an approval says in which it was."""

from __future__ import annotations

import json

import pytest

from strongroom.approver.screen import build_setting
from strongroom.core.bodies import Approval, Rejection
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from strongroom.core.statements import parse_statement
from strongroom.devices.screens.language import Language

from .conftest import PIN, Desk, MakeDesk, proposed


def choose(desk: Desk, language: str) -> None:
    assert 0 == desk.type("language", language)
    assert {"language": language} == json.loads(desk.says)


def test_english_until_the_person_chooses(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert Language.ENGLISH is desk.home.load_language()
    choose(desk, "zh_Hant")
    assert Language.CHINESE is desk.home.load_language()
    assert ["中文", "English"] == list(build_setting(desk.home, desk.home.load_language()).languages)
    choose(desk, "en")
    assert Language.ENGLISH is desk.home.load_language()


def test_an_approval_that_was_read_in_chinese_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk()
    choose(desk, "zh_Hant")
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert all(each in desk.told for each in ("轉帳", "收款", "請以自己紙本上的客戶指示逐項核對"))
    assert not any(each in desk.told for each in ("Transfer", "as on your paper", "This program"))
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Approval)
    assert "zh_Hant" == body.language


def test_doubt_in_chinese_is_the_same_word(make_desk: MakeDesk) -> None:
    desk = make_desk()
    choose(desk, "zh_Hant")
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "unsure", "與紙本不同")
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Rejection)
    assert ("zh_Hant", "unsure: 與紙本不同") == (body.language, body.reason)


def test_a_refusal_keeps_its_code_and_is_said_in_chinese(make_desk: MakeDesk) -> None:
    desk = make_desk()
    choose(desk, "zh_Hant")
    assert 0 != desk.decide(desk.folder / "missing", PIN, "approve")
    assert "FILE_UNAVAILABLE" in desk.told
    assert "檔案或資料夾無法讀取或寫入" in desk.told


def test_a_spoiled_choice_is_refused_and_said_in_english(make_desk: MakeDesk) -> None:
    desk = make_desk()
    (desk.home.path / "languages").write_bytes(b"person:m.chan xx\n")
    with pytest.raises(MalformedError) as caught:
        desk.home.load_language()
    assert Code.FIELD_INVALID in caught.value.codes
    assert 3 == desk.type("status")
    assert "A field does not hold what the format allows" in desk.told
