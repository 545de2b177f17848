"""Addresses to output scripts and back, with one spelling for each script on each network.

What `parse_address` accepts, `render_address` spells identically. Signers never take an address from a description:
they render it from the script in the bytes to be signed.
"""

from __future__ import annotations

from typing import assert_never

from strongroom.chains.bitcoin.base58 import encode_base58check, parse_base58check
from strongroom.chains.bitcoin.bech32 import encode_segwit, parse_segwit
from strongroom.chains.bitcoin.networks import Network
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, classify_script, script_payload
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

_MWEB_PREFIXES = ("ltcmweb1", "tmweb1")
"""MimbleWimble stealth addresses: a payment to one leaves the ledger that everybody can audit (LIP-0004)."""
_BASE58_PAYLOAD_BYTES = 21


def parse_address(text: str, network: Network, field: str = "address") -> bytes:
    """Return the output script that an address of this network stands for.

    Raises ADDRESS_INVALID for anything else: another network, another spelling (upper-case bech32, Litecoin's old P2SH
    prefix, which is a Bitcoin address too), unknown witness versions; SCRIPT_MWEB for a MimbleWimble address.
    """
    if text.lower().startswith(_MWEB_PREFIXES):
        raise malformed(Code.SCRIPT_MWEB, field, f"an address of {network.name} outside MWEB", text)
    if text.lower().startswith(network.hrp + "1"):
        return _parse_segwit_address(text, network, field)
    return _parse_base58_address(text, network, field)


def _parse_segwit_address(text: str, network: Network, field: str) -> bytes:
    version, program = parse_segwit(text, network.hrp, field)
    kinds = {(0, 20): ScriptKind.P2WPKH, (0, 32): ScriptKind.P2WSH, (1, 32): ScriptKind.P2TR}
    kind = kinds.get((version, len(program)))
    if kind is None:
        # BIP-350 lets wallets pay to versions that mean nothing yet: anybody could take such coins.
        got = f"version {version}, {len(program)} bytes"
        raise malformed(Code.ADDRESS_INVALID, field, "witness version 0, or 1 with 32 bytes", got)
    return build_script(kind, program)


def _parse_base58_address(text: str, network: Network, field: str) -> bytes:
    payload = parse_base58check(text, field)
    if len(payload) != _BASE58_PAYLOAD_BYTES:
        raise malformed(Code.ADDRESS_INVALID, field, "a version byte and 20 bytes", f"{len(payload)} bytes")
    version, digest = payload[0], payload[1:]
    if version == network.p2pkh_version:
        return build_script(ScriptKind.P2PKH, digest)
    if version == network.p2sh_versions[0]:
        return build_script(ScriptKind.P2SH, digest)
    if version in network.p2sh_versions:
        expected = encode_base58check(bytes([network.p2sh_versions[0]]) + digest)
        raise malformed(
            Code.ADDRESS_INVALID, field, f"the one spelling that is not another network's, {expected}", text
        )
    raise malformed(Code.ADDRESS_INVALID, field, f"an address of {network.name}", text)


def render_address(script: bytes, network: Network) -> str:
    """Spell an output script as this network's address. Raises as `classify_script` does."""
    kind, payload = classify_script(script), script_payload(script)
    match kind:
        case ScriptKind.P2PKH:
            return encode_base58check(bytes([network.p2pkh_version]) + payload)
        case ScriptKind.P2SH:
            return encode_base58check(bytes([network.p2sh_versions[0]]) + payload)
        case ScriptKind.P2WPKH | ScriptKind.P2WSH:
            return encode_segwit(network.hrp, 0, payload)
        case ScriptKind.P2TR:
            return encode_segwit(network.hrp, 1, payload)
        case _:
            assert_never(kind)
