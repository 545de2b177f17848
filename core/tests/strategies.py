"""Hypothesis strategies: JSON of ours, and a record of any type from its own field types."""

from __future__ import annotations

import dataclasses
import typing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from strongroom.chains.ethereum.addresses import render_address, token_asset
from strongroom.core import ids, records
from strongroom.core.bodies import Proposal, Quorum, sorted_quorums
from strongroom.core.canonical import MAX_INTEGER
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.money import MAX_UNITS
from strongroom.core.policy import Hours, Parameters, Price, Prices, Rule, Window
from strongroom.core.registers import AssetEntry, AssetKind
from strongroom.core.roster import SEAL_SUITE, Delegation, Delegations, Floors, GateSeal, Holder, Party, Roster

from .strategies_keys import build_special

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20) | st.sampled_from(["é", "港", "😂"])
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda raw: ids.Digest("sha256:" + raw.hex()))
TIMES = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
UNITS = st.integers(min_value=0, max_value=MAX_UNITS).map(records.Units)


def own(*kinds: str) -> st.SearchStrategy[str]:
    """Ids of ours."""
    return st.builds(lambda kind, name: f"{kind}:{name}", st.sampled_from(kinds), NAMES)


LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(min_value=0, max_value=MAX_INTEGER),
    datetime: TIMES,
    records.Units: UNITS,
    records.UNITS_OR_NONE: st.none() | UNITS,
    records.HexBytes: st.binary(max_size=40),
    records.Base64Bytes: st.binary(max_size=40),
    records.DigestOrNone: DIGESTS | st.just("none"),
    records.EntryOrNone: own("account") | st.just("none"),
    records.HexOrNone: st.binary(max_size=40).map(bytes.hex) | st.just("none"),
    ids.Digest: DIGESTS,
    ids.PartyId: own("person", "device", "service", "client"),
    ids.WalletId: own("wallet"),
    ids.AccountId: own("account"),
    ids.EntryId: own("entry", "key", "address", "rule"),
    ids.ChainId: st.from_regex(r"[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,32}", fullmatch=True),
    ids.AssetId: st.from_regex(
        r"[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,8}/[a-z0-9-]{3,8}:[-.%a-zA-Z0-9]{1,16}", fullmatch=True
    ),
}
SORTED = {"commits", "decisions", "instructions", "sources", "rules", "keys", "operators", "roles", "accounts"}


def json_values() -> st.SearchStrategy[Any]:
    """Values that have a canonical form of ours."""
    leaf = st.booleans() | st.integers(min_value=0, max_value=MAX_INTEGER) | TEXT
    return st.recursive(leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def public_keys() -> st.SearchStrategy[PublicKey]:
    """Keys of the right length; whether they are points is not the format's to say."""
    ed25519 = st.binary(min_size=32, max_size=32).map(lambda raw: PublicKey(alg=Algorithm.ED25519, public=raw))
    p256 = st.binary(min_size=64, max_size=64).map(lambda raw: PublicKey(alg=Algorithm.P256, public=b"\x04" + raw))
    return ed25519 | p256


def quorums() -> st.SearchStrategy[Quorum]:
    """Quorums that somebody has to meet."""
    pairs = st.tuples(st.integers(1, 9), st.integers(1, 9))
    return pairs.map(lambda n: Quorum(role="approver", people=max(n), groups=min(n)))


def windows() -> st.SearchStrategy[tuple[Window, ...]]:
    """Windows sorted by length, none twice."""
    one = st.builds(
        Window,
        max_amount=UNITS,
        max_count=st.integers(0, 99),
        max_fee=st.none() | UNITS,
        max_hkd_cents=st.none() | UNITS,
        seconds=st.integers(1, 10**6),
    )
    unique = st.lists(one, max_size=3, unique_by=lambda w: w.seconds)
    return unique.map(lambda found: tuple(sorted(found, key=lambda w: w.seconds)))


def hours() -> st.SearchStrategy[Hours]:
    """Hours that are some."""
    days = st.sets(st.integers(1, 7), min_size=1).map(lambda found: tuple(sorted(found)))
    minutes = st.sets(st.integers(0, 1440), min_size=2, max_size=2)
    return st.builds(lambda d, m: Hours(days=d, from_min=min(m), to_min=max(m)), days, minutes)


def prices() -> st.SearchStrategy[tuple[Price, ...]]:
    """Prices sorted by asset, none twice."""
    one = st.builds(Price, asset=LEAVES[ids.AssetId], microhkd=st.integers(1, MAX_UNITS))
    found = st.lists(one, max_size=3, unique_by=lambda p: p.asset)
    return found.map(lambda each: tuple(sorted(each, key=lambda p: p.asset)))


def holders(prefix: str) -> st.SearchStrategy[Delegation]:
    """Delegations whose people and keys no other prefix shares."""

    def build(count: int, threshold: int) -> Delegation:
        names = [f"person:{prefix}.{i}" for i in range(count)]
        keys = [PublicKey(alg=Algorithm.ED25519, public=f"{name:\0<32}".encode()[:32]) for name in names]
        found = tuple(Holder(id=n, key=k) for n, k in zip(names, keys, strict=True))
        return Delegation(keys=found, threshold=min(threshold, count))

    return st.builds(build, st.integers(1, 4), st.integers(1, 4))


def parties() -> st.SearchStrategy[tuple[Party, ...]]:
    """People, devices and services, each with an own key."""

    def build(names: set[str], moments: tuple[datetime, datetime]) -> tuple[Party, ...]:
        found = []
        for i, name in enumerate(sorted(names)):
            kind = name.split(":")[0]
            role = {"person": ("approver", "operator")[i % 2], "device": "terminal", "service": "watcher"}[kind]
            key = PublicKey(alg=Algorithm.ED25519, public=i.to_bytes(32, "big"))
            staff = f"staff-{i}" if kind == "person" else "none"
            found.append(
                Party(
                    group="g",
                    id=name,
                    key=key,
                    name=name,
                    roles=(role,),
                    staff=staff,
                    valid_from=min(moments),
                    valid_until=max(moments),
                )
            )
        return tuple(found)

    return st.builds(build, st.sets(own("person", "device", "service"), max_size=5), st.tuples(TIMES, TIMES))


def assets() -> st.SearchStrategy[AssetEntry]:
    """A chain's own coin, or a token at a contract that its name repeats."""

    def native(asset: ids.AssetId, decimals: int, symbol: str) -> AssetEntry:
        return AssetEntry(
            chain=ids.chain_of(asset),
            code_hash="none",
            contract="none",
            decimals=decimals,
            id=asset,
            kind=AssetKind.NATIVE,
            symbol=symbol,
        )

    def token(raw: bytes, code: bytes, decimals: int, symbol: str) -> AssetEntry:
        chain, contract = ids.ChainId("eip155:1"), render_address(raw)
        return AssetEntry(
            chain=chain,
            code_hash=f"keccak256:{code.hex()}",
            contract=contract,
            decimals=decimals,
            id=token_asset(chain, contract),
            kind=AssetKind.ERC20,
            symbol=symbol,
        )

    decimals, raw, code = st.integers(0, 36), st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32)
    return st.builds(native, LEAVES[ids.AssetId], decimals, TEXT) | st.builds(token, raw, code, decimals, TEXT)


SPECIAL: dict[Any, st.SearchStrategy[Any]] = {
    PublicKey: public_keys(),
    Quorum: quorums(),
    Floors: quorums().map(lambda q: Floors(groups=q.groups, people=q.people)),
    Hours: hours(),
    Price: st.builds(Price, asset=LEAVES[ids.AssetId], microhkd=st.integers(1, MAX_UNITS)),
    AssetEntry: assets(),
    Delegation: holders("some"),
    Delegations: st.builds(
        Delegations,
        **{
            n: holders(n) for n in ("addresses", "assets", "clients", "keys", "policy", "prices", "roster", "whitelist")
        },
    ),
    GateSeal: st.builds(
        GateSeal, device=own("device"), public=st.binary(min_size=32, max_size=32), suite=st.just(SEAL_SUITE)
    ),
}


OWN_FIELDS: dict[tuple[type[Any], str], st.SearchStrategy[Any]] = {
    (Rule, "quorums"): st.sets(quorums(), max_size=3).map(sorted_quorums),
    (Rule, "windows"): windows(),
    (Parameters, "utc_offset_min"): st.integers(0, 840),
    (Prices, "prices"): prices(),
    (Proposal, "attempt"): st.just(1),
    (Proposal, "replaces"): st.just("none"),
    (Roster, "parties"): parties(),
    (Roster, "overseers"): st.just(()),
}


def record_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Records of a class, field by field."""
    return SPECIAL[cls] if cls in SPECIAL else _record(cls, {})


def _record(cls: type[Any], given: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls)
    free = {f.name: _field(cls, f.name, hints[f.name]) for f in dataclasses.fields(cls) if f.name not in given}
    return st.builds(cls, **free, **given)


def _array(name: str, item: Any) -> st.SearchStrategy[Any]:
    inner = LEAVES[item] if item in LEAVES else record_of(item)
    if name not in SORTED or item is PublicKey:
        return st.lists(inner, max_size=3).map(tuple)
    if item in LEAVES:
        return st.sets(inner, max_size=4).map(lambda found: tuple(sorted(found)))
    unique = st.lists(inner, max_size=3, unique_by=lambda each: each.id)
    return unique.map(lambda found: tuple(sorted(found, key=lambda each: each.id)))


def _field(cls: type[Any], name: str, hint: Any) -> st.SearchStrategy[Any]:
    own_field = OWN_FIELDS.get((cls, name), LEAVES.get(hint))
    if own_field is not None:
        return own_field
    if typing.get_origin(hint) is tuple:
        return _array(name, typing.get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return record_of(hint)


SPECIAL |= build_special(
    _record,
    {
        "batch": own("entry"),
        "bytes32": st.binary(min_size=32, max_size=32),
        "client": own("client"),
        "device": own("device"),
        "digest": DIGESTS,
        "entry": own("key", "address"),
    },
)
