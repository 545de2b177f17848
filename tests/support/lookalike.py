"""Addresses that look like another: the same head and tail, and somebody else's middle.

On Ethereum a thief makes keys until one fits. On the Bitcoin family the last six characters are a checksum; it is
linear, so that a middle with the same checksum is computed at once.
"""

from __future__ import annotations

from strongroom.chains.bitcoin.addresses import parse_address as parse_bitcoin
from strongroom.chains.bitcoin.addresses import render_address as render_bitcoin
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.ethereum import addresses as eth

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHECKSUM = 6
_KEPT_BITS = 40
"""The first bits of the key's hash stay: eight characters after the prefix."""


def lookalike_eth(address: str) -> str:
    """Another account whose first and last six hexadecimal digits are the same; capitals are its own checksum."""
    raw = eth.parse_address(address)
    return eth.render_address(raw[:3] + bytes(b ^ 0x5A for b in raw[3:-3]) + raw[-3:])


def lookalike_ltc(address: str) -> str:
    """Another P2WPKH address with the same beginning, and with the same checksum at its end."""
    script = parse_bitcoin(address, LITECOIN_REGTEST)
    free = range(8 * len(script[2:]) - _KEPT_BITS)
    # One pair for each free bit: what it does to the checksum, and which bits were added up for that.
    rows: list[tuple[int, int]] = []
    for bit in free:
        effect, bits = _tail(_flipped(script, 1 << bit)) ^ _tail(script), 1 << bit
        for known, added in rows:
            if effect ^ known < effect:
                effect, bits = effect ^ known, bits ^ added
        if effect == 0:
            return render_bitcoin(_flipped(script, bits), LITECOIN_REGTEST)
        rows = sorted([*rows, (effect, bits)], reverse=True)
    raise AssertionError("thirty-one bits always have a sum that leaves a checksum of thirty bits alone")


def _flipped(script: bytes, bits: int) -> bytes:
    program = int.from_bytes(script[2:], "big") ^ bits
    return script[:2] + program.to_bytes(len(script) - 2, "big")


def _tail(script: bytes) -> int:
    text = render_bitcoin(script, LITECOIN_REGTEST)[-_CHECKSUM:]
    return sum(_CHARSET.index(c) << (5 * i) for i, c in enumerate(reversed(text)))
