"""What an approval device asks the platform, and how it signs that: two questions, with the device's own key.

A request is good for one server, one moment and one use. Its signature covers everything that the server acts on, and
begins with words of its own, so that it can be no statement and no statement can be it. Source:
spec/approval-device.md; III.18, VI.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import Base64Bytes, HexBytes, encode_record, encode_time

WORDS = b"strongroom-device-request/1\n"
PACKAGES_TARGET = "/v1/packages/"
"""Followed by the number of the last package that the device has taken."""
STATEMENTS_TARGET = "/v1/statements"
HEADERS = ("strongroom-device", "strongroom-nonce", "strongroom-signature", "strongroom-time")
NONCE_BYTES = 16
FRESH_S = 120
"""How far the device's clock and the platform's may be apart, and so for how long a nonce is remembered."""
MAX_STATEMENTS_BYTES = 64 * 1024
"""Of a package that a device submits: one answer is a tenth of this."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of what the platform hands out at once: the largest package, in base64, and some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """One question. body: digest of the bytes that follow it. server: of the key with which the platform answers."""

    body: Digest
    device: PartyId
    method: str
    nonce: HexBytes
    server: Digest
    target: str
    time: datetime

    def __post_init__(self) -> None:
        if len(self.nonce) != NONCE_BYTES:
            raise malformed(Code.FIELD_INVALID, "request.nonce", f"{NONCE_BYTES} bytes", f"{len(self.nonce)} bytes")

    def encode(self) -> bytes:
        """The message that the device's key signs."""
        return WORDS + encode_canonical(encode_record(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """The platform's answer to a fetch. left: packages that did not fit any more."""

    left: int
    packages: tuple[Base64Bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """The platform's answer to a submission. outcome: `waiting`, `handled`, or why the intake refused it."""

    digest: Digest
    outcome: str


def check_fresh(request: DeviceRequest, now: datetime) -> None:
    """Raise REQUEST_NOT_FRESH for a request of another time; what is older may have been forgotten and come again."""
    if abs(now - request.time) > timedelta(seconds=FRESH_S):
        expected = f"within {FRESH_S} s of {encode_time(now)}"
        raise refused(Code.REQUEST_NOT_FRESH, "request.time", expected, encode_time(request.time))
