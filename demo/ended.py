"""How attacks end: the refusal that must be there, and the alert that the SOC sees."""

from __future__ import annotations

from dataclasses import dataclass

from demo.programs import DemoError, Result
from demo.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attack ended. outcome: stopped (nothing moved) or detected (it moved, was seen, and signing stopped)."""

    name: str
    outcome: str
    stage: str
    code: str
    alert: str
    moved: str = "nothing"

    def as_json(self) -> dict[str, str]:
        """For summary.json."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "stage": self.stage,
            "code": self.code,
            "alert": self.alert,
            "moved": self.moved,
        }


def refused_with(result: Result, wanted: set[str]) -> str:
    """The refusal code that a program ended with; it must be one of those that the attack is for."""
    found = [code for code in sorted(wanted) if code in result.err or code in result.out]
    if result.code != 3 or not found:
        raise DemoError(
            f"expected a refusal with {', '.join(sorted(wanted))}, got {result.code}:\n{result.err}\n{result.out}"
        )
    return found[0]


def alert_of(scene: Scene, code: str) -> str:
    """The alert that the SOC sees for a refusal; waits for it."""

    def raised() -> bool:
        return bool(scene.query("select 1 from watch.alerts where code = %s or detail like %s", code, f"%{code}%"))

    scene.wait(f"the alert {code}", raised)
    rows = scene.query(
        "select code, severity from watch.alerts where code = %s or detail like %s order by id desc limit 1",
        code,
        f"%{code}%",
    )
    return f"{code} ({rows[0][1]})"
