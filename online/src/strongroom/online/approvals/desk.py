"""A device at the desk: who asks, is it really them, is it now and only once; then what they came for. No HTTP here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.answering import check_dedicated
from strongroom.core.codes import Code
from strongroom.core.device_requests import (
    FRESH_S,
    HEADERS,
    MAX_ANSWER_BYTES,
    MAX_STATEMENTS_BYTES,
    DeviceRequest,
    HandedOut,
    TakenIn,
    check_fresh,
)
from strongroom.core.errors import MalformedError, RefusedError, UnavailableError, malformed, refused
from strongroom.core.ids import Digest, PartyId, parse_own_id
from strongroom.core.keys import PublicKey, check_signature
from strongroom.core.packages import PackageKind, parse_package
from strongroom.core.records import Base64Bytes, HexBytes, encode_record, parse_hex, parse_time
from strongroom.core.roster import Roster
from strongroom.online.approvals.directory import Connect, Directory
from strongroom.online.approvals.store import load_packages, save_admitted, save_alert, save_brought
from strongroom.online.exchange.outgoing import PLATFORM

MOST_A_MINUTE = 60
"""Requests of one device: more than a person could read the answers of."""
TOLD = frozenset(
    {
        Code.DEVICE_FOR_OFFICE,
        Code.REQUEST_RATE,
        Code.REQUEST_REPLAYED,
        Code.RETIRED_CREDENTIAL_USED,
        Code.ROLE_MISSING,
        Code.SIGNER_NOT_VALID,
    }
)
"""What rings, once a device: never what anybody without a key can bring about, or strangers would fill the list."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came: the target with everything behind the host, every header once, the whole body."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What answering takes. server: the digest of the key that TLS answers with, as every device pins it."""

    connect: Connect
    directory: Directory
    server: Digest
    clock: Callable[[], datetime]

    def hand_out(self, asked: Asked, after: str) -> bytes:
        """Everything that waits for this device after a number, as much as fits."""
        device = self._admit(asked)
        number = parse_number(after)
        with self.connect() as connection:
            raw, left = load_packages(connection, device, number, MAX_ANSWER_BYTES * 3 // 4 - 65_536)
        answer = HandedOut(left=left, packages=tuple(Base64Bytes(each) for each in raw))
        return encode_canonical(encode_record(answer))

    def take_in(self, asked: Asked) -> bytes:
        """A package for the intake. The same one again is the same one; its outcome is told as far as it is known."""
        device = self._admit(asked)
        check_submitted(asked.body, device)
        digest = sha256(asked.body)
        with self.connect() as connection:
            outcome = save_brought(connection, device, digest, asked.body)
        return encode_canonical(encode_record(TakenIn(digest=digest, outcome=outcome[:1024])))

    def _admit(self, asked: Asked) -> PartyId:
        """Who asks. What is refused to whoever has a device's key, now or once, is the security desk's to look at."""
        request, signature = parse_asked(asked, self.server)
        roster = self.directory.load_roster()
        try:
            self._check_signed(roster, request, signature)
            self._check_allowed(roster, request)
        except (RefusedError, UnavailableError) as error:
            if error.codes & TOLD:
                with self.connect() as connection:
                    save_alert(connection, error.code, request.device, str(error))
            raise
        return request.device

    def _check_signed(self, roster: Roster, request: DeviceRequest, signature: bytes) -> None:
        """Raise SIGNER_UNKNOWN, SIGNATURE_INVALID; RETIRED_CREDENTIAL_USED for a key that was this device's once."""
        message = request.encode()
        try:
            key = roster.find(request.device, "request.device").key
            check_signature(key, message, signature, "request.signature")
        except RefusedError:
            former = [k for k in self.directory.former_keys(request.device) if is_signed(k, message, signature)]
            if former:
                expected = f"a device of roster version {roster.version}"
                got = f"{request.device} with key {former[0].key_id}"
                raise refused(Code.RETIRED_CREDENTIAL_USED, "request.signature", expected, got) from None
            raise

    def _check_allowed(self, roster: Roster, request: DeviceRequest) -> None:
        """Raise for a known device that asks at the wrong time, again, too often, or is not for approvals."""
        now = self.clock()
        check_fresh(request, now)
        check_dedicated(roster, request.device, now, "request.device")
        oldest = now - timedelta(seconds=2 * FRESH_S)
        with self.connect() as connection:
            save_admitted(connection, request.device, request.nonce, request.time, oldest, MOST_A_MINUTE)


def is_signed(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether this key signed it."""
    try:
        check_signature(key, message, signature, "request.signature")
    except (MalformedError, RefusedError):
        return False
    return True


def parse_asked(asked: Asked, server: Digest) -> tuple[DeviceRequest, bytes]:
    """The request that the headers claim, and its signature. Raises FIELD_MISSING, FIELD_INVALID; nothing is verified.

    server: this one's own, so that a request to another server does not verify here.
    """
    missing = [name for name in HEADERS if name not in asked.headers]
    if missing:
        raise malformed(Code.FIELD_MISSING, "request.headers", ", ".join(HEADERS), f"no {', '.join(missing)}")
    request = DeviceRequest(
        body=sha256(asked.body),
        device=PartyId(parse_own_id(asked.headers["strongroom-device"], "device", "request.device")),
        method=asked.method,
        nonce=HexBytes(parse_hex(asked.headers["strongroom-nonce"], "request.nonce")),
        server=server,
        target=asked.target,
        time=parse_time(asked.headers["strongroom-time"], "request.time"),
    )
    return request, parse_hex(asked.headers["strongroom-signature"], "request.signature")


def parse_number(text: str) -> int:
    """A number in its one spelling. Raises FIELD_INVALID."""
    if not _NUMBER.fullmatch(text):
        raise malformed(Code.FIELD_INVALID, "request.target", "a number", text[:40])
    return int(text)


def check_submitted(raw: bytes, device: PartyId) -> None:
    """Raise unless this is a package of statements from this device to the platform; the intake judges what they say.

    Raises TOO_LARGE, TYPE_MISMATCH, PACKAGE_NOT_FOR_US, and whatever does not parse.
    """
    if len(raw) > MAX_STATEMENTS_BYTES:
        raise malformed(Code.TOO_LARGE, "request.body", f"at most {MAX_STATEMENTS_BYTES} bytes", f"{len(raw)} bytes")
    package = parse_package(raw)
    if package.kind is not PackageKind.STATEMENTS:
        raise refused(Code.TYPE_MISMATCH, "package.kind", PackageKind.STATEMENTS.value, package.kind.value)
    if (package.sender, package.to) != (device, PLATFORM):
        got = f"{package.sender} to {package.to}"
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", f"{device} to {PLATFORM}", got)
