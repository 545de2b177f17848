"""What a person at a device can read is in the catalogue, with the same gaps in Traditional Chinese."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import polib
import pytest

import messages
from catalogue import (
    COMPILED,
    Message,
    build_catalogue,
    build_messages,
    compile_catalogue,
    find_all_faults,
    find_faults,
    is_traditional,
    load_catalogue,
    main,
    translations_of,
)
from messages import Kind, MessageError, find_in, find_messages

from .tree import ROOT


@pytest.fixture(scope="module")
def said() -> tuple[Message, ...]:
    return build_messages(find_messages())


def message(text: str, kind: Kind = Kind.LINE) -> Message:
    return Message(text=text, kinds=frozenset({kind}), files=("somewhere.py",))


def faults(text: str, translation: str, kind: Kind = Kind.LINE) -> list[str]:
    return list(find_faults(message(text, kind), translation))


def found_in(tmp_path: Path, source: str) -> list[tuple[str, Kind]]:
    file = tmp_path / "planted.py"
    file.write_text(source, encoding="utf-8")
    return [(each.text, each.kind) for each in find_in(file)]


def test_every_sentence_is_translated_and_nothing_else_is(said: tuple[Message, ...]) -> None:
    assert [] == list(find_all_faults(said, load_catalogue())), "see docs/devices/languages.md"


def test_the_compiled_catalogue_is_the_written_one() -> None:
    assert compile_catalogue(load_catalogue()) == COMPILED.read_bytes(), "run: .venv/bin/python tools/catalogue.py"


def test_the_catalogue_knows_refusals_and_pages(said: tuple[Message, ...]) -> None:
    texts = {each.text for each in said}

    assert {"Transfer", "TO", "at most {amount}", "page {number} of {total}", "A freeze is in force"} <= texts
    # The gate has no screen, and a line of values alone says nothing in any language.
    assert texts.isdisjoint({"{address}", "An approved transaction is not final on chain"})


def test_the_catalogue_travels_with_the_distribution(tmp_path: Path) -> None:
    build = [ROOT / ".tools/uv/bin/uv", "build", "--wheel", "--offline", "--package", "strongroom-devices"]
    subprocess.run([*map(str, build), "--out-dir", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        content = packed.read(str(COMPILED.relative_to(ROOT / "devices/src")))
    assert COMPILED.read_bytes() == content


def test_ids_are_followed_through_names_tables_and_conditions(tmp_path: Path) -> None:
    source = """
TITLES = {1: "One", 2: "Two"}
LATE = build_line("late {by}", by="1")
WORDS = "in words"


def name(it):
    if it:
        return "Yes"
    return "No"


def show(it):
    text = "at most {sum}" if it else "{sum} at most"
    build_line(text, sum="1")
    build_quote(WORDS)
    for label in ("ONE", "TWO"):
        build_row(label, build_line("{value}", value="1"))
    return Page(title=name(it), rows=(Row(label="TO", lines=()), Page(title=TITLES[it], rows=())))
"""

    assert [
        ("late {by}", Kind.LINE),
        ("at most {sum}", Kind.LINE),
        ("{sum} at most", Kind.LINE),
        ("in words", Kind.LINE),
        ("ONE", Kind.LABEL),
        ("TWO", Kind.LABEL),
        ("{value}", Kind.LINE),
        ("No", Kind.TITLE),
        ("Yes", Kind.TITLE),
        ("TO", Kind.LABEL),
        ("One", Kind.TITLE),
        ("Two", Kind.TITLE),
    ] == found_in(tmp_path, source)


def test_a_parameter_is_followed_to_every_call_in_its_file(tmp_path: Path) -> None:
    source = """
def show(it):
    return [_row("TO", it), _row(label="FEE", it=it)]


def _row(label, it):
    return Row(label=label, lines=(it,))
"""

    assert [("TO", Kind.LABEL), ("FEE", Kind.LABEL)] == found_in(tmp_path, source)
    with pytest.raises(MessageError, match=r"planted\.py:3: it is no literal"):
        found_in(tmp_path, source.replace('"TO"', "it"))


def test_what_is_handed_on_or_bilingual_is_not_looked_at_twice(tmp_path: Path) -> None:
    source = """
def build_row(label, *lines):
    return Row(label=label, lines=lines)


def draw(page, text):
    translate(page.title)
    return Row(label="Network", label_zh="x"), text.translate(None)
"""

    assert [] == found_in(tmp_path, source)


@pytest.mark.parametrize(
    "call",
    [
        'build_line(f"at most {amount}")',
        'build_line("at most " + amount)',
        "build_line(amount)",
        'build_row(amount, build_line("x"))',
        "Page(title=str(amount), rows=())",
        'translate("at most {}".format(amount))',
    ],
)
def test_a_sentence_that_no_catalogue_can_hold_is_reported_with_its_place(call: str, tmp_path: Path) -> None:
    with pytest.raises(MessageError, match=r"planted\.py:2: "):
        found_in(tmp_path, f"def say(amount):\n    return {call}\n")


def test_a_good_translation_has_no_fault() -> None:
    assert [] == faults("at most {amount} on {chain}", "{chain} 上最多 {amount}")
    assert [] == faults("FEE", "手續費", Kind.LABEL)


@pytest.mark.parametrize(
    ("text", "translation", "kind", "fault"),
    [
        ("at most {amount}", "", Kind.LINE, "is not translated"),
        ("at most {amount}", "最多", Kind.LINE, "has gaps"),
        ("at most {amount}", "最多 {amount} {amount}", Kind.LINE, "has gaps"),
        ("at most {amount}", "最多 {sum}", Kind.LINE, "has gaps"),
        ("at most {amount}", "最多 {amount!r}", Kind.LINE, "has gaps"),
        ("at most {amount}", "最多 {amount", Kind.LINE, "has gaps"),
        ("at most {amount}", "max {amount}", Kind.LINE, "has no Chinese character"),
        ("Transfer", "转帳", Kind.LINE, "has simplified characters: 转"),
        ("Transfer", "轉\u202e帳", Kind.LINE, "that a screen does not show"),
        ("FEE", "網絡手續費", Kind.LABEL, "is a label of more than 4"),
        ("Transfer", "轉" * 41, Kind.TITLE, "is a title of more than 80"),
    ],
)
def test_a_bad_translation_is_named(text: str, translation: str, kind: Kind, fault: str) -> None:
    found = faults(text, translation, kind)

    assert any(fault in each for each in found), found


def test_fuzzy_obsolete_and_forgotten_entries_are_named() -> None:
    catalogue = build_catalogue((message("Transfer"), message("Void")), {"Transfer": "轉帳", "Void": "作廢"})
    catalogue[0].flags.append("fuzzy")
    catalogue.append(polib.POEntry(msgid="Gone", msgstr="已去", obsolete=True))

    found = list(find_all_faults((message("Transfer"),), catalogue))

    assert [
        "'Transfer' is fuzzy or obsolete",
        "'Gone' is fuzzy or obsolete",
        "'Void' is said nowhere",
        "'Transfer' is not translated (somewhere.py)",
    ] == found


def test_simplified_characters_are_told_from_traditional_ones() -> None:
    assert all(is_traditional(each) for each in "簽署終端機核對站白名單冷錢包台后里只準着。「」\uff0c\uff08\uff09A 1")
    assert not any(is_traditional(each) for each in "签终对钱单体机种据国说")


def test_the_tool_says_where_an_id_cannot_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "core/src"
    source.mkdir(parents=True)
    (source / "planted.py").write_text('build_line(f"{1}")\n', encoding="utf-8")
    monkeypatch.setattr(messages, "ROOT", tmp_path)

    assert 1 == main(["--check"])
    assert "core/src/planted.py:1: " in capsys.readouterr().out


def test_both_sides_of_a_merge_in_conflict_are_read(tmp_path: Path) -> None:
    file = tmp_path / "strongroom.po"
    file.write_text(
        """
<<<<<<< HEAD
msgid "Transfer"
msgstr ""

msgid "Void"
msgstr "作廢"

=======
msgid "Transfer"
msgstr "轉帳"

>>>>>>> words
msgid "======= no mark"
msgstr "並非標記"
""",
        encoding="utf-8",
    )

    assert {"Transfer": "轉帳", "Void": "作廢", "======= no mark": "並非標記"} == translations_of(load_catalogue(file))
