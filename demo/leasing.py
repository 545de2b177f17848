"""Leases: each terminal shows its token and its journal, and two delegates of the key register sign for them."""

from __future__ import annotations

from demo.firm import DELEGATES, now
from demo.scene import Scene
from strongroom.core.leases import Lease
from strongroom.core.records import parse_record
from strongroom.online.governance.notices import accept_notice


def lease_terminals(scene: Scene) -> None:
    """What each terminal's own status says a lease of it must say, signed and taken in by the platform."""
    for terminal in scene.firm.terminals:
        payload = scene.status(terminal.id)["lease"]["next"]
        body = parse_record(Lease, payload["body"], "lease")
        envelope = scene.firm.sign(f"lease-{terminal.label}", body, DELEGATES["keys"])
        accept_notice(scene.firm.connection, envelope, now())
