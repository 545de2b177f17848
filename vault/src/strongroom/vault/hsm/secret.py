"""A PIN that does not print."""

from __future__ import annotations

import hmac
from typing import Never


class Secret:
    """A PIN or a typed secret. It prints as stars, so no log line, traceback or f-string can carry it by mistake."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, only for the call that hands it to the token."""
        return self._text

    def equals(self, other: Secret) -> bool:
        """True when both hold the same text; the time taken does not tell where they differ."""
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __repr__(self) -> str:
        return "******"

    def __format__(self, spec: str) -> str:
        return "******"

    def __reduce__(self) -> Never:
        # A pickle would carry the text to a file or another process.
        raise TypeError("a Secret cannot be pickled")
