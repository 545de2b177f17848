"""Text as it may stand on a screen: every character takes the columns that are counted for it, or is spelled out.

Attack: a client's reference that turns the writing direction, hides a character or moves the cursor shows one address
where another stands.
"""

from __future__ import annotations

import unicodedata

_NO_COLUMN = frozenset({"Mn", "Me", "Mc"})
"""Marks that are drawn onto their neighbour. None is needed for English or Chinese."""
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols by their category that fonts draw as nothing."""


def render_visible(text: str) -> str:
    """The text with each character that is not drawn, or not in its own place, by its number: `<U+202E>`."""
    # Printable ASCII, most of what is ever drawn, is plain throughout: one test says what one a character would.
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_plain(each) else f"<U+{ord(each):04X}>" for each in text)


def width_of(text: str) -> int:
    """Columns that a text takes: Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _is_plain(character: str) -> bool:
    if character in _UNSEEN or unicodedata.category(character) in _NO_COLUMN:
        return False
    # Right-to-left letters turn what stands beside them, digits and groups included.
    if unicodedata.bidirectional(character) in {"R", "AL", "AN"}:
        return False
    return character.isprintable()
