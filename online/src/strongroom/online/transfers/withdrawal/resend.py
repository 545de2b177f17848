"""Send a docket to a device again, after its package was lost or spoiled on the way. Nothing is decided anew."""

from __future__ import annotations

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.online.db.connect import Connection
from strongroom.online.exchange.store import save_seen
from strongroom.online.transfers.withdrawal.store import State, clear_sent, lock_docket, save_docket

_BACK = {State.PENDING_APPROVAL: State.PREPARED, State.EXPORTED: State.APPROVED, State.RELEASED: State.SIGNED}
"""The state from which the step that sends is taken again."""


def resend(connection: Connection, proposal: Digest, device: PartyId, seen: int) -> State:
    """Let the step that sends run again. seen: the log size on the device's own status screen.

    Raises DOCKET_ORDER when the docket does not wait for a device.
    """
    with connection.transaction():
        row = lock_docket(connection, proposal)
        if row.state not in _BACK:
            raise refused(Code.DOCKET_ORDER, "docket.state", " or ".join(_BACK), row.state.value)
        save_seen(connection, device, seen)
        clear_sent(connection, device, proposal)
        save_docket(connection, proposal, _BACK[row.state], why=f"sent again to {device}")
    return _BACK[row.state]
