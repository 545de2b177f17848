"""The body of a `policy` statement: parameters, rules, windows, hours. Source: spec/policy.md; III.2, III.13."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.bodies import Quorum, sorted_quorums
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import AssetId, EntryId, PartyId, WalletId
from strongroom.core.records import DigestOrNone, Units, check_sorted

DAY_MIN = 1440
MAX_UTC_OFFSET_MIN = 840
"""No place on earth is further east of UTC than 14 hours."""


class Effect(StrEnum):
    """What a matching rule does."""

    LIMIT = "LIMIT"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rolling limit on what a rule lets through in the last `seconds`. None sets no limit.

    max_amount: of the asset. max_fee: in the chain's native asset. max_hkd_cents: value of everything together.
    """

    max_amount: Units
    max_count: int
    max_fee: Units | None
    max_hkd_cents: Units | None
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When may be signed. days: ISO weekdays, 1 is Monday. Minutes of the day: from inclusive, to exclusive."""

    days: tuple[int, ...]
    from_min: int
    to_min: int

    def __post_init__(self) -> None:
        days = list(self.days)
        if not days or days != sorted(set(days)) or not 1 <= days[0] <= days[-1] <= 7:
            raise malformed(Code.FIELD_INVALID, "hours.days", "weekdays 1 to 7, sorted, none twice", str(days))
        if not self.from_min < self.to_min <= DAY_MIN:
            got = f"{self.from_min} to {self.to_min}"
            raise malformed(Code.FIELD_INVALID, "hours", f"from_min below to_min, at most {DAY_MIN}", got)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Empty selectors match anything; bounds are inclusive; `above` is strict; no hours mean at any time."""

    above: Units
    assets: tuple[AssetId, ...]
    clients: tuple[PartyId, ...]
    effect: Effect
    hours: tuple[Hours, ...]
    id: EntryId
    max_amount: Units
    max_fee: Units
    max_hkd_cents: Units | None
    quorums: tuple[Quorum, ...]
    wallets: tuple[WalletId, ...]
    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        seconds = [w.seconds for w in self.windows]
        if seconds != sorted(set(seconds)):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.windows", "sorted by seconds, none twice", str(seconds))
        if self.quorums != sorted_quorums(self.quorums):
            expected = "sorted by role, people and groups, none twice"
            raise malformed(Code.FIELD_INVALID, f"{self.id}.quorums", expected, "another order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Times and counts that hold for everything. utc_offset_min: the clock of `hours`, east of UTC.

    device_cool_off_s: how long a new approval device, or an approver's new key, stands in the roster before it counts.
    package_max_halts: so many dockets of one package may be refused and a terminal still looks at the others.
    reading_floor_s: how long a page is looked at before yes counts. sitting_max_count: decisions of one person without
    a rest of `sitting_rest_s`.
    """

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

    def __post_init__(self) -> None:
        if self.utc_offset_min > MAX_UTC_OFFSET_MIN:
            expected = f"0 to {MAX_UTC_OFFSET_MIN}"
            raise malformed(Code.FIELD_INVALID, "parameters.utc_offset_min", expected, str(self.utc_offset_min))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Body of a `policy` statement."""

    parameters: Parameters
    previous: DigestOrNone
    rules: tuple[Rule, ...]
    version: int

    def __post_init__(self) -> None:
        check_sorted([r.id for r in self.rules], "rules")
