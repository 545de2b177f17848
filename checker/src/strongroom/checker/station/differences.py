"""What an update would change at the station, list by list, before two people accept it.

A list that one person can change unseen is no control (III.15): whoever carries the medium shows it to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from strongroom.checker.state.trust import Trust
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.devices.screens.console import ACCEPT, DOUBTS, Console
from strongroom.devices.screens.page import Line, Mark, Page, Row, build_line, build_quote

_ACCEPTS = (
    build_line("First person: is this what you were told of? Then accept it."),
    build_line("Second person: is this what you were told of? Then accept it."),
)
_NAMES: Mapping[str, Callable[[Trust], Mapping[str, object]]] = {
    "roster": lambda trust: {str(name): each for name, each in trust.roster.parties.items()} if trust.rosters else {},
    "policy": lambda trust: {each.id: each for each in trust.policy.body.rules} if trust.policy else {},
    "freezes": lambda trust: dict.fromkeys(trust.standing_freezes),
    "notices": lambda trust: {f"{each.statement.type.value} {each.statement.id}": each for each in trust.notices},
}


def ask_two(console: Console, before: Trust, after: Trust) -> None:
    """Show what would change, and let two people accept it. Raises OPERATOR_REFUSED when one of them does not."""
    rows = tuple(Row(label="", lines=(line,), mark=Mark.NONE) for line in build_difference_lines(before, after))
    for question in _ACCEPTS:
        typed = console.choose((Page(title="What this update changes", rows=rows),), question, (ACCEPT, *DOUBTS))
        if typed != ACCEPT.word:
            raise refused(Code.OPERATOR_REFUSED, "update", ACCEPT.word, typed)


def build_difference_lines(before: Trust, after: Trust) -> tuple[Line, ...]:
    """Heads that move, then every name that was added, changed or removed."""
    lines = list(_head_lines(before, after))
    for name, entries in _NAMES.items():
        lines += _compare(name, entries(before), entries(after))
    for name in sorted({*before.registers, *after.registers}):
        lines += _compare(name, _values(before, name), _values(after, name))
    return tuple(lines) or (build_line("Nothing changes but the log's checkpoint."),)


def _head_lines(before: Trust, after: Trust) -> Iterator[Line]:
    known = before.known_heads()
    for name, head in after.known_heads().items():
        old = known[name].version if name in known else 0
        if name not in known or known[name] != head:
            values = {"name": name, "before": str(old), "after": str(head.version)}
            yield build_line("{name}: version {before} becomes version {after}", **values)


def _values(trust: Trust, name: str) -> Mapping[str, object]:
    return trust.registers[name].values if name in trust.registers else {}


def _compare(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Line]:
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    changed = sorted(each for each in after.keys() & before.keys() if after[each] != before[each])
    if not (added or changed or removed):
        return
    counts = {"added": str(len(added)), "changed": str(len(changed)), "removed": str(len(removed))}
    yield build_line("{name}: {added} added, {changed} changed, {removed} removed", name=name, **counts)
    yield from (build_quote("  added {name}", name=each) for each in added)
    yield from (build_quote("  changed {name}", name=each) for each in changed)
    yield from (build_quote("  removed {name}", name=each) for each in removed)
