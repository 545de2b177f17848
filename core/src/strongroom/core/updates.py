"""What an update changes, list by list: read by people before a device takes it (III.14, III.15, III.A6-GP)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.page_values import Line, Page, build_line, build_quote, build_row
from strongroom.core.policy_pages import build_policy_pages
from strongroom.core.roster import REGISTERS
from strongroom.core.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an update changes in one list, by name."""

    name: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def build_differences(before: Trust, after: Trust) -> tuple[Difference, ...]:
    """What changes, list by list; only lists in which something does."""
    lists = [("roster", _parties(before), _parties(after)), ("policy", _rules(before), _rules(after))]
    lists += [(name, _entries(before, name), _entries(after, name)) for name in REGISTERS]
    lists.append(("freezes", dict.fromkeys(before.frozen - before.lifted), dict.fromkeys(after.frozen - after.lifted)))
    lists.append(("notices", _notices(before), _notices(after)))
    found = [_compare(*each) for each in lists]
    return tuple(d for d in found if d.added or d.changed or d.removed)


def _compare(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> Difference:
    return Difference(
        name=name,
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(k for k in after.keys() & before.keys() if after[k] != before[k])),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def _parties(trust: Trust) -> Mapping[str, object]:
    return _by_id(trust.rosters[-1].body.parties) if trust.rosters else {}


def _rules(trust: Trust) -> Mapping[str, object]:
    return {**_by_id(trust.policy.body.rules), "parameters": trust.policy.body.parameters} if trust.policy else {}


def _entries(trust: Trust, name: str) -> Mapping[str, object]:
    return _by_id(trust.registers[name].entries) if name in trust.registers else {}


def _notices(trust: Trust) -> Mapping[str, object]:
    return {f"{notice.statement.type.value} {notice.id}": notice.index for notice in trust.notices}


def _by_id(items: Iterable[Any]) -> Mapping[str, object]:
    return {item.id: item for item in items}


def render_differences(differences: Iterable[Difference]) -> tuple[Line, ...]:
    """Counts, then every name."""
    lines = []
    for each in differences:
        counts = {"added": len(each.added), "changed": len(each.changed), "removed": len(each.removed)}
        values = {"name": each.name} | {word: str(count) for word, count in counts.items()}
        lines.append(build_line("{name}: {added} added, {changed} changed, {removed} removed", **values))
        lines += [build_quote("  added {name}", name=name) for name in each.added]
        lines += [build_quote("  changed {name}", name=name) for name in each.changed]
        lines += [build_quote("  removed {name}", name=name) for name in each.removed]
    return tuple(lines)


def build_update_pages(before: Trust, after: Trust) -> tuple[Page, ...]:
    """What people read before they accept an update: what changes, and a policy that changes whole, in sentences."""
    old, new = (trust.policy.id if trust.policy else None for trust in (before, after))
    rules = build_policy_pages(after) if new is not None and new != old else ()
    return (_difference_page(before, after), *rules)


def _difference_page(before: Trust, after: Trust) -> Page:
    values = {"before": str(before.root.version), "after": str(after.root.version)}
    lines = [build_line("Root {before} becomes root {after}.", **values)]
    for name, head in (("roster", after.roster), ("policy", after.policy), *sorted(after.heads.items())):
        if head is not None:
            lines.append(build_line("{name}: version {version}", name=name, version=str(head.body.version)))
    lines += render_differences(build_differences(before, after)) or (
        build_line("Nothing changes but the log's checkpoint."),
    )
    return Page(title="What this update changes", rows=tuple(build_row("", line) for line in lines))
