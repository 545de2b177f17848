"""Names of things: one `NewType` per kind, so that two kinds cannot be swapped, and their strict parsers.

Chains, accounts and assets are named by CAIP-2, CAIP-10 and CAIP-19. Everything that Strongroom names itself has the
form `kind:name`, for example `person:m.chan`, `device:terminal-1`, `client:harbour`, `wallet:eth-cold-1`.
"""

from __future__ import annotations

import re
from typing import NewType

from strongroom.core.codes import Code
from strongroom.core.errors import malformed

PartyId = NewType("PartyId", str)
"""A person, device, service or client: whoever can issue a statement."""
WalletId = NewType("WalletId", str)
AccountId = NewType("AccountId", str)
"""A ledger account; never an on-chain thing."""
EntryId = NewType("EntryId", str)
"""The key of an entry in a register."""
ChainId = NewType("ChainId", str)
"""CAIP-2: `eip155:1`, `bip122:530827f38f93b43ed12af0b3ad25a288`."""
AssetId = NewType("AssetId", str)
"""CAIP-19: `eip155:1/slip44:60`."""
Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hex digits."""

_OWN_ID = re.compile(
    r"(person|device|service|client|wallet|account|key|address|entry|rule):[a-z0-9][a-z0-9._-]{0,79}(:[a-z0-9][a-z0-9._-]{0,79})?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHAIN = re.compile(r"[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,32}")
_ASSET = re.compile(r"[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,32}/[a-z0-9-]{3,8}:[-.%a-zA-Z0-9]{1,128}")


def parse_own_id(text: str, kind: str, field: str) -> str:
    """Return `text` when it is an id of ours of that kind (`person`, `wallet`, ...). Raises FIELD_INVALID."""
    if not _OWN_ID.fullmatch(text) or not text.startswith(kind + ":"):
        raise malformed(Code.FIELD_INVALID, field, f"{kind}:name", text)
    return text


def parse_party_id(text: str, field: str) -> PartyId:
    """Return the id of a person, device, service or client. Raises FIELD_INVALID."""
    if not _OWN_ID.fullmatch(text) or text.split(":", 1)[0] not in {"person", "device", "service", "client"}:
        raise malformed(Code.FIELD_INVALID, field, "person:, device:, service: or client: id", text)
    return PartyId(text)


def parse_digest(text: str, field: str) -> Digest:
    """Return a `sha256:` digest. Raises FIELD_INVALID."""
    if not _DIGEST.fullmatch(text):
        raise malformed(Code.FIELD_INVALID, field, "sha256: and 64 lower-case hex digits", text)
    return Digest(text)


def parse_chain_id(text: str, field: str) -> ChainId:
    """Return a CAIP-2 chain id. Raises FIELD_INVALID. Source: CAIP-2."""
    if not _CHAIN.fullmatch(text):
        raise malformed(Code.FIELD_INVALID, field, "a CAIP-2 chain id", text)
    return ChainId(text)


def parse_asset_id(text: str, field: str) -> AssetId:
    """Return a CAIP-19 asset id. Raises FIELD_INVALID. Source: CAIP-19."""
    if not _ASSET.fullmatch(text):
        raise malformed(Code.FIELD_INVALID, field, "a CAIP-19 asset id", text)
    return AssetId(text)


def chain_of(asset: AssetId) -> ChainId:
    """The chain part of a CAIP-19 asset id."""
    return ChainId(asset.split("/", 1)[0])
