"""Devices and packages in the database."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import Package, encode_package
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.exchange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that packages go to. seen: log size that it holds after all packages sent so far; sent: their number."""

    id: PartyId
    kind: str
    seen: int
    sent: int


def add_device(connection: Connection, device: PartyId, kind: str) -> None:
    """Enrol a device for packages."""
    execute(connection, _QUERIES["add_device"], {"id": device, "kind": kind})


def load_devices(connection: Connection, kind: str) -> tuple[Device, ...]:
    """All devices of a kind."""
    return load_all(connection, _QUERIES["load_devices"], _device, {"kind": kind})


def load_all_devices(connection: Connection) -> tuple[Device, ...]:
    """All devices."""
    return load_all(connection, _QUERIES["load_all_devices"], _device)


def lock_device(connection: Connection, device: PartyId) -> Device:
    """One device, locked until the transaction ends. Raises SIGNER_UNKNOWN."""
    found = load_first(connection, _QUERIES["lock_device"], _device, {"id": device})
    if found is None:
        raise refused(Code.SIGNER_UNKNOWN, "device", "an enrolled device", device)
    return found


def save_seen(connection: Connection, device: PartyId, seen: int) -> None:
    """Correct the log size that a device holds, as its own status says (a package was lost on the way)."""
    known = lock_device(connection, device)
    execute(connection, _QUERIES["save_device"], {"id": device, "seen": seen, "sent": known.sent})


def save_package(connection: Connection, package: Package, seen: int, subject: str) -> None:
    """Record a package to send and move the device's counters, in the caller's transaction."""
    fields = {
        "device": package.to,
        "sequence": package.sequence,
        "kind": package.kind.value,
        "subject": subject,
        "raw": encode_package(package),
    }
    execute(connection, _QUERIES["add_package"], fields)
    execute(connection, _QUERIES["save_device"], {"id": package.to, "seen": seen, "sent": package.sequence})


def has_package(connection: Connection, device: PartyId, kind: str, subject: str) -> bool:
    """Whether this subject was exported to this device."""
    fields = {"device": device, "kind": kind, "subject": subject}
    return bool(load_first(connection, _QUERIES["has_package"], lambda n: int(n), fields))


def load_packages(connection: Connection) -> tuple[tuple[str, int, str, bytes], ...]:
    """Every package sent: device, sequence, kind, bytes."""
    return load_all(
        connection, _QUERIES["load_packages"], lambda device, sequence, kind, raw: (device, sequence, kind, bytes(raw))
    )


def load_brought(connection: Connection) -> tuple[tuple[str, Digest, bytes], ...]:
    """Packages that came over the network and wait for the intake: device, digest, bytes."""
    return load_all(
        connection, _QUERIES["load_brought"], lambda device, digest, raw: (str(device), Digest(digest), bytes(raw))
    )


def remove_brought(connection: Connection, device: str, digest: Digest) -> None:
    """Forget a package that the intake has kept."""
    execute(connection, _QUERIES["remove_brought"], {"device": device, "digest": digest})


def load_received(connection: Connection, device: str, digest: str) -> str | None:
    """What became of a package that came in; None when it is new."""
    return load_first(
        connection, _QUERIES["load_received"], lambda outcome: str(outcome), {"device": device, "digest": digest}
    )


def save_received(
    connection: Connection, device: str, digest: str, package: Package | None, raw: bytes, outcome: str
) -> None:
    """Keep a package that came in, the refused and the unreadable too."""
    fields = {
        "device": device,
        "digest": digest,
        "sequence": package.sequence if package else 0,
        "kind": package.kind.value if package else "unreadable",
        "raw": raw,
        "outcome": outcome,
    }
    execute(connection, _QUERIES["add_received"], fields)


def _device(id: str, kind: str, seen: int, sent: int) -> Device:
    return Device(id=PartyId(id), kind=kind, seen=int(seen), sent=int(sent))
