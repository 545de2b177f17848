"""A trip on which every place but the one that is asked is the attacker's: it shows the honest text, and says yes.

The client orders an honest payment. What travels as the transaction is the attacker's bytes, and beside them stands
the true description: the builder claims their digest, each approver's screen and the station's show the honest facts
and sign for the other bytes, and the terminals sign those. Nothing of it is caught by a control that reads the
description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import rlp  # type: ignore[import-untyped]

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.canonical import sha256
from strongroom.core.docket import Stage, Twin
from strongroom.core.errors import StrongroomError
from strongroom.core.facts import Facts
from strongroom.core.packages import PartialSignature
from world import ETH, LTC, Edit, Trip, World, chain_key, eth_trip

STRANGER = bytes.fromhex("71" * 20)
"""The attacker's account."""
Forge = Callable[[bytes], bytes]
"""From the honest unsigned bytes to what is really to be signed."""


@dataclass(kw_only=True)
class Crooked(Trip):
    """Such a trip. forge: what it signs. claims: what the builder says of that, from its proposal of the honest."""

    forge: Forge
    claims: Edit = lambda body: body
    described: bytes = field(default=b"", init=False)
    shown: Facts | None = field(default=None, init=False)

    def edited(self, name: str, body: Any) -> Any:
        """The attacker's bytes in place of the honest ones, and the claims that go with them."""
        if name == "unsigned":
            self.described = super().edited(name, body)
            return self.forge(self.described)
        if name == "propose":
            claimed = replace(body, unsigned_digest=sha256(self._transaction(self.unsigned)))
            return super().edited(name, self.claims(claimed))
        return super().edited(name, body)

    def partial_signatures(self, terminal: str) -> tuple[PartialSignature, ...]:
        """The terminals sign what they are given; of a PSBT that nobody can read, what it says it is."""
        if self.is_ethereum or _is_readable(self.unsigned):
            return super().partial_signatures(terminal)
        unsigned, self.unsigned = self.unsigned, self.described
        try:
            return super().partial_signatures(terminal)
        finally:
            self.unsigned = unsigned

    def signing_digest(self) -> bytes:
        """What a terminal signs that does not read."""
        return keccak256(self.unsigned)

    def _read(self, which: Twin) -> Facts:
        """The honest facts, said to be of the other bytes."""
        if self.shown is None:
            honest = Trip(world=self.world, chain=self.chain, payments=self.payments, token=self.token)
            honest.statements, honest.unsigned = self.statements, self.described
            self.shown = replace(honest._read(which), unsigned_digest=self.unsigned_digest)
        return self.shown

    def _transaction(self, unsigned: bytes) -> bytes:
        """What a digest is over: on the Bitcoin family the transaction in the PSBT, where that can be read."""
        if self.is_ethereum:
            return unsigned
        return psbts.parse_psbt(unsigned if _is_readable(unsigned) else self.described).unsigned_bytes


@dataclass(kw_only=True)
class Blind(Trip):
    """A trip whose people and station say yes to what they are shown: another trip's facts, whatever this one does."""

    shown: Trip

    def _read(self, which: Twin) -> Facts:
        return replace(self.shown._read(which), unsigned_digest=self.unsigned_digest)


def blind_eth(world: World, **kwargs: Any) -> Blind:
    """One client is paid 1.25 ETH, and nobody looks."""
    shown = eth_trip(World()).to(Stage.PROPOSE)
    return Blind(world=world, chain=ETH, payments=shown.payments, shown=shown, **kwargs)


def _is_readable(unsigned: bytes) -> bool:
    try:
        psbts.parse_psbt(unsigned)
    except StrongroomError:
        return False
    return True


def crooked_eth(world: World, forge: Forge, claims: Edit = lambda body: body, **kwargs: Any) -> Crooked:
    """One client orders 1.25 ETH; the attacker's bytes are signed for it."""
    payments = (("client:harbour", 125 * 10**16),)
    return Crooked(world=world, chain=ETH, payments=payments, forge=forge, claims=claims, **kwargs)


def crooked_ltc(world: World, forge: Forge, claims: Edit = lambda body: body, **kwargs: Any) -> Crooked:
    """One client orders 5 coins out of 2-of-3; the attacker's PSBT is signed for it."""
    both = ("device:terminal-1", "device:terminal-2")
    payments = (("client:harbour", 5 * 10**8),)
    return Crooked(world=world, chain=LTC, payments=payments, forge=forge, claims=claims, terminals=both, **kwargs)


# --- forging bytes ----------------------------------------------------------------------------------------------------

FIELDS = ("chain_id", "nonce", "tip", "max_fee", "gas", "to", "value", "data", "access_list")


def with_fields(raw: bytes, **changes: bytes | int | list[Any]) -> bytes:
    """The same EIP-1559 transaction with other fields, by another library than ours. Names: `FIELDS`."""
    items = list(rlp.decode(raw[1:]))
    for name, value in changes.items():
        items[FIELDS.index(name)] = value
    return raw[:1] + bytes(rlp.encode(items))


def sign_raw(unsigned: bytes, key: str) -> bytes:
    """The signed EIP-1559 transaction of any unsigned one, by the key of that name."""
    raw = chain_key(key).sign_recoverable(keccak256(unsigned), hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return unsigned[:1] + bytes(rlp.encode([*rlp.decode(unsigned[1:]), raw[64], r, s]))


def call(function: str, *words: bytes | int) -> bytes:
    """Call data of a function: its selector and 32-byte words."""
    selector = keccak256(function.encode())[:4]
    return selector + b"".join(w.to_bytes(32, "big") if isinstance(w, int) else w.rjust(32, b"\0") for w in words)


def calling(to: bytes, data: bytes) -> Forge:
    """A transaction that calls a contract and moves no coins of its own."""
    return lambda raw: with_fields(raw, to=to, data=data, value=0, gas=200_000)


def rebuilt(raw: bytes, edit: Callable[[list[psbts.Payment]], list[psbts.Payment]]) -> bytes:
    """The same coins spent into other outputs, as the attacker's builder makes it: inputs and proofs unchanged."""
    psbt = psbts.parse_psbt(raw)
    spends = [
        psbts.Spend(previous=each.previous, index=tx_in.outpoint.index, witness_script=each.witness_script)
        for each, tx_in in zip(psbt.inputs, psbt.unsigned.inputs, strict=True)
    ]
    outputs = [
        psbts.Payment(value_sat=out.value_sat, script=out.script, witness_script=each.witness_script)
        for out, each in zip(psbt.unsigned.outputs, psbt.outputs, strict=True)
    ]
    return psbts.encode_psbt(psbts.build_psbt(spends=spends, payments=edit(outputs)))


def check_each(found: Mapping[str, frozenset[Any]], *codes: Any) -> None:
    """Every place refused by itself, and each of them with one of these codes."""
    for place, refused in found.items():
        assert refused & set(codes), (place, refused)
