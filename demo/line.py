"""The approvals line: a server with a key that the device pins, and a person who answers without any courier."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.journey import Tell
from demo.programs import DemoError, run, start
from demo.scene import Scene
from strongroom.core.canonical import encode_canonical
from strongroom.core.records import encode_record
from strongroom.online.config import Config
from strongroom.online.db.roles import Role

HOST = "127.0.0.1"


def approve_on_the_line(scene: Scene, device: str, tell: Tell) -> None:
    """One person's device fetches the docket over TLS, they answer, and it hands the answer in."""
    for_couriers = set(scene.outbox(device).iterdir())
    with _serving(scene) as (port, pin):
        home = str(scene.home(device) / "home")
        run("approver", ["connect", "--home", home, "--host", HOST, "--port", str(port), "--server-key", pin])
        tell(device, f"connected to one host, its key pinned from paper: {pin[:23]}…")
        # The request waits on the platform, and no courier takes it: it comes by the line alone.
        scene.fetch(device, "approval-request", across=lambda package, _: package)
        scene.answer(device, ["answer", "--home", home], "approve")
    if set(scene.outbox(device).iterdir()) != for_couriers:
        raise DemoError(f"{device} wrote its answer for a courier")
    tell(device, "approval handed in over the line: TLS 1.3, each request signed by the device's own key")


@contextmanager
def _serving(scene: Scene) -> Iterator[tuple[int, str]]:
    """`strongroom serve-approvals` with a database login of its own, no keys and no chains; its port and its key."""
    folder = scene.folder / "approvals"
    config, tls, port = _write_config(scene, folder), str(folder / "tls"), _free_port()
    made = ["make-approvals-key", "--config", str(config), "--out", tls, "--host", HOST]
    pin = str(run("platform", made).json()["server_key"])
    served = ["serve-approvals", "--config", str(config), "--tls", tls, "--host", HOST, "--port", str(port)]
    server = start("platform", served, log=scene.folder / "logs" / "approvals.log")
    try:
        scene.wait("the approvals server", lambda: server.poll() is not None or _listens(port))
        yield port, pin
    finally:
        server.terminate()
        server.wait(timeout=30)


def _write_config(scene: Scene, folder: Path) -> Path:
    folder.mkdir()
    secret = folder / "conninfo"
    secret.touch(mode=0o600)
    secret.write_text(scene.database.conninfo(Role.APPROVALS).reveal())
    body = Config(
        chains=(), database=str(secret), doors=(), home=str(folder), keys=(), poll_ms=100, root=scene.firm.fingerprint
    )
    path = folder / "approvals.json"
    path.write_bytes(encode_canonical(encode_record(body)))
    return path


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
