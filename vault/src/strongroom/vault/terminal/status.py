"""What the terminal believes and remembers, for people and for machines. It needs no PIN and changes nothing."""

from __future__ import annotations

from datetime import timedelta

from strongroom.core.bodies import HEAD_NAMES
from strongroom.core.canonical import Json
from strongroom.core.records import encode_time
from strongroom.core.registers import AssetEntry
from strongroom.vault.terminal.terminal import Terminal


def build_status(terminal: Terminal) -> dict[str, Json]:
    """Heads, log, journal, freezes, and what is used of each window."""
    trust, head = terminal.trust, terminal.journal.head()
    frozen: list[Json] = [*sorted(trust.frozen - trust.lifted)]
    status: dict[str, Json] = {
        "freezes": frozen,
        "journal": {"head": head.hash, "number": head.number},
        "log": {"root": trust.log_head.root, "size": trust.log_head.size},
        "terminal": terminal.config.terminal,
    }
    if trust.policy is not None:
        heads = trust.build_heads()
        found = {name: getattr(heads, name) for name in HEAD_NAMES}
        status["heads"] = {name: {"digest": h.digest, "version": h.version} for name, h in found.items()}
        status["limits"] = _limits(terminal)
    return status


def _limits(terminal: Terminal) -> list[Json]:
    now, state = terminal.now(), terminal.journal.state
    rows: list[Json] = []
    assets: list[AssetEntry] = [*terminal.trust.registers["assets"].entries]
    for rule in terminal.trust.policy_in_force.rules:
        for asset in [a.id for a in assets if not rule.assets or a.id in rule.assets]:
            for window in rule.windows:
                since = now - timedelta(seconds=window.seconds)
                rows.append(
                    {
                        "asset": asset,
                        "count": state.uses_counted(rule.id, asset, since),
                        "max_count": window.max_count,
                        "max_units": str(window.max_amount),
                        "rule": rule.id,
                        "seconds": window.seconds,
                        "since": encode_time(since),
                        "units": str(state.units_used(rule.id, asset, since)),
                    }
                )
    return rows
