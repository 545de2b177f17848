"""How the station spells values on its pages, and what looks alike: written anew from spec/facts.md, "Shown"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from strongroom.checker.reading.registers import Asset
from strongroom.core.ids import AssetId
from strongroom.core.money import render_units
from strongroom.devices.screens.page import Line, Mark, Row

_PREFIX: Final = re.compile("0x|sha256:")
_SEEN: Final = 4
"""Characters at each end that a hurried eye compares."""


def grouped(text: str) -> str:
    """In groups of four, behind what all of a kind begin with."""
    prefix = _PREFIX.match(text)
    start = prefix.end() if prefix else 0
    parts = re.findall(".{1,4}", text[start:], re.DOTALL)
    return " ".join([text[:start], *parts] if prefix else parts)


def amount_words(units: int, asset: AssetId, assets: Mapping[str, Asset]) -> str:
    """In units with the symbol, and in smallest units."""
    if asset not in assets:
        return f"{units} smallest units of {asset}"
    known = assets[asset]
    return f"{render_units(units, known.decimals)} {known.symbol} ({units} units)"


def ends_of(address: str) -> tuple[str, str]:
    """First and last characters, small, without `0x`, the base58 version, or the bech32 prefix and version."""
    small = address.lower()
    if address.startswith("0x"):
        rest = small[2:]
    elif address == small:
        rest = small[small.rfind("1") + 2 :]
    else:
        rest = small[1:]
    return rest[:_SEEN], rest[-_SEEN:]


def find_alike(address: str, known: Iterable[str]) -> list[str]:
    """Other addresses with the same ends, in order."""
    return sorted({each for each in known if each != address and ends_of(each) == ends_of(address)})


def plain_row(label: str, *lines: Line) -> Row:
    """A row that says nothing unusual."""
    return Row(label=label, lines=lines, mark=Mark.NONE)


def warning_row(label: str, *lines: Line) -> Row:
    """A row that nobody may pass over."""
    return Row(label=label, lines=lines, mark=Mark.WARN)
