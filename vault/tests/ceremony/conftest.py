"""A real SoftHSM store and the ceremony program as processes of their own, as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import softhsm

OFFICER, USER = "officer-7731", "user-4482"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run left: its exit code and both outputs."""

    code: int
    output: str
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads(self.output))

    @property
    def refusals(self) -> list[str]:
        told = [json.loads(line) for line in self.errors.splitlines()]
        return [each["code"] for each in told if "event" not in each]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """Runs `strongroom-ceremony` against one store."""

    store: softhsm.SoftHsmStore

    def run(self, *arguments: str, lines: tuple[str, ...] = (), consent: tuple[str, ...] = ()) -> Outcome:
        """lines: secrets, which nothing may repeat. consent: what is typed after them and is no secret."""
        command = [sys.executable, "-c", "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"]
        done = subprocess.run(
            [*command, *arguments],
            input="".join(line + "\n" for line in (*lines, *consent)),
            env=self.store.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        for secret in lines:
            assert secret == "" or secret not in done.stdout + done.stderr
        return Outcome(code=done.returncode, output=done.stdout, errors=done.stderr)

    def vault_token(self, label: str) -> None:
        """A token with PINs and a wrapping key."""
        assert 0 == self.run("init-token", "--token", label, lines=(OFFICER, USER)).code
        assert 0 == self.run("make-wrapping-key", "--token", label, lines=(OFFICER,)).code


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    return Ceremony(store=softhsm.make_store(tmp_path / "softhsm"))
