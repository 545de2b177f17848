"""Comparing what this terminal believes with what another says that it believes, list by list."""

from __future__ import annotations

from strongroom.core.bodies import HEAD_NAMES, Head, Heads
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError


def check_same_heads(own: Heads, theirs: Heads, field: str) -> None:
    """Raise HEAD_UNEQUAL with every list in which they differ: fed by other people from other media, they must not."""
    found = []
    for name in HEAD_NAMES:
        mine: Head = getattr(own, name)
        other: Head = getattr(theirs, name)
        if mine != other:
            expected, got = (f"version {h.version}, {h.digest}" for h in (mine, other))
            found.append(Refusal(code=Code.HEAD_UNEQUAL, field=f"{field}.{name}", expected=expected, got=got))
    if found:
        raise RefusedError(*found)
