"""Put a docket together from a log and registers. Pure; the platform does it, and nobody believes it unproved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from strongroom.core.bodies import Instruction, Proposal, SignatureRecord
from strongroom.core.codes import Code
from strongroom.core.docket import (
    FORMAT,
    CheckpointStep,
    Docket,
    EntryProof,
    Located,
    RegisterSlice,
    RegisterSlices,
    TransactionPart,
    docket_order,
)
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId, Digest
from strongroom.core.packages import Placed
from strongroom.core.policy import Prices
from strongroom.core.records import HexBytes, Note, encode_record
from strongroom.core.registers import AssetKind, Register
from strongroom.core.roster import REGISTERS
from strongroom.core.statements import Envelope, Statement, expect, parse_statement
from strongroom.core.sweeps import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedNote:
    """A witnessed checkpoint and the log size that it covers."""

    size: int
    note: str


class LogView(Protocol):
    """What assembling needs of a log."""

    def index_of(self, statement: Digest) -> int:
        """The leaf index of a statement. Raises NOT_IN_LOG."""

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Inclusion proof of a leaf at a size."""

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Consistency proof between two sizes."""

    def first_checkpoint(self, index: int) -> SizedNote:
        """The smallest witnessed checkpoint that covers a leaf. Raises NOT_IN_LOG."""

    def last_checkpoint(self) -> SizedNote:
        """The largest witnessed checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """What a docket stands on: all roots and rosters, the policy and register heads, and the registers' entries.

    prices: the snapshots to choose from; those that are too old to be chosen may be left out.
    """

    roots: tuple[Envelope, ...]
    rosters: tuple[Envelope, ...]
    policy: Envelope
    prices: tuple[Envelope, ...]
    heads: Mapping[str, Envelope]
    registers: Mapping[str, Register[Any]]


def build_docket(
    log: LogView, governance: Governance, statements: Iterable[Statement[Any]], transaction: TransactionPart
) -> Docket:
    """A docket with these statements of one transaction, ending with the log's last checkpoint."""
    ordered = sorted(statements, key=docket_order)
    last = log.last_checkpoint()
    # Without a later roster's own checkpoint, a device that it enrolled would seem as new as the first statement.
    later = [r.id for r in governance.rosters[1:] if log.index_of(r.id) < last.size]
    steps = choose_checkpoints(log, [*later, *(s.id for s in ordered)])
    names = _entries_needed(ordered, governance.registers)

    def locate(envelope: Envelope) -> Located:
        return build_located(log, steps, envelope)

    slices = {name: build_slice(log, steps, governance, name, names[name]) for name in REGISTERS}
    return Docket(
        checkpoints=build_steps(log, steps),
        format=FORMAT,
        policy=locate(governance.policy),
        prices=tuple(locate(p) for p in _prices_to_judge_by(governance.prices, ordered, log, steps[-1].size)),
        registers=RegisterSlices(**slices),
        roots=governance.roots,
        # A roster that is not witnessed yet is in force for nothing that is.
        rosters=tuple(locate(r) for r in governance.rosters if log.index_of(r.id) < steps[-1].size),
        statements=tuple(locate(s.envelope) for s in ordered),
        transaction=transaction,
    )


def _prices_to_judge_by(
    prices: Sequence[Envelope], statements: Sequence[Statement[Any]], log: LogView, size: int
) -> tuple[Envelope, ...]:
    """The newest snapshot that is witnessed and not from after the first signature: that is when it is judged."""
    signed = [s.issued_at for s in statements if isinstance(s.body, SignatureRecord)]
    known = [(expect(parse_statement(p), Prices, "prices").body.as_of, p) for p in prices if log.index_of(p.id) < size]
    usable = [(as_of, p) for as_of, p in known if not signed or as_of <= min(signed)]
    return (max(usable, key=lambda found: found[0])[1],) if usable else ()


def build_steps(log: LogView, notes: Sequence[SizedNote]) -> tuple[CheckpointStep, ...]:
    """Checkpoints, each with the proof that it extends the one before."""
    steps = []
    for i, note in enumerate(notes):
        proof = log.consistency(notes[i - 1].size, note.size) if i else ()
        steps.append(CheckpointStep(consistency=tuple(HexBytes(h) for h in proof), note=Note(note.note)))
    return tuple(steps)


def build_located(log: LogView, notes: Sequence[SizedNote], envelope: Envelope) -> Located:
    """An envelope with its place under the first of these checkpoints that covers it. Raises NOT_IN_LOG."""
    index = log.index_of(envelope.id)
    position = next((i for i, note in enumerate(notes) if index < note.size), None)
    if position is None:
        raise refused(Code.NOT_IN_LOG, "docket", f"a witnessed checkpoint above {index}", f"size {notes[-1].size}")
    proof = tuple(HexBytes(h) for h in log.inclusion(index, notes[position].size))
    return Located(checkpoint=position, envelope=envelope, index=index, proof=proof)


def build_slice(
    log: LogView, notes: Sequence[SizedNote], governance: Governance, name: str, entries: set[str]
) -> RegisterSlice:
    """The newest head of a register with these of its entries, as far as it holds them."""
    head = build_located(log, notes, governance.heads[name])
    return RegisterSlice(entries=_prove_entries(governance.registers[name], entries), head=head)


def build_placed(log: LogView, envelope: Envelope, size: int) -> Placed:
    """An envelope with its place under a package's checkpoint of this size."""
    index = log.index_of(envelope.id)
    return Placed(envelope=envelope, index=index, proof=tuple(HexBytes(h) for h in log.inclusion(index, size)))


def build_package_checkpoint(log: LogView, last_seen: int) -> tuple[CheckpointStep, int]:
    """The last checkpoint, proved to extend the size that the receiver reported (0: none yet), and its size."""
    last = log.last_checkpoint()
    proof = log.consistency(last_seen, last.size) if last_seen else ()
    step = CheckpointStep(consistency=tuple(HexBytes(h) for h in proof), note=Note(last.note))
    return step, last.size


def choose_checkpoints(log: LogView, statements: Sequence[Digest]) -> list[SizedNote]:
    """The first checkpoint after each statement (its time), and the last of the log."""
    notes = {note.size: note for note in (log.first_checkpoint(log.index_of(s)) for s in statements)}
    last = log.last_checkpoint()
    notes[last.size] = last
    return [notes[size] for size in sorted(notes)]


def _entries_needed(
    statements: Sequence[Statement[Any]], registers: Mapping[str, Register[Any]]
) -> dict[str, set[str]]:
    needed: dict[str, set[str]] = {name: set() for name in REGISTERS}
    for statement in statements:
        body = statement.body
        if isinstance(body, Instruction):
            needed["clients"].add(body.client)
            needed["whitelist"].add(body.destination.entry)
            needed["assets"] |= {body.asset, *_native_assets(body.chain, registers["assets"])}
        if isinstance(body, Sweep):
            # A sweep does not say which coin or token it moves; whoever reads it is told all of its chain's.
            needed["assets"] |= {entry.id for entry in registers["assets"].entries if entry.chain == body.chain}
        if isinstance(body, Proposal):
            needed["addresses"] |= {*body.sources, *(c.address for c in body.change)}
    for entry in registers["addresses"].entries:
        if entry.id in needed["addresses"]:
            needed["keys"] |= set(entry.keys)
    return needed


def _native_assets(chain: ChainId, assets: Register[Any]) -> set[str]:
    """The coin in which a chain's fees are paid: whoever reads the docket is told the fee in it."""
    return {entry.id for entry in assets.entries if entry.chain == chain and entry.kind is AssetKind.NATIVE}


def _prove_entries(register: Register[Any], names: set[str]) -> tuple[EntryProof, ...]:
    proofs = []
    # What the register does not hold is left out: the reader refuses, and says what is missing.
    for name in sorted(names & {e.id for e in register.entries}):
        index, proof = register.prove(name)
        entry = encode_record(register.find(name, name))
        proofs.append(EntryProof(entry=entry, index=index, proof=tuple(HexBytes(h) for h in proof)))
    return tuple(sorted(proofs, key=lambda p: p.index))
