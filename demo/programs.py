"""Run the firm's programs, each from its own environment, as people would: arguments, standard input, exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TIMEOUT_S = 120


class DemoError(Exception):
    """Something did not go as the story says; the sentence says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a program ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The last line of standard output, as JSON."""
        lines = [line for line in self.out.splitlines() if line.strip()]
        if not lines:
            raise DemoError(f"a program said nothing: {self.err}")
        return json.loads(lines[-1])


@cache
def can_isolate() -> bool:
    """Whether this kernel lets us make a network namespace without interfaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def command(program: str, *, offline: bool) -> list[str]:
    """The command line's start: the program from its own environment, without any network when it must have none."""
    names = {"platform": "strongroom"}
    path = ROOT / ".venvs" / program / "bin" / names.get(program, f"strongroom-{program}")
    return ["unshare", "-rn", "--", str(path)] if offline and can_isolate() else [str(path)]


def environment(store: Path | None) -> dict[str, str]:
    """A small environment: nothing of the caller's but the path, and the token store of this place."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "SOFTHSM2_CONF": str(store / "softhsm2.conf")} if store else kept


def run(
    program: str,
    arguments: Sequence[str],
    *,
    stdin: str = "",
    store: Path | None = None,
    offline: bool = False,
    expect: int | None = 0,
) -> Result:
    """Run a program to its end. expect: the exit code that the story needs; None takes any."""
    argv = [*command(program, offline=offline), *arguments]
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, env=environment(store), timeout=TIMEOUT_S, check=False
    )
    result = Result(code=done.returncode, out=done.stdout, err=done.stderr)
    if expect is not None and result.code != expect:
        raise DemoError(
            f"{program} {' '.join(arguments[:2])} ended with {result.code}, not {expect}:\n{result.err}\n{result.out}"
        )
    return result


def start(
    program: str, arguments: Sequence[str], *, store: Path | None = None, offline: bool = False, log: Path
) -> subprocess.Popen[str]:
    """Start a program that runs on; its standard input is a pipe, what it says goes to a file and to a pipe."""
    log.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [*command(program, offline=offline), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log.open("w"),
        text=True,
        env=environment(store),
    )


def make_store(folder: Path) -> Path:
    """A SoftHSM store of its own: one place, one store."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
    )
    return folder


def as_json(value: Mapping[str, object]) -> str:
    """One line of JSON with sorted keys."""
    return json.dumps(value, sort_keys=True)
