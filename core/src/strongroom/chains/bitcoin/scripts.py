"""The closed grammar of scripts: five kinds that we pay to, two that we spend from (P2WPKH, and P2WSH of m-of-n).

What is not in the grammar is refused by name, so that an operator knows what somebody tried, and no unknown script is
ever signed in hope.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from Crypto.Hash import RIPEMD160

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed, refused

_OP_0 = 0x00
_OP_1 = 0x51
_OP_8 = 0x58
_OP_9 = 0x59
_OP_16 = 0x60
_OP_RETURN = 0x6A
_OP_CHECKSIG = 0xAC
_OP_CHECKMULTISIG = 0xAE
_COMPRESSED_KEY_BYTES = 33
_UNCOMPRESSED_KEY_BYTES = 65
MAX_MULTISIG_KEYS = 15
"""More keys than this would no longer fit the 520-byte element limit that older outputs share with ours."""


class ScriptKind(StrEnum):
    """The output scripts that we pay to."""

    P2PKH = "p2pkh"
    P2SH = "p2sh"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR = "p2tr"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """The fixed bytes around a script's payload, and the payload's length in bytes."""

    head: bytes
    length: int
    tail: bytes

    def matches(self, script: bytes) -> bool:
        whole = len(self.head) + self.length + len(self.tail)
        return len(script) == whole and script.startswith(self.head) and script.endswith(self.tail)


_TEMPLATES: Mapping[ScriptKind, _Template] = MappingProxyType(
    {
        ScriptKind.P2PKH: _Template(head=b"\x76\xa9\x14", length=20, tail=b"\x88\xac"),
        ScriptKind.P2SH: _Template(head=b"\xa9\x14", length=20, tail=b"\x87"),
        ScriptKind.P2WPKH: _Template(head=b"\x00\x14", length=20, tail=b""),
        ScriptKind.P2WSH: _Template(head=b"\x00\x20", length=32, tail=b""),
        ScriptKind.P2TR: _Template(head=b"\x51\x20", length=32, tail=b""),
    }
)


def build_script(kind: ScriptKind, payload: bytes) -> bytes:
    """The output script of that kind around a hash (20 or 32 bytes) or a taproot output key (32 bytes)."""
    template = _TEMPLATES[kind]
    if len(payload) != template.length:
        raise malformed(Code.SCRIPT_UNKNOWN, "payload", f"{template.length} bytes", f"{len(payload)} bytes")
    return template.head + payload + template.tail


def script_payload(script: bytes) -> bytes:
    """The hash or key inside an output script of the grammar. Raises as `classify_script` does."""
    template = _TEMPLATES[classify_script(script)]
    return script[len(template.head) : len(template.head) + template.length]


def p2wsh_script(witness_script: bytes) -> bytes:
    """The output script that commits to a witness script (BIP-141)."""
    return build_script(ScriptKind.P2WSH, hashlib.sha256(witness_script).digest())


def p2wpkh_script(public_key: bytes) -> bytes:
    """The output script of one compressed key (33 bytes). Raises SCRIPT_UNKNOWN for any other length or head.

    An uncompressed key would make an output that no node lets us spend (BIP-143).
    """
    if len(public_key) != _COMPRESSED_KEY_BYTES or public_key[0] not in (2, 3):
        raise malformed(Code.SCRIPT_UNKNOWN, "public_key", "a compressed key of 33 bytes", public_key.hex())
    return build_script(ScriptKind.P2WPKH, RIPEMD160.new(hashlib.sha256(public_key).digest()).digest())


def is_p2wpkh(script: bytes) -> bool:
    """Whether one key alone spends this output, natively in segwit."""
    return _TEMPLATES[ScriptKind.P2WPKH].matches(script)


def own_script(threshold: int, public_keys: Sequence[bytes]) -> tuple[bytes, bytes | None]:
    """The output script of an address of ours, and its witness script; None for P2WPKH, which has none.

    One key gives P2WPKH, two and more P2WSH of m-of-n. Raises SCRIPT_UNKNOWN. Source: spec/registers.md.
    """
    if (threshold, len(public_keys)) == (1, 1):
        return p2wpkh_script(public_keys[0]), None
    witness_script = multisig_script(threshold, public_keys)
    return p2wsh_script(witness_script), witness_script


def dust_limit_sat(script: bytes, dust_relay_sat_per_kvb: int) -> int:
    """The smallest value that nodes relay in an output with this script.

    dust_relay_sat_per_kvb: the node's dust rate, see `Network`. Raises as `classify_script` does.
    Source: Bitcoin Core `policy.cpp`, GetDustThreshold: the cost of the output and of the input that spends it later.
    """
    kind = classify_script(script)
    spending_bytes = 148 if kind in (ScriptKind.P2PKH, ScriptKind.P2SH) else 67
    return (8 + 1 + len(script) + spending_bytes) * dust_relay_sat_per_kvb // 1000


def classify_script(script: bytes, field: str = "script") -> ScriptKind:
    """Name the kind of an output script, or refuse it by name.

    Raises SCRIPT_OP_RETURN, SCRIPT_BARE_MULTISIG, SCRIPT_P2PK, SCRIPT_MWEB (witness versions 8 and 9, which Litecoin
    uses for its integrating transaction and for peg-ins), or SCRIPT_UNKNOWN.
    """
    for kind, template in _TEMPLATES.items():
        if template.matches(script):
            return kind
    expected = "p2pkh, p2sh, p2wpkh, p2wsh or p2tr"
    raise refused(_refused_code(script), field, expected, script.hex() or "an empty script")


def _refused_code(script: bytes) -> Code:
    """The name under which a script outside the grammar is refused."""
    if script[:1] == bytes([_OP_RETURN]):
        return Code.SCRIPT_OP_RETURN
    if _is_witness_program(script) and script[0] in (_OP_8, _OP_9):
        return Code.SCRIPT_MWEB
    if _is_pay_to_key(script):
        return Code.SCRIPT_P2PK
    if _is_any_multisig(script):
        return Code.SCRIPT_BARE_MULTISIG
    return Code.SCRIPT_UNKNOWN


def _is_witness_program(script: bytes) -> bool:
    """A version opcode and one push of 2 to 40 bytes (BIP-141)."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2:
        return False
    return script[0] == _OP_0 or _OP_1 <= script[0] <= _OP_16


def _is_pay_to_key(script: bytes) -> bool:
    lengths = (_COMPRESSED_KEY_BYTES, _UNCOMPRESSED_KEY_BYTES)
    return len(script) >= 2 and script[0] in lengths and len(script) == script[0] + 2 and script[-1] == _OP_CHECKSIG


def _is_any_multisig(script: bytes) -> bool:
    """Whether this has the shape of any bare multisig, whatever its keys: it is refused, so the net is wide."""
    if len(script) < 3 or script[-1] != _OP_CHECKMULTISIG:
        return False
    return _OP_0 <= script[0] <= _OP_16 and _OP_1 <= script[-2] <= _OP_16


@dataclass(frozen=True, slots=True, kw_only=True)
class MultisigScript:
    """What a witness script of ours says: `threshold` signatures of these compressed keys (33 bytes each), sorted."""

    threshold: int
    public_keys: tuple[bytes, ...]


def multisig_script(threshold: int, public_keys: Sequence[bytes]) -> bytes:
    """The witness script for m-of-n, with the keys sorted as BIP-67 says.

    public_keys: 1 to 15 different compressed keys, in any order. threshold: 1 to their number.
    Raises SCRIPT_UNKNOWN otherwise. Source: BIP-67; vectors/bitcoin/bip67.json.
    """
    keys = sorted(public_keys)
    if not 1 <= len(keys) <= MAX_MULTISIG_KEYS:
        raise malformed(Code.SCRIPT_UNKNOWN, "public_keys", f"1 to {MAX_MULTISIG_KEYS} keys", str(len(keys)))
    if not 1 <= threshold <= len(keys):
        raise malformed(Code.SCRIPT_UNKNOWN, "threshold", f"1 to {len(keys)}", str(threshold))
    for key in keys:
        if len(key) != _COMPRESSED_KEY_BYTES or key[0] not in (2, 3):
            raise malformed(Code.SCRIPT_UNKNOWN, "public_keys", "compressed keys of 33 bytes", key.hex())
    if len(set(keys)) != len(keys):
        # One key listed twice would let one holder count as two.
        raise malformed(Code.SCRIPT_UNKNOWN, "public_keys", "each key once", ", ".join(key.hex() for key in keys))
    pushes = b"".join(bytes([_COMPRESSED_KEY_BYTES]) + key for key in keys)
    return bytes([_OP_1 - 1 + threshold]) + pushes + bytes([_OP_1 - 1 + len(keys), _OP_CHECKMULTISIG])


def parse_multisig_script(script: bytes, field: str = "witness_script") -> MultisigScript:
    """Read a witness script of ours: exactly what `multisig_script` makes, byte for byte, or SCRIPT_UNKNOWN."""
    count = (len(script) - 3) // (_COMPRESSED_KEY_BYTES + 1)
    step = _COMPRESSED_KEY_BYTES + 1
    keys = tuple(script[2 + step * position : 1 + step * (position + 1)] for position in range(max(count, 0)))
    threshold = script[0] - _OP_1 + 1 if script else 0
    try:
        rebuilt = multisig_script(threshold, keys)
    except MalformedError as error:
        raise malformed(Code.SCRIPT_UNKNOWN, field, "an m-of-n script of ours", script.hex()) from error
    if rebuilt != script:
        raise malformed(Code.SCRIPT_UNKNOWN, field, rebuilt.hex(), script.hex())
    return MultisigScript(threshold=threshold, public_keys=keys)
