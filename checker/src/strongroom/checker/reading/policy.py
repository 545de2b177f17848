"""The body of a `policy` statement, read strictly; spec/policy.md. What it lets through is in `judge.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.checker.reading.bodies import Quorum, parse_quorum
from strongroom.checker.reading.envelopes import Envelope, Statement, Type
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.checker.reading.governed import parse_governed
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId, WalletId


class Effect(StrEnum):
    """What a matching rule does."""

    LIMIT = "LIMIT"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rolling window; read, carried and not evaluated here: only platform and terminal remember what was signed."""

    max_amount: int
    max_count: int
    max_fee: int | None
    max_hkd_cents: int | None
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Minutes of the day, from inclusive and to exclusive, on ISO weekdays."""

    days: frozenset[int]
    from_min: int
    to_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. An empty selector means any; `above` is strict, the limits are inclusive; None sets no limit."""

    above: int
    assets: tuple[AssetId, ...]
    clients: tuple[PartyId, ...]
    effect: Effect
    hours: tuple[Hours, ...]
    id: EntryId
    max_amount: int
    max_fee: int
    max_hkd_cents: int | None
    quorums: tuple[Quorum, ...]
    wallets: tuple[WalletId, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Body of a `policy` statement. Times in seconds; utc_offset_min: the clock of the hours, east of UTC."""

    approval_life_s: int
    clear_life_s: int
    clear_max_count: int
    device_cool_off_s: int
    freeze_lift_people: int
    package_max_halts: int
    price_max_age_s: int
    reading_floor_s: int
    sitting_max_count: int
    sitting_rest_s: int
    utc_offset_min: int
    whitelist_min_age_s: int
    previous: Digest | None
    rules: tuple[Rule, ...]
    version: int


def parse_policy(envelope: Envelope) -> Statement[Policy]:
    """Read a policy; nothing is verified."""
    return parse_governed(envelope, Type.POLICY, _parse_policy)


def _parse_policy(node: Node) -> Policy:
    found = node.members("parameters", "previous", "rules", "version")
    numbers = found["parameters"].members(
        "approval_life_s",
        "clear_life_s",
        "clear_max_count",
        "device_cool_off_s",
        "freeze_lift_people",
        "package_max_halts",
        "price_max_age_s",
        "reading_floor_s",
        "sitting_max_count",
        "sitting_rest_s",
        "utc_offset_min",
        "whitelist_min_age_s",
    )
    rules = tuple(_parse_rule(item) for item in found["rules"].items())
    check_sorted([rule.id for rule in rules], found["rules"].path)
    if numbers["utc_offset_min"].integer() > 840:
        raise numbers["utc_offset_min"].invalid("at most 840 minutes")
    return Policy(
        **{name: node.integer() for name, node in numbers.items()},
        previous=found["previous"].digest_or_none(),
        rules=rules,
        version=found["version"].integer(least=1),
    )


def _parse_rule(node: Node) -> Rule:
    found = node.members(
        "above",
        "assets",
        "clients",
        "effect",
        "hours",
        "id",
        "max_amount",
        "max_fee",
        "max_hkd_cents",
        "quorums",
        "wallets",
        "windows",
    )
    windows = tuple(_parse_window(item) for item in found["windows"].items())
    if [each.seconds for each in windows] != sorted({each.seconds for each in windows}):
        raise found["windows"].invalid("windows sorted by seconds, no length twice")
    return Rule(
        above=found["above"].units(),
        assets=tuple(item.asset() for item in found["assets"].items()),
        clients=tuple(item.party_of("client") for item in found["clients"].items()),
        effect=found["effect"].choice(Effect),
        hours=tuple(_parse_hours(item) for item in found["hours"].items()),
        id=EntryId(found["id"].own_id("rule")),
        max_amount=found["max_amount"].units(),
        max_fee=found["max_fee"].units(),
        max_hkd_cents=found["max_hkd_cents"].units_or_none(),
        quorums=_parse_quorums(found["quorums"]),
        wallets=tuple(WalletId(item.own_id("wallet")) for item in found["wallets"].items()),
        windows=windows,
    )


def _parse_quorums(node: Node) -> tuple[Quorum, ...]:
    quorums = tuple(parse_quorum(item) for item in node.items())
    order = [(each.role, each.people, each.groups) for each in quorums]
    if order != sorted(set(order)):
        raise node.invalid("quorums sorted by role, people and groups, none twice")
    return quorums


def _parse_hours(node: Node) -> Hours:
    found = node.members("days", "from_min", "to_min")
    days = [item.integer(least=1) for item in found["days"].items()]
    if not days or days != sorted(set(days)) or days[-1] > 7:
        raise found["days"].invalid("weekdays from 1 to 7, sorted, none twice")
    start, end = found["from_min"].integer(), found["to_min"].integer(least=1)
    if end > 24 * 60 or start >= end:
        raise found["to_min"].invalid(f"above {start} and at most 1440")
    return Hours(days=frozenset(days), from_min=start, to_min=end)


def _parse_window(node: Node) -> Window:
    found = node.members("max_amount", "max_count", "max_fee", "max_hkd_cents", "seconds")
    return Window(
        max_amount=found["max_amount"].units(),
        max_count=found["max_count"].integer(),
        max_fee=found["max_fee"].units_or_none(),
        max_hkd_cents=found["max_hkd_cents"].units_or_none(),
        seconds=found["seconds"].integer(),
    )
