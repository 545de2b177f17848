"""The offline programs' suites run without a network: every suite runs once, and what is denied is denied indeed."""

from __future__ import annotations

import errno
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import no_network

from .tree import ROOT

LAUNCHER = [sys.executable, str(ROOT / "tools/no_network.py")]
SEALED_PROGRAMS = ("approver", "checker", "devices", "vault")

# What reaches somebody outside the program. 15 is NETLINK_KOBJECT_UEVENT, which Python has no name for.
REACHES = (
    "socket.socket(socket.AF_INET)",
    "socket.socket(socket.AF_INET6)",
    "socket.socket(socket.AF_UNIX)",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)",
)

# What the programs need: whether there is an interface, what draws their screens, and children behind pipes.
NEEDED = (
    "socket.if_nameindex()",
    "asyncio.run(asyncio.sleep(0))",
    "subprocess.run(['cat'], input=b'x', capture_output=True, check=True)",
)

PROGRAM = """
import asyncio, ctypes, socket, subprocess, sys
try:
    {line}
except PermissionError:
    sys.exit(77)
"""

CHILD = """
import subprocess, sys
sys.exit(subprocess.run([sys.executable, '-c', {inner!r}]).returncode)
"""

# The call itself, as a C library makes it, on a stream that may be open. Prints the error's number.
CALL = """
import ctypes, socket
pair = socket.socketpair()
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(ctypes.c_long({number}), ctypes.c_long(pair[0].fileno()), None, None, None, None)
print(ctypes.get_errno())
"""

EVERYWHERE = ("accept", "accept4", "connect", "listen")
"""Denied calls that no other confinement of a machine denies: outside, the kernel has another answer for a stream."""


def _python(code: str, *start: str, **more: object) -> subprocess.CompletedProcess[str]:
    argv = [*start, sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("line", REACHES)
def test_what_reaches_somebody_is_denied_inside_and_possible_outside(line: str) -> None:
    code = PROGRAM.format(line=line)
    assert 77 == _python(code, *LAUNCHER).returncode
    assert 77 == _python(CHILD.format(inner=code), *LAUNCHER).returncode, "in a child"
    assert 0 == _python(code).returncode


@pytest.mark.parametrize("line", NEEDED)
def test_what_the_programs_need_is_possible_inside(line: str) -> None:
    done = _python(PROGRAM.format(line=line), *LAUNCHER)
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize("name", [*no_network.DENIED, "x32"])
def test_a_denied_call_is_denied_to_c_as_well(name: str) -> None:
    """Numbers of x32 are the same calls under other numbers."""
    number = no_network.DENIED.get(name, 0x4000_0000 | no_network.SOCKET)
    code = CALL.format(number=number)
    assert errno.EPERM == int(_python(code, *LAUNCHER).stdout)
    if name in EVERYWHERE:
        assert errno.EPERM != int(_python(code).stdout)


def test_inside_there_is_no_interface_but_the_loopback() -> None:
    done = _python("import socket; print(*[name for _, name in socket.if_nameindex()])", *LAUNCHER)
    assert "lo\n" == done.stdout


def test_a_socket_that_was_left_open_is_closed() -> None:
    left, right = socket.socketpair()
    with left, right:
        code = f"import os; os.write({right.fileno()}, b'out')"
        assert 1 == _python(code, *LAUNCHER, pass_fds=[right.fileno()]).returncode
        assert 0 == _python(code, pass_fds=[right.fileno()]).returncode
        assert b"out" == left.recv(9)


def test_the_launcher_finds_out_that_nothing_is_denied() -> None:
    """Nothing is run by it where the kernel takes the filter and does not obey it."""
    with pytest.raises(OSError, match=r"a socket could be made|there are network interfaces"):
        no_network.check_denied()
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import no_network; no_network.check_denied()"
    assert 0 == _python(code, *LAUNCHER).returncode


def test_a_suite_that_reaches_for_the_network_fails_inside(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text("import socket\n\n\ndef test():\n    socket.socket().close()\n", encoding="utf-8")
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(planted)]
    inside = subprocess.run([*LAUNCHER, *suite], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert 1 == inside.returncode
    assert "PermissionError" in inside.stdout
    assert 0 == subprocess.run(suite, capture_output=True, text=True, check=False, cwd=tmp_path).returncode


@pytest.mark.parametrize("unshare", [None, "echo unshare failed: Operation not permitted >&2; exit 1"])
def test_a_machine_without_namespaces_is_told_what_to_do_and_runs_nothing(tmp_path: Path, unshare: str | None) -> None:
    folder, mark = tmp_path / "bin", tmp_path / "ran"
    folder.mkdir()
    if unshare is not None:
        (folder / "unshare").write_text(f"#!/bin/sh\n{unshare}\n", encoding="utf-8")
        (folder / "unshare").chmod(0o755)
    words = [*LAUNCHER, "/bin/sh", "-c", f"echo > {mark}"]
    done = subprocess.run(words, env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True, check=False)
    assert 2 == done.returncode
    assert ("unshare is missing" if unshare is None else "Operation not permitted") in done.stderr
    assert "sysctl -w kernel.unprivileged_userns_clone=1" in done.stderr
    assert not mark.exists()
    assert 0 == subprocess.run(words, check=False).returncode
    assert mark.exists()


def _runs() -> list[tuple[list[str], list[Path]]]:
    """What `make test` starts: the words before pytest, and the files of tests that it runs."""
    printed = subprocess.run(
        ["/usr/bin/env", "make", "--no-print-directory", "-n", "test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = []
    for text in re.split(r"\n|;|\|\|", printed.replace("\\\n", " ")):
        words = shlex.split(text)
        at = next((place for place, word in enumerate(words) if word.endswith("/pytest")), None)
        if at is not None:
            found.append((words[:at], _files(words[at + 1 :])))
    return found


def _files(words: list[str]) -> list[Path]:
    left_out = [ROOT / word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
    folders = [ROOT / word for word in words if (ROOT / word).is_dir()]
    files = [path for folder in folders for path in folder.rglob("test_*.py")]
    return [path for path in files if not any(folder in path.parents for folder in left_out)]


def test_make_test_runs_every_file_of_tests_once() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    every = sorted(path for folder in folders for path in (ROOT / folder).rglob("test_*.py"))

    assert every == sorted(path for _, files in _runs() for path in files)


def test_make_test_runs_the_offline_programs_without_a_network() -> None:
    """All their suites but two: the gate's, which is online, and that of the approval device's own line."""
    sealed = {path for start, files in _runs() if "tools/no_network.py" in start for path in files}
    own = {path for name in SEALED_PROGRAMS for path in (ROOT / name / "tests").rglob("test_*.py")}
    online = {path for path in own if path.is_relative_to(ROOT / "checker/tests/gate")}
    line = set((ROOT / "approver/tests/link").rglob("test_*.py"))

    assert online
    assert line
    assert own - online - line <= sealed
    assert "make --no-print-directory test\n" in (ROOT / ".ci/run").read_text(encoding="utf-8")
