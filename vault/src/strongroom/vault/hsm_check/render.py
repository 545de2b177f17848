"""Findings as a table for people and as JSON for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from strongroom.core.canonical import Json
from strongroom.core.hsm_judge import LiveToken
from strongroom.vault.hsm.quirks import Quirks
from strongroom.vault.hsm_check.points import Finding, Verdict
from strongroom.vault.hsm_check.run import is_conforming


def render_table(module: str, token: LiveToken, quirks: Quirks, findings: Sequence[Finding]) -> Iterator[str]:
    """The lines of the table: who, the module's row of quirks, each point, the sum; last, why each failure matters."""
    yield f"module    {module}"
    yield f"token     {token.manufacturer}, {token.model}, serial {token.serial}"
    yield f"versions  hardware {token.hardware}, firmware {token.firmware}"
    yield f"quirks    {quirks.name}"
    yield from (f"          {note}" for note in quirks.notes)
    yield ""
    width = max(len(found.title) for found in findings)
    yield f"{'point':{width}}  {'verdict':11}  got"
    for found in findings:
        yield f"{found.title:{width}}  {found.verdict.value:11}  {found.got}"
    counted = Counter(found.verdict for found in findings)
    yield ""
    yield ", ".join(f"{counted[verdict]} {verdict.value}" for verdict in Verdict)
    for found in findings:
        if found.verdict is Verdict.FAIL:
            yield f"FAIL {found.title}: expected {found.point.expected}; got {found.got}. {found.point.why}"


def build_report(module: str, token: LiveToken, quirks: Quirks, findings: Sequence[Finding]) -> dict[str, Json]:
    """The same for machines; keys are stable."""
    points: list[Json] = [
        {
            "about": found.about,
            "expected": found.point.expected,
            "got": found.got,
            "point": found.point.name,
            "verdict": found.verdict.value,
        }
        for found in findings
    ]
    return {
        "conforming": is_conforming(findings),
        "firmware": token.firmware,
        "hardware": token.hardware,
        "manufacturer": token.manufacturer,
        "model": token.model,
        "module": module,
        "points": points,
        "quirks": quirks.name,
        "serial": token.serial,
    }
