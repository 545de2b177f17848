"""A PDF of text, lines and boxes in embedded fonts, and nothing else: no script, no link, no form, no picture.

Written with pydyf, which knows objects and their places in a file. Text is shown by glyph number, and a table beside
each font says which characters they are, so that what is printed can be searched, copied and compared by a test.
Source: ISO 32000-1, 9.7 (composite fonts) and 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pydyf  # type: ignore[import-untyped]

from strongroom.checker.paper.faces import Face, load_face

A4 = (595, 842)
"""Points: width and height."""
_TABLE = """\
/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{rows}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
_ROWS_A_BLOCK = 100


@dataclass(slots=True, kw_only=True)
class Page:
    """One page as it is drawn, from the lower left corner. used: characters by the name of their face."""

    commands: list[str] = field(default_factory=list)
    used: dict[str, set[str]] = field(default_factory=dict)

    def write(self, face: str, size: float, place: tuple[float, float], text: str) -> None:
        """A line of text, its base line beginning at a place. Raises CANNOT_BE_PRINTED."""
        loaded = load_face(face)
        loaded.check(text)
        self.used.setdefault(face, set()).update(text)
        glyphs = "".join(f"{loaded.glyph_of(character):04X}" for character in text)
        x, y = place
        self.commands.append(f"BT /{_resource(face)} {size:g} Tf {x:.2f} {y:.2f} Td <{glyphs}> Tj ET")

    def rule(self, start: tuple[float, float], length: float, width: float = 0.6) -> None:
        """A horizontal line."""
        x, y = start
        self.commands.append(f"{width:g} w {x:.2f} {y:.2f} m {x + length:.2f} {y:.2f} l S")

    def box(self, corner: tuple[float, float], size: tuple[float, float], width: float = 0.8) -> None:
        """A rectangle from its lower left corner."""
        self.commands.append(f"{width:g} w {corner[0]:.2f} {corner[1]:.2f} {size[0]:.2f} {size[1]:.2f} re S")


def build_file(pages: Sequence[Page]) -> bytes:
    """The PDF of these pages. No date and no random id go in: equal pages are equal files."""
    document = pydyf.PDF()
    used: dict[str, set[str]] = {}
    for page in pages:
        for face, characters in page.used.items():
            used.setdefault(face, set()).update(characters)
    fonts = {_resource(face): _add_font(document, face, used[face]).reference for face in sorted(used)}
    for page in pages:
        content = pydyf.Stream([command.encode("ascii") for command in page.commands], compress=True)
        document.add_object(content)
        document.add_page(
            pydyf.Dictionary(
                {
                    "Type": "/Page",
                    "Parent": document.pages.reference,
                    "MediaBox": pydyf.Array([0, 0, *A4]),
                    "Contents": content.reference,
                    "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary(fonts)}),
                }
            )
        )
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def _resource(face: str) -> str:
    """The name of a face inside the file: letters and digits only."""
    return "".join(character for character in face.removesuffix(".ttf") if character.isalnum())


def _add_font(document: pydyf.PDF, name: str, characters: set[str]) -> pydyf.Dictionary:
    """A composite font whose codes are glyph numbers, with the part of its file that is used."""
    face = load_face(name)
    glyphs = {face.glyph_of(character): character for character in sorted(characters)}
    raw = face.embed(characters)
    file = pydyf.Stream([raw], extra={"Length1": len(raw)}, compress=True)
    table = pydyf.Stream([_build_table(glyphs)], compress=True)
    document.add_object(file)
    document.add_object(table)
    descriptor = _describe(face, file)
    document.add_object(descriptor)
    inner = _build_inner(face, glyphs, descriptor)
    document.add_object(inner)
    font = pydyf.Dictionary(
        {
            "Type": "/Font",
            "Subtype": "/Type0",
            "BaseFont": f"/{face.name}",
            "Encoding": "/Identity-H",
            "DescendantFonts": pydyf.Array([inner.reference]),
            "ToUnicode": table.reference,
        }
    )
    document.add_object(font)
    return font


def _describe(face: Face, file: pydyf.Stream) -> pydyf.Dictionary:
    ascent, descent = face.heights
    return pydyf.Dictionary(
        {
            "Type": "/FontDescriptor",
            "FontName": f"/{face.name}",
            "Flags": 4,
            "FontBBox": pydyf.Array(face.box),
            "ItalicAngle": 0,
            "Ascent": ascent,
            "Descent": descent,
            "CapHeight": ascent,
            "StemV": 80,
            "FontFile2": file.reference,
        }
    )


def _build_inner(face: Face, glyphs: Mapping[int, str], descriptor: pydyf.Dictionary) -> pydyf.Dictionary:
    widths = [part for glyph, character in sorted(glyphs.items()) for part in (glyph, f"[{face.width_of(character)}]")]
    system = {"Registry": pydyf.String("Adobe"), "Ordering": pydyf.String("Identity"), "Supplement": 0}
    return pydyf.Dictionary(
        {
            "Type": "/Font",
            "Subtype": "/CIDFontType2",
            "BaseFont": f"/{face.name}",
            "CIDSystemInfo": pydyf.Dictionary(system),
            "FontDescriptor": descriptor.reference,
            "CIDToGIDMap": "/Identity",
            "W": pydyf.Array(widths),
        }
    )


def _build_table(glyphs: Mapping[int, str]) -> bytes:
    """Which character each glyph is."""
    rows = [f"<{glyph:04X}> <{text.encode('utf-16-be').hex().upper()}>" for glyph, text in sorted(glyphs.items())]
    blocks = [rows[i : i + _ROWS_A_BLOCK] for i in range(0, len(rows), _ROWS_A_BLOCK)]
    named = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return _TABLE.format(rows=named).encode("ascii")
