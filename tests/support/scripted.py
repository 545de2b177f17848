"""A server behind real TLS that answers approval devices as a script says, and remembers what it was asked."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical, sha256
from strongroom.core.device_requests import HandedOut, TakenIn
from strongroom.core.ids import Digest
from strongroom.core.packages import parse_package
from strongroom.core.records import Base64Bytes, encode_record
from strongroom.online.approvals.serve import make_key

Reply = tuple[int, dict[str, str], bytes]
Script = Callable[["Scripted", str, str, bytes], Reply]


@dataclass(kw_only=True)
class Scripted:
    """packages: what waits, with their numbers; taken: what was handed in; asked: method and target of each request."""

    pin: Digest
    script: Script
    port: int = 0
    packages: list[bytes] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)


def honest(platform: Scripted, method: str, target: str, body: bytes) -> Reply:
    """What the platform does, without asking who asks."""
    if method == "POST":
        platform.taken.append(body)
        return 200, {}, encode_canonical(encode_record(TakenIn(digest=sha256(body), outcome="waiting")))
    after = int(target.rpartition("/")[2])
    waiting = tuple(Base64Bytes(raw) for raw in platform.packages if parse_package(raw).sequence > after)
    return 200, {}, encode_canonical(encode_record(HandedOut(left=0, packages=waiting)))


def refusing(status: int, code: str, got: str = "") -> Script:
    """Refuses everything with a code."""
    row: dict[str, Json] = {"code": code, "expected": "another", "field": "request", "got": got, "sentence": "No."}
    return lambda *_: (status, {}, encode_canonical({"refusals": [row]}))


@contextmanager
def scripted(
    folder: Path, script: Script = honest, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[Scripted]:
    """Serve until the block ends."""
    found = Scripted(pin=make_key(folder, "platform.example", datetime.now(UTC)), script=script)

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found.asked.append((self.command, self.path))
            status, headers, content = found.script(found, self.command, self.path, body)
            self.send_response(status)
            for name, value in ({"content-length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply  # noqa: N815 -- The names that http.server calls.

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "approvals.crt", folder / "approvals.key")
    context.maximum_version = most
    server = Quiet(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


class Quiet(ThreadingHTTPServer):
    """Who hangs up in the middle is what some tests are about."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def in_base64(raw: bytes) -> str:
    """As an answer holds a package."""
    return base64.b64encode(raw).decode()
