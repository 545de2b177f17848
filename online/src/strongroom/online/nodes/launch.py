"""Real nodes for development, tests and the demo: anvil and `litecoind -regtest`, started in a temporary folder.

Never used in production: these networks have no value and their keys are public. Each node listens on loopback only, on
free ports, and is stopped with everything that it started, also when this process dies. A missing program is one
sentence with its remedy (NODE_UNAVAILABLE).

    with start_anvil() as ethereum, start_litecoind() as litecoin:
        ethereum.mine(1)
        node = EthereumNode(ethereum.url)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, StrongroomError, UnavailableError
from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.nodes.devpair import AnvilPair, LitecoinPair

Chain = TypeVar("Chain", AnvilChain, LitecoinChain)

ANVIL_CHAIN_ID: Final = 31337
_TRIES: Final = 3
"""Another process can take a free port between our look and the node's bind; then other ports are tried."""
_START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.05
# Height at which a version-bits deployment starts; the largest one keeps MimbleWimble off, whose first block a plain
# regtest cannot mine.
_NO_MWEB: Final = "-vbparams=mweb:9223372036854775807:9223372036854775807"
_ALONE: Final = ("-listen=0", "-dnsseed=0", "-connect=0")
"""No peers: it neither listens, nor looks for others, nor connects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A node program to start. folder: where it lives and logs."""

    name: str
    command: tuple[str, ...]
    folder: Path


@contextmanager
def start_anvil(*, genesis_time_s: int | None = None, port: int | None = None) -> Iterator[AnvilChain]:
    """Start an Ethereum development node that mines only when told (`mine`).

    genesis_time_s: two nodes with the same one, the same transactions and the same mining times have the same blocks;
    `None` takes the clock. port: `None` takes a free one.
    """
    program = find_anvil()
    fixed = [] if genesis_time_s is None else ["--timestamp", str(genesis_time_s)]
    arguments = ["--no-mining", "--chain-id", str(ANVIL_CHAIN_ID), "--host", "127.0.0.1", *fixed]

    def attempt(folder: Path) -> tuple[_Program, AnvilChain]:
        free = port if port is not None else free_port()
        command = (str(program), *arguments, "--port", str(free))
        chain = AnvilChain(url=f"http://127.0.0.1:{free}")
        return _Program(name="anvil", command=command, folder=folder), chain

    with _temporary_folder("anvil") as folder, _running(folder, attempt) as chain:
        yield chain


@contextmanager
def start_anvil_pair() -> Iterator[AnvilPair]:
    """Start two Ethereum development nodes that stay in step (`nodes/devpair.py`)."""
    genesis = int(time.time())
    with start_anvil(genesis_time_s=genesis) as first, start_anvil(genesis_time_s=genesis) as second:
        pair = AnvilPair(first, second)
        try:
            yield pair
        finally:
            pair.close()


@contextmanager
def start_litecoind(*, mweb: Sequence[str] = (_NO_MWEB,)) -> Iterator[LitecoinChain]:
    """Start a Litecoin regtest node with a funded wallet; blocks come only when told (`mine`).

    mweb: arguments that decide about MimbleWimble; the default keeps it off, `()` lets it start at height 432.
    """
    with _litecoind((*_ALONE, *mweb)) as chain:
        chain.create_wallet()
        yield chain


@contextmanager
def start_litecoind_pair() -> Iterator[LitecoinPair]:
    """Start two Litecoin regtest nodes that are peers; the first one has the wallet and mines."""
    port = free_port()
    # A peer that is trusted hears of transactions at once, not after a random while.
    listen = ("-listen=1", "-dnsseed=0", f"-bind=127.0.0.1:{port}", "-whitelist=noban@127.0.0.1", _NO_MWEB)
    connect = ("-listen=0", "-dnsseed=0", f"-connect=127.0.0.1:{port}", _NO_MWEB)
    with _litecoind(listen) as first, _litecoind(connect) as second:
        pair = LitecoinPair(first, second)
        try:
            pair.create_wallet()
            yield pair
        finally:
            pair.close()


@contextmanager
def _litecoind(network: Sequence[str]) -> Iterator[LitecoinChain]:
    program = find_litecoind()

    def attempt(folder: Path) -> tuple[_Program, LitecoinChain]:
        data = Path(tempfile.mkdtemp(prefix="data", dir=folder))
        port = free_port()
        command = (str(program), *_litecoind_arguments(data, port), *network)
        chain = LitecoinChain(url=f"http://127.0.0.1:{port}", cookie=data / "regtest" / ".cookie")
        return _Program(name="litecoind", command=command, folder=folder), chain

    with _temporary_folder("litecoind") as folder, _running(folder, attempt) as chain:
        yield chain


def _litecoind_arguments(data: Path, port: int) -> list[str]:
    return [
        "-regtest",
        f"-datadir={data}",
        "-server=1",
        "-rpcbind=127.0.0.1",
        "-rpcallowip=127.0.0.1",
        f"-rpcport={port}",
        "-txindex=1",
        # Litecoin Core takes no replacement of what it has unless it is told to (BIP-125).
        "-mempoolreplacement=1",
        "-fallbackfee=0.0002",
        "-printtoconsole=0",
    ]


def find_anvil() -> Path:
    """The anvil program: from `.tools/node` of this checkout, else from PATH. Raises NODE_UNAVAILABLE."""
    for parent in Path(__file__).resolve().parents:
        packages = parent / ".tools" / "node" / "node_modules" / "@foundry-rs"
        # The package's own command is a Node.js script around this program; starting it directly leaves one process.
        found = sorted(packages.glob("anvil-*/bin/anvil"))
        if found:
            return found[0]
    return _on_path("anvil", "npm's @foundry-rs/anvil (tools/setup installs it)")


def find_litecoind() -> Path:
    """The litecoind program from PATH. Raises NODE_UNAVAILABLE."""
    return _on_path("litecoind", "Debian's litecoin package (tools/setup installs it)")


def _on_path(name: str, source: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise _unavailable(name, f"the program {name}, from {source}", "no such program")
    return Path(found)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(folder: Path, attempt: Callable[[Path], tuple[_Program, Chain]]) -> Iterator[Chain]:
    """Start the program, wait until it answers, and stop it whatever happens."""
    last_words = "silence"
    for _ in range(_TRIES):
        program, chain = attempt(folder)
        process = _spawn(program)
        try:
            if _is_ready(program, process, chain.is_ready):
                yield chain
                return
        finally:
            chain.close()
            _stop(process)
        last_words = _last_words(program)
    raise _unavailable(folder.name, "a node that starts", last_words)


def _spawn(program: _Program) -> subprocess.Popen[bytes]:
    # setpriv asks the kernel to kill the node when this process ends without stopping it (a SIGKILL, a crash).
    guard = shutil.which("setpriv")
    prefix = (guard, "--pdeathsig", "KILL") if guard else ()
    with _log_file(program).open("wb") as output:
        return subprocess.Popen(
            (*prefix, *program.command),
            cwd=program.folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(program.folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _is_ready(program: _Program, process: subprocess.Popen[bytes], ask: Callable[[], bool]) -> bool:
    """Wait until the node answers; False when it ended by itself, for example because its port was taken."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if ask():
            return process.poll() is None
        time.sleep(_POLL_S)
    raise _unavailable(program.name, f"an answer within {_START_TIMEOUT_S:.0f} seconds", _last_words(program))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the node and all that it started, at once: its chain is thrown away, so there is nothing to put in order.

    Asked politely, litecoind would wait half a minute for clients that keep their connection open.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _temporary_folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"strongroom-{name}-") as folder:
        yield Path(folder)


def _log_file(program: _Program) -> Path:
    return program.folder / f"{program.name}.log"


def _last_words(program: _Program) -> str:
    return _log_file(program).read_text("utf-8", errors="replace")[-500:].strip() or "silence"


def _unavailable(name: str, expected: str, got: str) -> StrongroomError:
    return UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field=name, expected=expected, got=got))
