"""What can go wrong, drawn before anything else.

    StrongroomError
    ├── MalformedError      bytes or fields that do not parse; the sender is wrong
    ├── RefusedError        well formed, but a rule says no; the same answer if asked again
    ├── UnavailableError    a node, a token or a database did not answer; may be retried
    └── InvariantError      we are wrong; stop and page someone

Every error carries `refusals`: one or more facts with a stable code (see `codes.py`), the field, what was
expected, what was there, and what to do next. A stage reports every refusal, not the first: an attacker who
hides one forgery behind another is still named, and an operator mends a package in one round.
No secret and no PIN is ever put into a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from strongroom.core.codes import CODES, Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason to say no.

    code: stable name, looked up in `codes.CODES`. field: path of what is wrong, e.g. `outputs[1].script`.
    expected, got: both values whole, as text; empty where there is nothing to compare.
    """

    code: Code
    field: str
    expected: str = ""
    got: str = ""

    @property
    def sentence(self) -> str:
        """The sentence a human reads: what happened, both values, and what to do."""
        entry = CODES[self.code]
        facts = ""
        if self.expected or self.got:
            facts = f" Expected {self.expected or 'nothing'}, got {self.got or 'nothing'}."
        return f"{entry.meaning} ({self.field}).{facts} {entry.remedy}"

    def as_json(self) -> dict[str, str]:
        """The refusal for machines and for the log; keys are stable."""
        return {"code": self.code.value, "field": self.field, "expected": self.expected, "got": self.got}


class StrongroomError(Exception):
    """Base of all our errors; `refusals` is never empty."""

    def __init__(self, *refusals: Refusal) -> None:
        if not refusals:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="refusals", expected="at least one"))
        self.refusals = refusals
        super().__init__("; ".join(f"{r.code.value}: {r.sentence}" for r in refusals))

    @property
    def code(self) -> Code:
        """The first refusal's code."""
        return self.refusals[0].code

    @property
    def codes(self) -> frozenset[Code]:
        """All codes of this error."""
        return frozenset(r.code for r in self.refusals)


class MalformedError(StrongroomError):
    """Bytes or fields that do not parse."""


class RefusedError(StrongroomError):
    """Well formed, but a rule says no."""


class UnavailableError(StrongroomError):
    """Something outside did not answer; the same call may succeed later."""


class InvariantError(StrongroomError):
    """Our own fault: something that must always hold does not."""


def malformed(code: Code, field: str, expected: str = "", got: str = "") -> MalformedError:
    """Build a `MalformedError` with one refusal; raise what this returns."""
    return MalformedError(Refusal(code=code, field=field, expected=expected, got=got))


def refused(code: Code, field: str, expected: str = "", got: str = "") -> RefusedError:
    """Build a `RefusedError` with one refusal; raise what this returns."""
    return RefusedError(Refusal(code=code, field=field, expected=expected, got=got))


def run_checks(checks: Iterable[Callable[[], None]]) -> None:
    """Run every check and raise one `RefusedError` with all that they refused.

    A check that meets malformed input counts as a refusal too: what cannot be read cannot be signed.
    Unavailable and invariant errors pass through at once, since nothing after them could be trusted.
    """
    found: list[Refusal] = []
    for check in checks:
        try:
            check()
        except (MalformedError, RefusedError) as error:
            found.extend(r for r in error.refusals if r not in found)
    if found:
        raise RefusedError(*found)
