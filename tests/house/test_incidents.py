"""Every incident row says what stops it and what software cannot stop; none is forgotten."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .tree import ROOT

ROWS = (
    "cryptopia-2019",
    "fake-trezor-2022",
    "milksad-2023",
    "mixin-2023",
    "multisig-receive-2019",
    "primetrust-2021",
    "profanity-2022",
    "quadriga-2019",
    "shapeshift-2016",
)
"""Losses that began with keys: how they were made, kept, lost or handed out."""
WHAT_WAS_SIGNED = (
    "bybit-2025",
    "dmm-ginco-2024",
    "wazirx-2024",
    "swissborg-kiln-2025",
    "permit-2024",
    "eip7702-2025",
    "psbt-change-2019",
    "paxos-fee-2023",
    "segwit-fee-2020",
    "eth-feeburn-2020",
    "nonce-lattice-2019",
    "bitgrail-2018",
    "drift-2026",
    "poisoning-wbtc-2024",
)
"""Losses in which the keys were in their places, and people or machines signed something else than they meant."""
FILES = sorted((ROOT / "tests" / "incidents").glob("test_*.py"))


def _row_of(path: Path) -> str:
    return path.stem.removeprefix("test_").replace("_", "-")


def test_every_row_has_its_file() -> None:
    assert {*ROWS, *WHAT_WAS_SIGNED} <= {_row_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=_row_of)
def test_a_row_names_its_controls_and_its_limits(path: Path) -> None:
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert words.startswith(f"`{_row_of(path)}`")
    for part in ("Stopped by: (1)", "(2)", "Software cannot stop:"):
        assert part in words
