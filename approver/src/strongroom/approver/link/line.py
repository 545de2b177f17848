"""One question over TLS 1.3 to one host whose key is pinned: no authority, no proxy, no redirect, no retry."""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from strongroom.approver.link.keep import DeviceKey, Platform
from strongroom.core.canonical import parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.device_requests import MAX_ANSWER_BYTES, NONCE_BYTES, DeviceRequest
from strongroom.core.errors import Refusal, RefusedError, StrongroomError, UnavailableError, malformed, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import HexBytes, encode_time

CONNECT_S = 10.0
WHOLE_S = 60.0
"""For one whole answer: a server that sends a byte a minute holds nobody."""
_CHUNK = 65_536
_MAX_ERROR = 65_536
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A device's line to its platform."""

    platform: Platform
    device: PartyId
    key: DeviceKey
    clock: Callable[[], datetime]

    def ask(self, method: str, target: str, body: bytes = b"") -> bytes:
        """The platform's answer to one signed request.

        Raises SERVER_KEY_MISMATCH before anything is sent; UnavailableError PLATFORM_UNAVAILABLE, and nothing is lost;
        whatever the platform refuses, with its own codes.
        """
        try:
            with _connect(self.platform) as stream:
                return _talk(stream, self.platform, method, target, self._sign(method, target, body), body)
        except (OSError, http.client.HTTPException) as error:
            raise unavailable(self.platform, str(error) or type(error).__name__) from error

    def _sign(self, method: str, target: str, body: bytes) -> dict[str, str]:
        # Python draws these from the operating system; a device that repeated one would only be refused.
        request = DeviceRequest(
            body=sha256(body),
            device=self.device,
            method=method,
            nonce=HexBytes(secrets.token_bytes(NONCE_BYTES)),
            server=self.platform.server_key,
            target=target,
            time=self.clock(),
        )
        # What is signed has whole seconds, as what is sent has.
        request = replace(request, time=request.time.replace(microsecond=0))
        return {
            "strongroom-device": request.device,
            "strongroom-nonce": request.nonce.hex(),
            "strongroom-signature": self.key.sign(request.encode()).hex(),
            "strongroom-time": encode_time(request.time),
        }


def unavailable(platform: Platform, got: str) -> UnavailableError:
    """Nobody answered, or not in full; raise what this returns."""
    return UnavailableError(
        Refusal(code=Code.PLATFORM_UNAVAILABLE, field=f"{platform.host}:{platform.port}", expected="an answer", got=got)
    )


def _connect(platform: Platform) -> ssl.SSLSocket:
    """A connection to whoever has the pinned key: TLS 1.3 proves it, and no authority's word is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw = socket.create_connection((platform.host, platform.port), timeout=CONNECT_S)
    try:
        stream = context.wrap_socket(raw, server_hostname=platform.host)
    except BaseException:
        raw.close()
        raise
    try:
        _check_pin(stream, platform)
    except BaseException:
        stream.close()
        raise
    return stream


def _check_pin(stream: ssl.SSLSocket, platform: Platform) -> None:
    """Raise SERVER_KEY_MISMATCH unless the key that the handshake proved is the pinned one."""
    got = pin_of(stream.getpeercert(binary_form=True) or b"")
    if got != platform.server_key:
        raise refused(Code.SERVER_KEY_MISMATCH, f"{platform.host}:{platform.port}", platform.server_key, got)


def pin_of(certificate: bytes) -> Digest:
    """SHA-256 over a certificate's SubjectPublicKeyInfo. Source: RFC 7469, section 2.4."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise malformed(Code.SERVER_KEY_MISMATCH, "certificate", "a certificate", "something else") from error
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(key.public_bytes(serialization.Encoding.DER, form))


def _talk(
    stream: ssl.SSLSocket, platform: Platform, method: str, target: str, headers: dict[str, str], body: bytes
) -> bytes:
    connection = http.client.HTTPConnection(platform.host, platform.port, timeout=CONNECT_S)
    # The stream is made and checked; were it lost, this class would open a plain one by itself.
    connection.auto_open = 0
    connection.sock = stream
    end = time.monotonic() + WHOLE_S
    more = {"connection": "close"} | ({"content-type": "application/json"} if body else {})
    connection.request(method, target, body=body or None, headers=headers | more)
    with connection.getresponse() as response:
        content = _read(response, platform, end, MAX_ANSWER_BYTES if response.status == 200 else _MAX_ERROR)
        if response.status == 200:
            return content
        raise _refusal(response.status, content, platform)


def _read(response: http.client.HTTPResponse, platform: Platform, end: float, limit: int) -> bytes:
    """The whole content. Raises TOO_LARGE; PLATFORM_UNAVAILABLE for one that is cut or does not end."""
    found = bytearray()
    while chunk := response.read1(_CHUNK):
        found += chunk
        if len(found) > limit:
            raise refused(Code.TOO_LARGE, "answer", f"at most {limit} bytes", "more")
        if time.monotonic() > end:
            raise unavailable(platform, f"no end within {WHOLE_S:.0f} s")
    if response.length:
        raise unavailable(platform, f"{response.length} bytes too few")
    return bytes(found)


def _refusal(status: int, content: bytes, platform: Platform) -> StrongroomError:
    """What the platform's error says, in this device's own words for its codes."""
    refusals = _parse_refusals(content)
    if not refusals:
        # A redirect comes here as well: whoever answers with anything but our own errors is not followed anywhere.
        return unavailable(platform, f"HTTP {status} without a code")
    return UnavailableError(*refusals) if status in _AGAIN else RefusedError(*refusals)


def _parse_refusals(content: bytes) -> list[Refusal]:
    try:
        value = parse_canonical(content)
    except StrongroomError:
        return []
    rows = value.get("refusals") if isinstance(value, dict) else None
    found = []
    known = {code.value for code in Code}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and str(row.get("code")) in known:
            # Canonical JSON has no hidden characters; whoever answers may still be long-winded.
            field, expected, got = (str(row.get(name))[:200] for name in ("field", "expected", "got"))
            found.append(Refusal(code=Code(str(row["code"])), field=f"platform: {field}", expected=expected, got=got))
    return found
