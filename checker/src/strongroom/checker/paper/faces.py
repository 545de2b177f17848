"""The two typefaces of the paper, embedded as far as they are used: a printer's own fonts may lack a character, or lie.

The text face holds Big5 and its Hong Kong supplement; the face of destinations and amounts tells 0 from O, and 1 from l
and I. What neither holds cannot be printed, and is refused. Where they come from: `fonts/README.md`.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable
from functools import cached_property, lru_cache
from importlib import resources

from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from strongroom.core.codes import Code
from strongroom.core.errors import refused

TEXT = "NotoSansHK-Regular.ttf"
MONO = "StrongroomPaperMono-SemiBold.ttf"
_SPACES = frozenset({" ", "\N{IDEOGRAPHIC SPACE}"})
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})
"""Characters that show nothing, change their neighbours or turn the direction: paper and bytes would seem to differ."""


class Face:
    """One typeface: how wide its characters are, and the part of it that a page needs."""

    def __init__(self, name: str) -> None:
        self._raw = resources.files("strongroom.checker.paper").joinpath("fonts", name).read_bytes()
        self._font = TTFont(io.BytesIO(self._raw), recalcTimestamp=False)
        self._em: int = self._font["head"].unitsPerEm
        self._glyphs: dict[int, str] = self._font.getBestCmap()

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """The box around all glyphs, in thousandths of the size."""
        head = self._font["head"]
        return self._scale(head.xMin), self._scale(head.yMin), self._scale(head.xMax), self._scale(head.yMax)

    @cached_property
    def heights(self) -> tuple[int, int]:
        """Above and below the line, in thousandths of the size; the second is negative."""
        hhea = self._font["hhea"]
        return self._scale(hhea.ascent), self._scale(hhea.descent)

    @property
    def name(self) -> str:
        """Its PostScript name."""
        return str(self._font["name"].getDebugName(6))

    def glyph_of(self, character: str) -> int:
        """The number of a character's glyph."""
        return int(self._font.getGlyphID(self._glyphs[ord(character)]))

    def width_of(self, text: str) -> int:
        """In thousandths of the size. Raises CANNOT_BE_PRINTED."""
        self.check(text)
        metrics = self._font["hmtx"].metrics
        return sum(self._scale(metrics[self._glyphs[ord(character)]][0]) for character in text)

    def check(self, text: str) -> None:
        """Raise CANNOT_BE_PRINTED for a character that this face cannot show, or that shows nothing."""
        for character in text:
            unseen = unicodedata.category(character) in _UNSEEN and character not in _SPACES
            if unseen or ord(character) not in self._glyphs:
                got = f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
                raise refused(Code.CANNOT_BE_PRINTED, "paper", "characters that can be seen", got)

    def embed(self, characters: Iterable[str]) -> bytes:
        """A font file with these characters under their own glyph numbers; the same characters give the same bytes."""
        options = subset.Options()
        options.retain_gids = True
        options.recalc_timestamp = False
        options.name_IDs = []
        options.layout_features = []
        options.drop_tables += ["cmap", "name", "post", "OS/2"]
        font = TTFont(io.BytesIO(self._raw), recalcTimestamp=False)
        part = subset.Subsetter(options)
        part.populate(gids=sorted(self.glyph_of(character) for character in characters))
        part.subset(font)
        out = io.BytesIO()
        font.save(out)
        return out.getvalue()

    def _scale(self, units: int) -> int:
        return round(units * 1000 / self._em)


@lru_cache(maxsize=2)
def load_face(name: str) -> Face:
    """A face, read once."""
    return Face(name)
