"""A cold address has no code: asked of every node when it is registered, and by everybody again for ever after.

Code at an address of ours can only be a contract that somebody found the key of, or a delegation under EIP-7702 that
somebody signed with our key: `0xef0100` and the address whose code runs in ours from then on. Either way, what leaves
is no longer what we sign (II.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError
from strongroom.core.ids import ChainId, EntryId
from strongroom.core.records import parse_record
from strongroom.core.registers import AddressEntry, RegisterHead
from strongroom.core.statements import Envelope, Statement, parse_statement
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import publish
from strongroom.online.sources import Source

DESIGNATOR: Final = bytes.fromhex("ef0100")
"""How a delegated account's code begins; 20 bytes of address follow. Source: EIP-7702."""
_DELEGATED_BYTES: Final = len(DESIGNATOR) + 20


def render_code(code: bytes) -> str:
    """What stands at an address, for people."""
    if code.startswith(DESIGNATOR) and len(code) == _DELEGATED_BYTES:
        return f"a delegation to 0x{code[len(DESIGNATOR) :].hex()} (EIP-7702)"
    return f"{len(code)} bytes of code"


def check_no_code(codes: Mapping[EntryId, bytes]) -> None:
    """Raise COLD_ADDRESS_HAS_CODE with every address that has any."""
    found = [
        Refusal(code=Code.COLD_ADDRESS_HAS_CODE, field=str(entry), expected="no code", got=render_code(code))
        for entry, code in sorted(codes.items())
        if code
    ]
    if found:
        raise RefusedError(*found)


def publish_checked(
    connection: Connection,
    sources: Mapping[ChainId, Source],
    envelope: Envelope,
    added: Sequence[Mapping[str, Json]],
    removed: Sequence[str],
) -> Statement[Any]:
    """`publish`, and before it for addresses: every node of their chain says that they have no code.

    Raises COLD_ADDRESS_HAS_CODE, NODES_DISAGREE, and NODE_UNAVAILABLE for a chain that this program has no nodes of.
    """
    statement = parse_statement(envelope)
    if isinstance(statement.body, RegisterHead) and statement.body.register == "addresses":
        check_addresses(sources, [parse_record(AddressEntry, dict(e), f"added[{i}]") for i, e in enumerate(added)])
    return publish(connection, envelope, added, removed)


def check_addresses(sources: Mapping[ChainId, Source], entries: Sequence[AddressEntry]) -> None:
    """Ask every node about new addresses, one batch a chain. Raises as `publish_checked`."""
    for chain in sorted({entry.chain for entry in entries}):
        source = sources.get(chain)
        if source is None:
            # A rule that cannot be evaluated blocks.
            raise UnavailableError(
                Refusal(code=Code.NODE_UNAVAILABLE, field=chain, expected="nodes to ask for code", got="none")
            )
        here = [entry for entry in entries if entry.chain == chain]
        codes = source.fetch_codes([entry.address for entry in here], source.fetch_tip())
        check_no_code({entry.id: code for entry, code in zip(here, codes, strict=True)})
