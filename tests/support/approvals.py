"""The approval devices' endpoints as a real server with real TLS, and a client that says whatever a test wants."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from firm import Firm
from strongroom.core.canonical import sha256
from strongroom.core.device_requests import DeviceRequest
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import HexBytes, encode_time
from strongroom.online.approvals.desk import Desk
from strongroom.online.approvals.directory import Directory
from strongroom.online.approvals.serve import build_server, make_key
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from world import Signer, signer_of

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server at work. pin: what devices pin."""

    firm: Firm
    pin: Digest
    port: int


@contextmanager
def serve(firm: Firm, folder: Path) -> Iterator[Served]:
    """`strongroom serve-approvals` on the firm's database, in a thread, at a free port."""
    pin = make_key(folder / "tls", "approvals.example", datetime.now(UTC))

    def login() -> Any:
        return connect(firm.database.conninfo(Role.APPROVALS))

    desk = Desk(connect=login, directory=Directory(login, firm.world.fingerprint), server=pin, clock=firm.clock)
    with running(build_server(desk, folder / "tls", HOST, 0)) as port:
        yield Served(firm=firm, pin=pin, port=port)


@contextmanager
def running(server: uvicorn.Server) -> Iterator[int]:
    """A server in a thread; its port."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    assert server.started
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@dataclass(kw_only=True)
class Caller:
    """A device, or who says so. signer: whose key signs; server: of whom the signature speaks."""

    served: Served
    device: str = "device:approver-1"
    signer: Signer | None = None
    server: Digest | None = None
    nonces: int = 0

    def headers(self, method: str, target: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
        """The headers of one signed request, with a nonce of its own."""
        self.nonces += 1
        moment = (at or self.served.firm.clock()).replace(microsecond=0)
        request = DeviceRequest(
            body=sha256(body),
            device=PartyId(self.device),
            method=method,
            nonce=HexBytes(self.nonces.to_bytes(16, "big")),
            server=self.server or self.served.pin,
            target=target,
            time=moment,
        )
        signer = self.signer or signer_of(self.device)
        return {
            "strongroom-device": self.device,
            "strongroom-nonce": request.nonce.hex(),
            "strongroom-signature": signer.sign(request.encode()).hex(),
            "strongroom-time": encode_time(moment),
        }

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        at: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of one request; headers: others than the ones signed now."""
        return send(self.served.port, method, target, body, headers or self.headers(method, target, body, at))


def connect_tls(port: int) -> http.client.HTTPSConnection:
    """A connection that looks at no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(HOST, port, timeout=20, context=context)


def send(port: int, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
    """Status and JSON of one request."""
    connection = connect_tls(port)
    try:
        connection.request(method, target, body=body or None, headers=dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")
    finally:
        connection.close()


def take_news(_before: object, _after: object) -> None:
    """A person who accepts every update that the quorums signed."""
