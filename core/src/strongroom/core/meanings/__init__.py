"""What every refusal code means, what to do next, and which requirements it serves, one file a subject.

These tables only speak: they decide nothing, and no program branches on their text. They are keyed by the code's
name so that `strongroom.core.codes`, which owns the names, can import them; open that file first.
"""

from __future__ import annotations

from strongroom.core.meanings.addresses import ADDRESSES
from strongroom.core.meanings.ceremonies import CEREMONIES
from strongroom.core.meanings.devices import DEVICES
from strongroom.core.meanings.documents import DOCUMENTS
from strongroom.core.meanings.gap import GAP
from strongroom.core.meanings.hsms import HSMS
from strongroom.core.meanings.making import MAKING
from strongroom.core.meanings.payments import PAYMENTS
from strongroom.core.meanings.places import PLACES
from strongroom.core.meanings.releases import RELEASES
from strongroom.core.meanings.terminals import TERMINALS
from strongroom.core.meanings.transactions import TRANSACTIONS
from strongroom.core.meanings.wallets import WALLETS

MEANINGS = {
    **DOCUMENTS,
    **PAYMENTS,
    **TRANSACTIONS,
    **PLACES,
    **TERMINALS,
    **GAP,
    **ADDRESSES,
    **MAKING,
    **HSMS,
    **RELEASES,
    **WALLETS,
    **CEREMONIES,
    **DEVICES,
}
