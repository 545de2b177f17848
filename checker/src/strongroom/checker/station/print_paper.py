"""Print the operators' paper from a verification package: prove it as if to verify, then write PDF and text.

It answers nothing, counts nothing and keeps nothing, so it may be asked before `verify`, after it, and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.checker.paper.pages import build_pages
from strongroom.checker.paper.pdf import render_pdf
from strongroom.checker.paper.text import render_text
from strongroom.checker.reading.stages import Stage
from strongroom.checker.state.device import Clock, opened
from strongroom.checker.state.home import load_bytes, save_bytes
from strongroom.checker.state.own import prove_with_own
from strongroom.checker.state.packages import (
    MAX_PACKAGE_BYTES,
    Kind,
    check_addressed,
    parse_package,
    parse_verification,
)
from strongroom.checker.state.update import apply_news
from strongroom.checker.station.verify import check_in_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What was written. pages: one for each instruction."""

    pages: int
    files: tuple[Path, ...]


def print_paper(folder: Path, package_file: Path, out: Path, clock: Clock) -> Paper:
    """Write `NNNNNN-paper.pdf` and `.txt`. A package whose docket is refused gets no paper.

    Raises DocketRefusedError; CANNOT_BE_PRINTED; STAGE_MISSING for what no client instructed; PACKAGE_NOT_FOR_US,
    TYPE_MISMATCH; FILE_UNAVAILABLE.
    """
    raw = load_bytes(package_file, MAX_PACKAGE_BYTES)
    with opened(folder, clock) as run:
        package = parse_package(raw)
        check_addressed(package, run.trust.device, Kind.VERIFICATION)
        body = parse_verification(package.body)
        trust = apply_news(run.trust, body.news)
        trust.check_clock(run.now)
        proof = prove_with_own(trust, body.docket, furthest=Stage.APPROVE, now=run.now)
        pages = build_pages(proof)
        check_in_time(run.now, proof)
    # The PDF first: what it cannot show must not be in the text either.
    files = {".pdf": render_pdf(pages), ".txt": render_text(pages).encode()}
    paths = {out / f"{package.sequence:06d}-paper{suffix}": content for suffix, content in files.items()}
    for path, content in paths.items():
        save_bytes(path, content)
    return Paper(pages=len(pages), files=tuple(paths))
