"""A value that does not print itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A password. `repr` and `str` give stars, so that no traceback and no log line leaks it; `reveal()` gives it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The clear text; hand it straight to what needs it."""
        return self._value

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"


def make_secret() -> Secret:
    """A fresh random password of 256 bits."""
    return Secret(secrets.token_urlsafe(32))
