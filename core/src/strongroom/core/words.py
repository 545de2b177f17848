"""Values in plain words: addresses in groups of four, amounts in both spellings. What pages are made of."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.core.money import render_units
from strongroom.core.registers import AssetEntry


def group(text: str) -> str:
    """A long address or digest in groups of four; a prefix (`0x`, `sha256:`) stands apart."""
    prefix = next((p for p in ("0x", "sha256:") if text.startswith(p)), "")
    rest = text[len(prefix) :]
    groups = [rest[i : i + 4] for i in range(0, len(rest), 4)]
    return " ".join(([prefix] if prefix else []) + groups)


def render_amount(units: int, asset: str, assets: Mapping[str, AssetEntry]) -> str:
    """An amount with its symbol and in smallest units; an asset that the register does not hold has no name to show."""
    entry = assets.get(asset)
    if entry is None:
        return f"{units} smallest units of {asset}"
    return f"{render_units(units, entry.decimals)} {entry.symbol} ({units} units)"
