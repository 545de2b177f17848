"""A gate at work in a test: its home, a node of its own on loopback, and what it handed back."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import coincurve
import pytest

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.transactions import parse_transaction, txid_hex
from strongroom.chains.ethereum.transactions import signing_digest, transaction_hash
from strongroom.checker.gate.cli import main
from strongroom.core.bodies import Halt
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind, PartialSignature, ReleaseBody, ReleaseResultBody, parse_package
from strongroom.core.records import HexBytes
from strongroom.core.statements import Envelope, Statement, parse_statement
from world import Trip, World, chain_key, seed

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GATE = "device:gate-1"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error that a node answers with."""

    code: int
    message: str


@dataclass(kw_only=True)
class RpcNode:
    """A node's JSON-RPC contract in memory. answer: what it says to sent bytes; by default their own id.

    sent: the bytes that came. logins: user and password of each call, or an empty text.
    """

    url: str = ""
    answer: Callable[[bytes], object] | None = None
    found: object = None
    sent: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def reply(self, method: str, params: list[str]) -> object:
        """The result of one call, or a Fault."""
        if method not in {"eth_sendRawTransaction", "sendrawtransaction"}:
            return self.found or Fault(code=-5, message="No such mempool or blockchain transaction")
        raw = bytes.fromhex(params[0].removeprefix("0x"))
        self.sent.append(raw)
        return self.answer(raw) if self.answer else id_of(raw)


def id_of(raw: bytes) -> str:
    """A transaction's id as its node writes it."""
    # A version 2 transaction of the Bitcoin family begins with 02 as well; what follows is not the head of a list.
    is_ethereum = raw[0] == 2 and raw[1] >= 0xC0
    return "0x" + transaction_hash(raw).hex() if is_ethereum else txid_hex(parse_transaction(raw))


@contextmanager
def serving(node: RpcNode) -> Iterator[RpcNode]:
    """Serve a node on a free port of the loopback until the test ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            login = self.headers.get("Authorization", "").removeprefix("Basic ")
            node.logins.append(b64decode(login).decode())
            result = node.reply(call["method"], call["params"])
            failed = isinstance(result, Fault)
            error = {"code": result.code, "message": result.message} if isinstance(result, Fault) else None
            content = json.dumps({"error": error, "id": call["id"], "result": None if failed else result}).encode()
            self.send_response(500 if failed else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's.
            """Tests print what they mean to print."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one run of the gate said. body: the release-result, None when it wrote none."""

    code: int
    json: dict[str, Any]
    raw: bytes
    body: ReleaseResultBody | None

    @property
    def codes(self) -> set[str]:
        """Every refusal's code."""
        return {each["code"] for each in self.json["refusals"]}

    @property
    def statements(self) -> list[Statement[Any]]:
        """The statements that it handed back."""
        assert self.body is not None
        return [parse_statement(each) for each in self.body.statements]

    @property
    def envelopes(self) -> tuple[Envelope, ...]:
        """The same as they were signed."""
        assert self.body is not None
        return self.body.statements

    @property
    def halt(self) -> Halt:
        """The only statement, a halt."""
        (only,) = self.statements
        assert isinstance(only.body, Halt)
        return only.body


@dataclass(kw_only=True)
class Gatehouse:
    """A gate's home with the world's gate keys, and the two ways in."""

    world: World
    folder: Path
    capsys: pytest.CaptureFixture[str]
    seen: int = 0
    clock: Callable[[], datetime] | None = None

    @property
    def home(self) -> Path:
        """The gate's home."""
        return self.folder / "home"

    @property
    def out(self) -> Path:
        """Where answers are written."""
        return self.folder / "out"

    def run(self, *argv: str, typed: str = "") -> tuple[int, dict[str, Any]]:
        """Run the program; returns its exit code and its JSON."""
        clock = self.clock or (lambda: self.world.now)
        self.capsys.readouterr()
        code = main([*argv, "--json"], clock=clock, typed=StringIO(typed))
        printed = self.capsys.readouterr().out
        return code, json.loads(printed) if printed else {}

    def put(self, raw: bytes) -> str:
        """A package file."""
        path = self.folder / "package.json"
        path.write_bytes(raw)
        return str(path)

    def take_keys(self, seal: bytes | None = None) -> None:
        """Put the keys into the home that the world's root and roster name."""
        self.home.mkdir(mode=0o700)
        keys = {"device.key": seed(GATE), "seal.key": seal or self.world.seal_key.private_bytes_raw()}
        for name, secret in keys.items():
            path = self.home / name
            path.touch(mode=0o600)
            path.write_text(secret.hex() + "\n")

    def enroll(self) -> None:
        """Enrol from the world's root."""
        root = self.folder / "root.json"
        root.write_bytes(self.world.root_file)
        typed = f"{self.world.fingerprint}\n" * 2
        arguments = ("enroll", "--home", str(self.home), "--root", str(root), "--device", GATE)
        soc = self.world.soc_key.public_key().public_bytes_raw().hex()
        assert 0 == self.run(*arguments, "--soc-key", soc, typed=typed)[0]

    def update(self, body: Any) -> None:
        """Import an update package."""
        raw = self.world.package(GATE, PackageKind.UPDATE, body)
        assert 0 == self.run("import", "--home", str(self.home), self.put(raw))[0]
        self.seen = self.world.log.tree.size

    def pack(self, trip: Trip, edit: Callable[[ReleaseBody], ReleaseBody] = lambda body: body) -> bytes:
        """The release package of a trip."""
        return self.world.package(GATE, PackageKind.RELEASE, edit(trip.release_body(self.seen)))

    def release(self, raw: bytes, *nodes: RpcNode, urls: tuple[str, ...] = ()) -> Answer:
        """Answer a release package with these nodes, named node-1, node-2 and so on."""
        where = [*(node.url for node in nodes), *urls]
        names = [word for i, url in enumerate(where) for word in ("--node", f"node-{i + 1}={url}")]
        arguments = ("release", "--home", str(self.home), self.put(raw), "--out", str(self.out), *names)
        code, said = self.run(*arguments)
        written = Path(said["written"]).read_bytes() if "written" in said else b""
        body = parse_package(written).body if written else None
        assert body is None or isinstance(body, ReleaseResultBody)
        return Answer(code=code, json=said, raw=written, body=body)

    def quarantined(self) -> list[bytes]:
        """What stands in quarantine."""
        folder = self.home / "quarantine"
        return [each.read_bytes() for each in sorted(folder.iterdir())] if folder.exists() else []


def open_gatehouse(world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    """A gate that is enrolled and has its first update."""
    gate = Gatehouse(world=world, folder=folder, capsys=capsys)
    gate.take_keys()
    gate.enroll()
    gate.update(world.update_body())
    return gate


def digest_of(trip: Trip, index: int = 0) -> bytes:
    """What is signed for an input."""
    if trip.chain.startswith("eip155:"):
        return signing_digest(trip.unsigned)
    return psbts.parse_psbt(trip.unsigned).signature_hash(index)


def sign_with(key: str, digest: bytes, *, nonce: int = 0) -> HexBytes:
    """A low-s signature, r || s. nonce: the secret number of the signature; 0 takes RFC 6979's."""
    if not nonce:
        raw = chain_key(key).sign_recoverable(digest, hasher=None)
        return HexBytes(raw[:64])
    point = coincurve.PrivateKey(nonce.to_bytes(32, "big")).public_key.format()
    r = int.from_bytes(point[1:], "big") % ORDER
    secret = int.from_bytes(chain_key(key).secret, "big")
    s = pow(nonce, -1, ORDER) * (int.from_bytes(digest, "big") + r * secret) % ORDER
    return HexBytes(r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big"))


def high_s(signature: bytes) -> HexBytes:
    """The second spelling of a signature."""
    s = ORDER - int.from_bytes(signature[32:], "big")
    return HexBytes(signature[:32] + s.to_bytes(32, "big"))


def resigned(change: Callable[[PartialSignature], HexBytes]) -> dict[str, Callable[[Any], Any]]:
    """Edits of a trip whose terminals seal other signatures."""

    def edit(result: Any) -> Any:
        parts = tuple(replace(each, signature=change(each)) for each in result.signatures)
        return replace(result, signatures=parts)

    return {"result": edit}


def walked(trip: Trip) -> Trip:
    """A trip that terminals have signed."""
    return trip.to(Stage.SIGN)
