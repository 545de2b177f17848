"""Hypothesis strategies of the statements about keys, whose fields depend on one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from strongroom.core.attested import AddressAttestation
from strongroom.core.bodies import JournalPlace
from strongroom.core.ceremonies import Ceremony, KeyList, Participant, TokenIdentity
from strongroom.core.hsms import Fault, HsmRegister, Rule, Ruling, Vendor
from strongroom.core.key_states import KeyStateChange
from strongroom.core.leases import Lease
from strongroom.core.registers import KeyState
from strongroom.core.releases import ReleaseManifest, ReleaseRoot
from strongroom.core.sweeps import Sweep
from strongroom.core.wallets import Segregation, Wallet, WalletKind

Record = Callable[[type[Any], dict[str, st.SearchStrategy[Any]]], st.SearchStrategy[Any]]
"""Builds a record of a class from its field types, with some fields given."""
Numbered = st.SearchStrategy[dict[str, Any]]


def ordered(item: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    """Sorted values, none twice."""
    return st.sets(item, min_size=least, max_size=most).map(lambda found: tuple(sorted(found)))


def ordered_by(item: st.SearchStrategy[Any], name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """Records sorted by one field, none twice."""
    unique = st.lists(item, max_size=3, unique_by=lambda each: getattr(each, name))
    return unique.map(lambda found: tuple(sorted(found, key=lambda each: getattr(each, name))))


def with_fields(base: st.SearchStrategy[Any], extra: Numbered) -> st.SearchStrategy[Any]:
    """A record with some of its fields drawn together."""
    return st.builds(
        lambda record, more: type(record)(**{f.name: getattr(record, f.name) for f in fields(record)} | more),
        base,
        extra,
    )


def numbered(name: str, digests: st.SearchStrategy[Any]) -> Numbered:
    """Number 1 names none before it; every other names one."""
    first = st.just({name: 1, "previous": "none"})
    return first | st.builds(lambda n, digest: {name: n, "previous": digest}, st.integers(2, 99), digests)


def build_special(record: Record, leaves: dict[str, st.SearchStrategy[Any]]) -> dict[Any, st.SearchStrategy[Any]]:
    """One strategy a class. leaves: strategies of text, digest, entry, device, client, units and bytes32."""
    first = {"previous": st.just("none")}
    states = st.sampled_from([s for s in KeyState if s not in (KeyState.ACTIVE, KeyState.PRE_ACTIVATION)])
    keys = ordered(leaves["entry"], 1)
    tighter = record(KeyStateChange, {"keys": keys, "lifts": st.just(()), "state": states})
    looser = record(
        KeyStateChange, {"keys": keys, "lifts": ordered(leaves["digest"], 1), "state": st.just(KeyState.ACTIVE)}
    )
    rules = st.lists(st.sampled_from(list(Ruling)), min_size=len(Fault), max_size=len(Fault)).map(
        lambda found: tuple(
            Rule(fault=fault, ruling=ruling)
            for fault, ruling in zip(sorted(Fault, key=lambda f: f.value), found, strict=True)
        )
    )
    vendors = ordered_by(record(Vendor, {"advisories": st.just(()), "diligence": st.just(())}), "id")
    hsms = record(
        HsmRegister, {"modules": st.just(()), "rules": rules, "vendors": vendors, "version": st.just(1), **first}
    )
    place = record(JournalPlace, {"number": st.integers(1, 9)})
    return {
        KeyStateChange: tighter | looser,
        Lease: with_fields(
            record(Lease, {"number": st.just(1), "place": place, **first}), numbered("number", leaves["digest"])
        ),
        Sweep: record(Sweep, {"destinations": ordered(leaves["entry"], 1), "states": ordered(leaves["digest"], 1)}),
        AddressAttestation: record(
            AddressAttestation,
            {
                "batch": leaves["batch"],
                "challenge": leaves["bytes32"],
                "size": st.integers(1, 9),
                "terminals": ordered(leaves["device"], 1),
            },
        ),
        HsmRegister: with_fields(hsms, numbered("version", leaves["digest"])),
        ReleaseManifest: with_fields(
            record(
                ReleaseManifest,
                {"roots": record(ReleaseRoot, {}).map(lambda root: (root,)), "version": st.just(1), **first},
            ),
            numbered("version", leaves["digest"]),
        ),
        Wallet: wallets(record, leaves),
        Ceremony: record(
            Ceremony,
            {
                "key_lists": ordered_by(record(KeyList, {}), "wallet"),
                "participants": ordered_by(record(Participant, {}), "person"),
                "tokens": ordered_by(record(TokenIdentity, {}), "serial"),
            },
        ),
    }


def wallets(record: Record, leaves: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Wallet]:
    """Wallets whose kind, chain, quorum and client go together."""
    one = {"keys": st.just(1), "threshold": st.just(1)}
    omnibus = {"client": st.just("none"), "segregation": st.just(Segregation.OMNIBUS)}
    segregated = {"client": leaves["client"], "segregation": st.just(Segregation.SEGREGATED)}
    kinds = (
        {"kind": st.just(WalletKind.EOA), "chain": st.just("eip155:1"), **one},
        {"kind": st.just(WalletKind.P2WPKH), "chain": st.just("bip122:12a765e31ffd4059bada1e25190f6e98"), **one},
        {
            "kind": st.just(WalletKind.P2WSH),
            "chain": st.just("bip122:12a765e31ffd4059bada1e25190f6e98"),
            "keys": st.just(3),
            "threshold": st.integers(1, 3),
        },
    )
    return st.one_of([record(Wallet, {**kind, **whose}) for kind in kinds for whose in (omnibus, segregated)])
