"""A provider of node access: it stands before the second anvil and passes all on, until it lies about a block."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
FORGED = 1_000_000 * 10**6


@dataclass(kw_only=True)
class Provider:
    """A proxy before a node. block: the hash of the block that it lies about, empty while it is honest."""

    upstream: str
    url: str = ""
    block: str = ""
    contract: str = ""
    address: str = ""

    def answer(self, raw: bytes) -> bytes:
        """Ask the node; then change what it says about one block."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            told = client.post(self.upstream, content=raw, headers={"content-type": "application/json"}).content
        if not self.block:
            return told
        asked, replies = json.loads(raw), json.loads(told)
        for request, reply in zip(_listed(asked), _listed(replies), strict=True):
            self._forge(request, reply)
        return json.dumps(replies).encode()

    def _forge(self, request: dict[str, Any], reply: dict[str, Any]) -> None:
        if self.block not in json.dumps(request["params"]):
            return
        if request["method"] == "eth_getBlockReceipts":
            first = reply["result"][0]
            topics = [TRANSFER, "0x" + "00" * 31 + "01", _word(self.address)]
            first["logs"].append(
                {
                    "address": self.contract,
                    "topics": topics,
                    "data": f"0x{FORGED:064x}",
                    "blockHash": first["blockHash"],
                    "blockNumber": first["blockNumber"],
                    "transactionHash": first["transactionHash"],
                    "transactionIndex": first["transactionIndex"],
                    "logIndex": "0x0",
                    "removed": False,
                }
            )
        if request["method"] == "eth_call" and self.address[2:].lower() in request["params"][0]["data"]:
            reply["result"] = f"0x{int(reply['result'], 16) + FORGED:064x}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


@contextmanager
def start_provider(upstream: str) -> Iterator[Provider]:
    """Start the provider on a free port."""
    provider = Provider(upstream=upstream)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # The base class names it so.
            """Pass a request on."""
            said = provider.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *words: object) -> None:
            """Say nothing: the story is told elsewhere."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
