"""Policy without windows: default deny, the strictest of all matching rules, quorums; spec/policy.md.

Windows need a durable memory of signing, which only platform and terminal have; a reader that pretended to count them
would lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from strongroom.checker.reading.bodies import Quorum, parse_quorum
from strongroom.checker.reading.envelopes import Envelope, Statement, Type
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.checker.reading.governed import parse_governed
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId, WalletId


class Effect(StrEnum):
    """What a matching rule does."""

    LIMIT = "LIMIT"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rolling window; read, carried and not evaluated here."""

    max_amount: int
    max_count: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. An empty selector means any; `above` is strict, the limits are inclusive."""

    above: int
    assets: tuple[AssetId, ...]
    clients: tuple[PartyId, ...]
    effect: Effect
    id: EntryId
    max_amount: int
    max_fee: int
    quorum: Quorum
    wallets: tuple[WalletId, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Body of a `policy` statement. Times in seconds."""

    approval_life_s: int
    clear_life_s: int
    clear_max_count: int
    freeze_lift_people: int
    whitelist_min_age_s: int
    previous: Digest | None
    rules: tuple[Rule, ...]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One instruction as policy sees it; fee: the most that the whole transaction can pay, in the native asset."""

    asset: AssetId
    client: PartyId
    wallet: WalletId
    amount: int
    fee: int


def parse_policy(envelope: Envelope) -> Statement[Policy]:
    """Read a policy; nothing is verified."""
    return parse_governed(envelope, Type.POLICY, _parse_policy)


def matching_rules(policy: Policy, request: Request) -> tuple[Rule, ...]:
    """Every rule that speaks about the request."""
    return tuple(
        rule
        for rule in policy.rules
        if (not rule.assets or request.asset in rule.assets)
        and (not rule.clients or request.client in rule.clients)
        and (not rule.wallets or request.wallet in rule.wallets)
        and request.amount > rule.above
    )


def check_request(policy: Policy, request: Request, path: str) -> None:
    """Raise POLICY_NO_RULE, POLICY_BLOCKED, LIMIT_TRANSACTION or FEE_CEILING: everything that the rules refuse."""
    rules = matching_rules(policy, request)
    if not rules:
        asked = f"{request.amount} of {request.asset} by {request.client} from {request.wallet}"
        raise refused(Code.POLICY_NO_RULE, path, "a rule that lets it through", asked)
    found: list[Refusal] = []
    for rule in rules:
        name = f"{path}.{rule.id}"
        if rule.effect is Effect.BLOCK:
            found.append(Refusal(code=Code.POLICY_BLOCKED, field=name, expected="no blocking rule", got=rule.id))
            continue
        if request.amount > rule.max_amount:
            found.append(_over(Code.LIMIT_TRANSACTION, f"{name}.max_amount", rule.max_amount, request.amount))
        if request.fee > rule.max_fee:
            found.append(_over(Code.FEE_CEILING, f"{name}.max_fee", rule.max_fee, request.fee))
    if found:
        raise RefusedError(*found)


def required_quorums(policy: Policy, requests: Iterable[Request]) -> frozenset[Quorum]:
    """The quorums of all matching rules; a blocking rule has no say in them."""
    return frozenset(
        rule.quorum for request in requests for rule in matching_rules(policy, request) if rule.effect is Effect.LIMIT
    )


def _over(code: Code, path: str, most: int, got: int) -> Refusal:
    return Refusal(code=code, field=path, expected=f"at most {most}", got=str(got))


def _parse_policy(node: Node) -> Policy:
    found = node.members("parameters", "previous", "rules", "version")
    numbers = found["parameters"].members(
        "approval_life_s", "clear_life_s", "clear_max_count", "freeze_lift_people", "whitelist_min_age_s"
    )
    rules = tuple(_parse_rule(item) for item in found["rules"].items())
    check_sorted([rule.id for rule in rules], found["rules"].path)
    return Policy(
        approval_life_s=numbers["approval_life_s"].integer(),
        clear_life_s=numbers["clear_life_s"].integer(),
        clear_max_count=numbers["clear_max_count"].integer(),
        freeze_lift_people=numbers["freeze_lift_people"].integer(),
        whitelist_min_age_s=numbers["whitelist_min_age_s"].integer(),
        previous=found["previous"].digest_or_none(),
        rules=rules,
        version=found["version"].integer(least=1),
    )


def _parse_rule(node: Node) -> Rule:
    found = node.members(
        "above", "assets", "clients", "effect", "id", "max_amount", "max_fee", "quorum", "wallets", "windows"
    )
    windows = tuple(_parse_window(item) for item in found["windows"].items())
    if [each.seconds for each in windows] != sorted({each.seconds for each in windows}):
        raise found["windows"].invalid("windows sorted by seconds, no length twice")
    return Rule(
        above=found["above"].units(),
        assets=tuple(item.asset() for item in found["assets"].items()),
        clients=tuple(item.party_of("client") for item in found["clients"].items()),
        effect=found["effect"].choice(Effect),
        id=EntryId(found["id"].own_id("rule")),
        max_amount=found["max_amount"].units(),
        max_fee=found["max_fee"].units(),
        quorum=parse_quorum(found["quorum"]),
        wallets=tuple(WalletId(item.own_id("wallet")) for item in found["wallets"].items()),
        windows=windows,
    )


def _parse_window(node: Node) -> Window:
    found = node.members("max_amount", "max_count", "seconds")
    return Window(
        max_amount=found["max_amount"].units(),
        max_count=found["max_count"].integer(),
        seconds=found["seconds"].integer(),
    )
