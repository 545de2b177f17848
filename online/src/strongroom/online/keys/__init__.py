"""Keys and what hangs on them: services' own key files, wallets, attested addresses and whose each address is.

It must never believe a row of a table about any of these: what counts is signed, and is verified again where it is
used. Open `issue.py` first.
"""

from __future__ import annotations

from strongroom.online.keys.services import ServiceKey, load_service_key, make_service_key

__all__ = ["ServiceKey", "load_service_key", "make_service_key"]
