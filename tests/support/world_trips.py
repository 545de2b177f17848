"""The trips that tests start from, one maker for each kind of transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.bodies import Instruction
from strongroom.core.docket import Stage, Twin
from strongroom.core.records import DigestOrNone, Units
from world_firm import Edit, World
from world_keys import ETH, GWEI, HOODI, LTC
from world_trip import Trip


def eth_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """One client is paid 1.25 ETH."""
    return Trip(world=world, chain=ETH, payments=(("client:harbour", 125 * 10**16),), edits=edits or {}, **kwargs)


def hoodi_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """The same client is paid the same on the second Ethereum chain of a `two_chains` world."""
    return Trip(world=world, chain=HOODI, payments=(("client:harbour", 125 * 10**16),), edits=edits or {}, **kwargs)


def usd_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """One client is paid 2,500 of a token; the fee is in ether."""
    payments = (("client:harbour", 2_500 * 10**6),)
    return Trip(world=world, chain=ETH, token=True, payments=payments, edits=edits or {}, **kwargs)


def one_key_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """One client is paid from two coins of one key each (P2WPKH), with change to another; one terminal signs."""
    payments = (("client:harbour", 5 * 10**8),)
    return Trip(
        world=world,
        chain=LTC,
        payments=payments,
        edits=edits or {},
        coins=("one-1", "one-2"),
        change="one-change",
        **kwargs,
    )


def mixed_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """Two clients are paid from a coin of 2-of-3 and one of one key; the change goes to one key, two terminals sign."""
    payments = (("client:harbour", 5 * 10**8), ("client:peak", 11 * 10**8))
    return Trip(
        world=world,
        chain=LTC,
        payments=payments,
        edits=edits or {},
        coins=("ltc-2", "one-1"),
        change="one-change",
        terminals=("device:terminal-1", "device:terminal-2"),
        **kwargs,
    )


def void_trip(world: World, **kwargs: Any) -> Trip:
    """The same transfer, approved by one and rejected by another; what goes on is its void twin."""
    trip = eth_trip(world, approvers=("person:m.chan",), **kwargs).to(Stage.APPROVE)
    trip.reject()
    trip.twin = Twin.VOID
    return trip


def bump_trip(world: World, first: Trip, **kwargs: Any) -> Trip:
    """A replacement of a trip: its instructions, fresh decisions, the next attempt, and a higher fee."""
    proposal = first.proposal
    edits = dict(kwargs.pop("edits", {}))

    def bump(body: Any) -> Any:
        bumped = replace(body, attempt=proposal.body.attempt + 1, replaces=DigestOrNone(proposal.id))
        return edits["propose"](bumped) if "propose" in edits else bumped

    trip = Trip(
        world=world,
        chain=first.chain,
        payments=first.payments,
        nonce=first.nonce,
        terminals=first.terminals,
        edits={**edits, "propose": bump},
        rate=first.rate * 2,
        token=first.token,
        coins=first.coins,
        change=first.change,
        **kwargs,
    )
    trip.statements = list(first.of(Instruction))
    return trip


def ltc_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """Three clients are paid from 2-of-3 P2WSH; two of the three terminals sign."""
    payments = (("client:harbour", 5 * 10**8), ("client:lantau", 7 * 10**8), ("client:peak", 11 * 10**8))
    return Trip(
        world=world,
        chain=LTC,
        payments=payments,
        edits=edits or {},
        terminals=("device:terminal-1", "device:terminal-2"),
        **kwargs,
    )


def priced_trip(world: World, price: int, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """A transfer whose client lets it burn what its builder asks. price: wei for each gas, tip included."""

    def ask(raw: bytes) -> bytes:
        transfer = parse_unsigned(raw)
        return encode_unsigned(
            replace(transfer, max_fee_per_gas_wei=price, max_priority_fee_per_gas_wei=min(price, GWEI))
        )

    def allow(body: Any) -> Any:
        return replace(body, fee_ceiling=Units(max(int(body.fee_ceiling), 21_000 * price)))

    own: dict[str, Edit] = {
        "instruct": allow,
        "unsigned": ask,
        "propose": lambda body: replace(body, fee=Units(21_000 * price)),
        **(edits or {}),
    }
    return eth_trip(world, own, **kwargs)
