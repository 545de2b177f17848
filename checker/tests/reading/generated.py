"""Transactions of every kind that we sign, made by a counter, and ways to change their bytes a little.

Everything follows from the counter, so a failure names the transaction that failed. Amounts, keys, chains, numbers of
inputs and outputs differ; nothing repeats a pattern that a reading could have been written for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import rlp  # type: ignore[import-untyped]

from strongroom.chains.bitcoin.keymaps import KeyMap, encode_maps, parse_maps
from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt
from strongroom.chains.bitcoin.reader import encode_variable
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, own_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import Transfer, encode_unsigned

ETHEREUM_KINDS: Final = ("ether", "token")
BITCOIN_KINDS: Final = ("multisig", "one key", "mixed")
KINDS: Final = (*ETHEREUM_KINDS, *BITCOIN_KINDS)
CHAIN_IDS: Final = (1, 10, 56, 137, 8453, 17000, 31337, 42161, 560048, 11155111, 2**63 - 37)
SELECTORS: Final = tuple(
    bytes.fromhex(each) for each in ("095ea7b3", "23b872dd", "d505accf", "39509351", "40c10f19", "42966c68", "a9059cbc")
)
"""approve, transferFrom, permit, increaseAllowance, mint, burn, and one bit beside transfer."""
_COIN: Final = 100_000_000


def make(kind: str, number: int) -> bytes:
    """The unsigned bytes of transaction `number` of a kind, as they cross a border."""
    chance = Random(f"{kind} {number}")
    if kind in ETHEREUM_KINDS:
        return encode_unsigned(_transfer(chance, kind))
    return encode_psbt(build_psbt(spends=_spends(chance, kind), payments=_payments(chance)))


def _transfer(chance: Random, kind: str) -> Transfer:
    price = chance.randrange(1, 10 ** chance.randrange(1, 14))
    to, recipient = chance.randbytes(20), chance.randbytes(20)
    token = TokenTransfer(recipient=recipient, units=chance.randrange(1, 1 << chance.randrange(1, 257)))
    return Transfer(
        chain_id=chance.choice(CHAIN_IDS),
        nonce=chance.randrange(1 << chance.randrange(1, 40)),
        max_priority_fee_per_gas_wei=chance.randrange(price + 1),
        max_fee_per_gas_wei=price,
        gas_limit=21_000 if kind == "ether" else chance.randrange(30_000, 200_001),
        to=to,
        value_wei=chance.randrange(1, 1 << chance.randrange(1, 100)) if kind == "ether" else 0,
        token=None if kind == "ether" else token,
    )


def _spends(chance: Random, kind: str) -> list[Spend]:
    """One to four coins; of a mixed transaction the first is of m-of-n and the second of one key."""
    count = chance.randrange(2 if kind == "mixed" else 1, 5)
    return [_spend(chance, _count_keys(kind, number, chance)) for number in range(count)]


def _count_keys(kind: str, number: int, chance: Random) -> int:
    several = chance.randrange(2, 6)
    match kind:
        case "multisig":
            return several
        case "one key":
            return 1
        case _:
            return (several, 1)[number] if number < 2 else chance.choice((several, 1))


def _spend(chance: Random, keys: int) -> Spend:
    script, witness_script = _own(chance, keys)
    others = [TxOut(value_sat=chance.randrange(_COIN), script=chance.randbytes(22)) for _ in range(chance.randrange(3))]
    index = chance.randrange(len(others) + 1)
    coin = TxOut(value_sat=chance.randrange(_COIN, 1_000 * _COIN), script=script)
    outpoint = OutPoint(txid=chance.randbytes(32), index=chance.randrange(9))
    previous = Transaction(
        version=chance.choice((1, 2)),
        inputs=(TxIn(outpoint=outpoint, script_sig=chance.randbytes(chance.randrange(80)), sequence=0xFFFFFFFF),),
        outputs=(*others[:index], coin, *others[index:]),
        witnesses=(),
        lock_time=chance.randrange(900_000),
    )
    return Spend(previous=previous, index=index, witness_script=witness_script)


def _own(chance: Random, count: int) -> tuple[bytes, bytes | None]:
    keys = [bytes([chance.choice((2, 3))]) + chance.randbytes(32) for _ in range(count)]
    return own_script(chance.randrange(1, count + 1), keys)


def _payments(chance: Random) -> list[Payment]:
    """One to four outputs of any kind; the last may be change of m-of-n with its script shown."""
    found = []
    for _ in range(chance.randrange(1, 5)):
        kind = chance.choice(tuple(ScriptKind))
        payload = chance.randbytes(32 if kind in {ScriptKind.P2WSH, ScriptKind.P2TR} else 20)
        found.append(Payment(value_sat=chance.randrange(600, _COIN // 5), script=build_script(kind, payload)))
    if chance.random() < 0.5:
        script, witness_script = _own(chance, chance.randrange(1, 6))
        found.append(Payment(value_sat=_COIN // 10, script=script, witness_script=witness_script))
    return found


# --- Changes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Changed bytes and how they were made."""

    how: str
    raw: bytes


Changer = Callable[[bytes, Random], bytes]


def changes(kind: str, raw: bytes, number: int, each: int) -> Iterator[Change]:
    """Some changes of the bytes, `each` of every way; those that happen to change nothing are left out."""
    ways = _ETHEREUM_WAYS if kind in ETHEREUM_KINDS else _BITCOIN_WAYS
    for how, change in ways.items():
        chance = Random(f"{kind} {number} {how}")
        for _ in range(each):
            changed = change(raw, chance)
            if changed != raw:
                yield Change(how=how, raw=changed)


def _flip(raw: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]


def _cut(raw: bytes, chance: Random) -> bytes:
    return raw[: chance.randrange(len(raw))]


def _append(raw: bytes, chance: Random) -> bytes:
    return raw + chance.choice((b"\x00", b"\xc0", chance.randbytes(chance.randrange(1, 40))))


def _drop(raw: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(raw))
    return raw[:place] + raw[place + 1 :]


def _swap_items(raw: bytes, chance: Random) -> bytes:
    """Two of the nine fields change places: nonce and chain, both prices, value and gas, and all the rest."""
    items = rlp.decode(raw[1:])
    one, other = chance.sample(range(len(items)), 2)
    items[one], items[other] = items[other], items[one]
    return raw[:1] + bytes(rlp.encode(items))


def _lengthen_item(raw: bytes, chance: Random) -> bytes:
    """One field in a spelling that decodes to the same: a longer head, or a zero before a number."""
    items = rlp.decode(raw[1:])
    chosen = chance.randrange(7)
    parts = [bytes(rlp.encode(item)) for item in items]
    item: bytes = items[chosen]
    spellings = [b"\xb8" + bytes([len(item)]) + item, b"\xb9\x00" + bytes([len(item)]) + item]
    spellings.append(bytes(rlp.encode(b"\x00" + item)))
    if len(item) == 1:
        spellings.append(b"\x81" + item)
    parts[chosen] = chance.choice(spellings)
    return raw[:1] + _list_head(b"".join(parts), chance) + b"".join(parts)


def _lengthen_list(raw: bytes, chance: Random) -> bytes:
    payload = b"".join(bytes(rlp.encode(item)) for item in rlp.decode(raw[1:]))
    size = len(payload)
    heads = [b"\xf9\x00" + bytes([size]), b"\xfa\x00\x00" + bytes([size])]
    if size < 56:
        heads.append(b"\xf8" + bytes([size]))
    return raw[:1] + chance.choice(heads) + payload


def _list_head(payload: bytes, chance: Random) -> bytes:
    del chance
    size = len(payload)
    return bytes([0xC0 + size]) if size < 56 else b"\xf8" + bytes([size])


def _replace_call(raw: bytes, chance: Random) -> bytes:
    """Another function, dirty padding, or data of another length; a payment without data is given some."""
    items = rlp.decode(raw[1:])
    data: bytes = items[7] or bytes.fromhex("a9059cbb") + bytes(12) + chance.randbytes(20) + bytes(31) + b"\x01"
    choices = [
        chance.choice(SELECTORS) + data[4:],
        chance.randbytes(4) + data[4:],
        data[:4] + chance.randbytes(12) + data[16:],
        data[: chance.randrange(len(data))],
        data + chance.randbytes(chance.choice((1, 32))),
        data[:4] + data[36:] + data[4:36],
        data[:16] + bytes(20) + data[36:],
        data[:36] + bytes(32),
        data[:16] + items[5] + data[36:],
    ]
    items[7] = chance.choice(choices)
    return raw[:1] + bytes(rlp.encode(items))


def _replace_type(raw: bytes, chance: Random) -> bytes:
    return chance.choice((b"\x00", b"\x01", b"\x03", b"\x04", b"")) + raw[1:]


def _add_field(raw: bytes, chance: Random) -> bytes:
    """A tenth field, or an access list with something in it."""
    items = rlp.decode(raw[1:])
    if chance.random() < 0.5:
        items[8] = [[items[5], []]]
    else:
        items.append(chance.choice((b"", [], b"\x01")))
    return raw[:1] + bytes(rlp.encode(items))


def _maps(raw: bytes) -> list[KeyMap]:
    return [*parse_maps(raw)]


def _swap_entries(raw: bytes, chance: Random) -> bytes:
    """Two entries of one map in another order, or two whole maps."""
    maps = _maps(raw)
    if chance.random() < 0.5 or not (long := [n for n, each in enumerate(maps) if len(each) > 1]):
        one, other = chance.sample(range(len(maps)), 2)
        maps[one], maps[other] = maps[other], maps[one]
        return encode_maps(maps)
    chosen = chance.choice(long)
    entries = [*maps[chosen].items()]
    chance.shuffle(entries)
    maps[chosen] = dict(entries)
    return encode_maps(maps)


def _drop_entry(raw: bytes, chance: Random) -> bytes:
    maps = _maps(raw)
    chosen = chance.choice([n for n, each in enumerate(maps) if each])
    gone = chance.choice([*maps[chosen]])
    maps[chosen] = {key: value for key, value in maps[chosen].items() if key != gone}
    return encode_maps(maps)


def _add_entry(raw: bytes, chance: Random) -> bytes:
    """A field that we do not have: a signature, a key's origin, a witness script where none belongs, unknown ones."""
    maps = _maps(raw)
    chosen = chance.randrange(len(maps))
    key = bytes([chance.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 0x13, 0x18, 0xFB, 0xFC))])
    key += chance.choice((b"", b"\x02" + chance.randbytes(32)))
    value = chance.choice((b"", chance.randbytes(4), chance.randbytes(71)))
    maps[chosen] = dict(sorted({**maps[chosen], key: value}.items()))
    return encode_maps(maps)


def _replace_value(raw: bytes, chance: Random) -> bytes:
    """Another value of one field: flipped, empty, longer, or that of another map."""
    maps = _maps(raw)
    chosen = chance.choice([n for n, each in enumerate(maps) if each])
    key = chance.choice([*maps[chosen]])
    value = maps[chosen][key]
    others = [entries[key] for entries in maps if key in entries]
    replaced = chance.choice((_flip(value, chance), b"", value + b"\x00", value[:-1], chance.choice(others)))
    maps[chosen] = {**maps[chosen], key: replaced}
    return encode_maps(maps)


def _lengthen_size(raw: bytes, chance: Random) -> bytes:
    """One length of the container in a longer spelling, or one count of the transaction inside."""
    maps = _maps(raw)
    if chance.random() < 0.5:
        unsigned = maps[0][b"\x00"]
        changed = unsigned[:4] + b"\xfd" + bytes([unsigned[4], 0]) + unsigned[5:]
        return encode_maps([{b"\x00": changed}, *maps[1:]])
    chosen = chance.choice([n for n, each in enumerate(maps) if each])
    key = chance.choice([*maps[chosen]])
    value = maps[chosen][key]
    entry = encode_variable(key) + encode_variable(value)
    longer = b"\xfd" + len(key).to_bytes(2, "little") + key + encode_variable(value)
    if chance.random() < 0.5:
        longer = encode_variable(key) + b"\xfe" + len(value).to_bytes(4, "little") + value
    return raw.replace(entry, longer, 1)


_ETHEREUM_WAYS: Final[dict[str, Changer]] = {
    "a bit flipped": _flip,
    "cut": _cut,
    "bytes appended": _append,
    "a byte dropped": _drop,
    "fields swapped": _swap_items,
    "a longer spelling of a field": _lengthen_item,
    "a longer spelling of the list": _lengthen_list,
    "another call": _replace_call,
    "another type": _replace_type,
    "a field too many": _add_field,
}
_BITCOIN_WAYS: Final[dict[str, Changer]] = {
    "a bit flipped": _flip,
    "cut": _cut,
    "bytes appended": _append,
    "a byte dropped": _drop,
    "fields swapped": _swap_entries,
    "a field dropped": _drop_entry,
    "a field too many": _add_entry,
    "another value": _replace_value,
    "a longer spelling of a size": _lengthen_size,
}
