"""What the terminal believes and remembers, for people and for machines. It needs no PIN and changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from strongroom.core.bodies import HEAD_NAMES
from strongroom.core.canonical import Json
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AssetId
from strongroom.core.policy import Rule, Usage, Window
from strongroom.core.policy.usage import count_uses
from strongroom.core.records import NONE
from strongroom.core.registers import AssetEntry
from strongroom.vault.terminal.lease import build_lease_status
from strongroom.vault.terminal.terminal import Terminal
from strongroom.vault.terminal.token_check import find_register


def build_status(terminal: Terminal) -> dict[str, Json]:
    """Heads, log, journal, freezes, and what is used of each window."""
    trust, head = terminal.trust, terminal.journal.head()
    frozen: list[Json] = [*sorted(trust.frozen - trust.lifted)]
    status: dict[str, Json] = {
        "freezes": frozen,
        "hsm_register": _hsm_register(terminal),
        "journal": {"head": head.hash, "number": head.number},
        "lease": build_lease_status(terminal),
        "log": {"root": trust.log_head.root, "size": trust.log_head.size},
        "terminal": terminal.config.terminal,
    }
    if trust.policy is not None:
        heads = trust.build_heads()
        found = {name: getattr(heads, name) for name in HEAD_NAMES}
        status["heads"] = {name: {"digest": h.digest, "version": h.version} for name, h in found.items()}
        status["limits"] = _limits(terminal)
    return status


def _hsm_register(terminal: Terminal) -> Json:
    """The version by which the token is compared at every session; `none` before the first one."""
    try:
        found = find_register(terminal)
    except RefusedError as error:
        return error.code.value
    return {"digest": found.id, "version": found.body.version} if found else NONE


def _limits(terminal: Terminal) -> list[Json]:
    now, policy = terminal.now(), terminal.trust.policy_in_force
    uses = terminal.journal.state.load_uses([r.id for r in policy.rules], datetime.min.replace(tzinfo=UTC))
    rows: list[Json] = []
    assets: list[AssetEntry] = [*terminal.trust.registers["assets"].entries]
    for rule in policy.rules:
        mine = [u for u in uses if u.rule == rule.id]
        for asset in [a.id for a in assets if not rule.assets or a.id in rule.assets]:
            rows += [_limit(rule, window, asset, count_uses(mine, window, asset, now)) for window in rule.windows]
    return rows


def _limit(rule: Rule, window: Window, asset: AssetId, used: Usage) -> dict[str, Json]:
    return {
        "asset": asset,
        "count": used.count,
        "fees": str(used.fees),
        "hkd_cents": _or_none(used.hkd_cents),
        "max_count": window.max_count,
        "max_fees": _or_none(window.max_fee),
        "max_hkd_cents": _or_none(window.max_hkd_cents),
        "max_units": str(window.max_amount),
        "rule": rule.id,
        "seconds": window.seconds,
        "units": str(used.amount),
    }


def _or_none(units: int | None) -> str:
    return NONE if units is None else str(units)
