"""Real nodes for tests: anvil and litecoind, and a proxy that makes one of them lie.

Fixtures are shared by the tests of one file; a test that needs a chain of its own calls `start_anvil()` or
`start_litecoind()`. Everything listens on loopback on free ports and is stopped by the test that started it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.nodes.devpair import AnvilPair, LitecoinPair
from strongroom.online.nodes.launch import start_anvil, start_anvil_pair, start_litecoind, start_litecoind_pair

__all__ = [
    "AnvilChain",
    "AnvilPair",
    "Liar",
    "LitecoinChain",
    "LitecoinPair",
    "Said",
    "ethereum_chain",
    "litecoin_chain",
    "start_anvil",
    "start_anvil_pair",
    "start_liar",
    "start_litecoind",
    "start_litecoind_pair",
]


@pytest.fixture(scope="module")
def ethereum_chain() -> Iterator[AnvilChain]:
    """One anvil for the tests of a file."""
    with start_anvil() as chain:
        yield chain


@pytest.fixture(scope="module")
def litecoin_chain() -> Iterator[LitecoinChain]:
    """One `litecoind -regtest` with a funded wallet for the tests of a file."""
    with start_litecoind() as chain:
        yield chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer over HTTP, with the body as it goes out."""

    status: int
    body: bytes


Lie = Callable[[dict[str, Any]], dict[str, Any] | Said]
"""Takes the node's true answer (the whole JSON-RPC object) and returns what is told instead."""


@dataclass(slots=True)
class Liar:
    """A proxy before a real node. lies: by method. asked: the methods in the order in which they were asked."""

    upstream: str
    lies: Mapping[str, Lie]
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, raw: bytes, authorization: str) -> Said:
        """Ask the real node, then lie where told."""
        request = json.loads(raw)
        method = (request[0] if isinstance(request, list) else request)["method"]
        self.asked.append(method)
        headers = {"content-type": "application/json", "authorization": authorization}
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            truth = client.post(self.upstream, content=raw, headers=headers)
        if method not in self.lies:
            return Said(status=truth.status_code, body=truth.content)
        lie, reply = self.lies[method], truth.json()
        told = [lie(each) for each in reply] if isinstance(reply, list) else lie(reply)
        return told if isinstance(told, Said) else Said(status=200, body=json.dumps(told).encode())


@contextmanager
def start_liar(upstream: str, lies: Mapping[str, Lie]) -> Iterator[Liar]:
    """Start a proxy that tells the truth about everything but `lies`."""
    liar = Liar(upstream=upstream, lies=lies)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            said = liar.answer(raw, self.headers.get("authorization", ""))
            self.send_response(said.status)
            self.send_header("content-length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- The base class names it so.
            """Say nothing: the test asserts on what comes back."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
