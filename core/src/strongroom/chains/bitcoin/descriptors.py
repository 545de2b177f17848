"""Output descriptors of our addresses, with their checksum: what any node's wallet needs to watch or rebuild one.

Two forms, for the two kinds of scripts that we have: `wpkh(KEY)` and `wsh(sortedmulti(m,KEY,...))`, keys as 33 bytes in
hex and sorted, as BIP-67 sorts them in our scripts; so each address has one descriptor. Ranges, origins and private
keys are not ours and are refused. Sources: BIP-380, BIP-382, BIP-383; vectors/bitcoin/bip380.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.chains.bitcoin.scripts import own_script
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

_INPUT: Final = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_CHECKSUM: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_LENGTH: Final = 8
_KEY = r"0[23][0-9a-f]{64}"
_SINGLE = re.compile(rf"wpkh\(({_KEY})\)")
_MULTI = re.compile(rf"wsh\(sortedmulti\(([1-9]|1[0-5])((?:,{_KEY}){{2,15}})\)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a descriptor of ours says: `threshold` of these compressed keys, sorted."""

    threshold: int
    public_keys: tuple[bytes, ...]

    @property
    def script(self) -> bytes:
        """The output script that it describes."""
        return own_script(self.threshold, self.public_keys)[0]


def build_descriptor(threshold: int, public_keys: Sequence[bytes]) -> str:
    """The descriptor of an address of ours, checksum included. Raises SCRIPT_UNKNOWN for keys that make no script."""
    own_script(threshold, public_keys)
    keys = [key.hex() for key in sorted(public_keys)]
    text = f"wpkh({keys[0]})" if len(keys) == 1 else f"wsh(sortedmulti({threshold},{','.join(keys)}))"
    return add_checksum(text)


def parse_descriptor(text: str, field: str = "descriptor") -> Descriptor:
    """Read a descriptor of ours: its one spelling with its checksum. Raises DESCRIPTOR_INVALID."""
    body = check_checksum(text, field)
    single, multi = _SINGLE.fullmatch(body), _MULTI.fullmatch(body)
    if single:
        found = Descriptor(threshold=1, public_keys=(bytes.fromhex(single[1]),))
    elif multi:
        keys = tuple(bytes.fromhex(key) for key in multi[2][1:].split(","))
        found = Descriptor(threshold=int(multi[1]), public_keys=keys)
    else:
        raise malformed(Code.DESCRIPTOR_INVALID, field, "wpkh(KEY) or wsh(sortedmulti(m,KEY,...))", body[:80])
    rebuilt = build_descriptor(found.threshold, found.public_keys)
    if rebuilt != text:
        raise malformed(Code.DESCRIPTOR_INVALID, field, rebuilt, text)
    return found


def add_checksum(text: str) -> str:
    """A descriptor with its checksum behind it. Raises DESCRIPTOR_INVALID for characters that none has."""
    return f"{text}#{_build_checksum(text, 'descriptor')}"


def check_checksum(text: str, field: str) -> str:
    """The descriptor without its checksum. Raises DESCRIPTOR_INVALID unless there is one, and it is right.

    BIP-380 lets it be absent; we do not: it is what tells a mistyped key from another one.
    """
    body, mark, said = text.rpartition("#")
    if not mark or len(said) != _LENGTH:
        raise malformed(Code.DESCRIPTOR_INVALID, field, f"# and {_LENGTH} characters at the end", text[-16:])
    expected = _build_checksum(body, field)
    if said != expected:
        raise malformed(Code.DESCRIPTOR_INVALID, f"{field}.checksum", expected, said)
    return body


def _build_checksum(text: str, field: str) -> str:
    """Eight characters over all symbols, and over the groups in which they stand, three at a time. Source: BIP-380."""
    symbols: list[int] = []
    groups: list[int] = []
    for character in text:
        place = _INPUT.find(character)
        if place < 0:
            raise malformed(Code.DESCRIPTOR_INVALID, field, "characters of BIP-380", repr(character))
        symbols.append(place & 31)
        groups.append(place >> 5)
        if len(groups) == 3:
            symbols.append(groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if groups:
        symbols.append(groups[0] if len(groups) == 1 else groups[0] * 3 + groups[1])
    remainder = _polymod([*symbols, *[0] * _LENGTH]) ^ 1
    return "".join(_CHECKSUM[(remainder >> (5 * (_LENGTH - 1 - i))) & 31] for i in range(_LENGTH))


def _polymod(symbols: Sequence[int]) -> int:
    remainder = 1
    for symbol in symbols:
        top = remainder >> 35
        remainder = (remainder & 0x7FFFFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(_GENERATOR):
            remainder ^= generator if (top >> bit) & 1 else 0
    return remainder
