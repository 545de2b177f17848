"""Links between the pages lead somewhere, and the pages name no file that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.online.transfers.withdrawal.store import State

from .tree import ROOT

_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "spec").rglob("*.md"))]


def test_every_link_between_pages_leads_to_a_file() -> None:
    links = {(page, link) for page in _pages() for link in _LINK.findall(page.read_text(encoding="utf-8"))}

    assert links
    dead = [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert [] == sorted(dead)


def test_every_path_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    built = ("build/", ".venvs/")
    named = {path for path in re.findall(r"`([a-z.]+/[a-z0-9_./-]*)`", text) if not path.startswith(built)}

    assert named
    assert [] == sorted(path for path in named if not (ROOT / path).exists())


def test_every_file_of_vectors_has_its_source() -> None:
    text = (ROOT / "docs" / "vectors.md").read_text(encoding="utf-8")
    files = sorted(path for path in (ROOT / "vectors").rglob("*") if path.is_file())

    assert files
    assert [] == [str(path.relative_to(ROOT)) for path in files if f"{path.name}`" not in text]


def test_every_code_that_the_pages_name_exists() -> None:
    pages = [*(ROOT / "docs" / "flow").glob("*.md"), *(ROOT / "docs" / "runbook").glob("*.md")]
    states = {*State.__members__, "SEEN", "HELD", "CREDITED", "REVERSED", "OWN"}
    named = {word for page in pages for word in re.findall(r"`([A-Z][A-Z_]+)`", page.read_text(encoding="utf-8"))}

    assert named
    assert set() == named - set(Code.__members__) - states
