"""The catalogue has its 110 requirements, and every id that the code names is one of them."""

from __future__ import annotations

import re

from strongroom.core.codes import CODES

from .tree import ROOT, source_files

_ROW = re.compile(r"^\| ((?:P|I|II|III|IV|V|VI)\.[0-9A-Za-z-]+) \|", flags=re.MULTILINE)


def _ids() -> list[str]:
    return _ROW.findall((ROOT / "docs/requirements.md").read_text(encoding="utf-8"))


def test_the_catalogue_has_110_requirements_and_eight_lines_of_preamble() -> None:
    ids = _ids()

    assert len(ids) == len(set(ids))
    assert 8 == sum(name.startswith("P.") for name in ids)
    assert 110 == sum(not name.startswith("P.") for name in ids)


def test_every_requirement_that_a_code_serves_is_in_the_catalogue() -> None:
    known = set(_ids())
    unknown = {name for entry in CODES.values() for name in entry.requirements} - known

    assert set() == unknown


def test_every_requirement_that_a_source_file_cites_is_in_the_catalogue() -> None:
    known = set(_ids())
    cited = re.compile(r"\b(?:II|III|IV|VI)\.[0-9A-Z][0-9A-Za-z]*(?:-GP)?\b")
    cites = {(path, name) for path in source_files() for name in cited.findall(path.read_text(encoding="utf-8"))}

    assert [] == sorted(f"{path}: {name}" for path, name in cites if name not in known)
