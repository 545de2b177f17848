"""Starting and stopping real nodes: nothing stays behind, and a missing program is one clear sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from nodes import AnvilChain, LitecoinChain, start_anvil, start_litecoind
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.online.nodes import launch


def running(url: str) -> list[Path]:
    """The folders in /proc of the node processes that were started for a port."""
    port = url.rsplit(":", 1)[1].encode()
    return [each.parent for each in Path("/proc").glob("[0-9]*/cmdline") if is_node(each, port)]


def is_node(cmdline: Path, port: bytes) -> bool:
    try:
        arguments = cmdline.read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False  # It ended while we looked.
    return arguments[0].endswith((b"anvil", b"litecoind")) and any(each.endswith(port) for each in arguments)


def wait_until_gone(process: Path) -> None:
    """Wait for the kernel to take a killed process away."""
    deadline = time.monotonic() + 30
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process.exists()


@pytest.mark.parametrize("start", [start_anvil, start_litecoind])
def test_a_node_is_gone_after_its_block(
    start: type[AbstractContextManager[AnvilChain | LitecoinChain]],
) -> None:
    with start() as chain:
        [process] = running(chain.url)
        folder = (process / "cwd").readlink()
        assert folder.is_dir()
    assert [] == running(chain.url)
    assert not folder.exists()


def test_a_node_is_gone_also_after_an_error() -> None:
    urls: list[str] = []

    def fail() -> None:
        with start_anvil() as chain:
            urls.append(chain.url)
            raise ValueError("the test failed")

    with pytest.raises(ValueError, match="the test failed"):
        fail()
    assert [] == running(urls[0])


def test_a_node_dies_with_the_process_that_started_it() -> None:
    program = (
        "import sys, time\n"
        "from strongroom.online.nodes.launch import start_anvil\n"
        "with start_anvil() as chain:\n"
        "    print(chain.url, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        [node] = running(url)
        folder = (node / "cwd").readlink()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until_gone(node)
    for each in sorted(folder.rglob("*"), reverse=True):
        each.unlink()
    folder.rmdir()


def test_a_missing_program_is_one_sentence_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert launch.find_litecoind().name == "litecoind"
    assert launch.find_anvil().name == "anvil"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(launch, "__file__", str(tmp_path / "launch.py"))
    for find, source in ((launch.find_anvil, "@foundry-rs/anvil"), (launch.find_litecoind, "Debian")):
        with pytest.raises(StrongroomError) as caught:
            find()
        assert Code.NODE_UNAVAILABLE in caught.value.codes
        assert source in str(caught.value)


def test_a_program_of_the_path_is_taken_where_the_checkout_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(launch, "__file__", str(tmp_path / "launch.py"))
    assert program == launch.find_anvil()


def test_a_node_that_ends_at_once_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\necho no room on this machine\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(launch, "find_anvil", lambda: program)
    with pytest.raises(StrongroomError) as caught, start_anvil():
        pytest.fail("it cannot have started")
    assert Code.NODE_UNAVAILABLE in caught.value.codes
    assert "no room on this machine" in str(caught.value)
