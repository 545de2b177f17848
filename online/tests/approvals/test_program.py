"""`strongroom serve-approvals` as a process: a login of its own, no key, no chain; it serves, and ends when told."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from approvals import HOST, Caller, Served
from firm import Firm, write_secret
from strongroom.core.canonical import encode_canonical
from strongroom.core.ids import Digest
from strongroom.core.records import encode_record
from strongroom.online.cli import main
from strongroom.online.config import Config
from strongroom.online.db.roles import Role

RUN = "import sys; from strongroom.online.cli import main; sys.exit(main())"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it listens, or has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nobody listens: {process.poll()}")


def test_the_program_serves_with_its_own_login_and_ends_when_told(
    office_firm: Firm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office_firm.round()
    office_firm.round()
    folder, port = tmp_path / "approvals", free_port()
    folder.mkdir()
    write_secret(folder / "conninfo", office_firm.database.conninfo(Role.APPROVALS).reveal())
    config = Config(
        chains=(), database=str(folder / "conninfo"), doors=(), home=str(folder), keys=(), poll_ms=10,
        root=office_firm.world.fingerprint,
    )  # fmt: skip
    path = folder / "approvals.json"
    path.write_bytes(encode_canonical(encode_record(config)))
    made = ["make-approvals-key", "--config", str(path), "--out", str(folder / "tls"), "--host", "approvals.example"]
    assert 0 == main(made)
    pin = Digest(json.loads(capsys.readouterr().out)["server_key"])
    assert 3 == main(made)
    words = [
        "serve-approvals",
        "--config",
        str(path),
        "--tls",
        str(folder / "tls"),
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    process = subprocess.Popen([sys.executable, "-c", RUN, *words], stderr=subprocess.PIPE)
    try:
        wait_for(process, port)
        caller = Caller(served=Served(firm=office_firm, pin=pin, port=port))
        # The firm lives in another year than the program's clock: it knows the device, and refuses its time.
        status, answer = caller.ask("GET", "/v1/packages/0")
        assert (403, "REQUEST_NOT_FRESH") == (status, answer["refusals"][0]["code"])
        assert 404 == caller.ask("GET", "/docs")[0]
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert b"REQUEST_NOT_FRESH" in told
    assert b"Traceback" not in told
