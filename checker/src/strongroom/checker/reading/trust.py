"""What a docket stands on, proved from the pinned root: rosters, checkpoints, policy, registers; points 2 to 4.

Roots prove rosters, rosters name witnesses, witnesses give checkpoints their time, and checkpoints place everything
else. A roster's index is a claim until the checkpoint that it helped to choose proves it; nothing is believed before
all of it holds together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from strongroom.checker.reading.bodies import Head
from strongroom.checker.reading.canonical import Json
from strongroom.checker.reading.docket import Checkpoint, Docket, Place, RegisterPart
from strongroom.checker.reading.envelopes import Envelope, Statement
from strongroom.checker.reading.fields import check_sorted
from strongroom.checker.reading.governed import check_governed
from strongroom.checker.reading.log import HeadRead, check_growth, check_head, check_statement_in_log, parse_note
from strongroom.checker.reading.policy import Policy
from strongroom.checker.reading.prices import Prices
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Entries, RegisterHead, build_entries, check_entry
from strongroom.checker.reading.roots import REGISTERS, Root, RootChain, check_pinned, check_roots
from strongroom.checker.reading.rosters import (
    PlacedRoster,
    Roster,
    check_current,
    check_rosters,
    check_valid,
    roster_below,
    witnesses_of,
)
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, malformed, refused
from strongroom.core.ids import PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Everything below the journey, proved. values: register name to entry id to the entry as it stood."""

    chain: RootChain
    rosters: tuple[PlacedRoster, ...]
    checkpoints: tuple[HeadRead, ...]
    policy: Statement[Policy]
    prices: Statement[Prices] | None
    registers: Mapping[str, Statement[RegisterHead]]
    entries: Entries
    values: Mapping[str, Mapping[str, Json]]

    def roster_at(self, index: int, path: str) -> Roster:
        """The roster in force at a log index."""
        return roster_below(self.rosters, index, path)

    def head(self, name: str) -> Head:
        """The head of the policy or of a register that the docket carries."""
        statement: Statement[Policy] | Statement[RegisterHead]
        statement = self.policy if name == "policy" else self.registers[name]
        return Head(digest=statement.id, version=statement.body.version)


def prove_foundation(docket: Docket, pinned: Sequence[Envelope], own: Sequence[PlacedRoster] = ()) -> Foundation:
    """Prove what the docket stands on. Raises at the first link that breaks.

    pinned: the reader's own roots. own: rosters that a device holds; without them a docket could leave out the roster
    that revoked somebody, and be judged by the one before.
    """
    check_pinned(docket.roots, pinned)
    check_roots(pinned)
    chain = check_roots(docket.roots)
    statements = check_rosters([each.envelope for each in docket.rosters], chain)
    check_current(statements, chain)
    rosters = tuple(
        PlacedRoster(statement=statement, index=located.place.index)
        for statement, located in zip(statements, docket.rosters, strict=True)
    )
    check_indexes_rise([each.index for each in rosters], "rosters")
    rosters = _merge_rosters(rosters, own)
    checkpoints = prove_checkpoints(docket.checkpoints, chain.last, rosters)
    _check_governance(docket, chain, checkpoints)
    return Foundation(
        chain=chain,
        rosters=rosters,
        checkpoints=checkpoints,
        policy=docket.policy_statement,
        prices=next((statement for _, statement in docket.prices), None),
        registers={name: part.statement for name, part in docket.registers.items()},
        entries=build_entries({n: [e.entry for e in part.entries] for n, part in docket.registers.items()}),
        values={n: {e.entry.id: e.value for e in part.entries} for n, part in docket.registers.items()},
    )


def prove_checkpoints(steps: Sequence[Checkpoint], root: Root, rosters: Sequence[PlacedRoster]) -> tuple[HeadRead, ...]:
    """Prove each checkpoint and that it extends the one before; sizes strictly rise and times do not fall."""
    heads: list[HeadRead] = []
    for step in steps:
        head = prove_checkpoint(step, root, rosters)
        if heads:
            check_extends(heads[-1], head, step)
            if head.size == heads[-1].size:
                raise refused(
                    Code.LOG_NOT_CONSISTENT, f"{step.path}.note", f"more than {head.size} leaves", str(head.size)
                )
        elif step.consistency:
            raise malformed(Code.LOG_NOT_CONSISTENT, f"{step.path}.consistency", "no proof for the first", "one")
        heads.append(head)
    return tuple(heads)


def prove_checkpoint(step: Checkpoint, root: Root, rosters: Sequence[PlacedRoster]) -> HeadRead:
    """Prove the log's signature and the cosignatures by witnesses of the roster in force at the checkpoint's size."""
    path = f"{step.path}.note"
    size = _claimed_size(step.note, path)
    roster = roster_below(rosters, size, path)
    head = check_head(step.note, log=root.log, witnesses=witnesses_of(roster), field=path)
    for name in head.witnesses:
        check_valid(roster.party(PartyId(name), path), moment_of(head), path)
    return head


def check_extends(older: HeadRead, newer: HeadRead, step: Checkpoint) -> None:
    """Raise LOG_NOT_CONSISTENT unless the newer head contains the older and is not dated before it."""
    check_growth(older=older, newer=newer, proof=step.consistency, field=step.path)
    if newer.time_s < older.time_s:
        raise refused(Code.LOG_NOT_CONSISTENT, f"{step.path}.note", f"a time from {older.time_s}", str(newer.time_s))


def moment_of(head: HeadRead) -> datetime:
    """A head's time: that of its latest witness."""
    return datetime.fromtimestamp(head.time_s, UTC)


def find_checkpoint(place: Place, heads: Sequence[HeadRead], path: str) -> HeadRead:
    """The first listed checkpoint that is large enough, which gives a statement its time.

    A place that names another one is refused (PROOF_INVALID), so that nobody chooses a later time.
    """
    first = next((i for i, head in enumerate(heads) if place.index < head.size), None)
    if first is None or place.checkpoint != first:
        expected = "a checkpoint that covers it" if first is None else str(first)
        raise refused(Code.PROOF_INVALID, f"{path}.checkpoint", expected, str(place.checkpoint))
    return heads[first]


def check_place(envelope: Envelope, place: Place, heads: Sequence[HeadRead], path: str) -> None:
    """Prove that an envelope is where it claims to be in the log. Raises NOT_IN_LOG and PROOF_INVALID."""
    head = find_checkpoint(place, heads, path)
    check_statement_in_log(
        envelope=envelope.leaf, index=place.index, head=head, proof=place.proof, field=f"{path}.proof"
    )


def _check_governance(docket: Docket, chain: RootChain, heads: Sequence[HeadRead]) -> None:
    """Places and delegates of rosters, policy and register heads, and proofs of entries; all that fails is told."""
    found: list[Refusal] = []
    for located in docket.rosters:
        with gathered(found):
            check_place(located.envelope, located.place, heads, located.path)
    with gathered(found):
        check_governed(docket.policy_statement, chain.last.delegations["policy"], chain.context)
    with gathered(found):
        check_place(docket.policy.envelope, docket.policy.place, heads, docket.policy.path)
    for located, statement in docket.prices:
        with gathered(found):
            check_governed(statement, chain.last.delegations["prices"], chain.context)
        with gathered(found):
            check_place(located.envelope, located.place, heads, located.path)
    for name in REGISTERS:
        with gathered(found):
            check_register_part(name, docket.registers[name], chain, heads)
    raise_found(found)


def check_register_part(name: str, part: RegisterPart, chain: RootChain, heads: Sequence[HeadRead]) -> None:
    """A register's head by its delegates and in its place, and the entries under it; all that fails is told."""
    found: list[Refusal] = []
    with gathered(found):
        check_governed(part.statement, chain.last.delegations[name], chain.context)
    with gathered(found):
        check_place(part.head.envelope, part.head.place, heads, part.head.path)
    _check_entries(part, found)
    raise_found(found)


def _check_entries(part: RegisterPart, found: list[Refusal]) -> None:
    for each in part.entries:
        with gathered(found):
            check_entry(part.statement.body, each.value, each.index, each.proof, each.path)
    path = f"registers.{part.statement.body.register}.entries"
    with gathered(found):
        check_indexes_rise([each.index for each in part.entries], path)
    # A register is sorted by id, none twice: a second entry under a known name would be believed in its place.
    with gathered(found):
        check_sorted([each.entry.id for each in part.entries], path)


def _merge_rosters(theirs: tuple[PlacedRoster, ...], own: Sequence[PlacedRoster]) -> tuple[PlacedRoster, ...]:
    """The docket's rosters and the device's own newer ones. Raises HEAD_UNEQUAL where they differ."""
    for mine, other in zip(own, theirs, strict=False):
        if mine.statement.id != other.statement.id or mine.index != other.index:
            expected, got = f"{mine.statement.id} at {mine.index}", f"{other.statement.id} at {other.index}"
            raise refused(Code.HEAD_UNEQUAL, other.statement.path, expected, got)
    return (*theirs, *own[len(theirs) :])


def check_indexes_rise(indexes: Sequence[int], path: str) -> None:
    """Raise DOCKET_ORDER unless log indexes strictly rise."""
    for i, (before, after) in enumerate(pairwise(indexes)):
        if before >= after:
            raise malformed(Code.DOCKET_ORDER, f"{path}[{i + 1}].index", f"above {before}", str(after))


def _claimed_size(note: str, path: str) -> int:
    """The size that a note claims, only to choose whose witnesses may sign it; `check_head` reads it again."""
    rows = parse_note(note, path).body.split(b"\n")
    size = rows[1] if len(rows) > 1 else b""
    if not (1 <= len(size) <= 19 and all(48 <= each <= 57 for each in size)):
        raise malformed(Code.CHECKPOINT_INVALID, path, "a decimal number of leaves", ascii(size))
    return int(size)
