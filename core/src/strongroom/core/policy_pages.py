"""The policy in force in sentences, for whoever is to accept it or to work under it: every parameter of it in one.

Written from the same values by which `policy/evaluate.py` judges. A house test changes each field of a policy alone and
finds the change in these pages. Source: spec/policy.md; III.2, III.13.
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.core.bodies import Quorum
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId, Digest, chain_of
from strongroom.core.money import render_units
from strongroom.core.page_values import Line, Page, Row, build_line, build_row, build_warning
from strongroom.core.policy.model import Effect, Hours, Parameters, Policy, Rule, Window
from strongroom.core.registers import AssetEntry
from strongroom.core.roster import Floors
from strongroom.core.statements import Statement
from strongroom.core.trust import Trust
from strongroom.core.words import group, render_amount

SEEN = build_line("This is in force on this device. Nothing was changed.")
Assets = Mapping[str, AssetEntry]
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_CENTS_DECIMALS = 2


def build_policy_pages(trust: Trust) -> tuple[Page, ...]:
    """What is in force on this device.

    Raises STAGE_MISSING before a policy was imported; TX_WRONG_CHAIN for a rule about a chain that nobody here reads.
    """
    if trust.policy is None:
        raise refused(Code.STAGE_MISSING, "trust.policy", "an imported policy", "none")
    return build_pages_of(trust.policy.statement, trust.root.floors, trust.entries.assets)


def build_pages_of(policy: Statement[Policy], floors: Floors, assets: Assets) -> tuple[Page, ...]:
    """A page of what holds for everything, and one for each rule."""
    return (
        _first_page(policy.body, policy.id, floors),
        *(Page(title="A rule of the policy", rows=_rule_rows(rule, assets)) for rule in policy.body.rules),
    )


def _first_page(policy: Policy, digest: Digest, floors: Floors) -> Page:
    """What holds for every transaction, whatever rule matches it."""
    said = build_line("version {version}, {digest}", version=str(policy.version), digest=group(digest))
    before = build_line("the one before: {digest}", digest=group(policy.previous))
    default = build_line("What no rule below matches is refused. Where several match, each of them must hold.")
    return Page(
        title="The policy in force, in sentences",
        rows=(
            build_row("POLICY", said, before),
            build_row("RULES", default),
            build_row("FLOOR", _quorum_line(floors.quorum), build_line("whatever this policy says")),
            *_parameter_rows(policy.parameters),
        ),
    )


def _parameter_rows(p: Parameters) -> tuple[Row, ...]:
    lift = "Lifting a freeze takes {count} officers."
    halts = "Of one package {count} transactions may be refused and the others go on."
    return (
        build_row(
            "READING",
            build_line(
                "A yes counts {time} after its first page was shown, and not before.", time=_span(p.reading_floor_s)
            ),
            build_line("One person confirms at most {count} without a rest.", count=str(p.sitting_max_count)),
            build_line("A rest is {time} without any.", time=_span(p.sitting_rest_s)),
        ),
        build_row(
            "APPROVAL",
            build_line("An approval holds for {time} at most.", time=_span(p.approval_life_s)),
            build_line("A new device, or a new key, approves after {time}.", time=_span(p.device_cool_off_s)),
        ),
        build_row(
            "SESSION",
            build_line("A clear-to-sign ends {time} after its session began.", time=_span(p.clear_life_s)),
            build_line("It is for {count} transactions at most.", count=str(p.clear_max_count)),
            build_line(halts, count=str(p.package_max_halts)),
        ),
        build_row(
            "WAITING",
            build_line("A destination is paid {time} after it was listed.", time=_span(p.whitelist_min_age_s)),
            build_line("A price serves for {time} at most.", time=_span(p.price_max_age_s)),
        ),
        build_row("FREEZE", build_line(lift, count=str(p.freeze_lift_people))),
        build_row("CLOCK", build_line("Hours are those of the clock {zone}.", zone=_zone(p.utc_offset_min))),
    )


def _rule_rows(rule: Rule, assets: Assets) -> tuple[Row, ...]:
    matched = build_row("MATCHES", *_match_lines(rule, assets))
    if rule.effect is Effect.BLOCK:
        blocks = build_line("BLOCKS everything that it matches.")
        return (build_warning("RULE", build_line("{rule}", rule=rule.id), blocks), matched)
    return (
        build_row("RULE", build_line("{rule}", rule=rule.id), build_line("Limits everything that it matches.")),
        matched,
        build_row("EACH", *_limit_lines(rule, assets)),
        *(build_row("TOGETHER", *_window_lines(rule, window, assets)) for window in rule.windows),
        build_row("HOURS", *_hour_lines(rule.hours)),
        build_row("APPROVED", *_quorum_lines(rule.quorums)),
    )


def _match_lines(rule: Rule, assets: Assets) -> list[Line]:
    lines = [build_line("asset {asset}", asset=_asset_name(asset, assets)) for asset in rule.assets]
    lines += [build_line("client {client}", client=client) for client in rule.clients]
    lines += [build_line("wallet {wallet}", wallet=wallet) for wallet in rule.wallets]
    lines += [] if rule.assets else [build_line("any asset")]
    lines += [] if rule.clients else [build_line("any client")]
    lines += [] if rule.wallets else [build_line("any wallet")]
    return lines + [build_line("amounts above {amount}", amount=each) for each in _amounts(rule, rule.above, assets)]


def _limit_lines(rule: Rule, assets: Assets) -> list[Line]:
    lines = [build_line("at most {amount}", amount=each) for each in _amounts(rule, rule.max_amount, assets)]
    lines += [build_line("fee at most {amount}", amount=each) for each in _fees(rule, rule.max_fee, assets)]
    return [*lines, _value_line(rule.max_hkd_cents)]


def _window_lines(rule: Rule, window: Window, assets: Assets) -> list[Line]:
    lines = [build_line("in any {time}: at most {count}", time=_span(window.seconds), count=str(window.max_count))]
    lines += [build_line("at most {amount}", amount=each) for each in _amounts(rule, window.max_amount, assets)]
    if window.max_fee is None:
        lines.append(build_line("fees: no limit"))
    else:
        lines += [build_line("fees at most {amount}", amount=each) for each in _fees(rule, window.max_fee, assets)]
    return [*lines, _value_line(window.max_hkd_cents)]


def _value_line(cents: int | None) -> Line:
    if cents is None:
        return build_line("value in Hong Kong dollars: no limit")
    return build_line("value at most HKD {value}", value=render_units(cents, _CENTS_DECIMALS))


def _hour_lines(hours: tuple[Hours, ...]) -> list[Line]:
    if not hours:
        return [build_line("signed at any time")]
    return [line for each in hours for line in _day_lines(each)]


def _day_lines(hours: Hours) -> list[Line]:
    """One for each day, each a whole sentence, so that a catalogue can say it in another language."""
    said = {"start": _minute(hours.from_min), "end": _minute(hours.to_min)}
    every = (
        build_line("signed on Mondays from {start} to {end}", **said),
        build_line("signed on Tuesdays from {start} to {end}", **said),
        build_line("signed on Wednesdays from {start} to {end}", **said),
        build_line("signed on Thursdays from {start} to {end}", **said),
        build_line("signed on Fridays from {start} to {end}", **said),
        build_line("signed on Saturdays from {start} to {end}", **said),
        build_line("signed on Sundays from {start} to {end}", **said),
    )
    return [every[day - 1] for day in hours.days]


def _quorum_lines(quorums: tuple[Quorum, ...]) -> list[Line]:
    if not quorums:
        return [build_line("by the floor alone")]
    return [_quorum_line(quorum) for quorum in quorums]


def _quorum_line(quorum: Quorum) -> Line:
    said = "by at least {people} people of {groups} groups with the role {role}"
    return build_line(said, people=str(quorum.people), groups=str(quorum.groups), role=quorum.role)


def _amounts(rule: Rule, units: int, assets: Assets) -> list[str]:
    """A bound in units, in the words of each asset that it is for."""
    return [render_amount(units, asset, assets) for asset in rule.assets] or [str(units)]


def _fees(rule: Rule, units: int, assets: Assets) -> list[str]:
    natives = sorted({native_asset_of(chain_of(asset)) for asset in rule.assets})
    return [render_amount(units, asset, assets) for asset in natives] or [str(units)]


def _asset_name(asset: AssetId, assets: Assets) -> str:
    entry = assets.get(asset)
    return f"{entry.symbol} ({asset})" if entry else asset


def _span(seconds: int) -> str:
    """A time in the largest unit that says it whole."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0 and (seconds or size == 1))
    return f"{seconds // size} {unit}"


def _minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _zone(minutes: int) -> str:
    return f"UTC+{_minute(minutes)}"
