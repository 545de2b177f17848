"""The entropy report of a ceremony's transcript: which sources, how much, which tests, which code. Never a sample."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.canonical import Json
from strongroom.core.ids import Digest
from strongroom.vault.entropy.health import ALPHA_BITS, CutOffs


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source that passed. given: bytes that went into mixes, without those of the start-up test.

    cut_offs: by what is tested: byte, bit, character.
    """

    name: str
    origin: str
    given: int
    cut_offs: tuple[tuple[str, CutOffs], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyReport:
    """What a ceremony drew. drawn: bytes. code: measured digest of the entropy code.

    expected_code: the release's, which was compared; None when the ceremony was given none.
    """

    sources: tuple[SourceReport, ...]
    drawn: int
    code: Digest
    expected_code: Digest | None

    def as_json(self) -> Json:
        """The report for a transcript; keys are stable."""
        return {
            "alpha": f"2**-{ALPHA_BITS}",
            "code": self.code,
            "drawn": self.drawn,
            "expected_code": "none" if self.expected_code is None else self.expected_code,
            "sources": [_source_json(source) for source in self.sources],
        }


def render_report(report: EntropyReport) -> tuple[str, ...]:
    """The report as people read it."""
    compared = "NOT COMPARED: no release digest was given" if report.expected_code is None else "as released"
    rows = [
        f"Entropy source {s.name} ({s.origin}): {s.given} bytes, passed: {_render_cut_offs(s.cut_offs)}."
        for s in report.sources
    ]
    return (*rows, f"{report.drawn} bytes were drawn from all of them together.", f"Code {report.code}: {compared}.")


def _source_json(source: SourceReport) -> Json:
    tests: dict[str, Json] = {
        what: {"proportion": c.proportion, "repetition": c.repetition, "window": c.window}
        for what, c in source.cut_offs
    }
    return {"given": source.given, "name": source.name, "origin": source.origin, "outcome": "passed", "tests": tests}


def _render_cut_offs(cut_offs: tuple[tuple[str, CutOffs], ...]) -> str:
    return "; ".join(
        f"{what}s: fewer than {c.repetition} equal in a row and than {c.proportion} of {c.window}"
        for what, c in cut_offs
    )
