"""The search for secrets that ends the demo finds what was planted in any spelling, and nothing where all is clean."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from demo.canaries import MARK, descendants, find_leaks, make_pin

PIN = make_pin()
WANTED = {"the mark of every PIN": MARK.encode(), "the wrapping key": bytes(range(200, 232))}
SPELLINGS = {
    "as it is": PIN.encode(),
    "UTF-16": PIN.encode("utf-16-le"),
    "hexadecimal": PIN.encode().hex().encode(),
    "capitals": PIN.encode().hex().upper().encode(),
    "base64": base64.b64encode(PIN.encode()),
    "base64, one off": base64.b64encode(b"x" + PIN.encode()),
    "base64, two off": base64.b64encode(b"xy" + PIN.encode()),
    "base64 for addresses": base64.urlsafe_b64encode(b"pin=" + PIN.encode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_finds_a_planted_pin(tmp_path: Path, spelling: str) -> None:
    file = tmp_path / "deep" / "down" / "trace.log"
    file.parent.mkdir(parents=True)
    file.write_bytes(os.urandom(1000) + SPELLINGS[spelling] + os.urandom(1000))
    found = find_leaks([tmp_path], [], WANTED)
    assert [(leak.place, leak.secret) for leak in found] == [(str(file), "the mark of every PIN")]


def test_finds_a_planted_key(tmp_path: Path) -> None:
    (tmp_path / "core.1234").write_bytes(os.urandom(5000) + WANTED["the wrapping key"] + os.urandom(50))
    assert [leak.secret for leak in find_leaks([tmp_path], [], WANTED)] == ["the wrapping key"]


@pytest.mark.parametrize("before", [(1 << 24) - 5, (1 << 24) - 1, 1 << 24, (1 << 25) - 3])
def test_finds_what_lies_across_two_chunks(tmp_path: Path, before: int) -> None:
    (tmp_path / "wal").write_bytes(b"\0" * before + PIN.encode() + b"\0" * 10)
    (leak,) = find_leaks([tmp_path], [], WANTED)
    assert leak.offset == before


def test_finds_a_secret_in_an_environment() -> None:
    program = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    for extra, wanted in (({"PIN": PIN}, 1), ({}, 0)):
        with subprocess.Popen(
            program, env={**os.environ, **extra}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            assert process.pid in descendants(os.getpid())
            assert len(find_leaks([], [process.pid], WANTED)) == wanted
            process.communicate("")


def test_finds_nothing_in_an_honest_folder(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(os.urandom(100_000))
    (tmp_path / "log").write_text(f"a PIN of {len(PIN)} characters was taken\n")
    assert find_leaks([tmp_path], [], WANTED) == []


def test_never_says_the_secret(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(PIN)
    (leak,) = find_leaks([tmp_path], [], WANTED)
    assert MARK not in repr(leak)
