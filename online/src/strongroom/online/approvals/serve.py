"""`strongroom serve-approvals`: the two endpoints behind TLS 1.3, with a key that devices pin."""

from __future__ import annotations

import argparse
import json
import logging
import ssl
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.online.approvals.app import build_app
from strongroom.online.approvals.desk import Desk
from strongroom.online.approvals.directory import Directory
from strongroom.online.bootstrap import Clock, system_clock
from strongroom.online.config import Config, load_conninfo
from strongroom.online.db.connect import Connection, connect

MOST_AT_ONCE = 32
"""Open connections; more than there are approval devices, less than would tie the host down."""
CERTIFICATE_DAYS = 825
_CERTIFICATE, _KEY = "approvals.crt", "approvals.key"


def add_commands(
    add: Callable[[str, str, Callable[[Config, argparse.Namespace], int]], argparse.ArgumentParser],
) -> None:
    """Add the program, and the tool that makes its key."""
    made = add("make-approvals-key", "make the TLS key of serve-approvals, and print what devices pin", _make)
    made.add_argument("--out", type=Path, required=True, help="folder for key and certificate")
    made.add_argument("--host", required=True, help="the name in the certificate, for people; devices pin the key")
    served = add("serve-approvals", "serve the approval devices' two endpoints, until stopped", _serve)
    served.add_argument("--tls", type=Path, required=True, help="folder of make-approvals-key")
    served.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    served.add_argument("--port", type=int, default=8443)


def build_desk(config: Config, server: Digest, clock: Clock = system_clock) -> Desk:
    """The desk on a program's own login, which is read anew for each connection since passwords change."""

    def login() -> AbstractContextManager[Connection]:
        return connect(load_conninfo(Path(config.database)))

    return Desk(connect=login, directory=Directory(login, config.root), server=server, clock=clock)


def build_server(desk: Desk, tls: Path, host: str, port: int) -> uvicorn.Server:
    """Uvicorn with TLS 1.3 and nothing older, and without the headers that name a program."""
    config = uvicorn.Config(
        build_app(desk),
        host=host,
        port=port,
        ssl_certfile=str(tls / _CERTIFICATE),
        ssl_keyfile=str(tls / _KEY),
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16_384,
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
    )
    config.load()
    if config.ssl is None:
        raise refused(Code.FILE_UNAVAILABLE, str(tls), "a TLS key", "none was loaded")
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return uvicorn.Server(config)


def load_pin(tls: Path) -> Digest:
    """What devices pin: the digest of the certificate's public key, so that a renewed certificate changes nothing."""
    try:
        raw = (tls / _CERTIFICATE).read_bytes()
    except OSError as error:
        got = error.strerror or "unreadable"
        raise refused(Code.FILE_UNAVAILABLE, str(tls / _CERTIFICATE), "a certificate", got) from error
    return pin_of(x509.load_pem_x509_certificate(raw))


def pin_of(certificate: x509.Certificate) -> Digest:
    """SHA-256 over the SubjectPublicKeyInfo. Source: RFC 7469, section 2.4."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(certificate.public_key().public_bytes(serialization.Encoding.DER, form))


def make_key(tls: Path, host: str, now: datetime) -> Digest:
    """Make the key and a certificate that it signs itself; no authority is asked, since none is believed."""
    tls.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = tls / _KEY
    if path.exists():
        raise refused(Code.ALREADY_EXISTS, str(path), "no key yet", "one")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    (tls / _CERTIFICATE).write_bytes(certificate.public_bytes(encoding))
    return pin_of(certificate)


def _make(_config: Config, options: argparse.Namespace) -> int:
    pin = make_key(options.out, options.host, datetime.now(UTC))
    sys.stdout.write(json.dumps({"server_key": pin, "folder": str(options.out)}) + "\n")
    return 0


def _serve(config: Config, options: argparse.Namespace) -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    desk = build_desk(config, load_pin(options.tls))
    build_server(desk, options.tls, options.host, options.port).run()
    return 0
