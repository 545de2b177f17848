"""Every refusal code has a meaning, a remedy and the requirements it serves, and its sentence reads well."""

from __future__ import annotations

import pytest

from strongroom.core.codes import CODES, Code
from strongroom.core.errors import Refusal


def test_every_code_has_an_entry_and_no_entry_is_without_a_code() -> None:
    assert set(Code) == set(CODES)


def test_a_code_is_its_own_name() -> None:
    assert {code.name for code in Code} == {code.value for code in Code}


@pytest.mark.parametrize("code", list(Code))
def test_an_entry_is_a_sentence_a_remedy_and_requirement_ids(code: Code) -> None:
    entry = CODES[code]
    assert entry.meaning[0].isupper()
    assert not entry.meaning.endswith("."), "the field follows the meaning, then the full stop"
    assert entry.remedy.endswith(".")
    assert entry.requirements


def test_a_refusal_reads_as_meaning_field_both_values_and_remedy() -> None:
    refusal = Refusal(code=Code.TX_TRUNCATED, field="unsigned", expected="9 fields", got="8 fields")

    expected = (
        "The transaction ends before it is complete (unsigned). Expected 9 fields, got 8 fields. "
        "Copy the file again; if it is short at its source, have it built again."
    )
    assert expected == refusal.sentence


def test_a_refusal_without_values_says_nothing_about_values() -> None:
    refusal = Refusal(code=Code.PIN_WRONG, field="pin")

    expected = "The token refused the PIN (pin). Let its owner type it again with care; wrong attempts are counted."
    assert expected == refusal.sentence
