"""The only way in for news: the next beliefs from a package, or a refusal; spec/registers.md, spec/airgap.md.

Pure. A package is taken whole or not at all, so that nobody feeds half of a change. Freezes latch; only officers lift
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from strongroom.checker.reading.canonical import Json
from strongroom.checker.reading.docket import Checkpoint
from strongroom.checker.reading.envelopes import Statement
from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.reading.governed import check_governed
from strongroom.checker.reading.key_states import find_illegal
from strongroom.checker.reading.leases import Notice, prove_notice
from strongroom.checker.reading.log import HeadRead, check_statement_in_log
from strongroom.checker.reading.notices import prove_freeze, prove_lift, read_lift
from strongroom.checker.reading.policy import Policy, parse_policy
from strongroom.checker.reading.refusals import raise_found
from strongroom.checker.reading.registers import (
    ChainKey,
    Entry,
    RegisterHead,
    check_whole,
    entry_digest,
    parse_entry,
    parse_register,
)
from strongroom.checker.reading.roots import REGISTERS, RootChain, check_roots
from strongroom.checker.reading.rosters import PlacedRoster, check_current, check_rosters, roster_said_below
from strongroom.checker.reading.trust import check_extends, moment_of, prove_checkpoint
from strongroom.checker.state.packages import Delta, News, Placed, UpdateBody
from strongroom.checker.state.trust import HeldRegister, LastHead, Trust, build_basis
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest


def apply_update(trust: Trust, update: UpdateBody, now: datetime) -> Trust:
    """The beliefs after an `update`. now: the device's clock, kept as the moment when new destinations were first seen.

    Raises HEAD_ROLLBACK for an older list, HEAD_UNEQUAL, HEAD_MISMATCH, THRESHOLD_NOT_MET, LOG_NOT_CONSISTENT,
    EXPIRED and the refusals of whatever does not parse.
    """
    chain = check_roots([*trust.pinned, *update.roots])
    rosters = _next_rosters(trust, chain, update.rosters)
    _check_signed_anew(update, chain, rosters)
    head = _next_head(trust, update.news.checkpoint, chain, rosters)
    for placed in update.rosters:
        _check_placed(placed, head)
    if moment_of(head) > chain.last.expires:
        expected = f"root {chain.last.version} until {render_time(chain.last.expires)}"
        raise refused(Code.EXPIRED, update.news.checkpoint.path, expected, render_time(moment_of(head)))
    registers, first_seen = dict(trust.registers), dict(trust.first_seen)
    for delta in update.registers:
        before = registers.get(delta.register)
        after = _next_register(before, delta, chain, head)
        registers[delta.register] = after
        if delta.register == "whitelist":
            first_seen = _next_first_seen(first_seen, before, after, max(now, moment_of(head)))
    moved = replace(
        trust,
        chain=chain,
        rosters=rosters,
        policy=_next_policy(trust.policy, update.policies, chain, head),
        registers=registers,
        first_seen=first_seen,
        last=LastHead(note=update.news.checkpoint.note, head=head),
    )
    return _with_news(moved, update.news, head)


def apply_news(trust: Trust, news: News) -> Trust:
    """The beliefs after the checkpoint, freezes, lifts and notices of any other package."""
    head = _next_head(trust, news.checkpoint, trust.chain, trust.rosters)
    return _with_news(replace(trust, last=LastHead(note=news.checkpoint.note, head=head)), news, head)


def _next_rosters(trust: Trust, chain: RootChain, placed: Sequence[Placed]) -> tuple[PlacedRoster, ...]:
    known = trust.rosters
    statements = check_rosters([p.envelope for p in placed], chain, [k.statement for k in known])
    fresh = [
        PlacedRoster(statement=statement, index=each.index)
        for statement, each in zip(statements[len(known) :], placed, strict=True)
    ]
    rosters = (*known, *fresh)
    for before, after in pairwise(rosters):
        if before.index >= after.index:
            raise malformed(Code.DOCKET_ORDER, after.statement.path, f"an index above {before.index}", str(after.index))
    return rosters


def _check_signed_anew(update: UpdateBody, chain: RootChain, rosters: Sequence[PlacedRoster]) -> None:
    """A new root comes with everything that its delegates signed, or delegates whom it dropped would live on."""
    if rosters:
        check_current([each.statement for each in rosters], chain)
    missing = sorted(set(REGISTERS) - {delta.register for delta in update.registers})
    if update.roots and (missing or not update.policies):
        got = f"without {' '.join(missing) or 'policy'}"
        raise refused(
            Code.STAGE_MISSING, "package.body", "a new root with policy and all registers of its delegates", got
        )


def _next_head(trust: Trust, step: Checkpoint, chain: RootChain, rosters: Sequence[PlacedRoster]) -> HeadRead:
    """The package's checkpoint, which extends the last one seen; the last one itself needs no proof."""
    if trust.last and trust.last.note == step.note:
        return trust.last.head
    head = prove_checkpoint(step, chain.last, rosters)
    if trust.last:
        check_extends(trust.last.head, head, step)
    elif step.consistency:
        raise malformed(Code.LOG_NOT_CONSISTENT, f"{step.path}.consistency", "no proof for the first", "one")
    return head


def _next_policy(
    known: Statement[Policy] | None, placed: Sequence[Placed], chain: RootChain, head: HeadRead
) -> Statement[Policy] | None:
    current = known
    for each in placed:
        statement = parse_policy(each.envelope)
        check_governed(statement, chain.last.delegations["policy"], chain.context)
        _check_placed(each, head)
        _check_rises(statement, statement.body, current, current.body if current else None)
        current = statement
    return current


def _next_register(before: HeldRegister | None, delta: Delta, chain: RootChain, head: HeadRead) -> HeldRegister:
    """Remove, then add or replace, then compare size and root with the signed ones."""
    statement = parse_register(delta.head.envelope)
    if statement.body.register != delta.register:
        raise malformed(Code.HEAD_MISMATCH, f"{statement.body_path}.register", delta.register, statement.body.register)
    check_governed(statement, chain.last.delegations[delta.register], chain.context)
    _check_placed(delta.head, head)
    _check_rises(
        statement, statement.body, before.statement if before else None, before.statement.body if before else None
    )
    values = dict(before.values) if before else {}
    for name in delta.removed:
        values.pop(name, None)
    values.update(_read_added(delta))
    ordered = {name: values[name] for name in sorted(values)}
    check_whole(statement.body, list(ordered.values()), delta.path)
    entries = {name: parse_entry(delta.register, Node(value, delta.path)) for name, value in ordered.items()}
    if delta.register == "keys" and before:
        raise_found(find_illegal(_keys(before.entries).values(), _keys(entries), delta.path))
    return HeldRegister(statement=statement, values=ordered, entries=entries)


def _keys(entries: Mapping[str, Entry]) -> dict[str, ChainKey]:
    return {name: entry for name, entry in entries.items() if isinstance(entry, ChainKey)}


def _read_added(delta: Delta) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for node in delta.added:
        entry = parse_entry(delta.register, node)
        if entry.id in found:
            raise node.invalid("each id once")
        found[entry.id] = node.value
    return found


def _next_first_seen(
    known: Mapping[Digest, datetime], before: HeldRegister | None, after: HeldRegister, now: datetime
) -> dict[Digest, datetime]:
    """When each destination was first held. Those of the enrolment are not in it; a removed one is forgotten."""
    if before is None:
        return {}
    held = {entry_digest(value) for value in before.values.values()}
    return {
        digest: known.get(digest, now)
        for digest in (entry_digest(value) for value in after.values.values())
        if digest in known or digest not in held
    }


def _check_rises(
    statement: Statement[object],
    body: Policy | RegisterHead,
    known: Statement[object] | None,
    known_body: Policy | RegisterHead | None,
) -> None:
    """Raise HEAD_ROLLBACK, HEAD_UNEQUAL or HEAD_MISMATCH unless this version is the known one again, or follows it."""
    if known is None or known_body is None:
        return
    path = statement.body_path
    if body.version < known_body.version:
        raise refused(Code.HEAD_ROLLBACK, f"{path}.version", f"at least {known_body.version}", str(body.version))
    if body.version == known_body.version and statement.id != known.id:
        raise refused(Code.HEAD_UNEQUAL, path, known.id, statement.id)
    if body.version == known_body.version + 1 and body.previous != known.id:
        raise refused(Code.HEAD_MISMATCH, f"{path}.previous", known.id, str(body.previous or "none"))


def _with_news(trust: Trust, news: News, head: HeadRead) -> Trust:
    """Freezes and lifts, then notices: each is kept with its place; what is known is not proved again."""
    moved = _with_freezes(trust, news, head)
    held = {each.statement.id: each for each in trust.notices}
    for placed in news.notices:
        if placed.envelope.id in held:
            continue
        _check_placed(placed, head)
        statement = prove_notice(placed.envelope, build_basis(moved, placed.index, placed.path))
        held[statement.id] = Notice(statement=statement, index=placed.index, moment=moment_of(head))
    return replace(moved, notices=tuple(sorted(held.values(), key=lambda each: each.index)))


def _with_freezes(trust: Trust, news: News, head: HeadRead) -> Trust:
    """Latch freezes, then lift what enough officers lifted. What is known of either already is not proved again."""
    frozen, lifted = set(trust.frozen), set(trust.lifted)
    for placed in news.freezes:
        if placed.envelope.id in frozen:
            continue
        _check_placed(placed, head)
        roster = roster_said_below(trust.rosters, placed.index, placed.path)
        frozen.add(prove_freeze(placed.envelope, trust.context, roster).id)
    for placed in news.lifts:
        if read_lift(placed.envelope).body.freeze in lifted:
            continue
        _check_placed(placed, head)
        roster = roster_said_below(trust.rosters, placed.index, placed.path)
        people = trust.own_policy.freeze_lift_people
        lifted.add(prove_lift(placed.envelope, trust.context, roster, people).body.freeze)
    return replace(trust, frozen=frozenset(frozen), lifted=frozenset(lifted))


def _check_placed(placed: Placed, head: HeadRead) -> None:
    if placed.index >= head.size:
        raise refused(Code.NOT_IN_LOG, f"{placed.path}.index", f"below {head.size}", str(placed.index))
    path = f"{placed.path}.proof"
    check_statement_in_log(envelope=placed.envelope.leaf, index=placed.index, head=head, proof=placed.proof, field=path)
