"""What the line keeps in the device's folder: where the platform is, the device's key, and packages both ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom.approver.files import load_file, write_durably
from strongroom.approver.store import Home
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.packages import MAX_PACKAGE_BYTES, Package, encode_package, parse_package
from strongroom.core.records import HexBytes, encode_record, parse_record

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MAX_SMALL = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The one host that this device talks to. server_key: digest of its TLS key, typed at enrolment."""

    host: str
    port: int
    server_key: Digest

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise malformed(Code.FIELD_INVALID, "platform.host", "a host name or an IPv4 address", self.host[:80])
        if not 1 <= self.port <= 65535:
            raise malformed(Code.FIELD_INVALID, "platform.port", "1 to 65535", str(self.port))


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The device's own key: it asks, and approves nothing. What approves is the person's, on their token."""

    private: ec.EllipticCurvePrivateKey

    @property
    def key(self) -> PublicKey:
        """Its public side, for the roster."""
        numbers = self.private.public_key().public_numbers()
        point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        return PublicKey(alg=Algorithm.P256, public=HexBytes(point))

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of the message, `r || s`, low s."""
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


class Shelf:
    """The line's folder in a device's home."""

    def __init__(self, home: Home) -> None:
        self.path = home.path / "link"
        self.incoming = self.path / "incoming"
        self.outgoing = self.path / "outgoing"
        self.handed_in = self.path / "handed-in"

    def load_platform(self) -> Platform:
        """Read where the platform is. Raises FILE_UNAVAILABLE on a device that has no line."""
        return parse_record(Platform, parse_canonical(self._read("platform.json", "a platform to talk to")), "platform")

    def save_platform(self, platform: Platform) -> None:
        """Write where the platform is. Raises ALREADY_EXISTS: another host or key is another enrolment."""
        path = self.path / "platform.json"
        content = encode_canonical(encode_record(platform))
        if path.exists() and load_file(path, _MAX_SMALL) != content:
            raise refused(Code.ALREADY_EXISTS, str(path), "no platform yet", "another one")
        write_durably(path, content)

    def load_key(self) -> DeviceKey:
        """Read the device's key."""
        raw = self._read("device.key", "this device's own key")
        try:
            private = serialization.load_pem_private_key(raw, password=None)
        except ValueError as error:
            raise malformed(Code.STATE_BROKEN, "device.key", "a key", "something else") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise malformed(Code.STATE_BROKEN, "device.key", "a P-256 key", type(private).__name__)
        return DeviceKey(private)

    def make_key(self) -> DeviceKey:
        """Make the device's key. Raises ALREADY_EXISTS: another one would be another device for the roster."""
        path = self.path / "device.key"
        if path.exists():
            raise refused(Code.ALREADY_EXISTS, str(path), "no device key yet", "one")
        made = DeviceKey(ec.generate_private_key(ec.SECP256R1()))
        form = serialization.PrivateFormat.PKCS8
        # The folder is its owner's alone; a copy of the whole disk has the key, and can ask but approve nothing.
        write_durably(path, made.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return made

    def save_incoming(self, package: Package) -> Path:
        """Keep a package that was fetched."""
        path = self.incoming / package.file_name
        write_durably(path, encode_package(package))
        return path

    def list_incoming(self, after: int) -> list[tuple[Package, Path]]:
        """Fetched packages after a number, in their order."""
        found = [(parse_package(load_file(path, MAX_PACKAGE_BYTES)), path) for path in _packages(self.incoming)]
        return sorted(((p, path) for p, path in found if p.sequence > after), key=lambda each: each[0].sequence)

    def list_outgoing(self) -> list[Path]:
        """Answers that the platform has not said it has, oldest first."""
        return _packages(self.outgoing)

    def put_away(self, path: Path) -> None:
        """The platform has it; it is kept all the same."""
        write_durably(self.handed_in / path.name, load_file(path, MAX_PACKAGE_BYTES))
        path.unlink()

    def _read(self, name: str, what: str) -> bytes:
        path = self.path / name
        if not path.exists():
            raise refused(Code.FILE_UNAVAILABLE, str(path), what, "no such file")
        return load_file(path, _MAX_SMALL)


def _packages(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.package.json"))
