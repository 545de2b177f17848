"""The second reading of scripts and addresses of the Bitcoin family, with embit's script types, Bech32 and Base58.

Five kinds of output that we pay to, two that we spend: P2WPKH, and P2WSH of one witness script. What else is refused
by name. embit reads upper-case Bech32 and Base58 with trailing noise, so every address is spelled again from its script
and compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

from embit import base58, bech32  # type: ignore[import-untyped]
from embit.hashes import hash160  # type: ignore[import-untyped]
from embit.script import Script  # type: ignore[import-untyped]

from strongroom.checker.reading.networks import BitcoinNetwork, bitcoin_network_of
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId

_DUST_SAT: Final = {"p2pkh": 546, "p2sh": 540, "p2wpkh": 294, "p2wsh": 330, "p2tr": 330}
"""The kinds of output that we pay to, and the least that nodes relay in one (Bitcoin Core's defaults, the lowest)."""
_REFUSED: Final = (
    (Code.SCRIPT_OP_RETURN, re.compile(rb"\x6a.*", re.DOTALL)),
    (Code.SCRIPT_P2PK, re.compile(rb"(\x21.{33}|\x41.{65})\xac", re.DOTALL)),
    (Code.SCRIPT_BARE_MULTISIG, re.compile(rb"[\x00-\x60].*[\x51-\x60]\xae", re.DOTALL)),
)
_MULTISIG: Final = re.compile(rb"([\x51-\x5f])((?:\x21[\x02\x03].{32}){1,15})([\x51-\x5f])\xae", re.DOTALL)
_MWEB_ADDRESS: Final = re.compile(r"(ltc|t)mweb1.*", re.IGNORECASE | re.DOTALL)
_MOST_CHARACTERS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class MultisigReading:
    """An m-of-n witness script. public_keys: 33 bytes each, ascending (BIP-67)."""

    threshold: int
    public_keys: tuple[bytes, ...]


def dust_of(script: bytes, field: str = "script") -> int:
    """The least value that an output with this script may have.

    Raises SCRIPT_OP_RETURN, SCRIPT_BARE_MULTISIG, SCRIPT_P2PK, SCRIPT_MWEB or SCRIPT_UNKNOWN for a script that we do
    not pay to.
    """
    kind = Script(script).script_type()
    if kind not in _DUST_SAT:
        raise refused(_refused_code(script), field, ", ".join(_DUST_SAT), script.hex() or "an empty script")
    return _DUST_SAT[kind]


def check_script(script: bytes, field: str = "script") -> None:
    """Refuse by name a script that we do not pay to; codes as of `dust_of`."""
    dust_of(script, field)


def _refused_code(script: bytes) -> Code:
    # Witness versions 8 and 9 are Litecoin's extension blocks: HogEx and peg-in.
    if script[:1] in (b"\x58", b"\x59") and 4 <= len(script) <= 42 and script[1] == len(script) - 2:
        return Code.SCRIPT_MWEB
    return next((code for code, shape in _REFUSED if shape.fullmatch(script)), Code.SCRIPT_UNKNOWN)


def script_to_address(script: bytes, chain: ChainId) -> str:
    """Spell an output script as an address of this chain. Raises as `dust_of` does, and TX_WRONG_CHAIN."""
    network = bitcoin_network_of(chain)
    check_script(script)
    names = {"p2pkh": network.p2pkh, "p2sh": network.p2sh, "bech32": network.hrp}
    return str(Script(script).address(names))


def address_to_script(text: str, chain: ChainId) -> bytes:
    """The output script that an address of this chain stands for.

    Raises ADDRESS_INVALID for another network's address and for every second spelling, SCRIPT_MWEB, TX_WRONG_CHAIN.
    """
    network = bitcoin_network_of(chain)
    if _MWEB_ADDRESS.fullmatch(text):
        raise malformed(Code.SCRIPT_MWEB, "address", f"an address of {network.name} outside MWEB", text)
    if not text.isascii() or len(text) > _MOST_CHARACTERS:
        raise malformed(Code.ADDRESS_INVALID, "address", f"at most {_MOST_CHARACTERS} ASCII characters", repr(text))
    script = _decode_segwit(text, network) if text.startswith(network.hrp + "1") else _decode_base58(text, network)
    if script_to_address(script, chain) != text:
        raise malformed(Code.ADDRESS_INVALID, "address", script_to_address(script, chain), text)
    return script


def _decode_segwit(text: str, network: BitcoinNetwork) -> bytes:
    version, program = bech32.decode(network.hrp, text)
    if (version, len(program or ())) not in {(0, 20), (0, 32), (1, 32)}:
        raise malformed(Code.ADDRESS_INVALID, "address", f"a segwit address of {network.name}, version 0 or 1", text)
    return (b"\x51" if version else b"\x00") + bytes([len(program)]) + bytes(program)


def _decode_base58(text: str, network: BitcoinNetwork) -> bytes:
    try:
        payload: bytes = base58.decode_check(text)
    except ValueError as error:
        raise malformed(Code.ADDRESS_INVALID, "address", f"an address of {network.name}", text) from error
    version, digest = payload[:1], payload[1:]
    if len(digest) == 20 and version == network.p2pkh:
        return b"\x76\xa9\x14" + digest + b"\x88\xac"
    if len(digest) == 20 and version == network.p2sh:
        return b"\xa9\x14" + digest + b"\x87"
    raise malformed(Code.ADDRESS_INVALID, "address", f"an address of {network.name}", text)


def p2wsh_of(witness_script: bytes) -> bytes:
    """The output script that commits to a witness script (BIP-141)."""
    return b"\x00\x20" + sha256(witness_script).digest()


def key_hash_of(script: bytes) -> bytes | None:
    """The 20 bytes that a P2WPKH output commits to; None for every other script."""
    return script[2:] if Script(script).script_type() == "p2wpkh" else None


def p2wpkh_of(public_key: bytes) -> bytes:
    """The output script that one compressed key spends. Raises SCRIPT_UNKNOWN for 33 other bytes, or for more of them.

    A hash of an uncompressed key would pay an output that no node lets anybody spend (BIP-143).
    """
    if len(public_key) != 33 or public_key[:1] not in (b"\x02", b"\x03"):
        raise malformed(Code.SCRIPT_UNKNOWN, "public_key", "a compressed key", public_key.hex())
    return b"\x00\x14" + bytes(hash160(public_key))


def own_script_of(threshold: int, public_keys: Sequence[bytes]) -> tuple[bytes, bytes | None]:
    """The output script of an address of ours and its witness script: one key is P2WPKH, which has none.

    Raises SCRIPT_UNKNOWN. Source: spec/registers.md.
    """
    if len(public_keys) == 1 and threshold == 1:
        return p2wpkh_of(public_keys[0]), None
    witness_script = multisig_of(threshold, public_keys)
    return p2wsh_of(witness_script), witness_script


def read_multisig(witness_script: bytes, field: str = "witness_script") -> MultisigReading:
    """Read an m-of-n witness script of compressed keys that ascend; anything else is SCRIPT_UNKNOWN.

    Ascending without equals: a key that is listed twice would let one holder count as two.
    """
    found = _MULTISIG.fullmatch(witness_script)
    if found is None:
        raise malformed(Code.SCRIPT_UNKNOWN, field, "an m-of-n script of ours", witness_script.hex())
    threshold, count = found[1][0] - 0x50, found[3][0] - 0x50
    keys = tuple(found[2][start + 1 : start + 34] for start in range(0, len(found[2]), 34))
    ascending = all(one < other for one, other in pairwise(keys))
    if count != len(keys) or threshold > count or not ascending:
        expected = "threshold and count that fit, and keys that ascend (BIP-67)"
        raise malformed(Code.SCRIPT_UNKNOWN, field, expected, witness_script.hex())
    return MultisigReading(threshold=threshold, public_keys=keys)


def multisig_of(threshold: int, public_keys: Sequence[bytes]) -> bytes:
    """The witness script of these keys, in any order: how a source or change address follows from the key register.

    Raises SCRIPT_UNKNOWN for what `read_multisig` would not read.
    """
    keys = b"".join(b"\x21" + key for key in sorted(public_keys))
    if not 1 <= threshold <= len(public_keys) <= 15:
        got = f"{threshold} of {len(public_keys)}"
        raise malformed(Code.SCRIPT_UNKNOWN, "threshold", "1 to as many keys as there are, at most 15", got)
    witness_script = bytes([0x50 + threshold]) + keys + bytes([0x50 + len(public_keys), 0xAE])
    read_multisig(witness_script)
    return witness_script
