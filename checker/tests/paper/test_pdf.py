"""The drawn paper: whole values, in faces that are really in the file, and the same bytes whenever it is printed."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from strongroom.checker.paper.faces import MONO, TEXT, load_face
from strongroom.checker.paper.pages import PaperPage, Row, build_groups
from strongroom.checker.paper.pdf import render_pdf
from strongroom.checker.paper.text import WIDTH, render_text, width_of
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError

ADDRESS = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"
LONG_ADDRESS = "rltc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qwn5e3f"


def page(address: str = ADDRESS, amount: str = "1250.000000 USDT", **texts: str) -> PaperPage:
    prefix = "0x" if address.startswith("0x") else ""
    rows = (
        Row(label="Client", label_zh="客戶", value="Harbour Fund Ltd"),
        Row(label="Reference", label_zh="參考", value=texts.get("reference", "Redemption 2027-031, J. Ho")),
        Row(label="Reason", label_zh="原因", value=texts.get("reason", "贖回中環碼頭基金「第二期」")),
    )
    return PaperPage(
        number=1,
        total=1,
        prefix=prefix,
        destination=build_groups(address.removeprefix(prefix)),
        amount=amount,
        rows=rows,
        foot="Proposal sha256: 0123",
    )


def read(raw: bytes) -> list[str]:
    """What the pages say, without what breaks and spaces lines."""
    return ["".join(sheet.extract_text().split()) for sheet in PdfReader(io.BytesIO(raw)).pages]


def bare(text: str) -> str:
    return "".join(text.split())


def faces(raw: bytes) -> dict[str, Any]:
    """The fonts in the file, by name."""
    found = {}
    for sheet in PdfReader(io.BytesIO(raw)).pages:
        fonts: Any = sheet["/Resources"]
        for font in fonts["/Font"].values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            file = inner["/FontDescriptor"]["/FontFile2"].get_object().get_data()
            found[inner["/BaseFont"]] = TTFont(io.BytesIO(file))
    return found


@pytest.mark.parametrize("address", [ADDRESS, LONG_ADDRESS])
def test_every_value_is_whole_on_the_sheet(address: str) -> None:
    drawn = page(address, "115792089237316195423570985008687907853269984665640564039457.584007913129639935 ETH")

    (said,) = read(render_pdf([drawn]))

    for value in (drawn.amount, *(row.value for row in drawn.rows), *(row.label_zh for row in drawn.rows)):
        assert bare(value) in said
    groups = [each.characters for each in drawn.destination]
    assert "".join(groups) == address.removeprefix("0x")
    # Places stand between the lines of groups; taken out, the destination is there from end to end.
    for start in range(0, len(groups), 6):
        assert "".join(groups[start : start + 6]) in said


def test_the_same_page_gives_the_same_bytes() -> None:
    assert render_pdf([page()]) == render_pdf([page()])
    assert render_pdf([page()]) != render_pdf([page(ADDRESS[:-1] + "E")])


def test_the_outlines_in_the_file_are_those_of_the_faces() -> None:
    found = faces(render_pdf([page()]))

    for name, used in ((TEXT, "Harbour贖回「第"), (MONO, "71C7656E1250.0USDT")):
        face = load_face(name)
        glyphs, original = found[f"/{face.name}"]["glyf"], face._font["glyf"]
        for character in used:
            number = face.glyph_of(character)
            drawn = glyphs[glyphs.glyphOrder[number]]
            whole = original[original.glyphOrder[number]]
            assert drawn.numberOfContours > 0
            assert list(drawn.getCoordinates(glyphs)[0]) == list(whole.getCoordinates(original)[0])


def test_long_texts_go_on_on_another_sheet_and_nothing_is_left_out() -> None:
    drawn = page(LONG_ADDRESS, reference="贖" * 1024, reason="Q" * 1024)

    sheets = read(render_pdf([drawn]))

    assert 2 == len(sheets)
    assert (1024, 1024) == tuple(sum(sheet.count(character) for sheet in sheets) for character in "贖Q")
    assert "continued" in sheets[1]
    assert ["Unsure" in sheet for sheet in sheets] == [False, True]
    assert 1 == len(read(render_pdf([page()])))


@pytest.mark.parametrize(
    "text",
    [
        "pay \N{RIGHT-TO-LEFT OVERRIDE}evil",
        "zero\N{ZERO WIDTH SPACE}width",
        "a\N{COMBINING RING ABOVE}ngle",
        "tab\tbed",
        "\N{NO-BREAK SPACE}",
        "\N{GRINNING FACE}",
        "\U000f0000",
        "Привет 안녕",
    ],
)
def test_what_cannot_be_seen_on_paper_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        render_pdf([page(reason=text)])

    assert {Code.CANNOT_BE_PRINTED} == caught.value.codes
    assert caught.value.refusals[0].got.startswith("U+")
    assert render_pdf([page(reason="honest")])


def test_the_characters_of_hong_kong_are_there() -> None:
    face = load_face(TEXT)
    hong_kong = "深水埗石硤尾嗰啲嘢喺度瓈鰂魚涌氹仔鴨脷洲"

    face.check(hong_kong + "香港數碼港" + "“”—…《》、。")
    (said,) = read(render_pdf([page(reason=hong_kong)]))
    assert hong_kong in said


def test_digits_and_letters_that_look_alike_differ_in_the_face_of_destinations() -> None:
    face = load_face(MONO)
    outlines = face._font["glyf"]

    for one, other in ("0O", "1l", "lI", "1I", "5S", "8B"):
        shapes = [
            list(outlines[outlines.glyphOrder[face.glyph_of(c)]].getCoordinates(outlines)[0]) for c in (one, other)
        ]
        assert shapes[0] != shapes[1]
    assert 1 == len({face.width_of(c) for c in "0O1lI.W"})


def test_plain_text_says_the_same_in_eighty_columns() -> None:
    drawn = page(LONG_ADDRESS, reference="贖" * 200, reason="a reason of many words " * 20)

    said = render_text([drawn, drawn])

    assert 1 == said.count("\f")
    assert all(width_of(line) <= WIDTH for line in said.replace("\f", "\n").splitlines())
    assert 400 == said.count("贖")
    assert 40 == said.count("words")
    for each in drawn.destination:
        assert f"  {each.characters}" in said
        assert f"  {each.first}" in said
    assert unicodedata.normalize("NFC", said) == said


def test_the_plain_text_is_the_one_that_is_kept() -> None:
    kept = Path(__file__).parent / "one-instruction.txt"

    assert kept.read_text(encoding="utf-8") == render_text([page()])
