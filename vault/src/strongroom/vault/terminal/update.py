"""Import: a package with newer statements is proved, its difference shown, accepted by two people, and kept durably.

All of it or nothing. An older list is refused however it is signed (HEAD_ROLLBACK). III.14, III.15, III.A6-GP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.packages import (
    MAX_PACKAGE_BYTES,
    PackageKind,
    UpdateBody,
    check_addressed,
    parse_package,
)
from strongroom.core.page_values import Line, Page, build_line, build_quote, build_row
from strongroom.core.roster import REGISTERS
from strongroom.core.trust import Trust, apply_update
from strongroom.devices.screens.console import ACCEPT, DOUBTS
from strongroom.vault.terminal.files import load_file
from strongroom.vault.terminal.halts import build_reasons
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import Mark, PackageIn
from strongroom.vault.terminal.keeper import build_freeze_marks, build_trust_marks
from strongroom.vault.terminal.release import check_release
from strongroom.vault.terminal.step1_receive import keep_package
from strongroom.vault.terminal.terminal import Terminal

ACCEPTS = (
    build_line("First person: is this what you were told of? Then accept it."),
    build_line("Second person: is this what you were told of? Then accept it."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an update changes in one list, by name."""

    name: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def import_update(terminal: Terminal, path: Path) -> tuple[Difference, ...]:
    """Take an update package in.

    Raises PACKAGE_NOT_FOR_US, PACKAGE_SEQUENCE, HEAD_ROLLBACK, HEAD_UNEQUAL, HEAD_MISMATCH, THRESHOLD_NOT_MET,
    LOG_NOT_CONSISTENT, CLOCK_BEHIND, OPERATOR_REFUSED; whatever it is, nothing changed, and the package and the refusal
    are kept.
    """
    raw = load_file(path, MAX_PACKAGE_BYTES)
    try:
        return _take(terminal, raw)
    except (MalformedError, RefusedError) as error:
        keep_package(terminal, raw)
        codes = [f"{r.code} {r.field}" for r in build_reasons(error)]
        fields = encode_canonical({"package": sha256(raw), "refusals": [*codes]})
        terminal.journal.append(EntryKind.REFUSED, fields)
        raise


def _take(terminal: Terminal, raw: bytes) -> tuple[Difference, ...]:
    package = parse_package(raw)
    last = terminal.journal.state.last_package_in(package.sender)
    check_addressed(package, terminal.config.terminal, PackageKind.UPDATE, last)
    if package.sender != terminal.config.platform:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", terminal.config.platform, package.sender)
    if not isinstance(package.body, UpdateBody):
        raise refused(Code.TYPE_MISMATCH, "package.body", PackageKind.UPDATE.value, package.kind.value)
    before = terminal.trust
    after = apply_update(before, package.body, terminal.now())
    check_release(terminal, before, after)
    taken = PackageIn(digest=sha256(raw), sender=package.sender, sequence=package.sequence)
    marks: tuple[Mark, ...] = (taken, *build_freeze_marks(before, after, package.body.lifts))
    # Whatever the journal would refuse is said before people are asked, and not after they agreed.
    terminal.journal.check((*marks, *build_trust_marks(after)))
    differences = build_differences(before, after)
    _ask_two(terminal, before, after, differences)
    terminal.keeper.save(EntryKind.UPDATED, after, {"package": sha256(raw)}, marks)
    return differences


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


def _ask_two(terminal: Terminal, before: Trust, after: Trust, differences: tuple[Difference, ...]) -> None:
    """Two people look at the difference; a list that one person can change unseen is not a control (III.15)."""
    page = build_update_page(before, after, differences)
    for question in ACCEPTS:
        typed = terminal.outside.console.choose((page,), question, (ACCEPT, *DOUBTS))
        if typed != ACCEPT.word:
            raise refused(Code.OPERATOR_REFUSED, "update", ACCEPT.word, typed)


def build_update_page(before: Trust, after: Trust, differences: tuple[Difference, ...]) -> Page:
    """What two people read before they accept an update."""
    values = {"before": str(before.root.version), "after": str(after.root.version)}
    lines = [build_line("Root {before} becomes root {after}.", **values)]
    for name, head in (("roster", after.roster), ("policy", after.policy), *sorted(after.heads.items())):
        if head is not None:
            lines.append(build_line("{name}: version {version}", name=name, version=str(head.body.version)))
    lines += render_differences(differences) or (build_line("Nothing changes but the log's checkpoint."),)
    return Page(title="What this update changes", rows=tuple(build_row("", line) for line in lines))
