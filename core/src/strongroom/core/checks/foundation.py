"""What a docket stands on: roots, checkpoints, rosters, policy and register entries, each proved from the pinned root.

The order matters: roots prove rosters, rosters name witnesses, witnesses give checkpoints their time, checkpoints
place rosters and everything else. Source: spec/docket.md, points 2 to 4; III.11.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from strongroom.core import log
from strongroom.core.bodies import Head
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Docket, Located, RegisterSlice
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.policy import Policy, Prices
from strongroom.core.records import NONE, HexBytes, parse_record
from strongroom.core.registers import (
    ENTRY_TYPES,
    AddressEntry,
    AssetEntry,
    ClientEntry,
    Entry,
    KeyEntry,
    RegisterHead,
    WhitelistEntry,
    check_entry_proof,
)
from strongroom.core.roster import REGISTERS, Delegation, Root, Roster, check_party
from strongroom.core.statements import (
    Body,
    Context,
    Envelope,
    Statement,
    check_context,
    check_signers,
    expect,
    parse_statement,
)

B = TypeVar("B", bound=Body)
B_co = TypeVar("B_co", bound=Body, covariant=True)
_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved(Generic[B_co]):
    """A statement whose signatures and place in the log are proved. `time`: its checkpoint's, by the witness."""

    statement: Statement[B_co]
    index: int
    time: datetime

    @property
    def body(self) -> B_co:
        """What it says."""
        return self.statement.body

    @property
    def id(self) -> Digest:
        """Its statement id."""
        return self.statement.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Register entries that are proved (docket) or held (device), by id."""

    clients: Mapping[str, ClientEntry]
    whitelist: Mapping[str, WhitelistEntry]
    keys: Mapping[str, KeyEntry]
    addresses: Mapping[str, AddressEntry]
    assets: Mapping[str, AssetEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Everything below the journey, proved."""

    context: Context
    roots: tuple[Statement[Root], ...]
    checkpoints: tuple[log.WitnessedCheckpoint, ...]
    rosters: tuple[Proved[Roster], ...]
    policy: Proved[Policy]
    prices: Proved[Prices] | None
    registers: Mapping[str, Proved[RegisterHead]]
    entries: Entries

    @property
    def root(self) -> Root:
        """The latest root."""
        return self.roots[-1].body

    @property
    def last_time(self) -> datetime:
        """The time of the last checkpoint, by its witness."""
        return datetime.fromtimestamp(self.checkpoints[-1].time_s, UTC)

    def roster_at(self, index: int) -> Roster:
        """The roster in force for a statement at this log index: the last one logged before it."""
        return roster_in_force(self.rosters, index).body

    def head(self, name: str) -> Head:
        """Head of the policy or of a register."""
        proved: Proved[Any] = self.policy if name == "policy" else self.registers[name]
        return Head(version=proved.body.version, digest=proved.id)


def prove_foundation(docket: Docket, pin: Sequence[Envelope]) -> Foundation:
    """Prove roots, checkpoints, rosters, policy and register entries. Raises what fails first: all else hangs on it."""
    roots = prove_roots(docket.roots, pin)
    context = Context(organization=roots[0].organization, environment=roots[0].environment)
    claimed = prove_roster_chain([located.envelope for located in docket.rosters], roots, context)
    indexes = [located.index for located in docket.rosters]
    checkpoints = prove_checkpoints(docket.checkpoints, roots[-1].body, list(zip(indexes, claimed, strict=True)))
    rosters = tuple(
        place(statement, located, checkpoints, f"rosters[{i}]")
        for i, (statement, located) in enumerate(zip(claimed, docket.rosters, strict=True))
    )
    check_rising([r.index for r in rosters], "rosters")
    policy = _prove_policy(docket.policy, roots[-1].body, context, checkpoints)
    prices = [_prove_prices(each, roots[-1].body, context, checkpoints) for each in docket.prices]
    heads: dict[str, Proved[RegisterHead]] = {}
    entries: dict[str, dict[str, Entry]] = {}
    for name in REGISTERS:
        slice_: RegisterSlice = getattr(docket.registers, name)
        heads[name], entries[name] = prove_register(name, slice_, roots[-1].body, context, checkpoints)
    return Foundation(
        context=context,
        roots=roots,
        checkpoints=checkpoints,
        rosters=rosters,
        policy=policy,
        prices=prices[0] if prices else None,
        registers=heads,
        entries=build_entries(entries),
    )


def build_entries(entries: Mapping[str, Mapping[str, Entry]]) -> Entries:
    """Type the entries of the five registers; each was parsed by its own register's type."""
    return Entries(
        clients=cast("Mapping[str, ClientEntry]", entries["clients"]),
        whitelist=cast("Mapping[str, WhitelistEntry]", entries["whitelist"]),
        keys=cast("Mapping[str, KeyEntry]", entries["keys"]),
        addresses=cast("Mapping[str, AddressEntry]", entries["addresses"]),
        assets=cast("Mapping[str, AssetEntry]", entries["assets"]),
    )


def prove_roots(roots: Sequence[Envelope], pin: Sequence[Envelope]) -> tuple[Statement[Root], ...]:
    """The chain of roots from the pinned one. Raises ROOT_MISMATCH, THRESHOLD_NOT_MET, HEAD_MISMATCH."""
    for i, (mine, theirs) in enumerate(zip(pin, roots, strict=False)):
        # Whole envelopes are compared: the pinned file is what two people checked, signatures included.
        if mine != theirs:
            raise refused(Code.ROOT_MISMATCH, f"roots[{i}]", mine.id, theirs.id)
    chain: list[Statement[Root]] = []
    for i, envelope in enumerate(roots):
        path = f"roots[{i}]"
        statement = expect(parse_statement(envelope, path), Root, path)
        before = chain[-1] if chain else None
        if before:
            check_context(statement, Context(organization=before.organization, environment=before.environment), path)
        check_next_version(statement.body.version, statement.body.previous, before.id if before else NONE, i + 1, path)
        holders = [statement.body.holders] + ([before.body.holders] if before else [])
        keys = {h.key.key_id: h.key for d in holders for h in d.keys}
        signed = check_signers(envelope, keys.values(), path)
        for delegation in holders:
            delegation.check_threshold(signed, f"{path}.signatures")
        _check_two_sign_prices(statement.body, path)
        if statement.environment.value == "production":
            _check_no_single_holder(statement.body, path)
        chain.append(statement)
    return tuple(chain)


def _check_two_sign_prices(root: Root, path: str) -> None:
    """One person who names prices alone would lift every limit in HKD, so that this holds in development too."""
    threshold = root.delegations.prices.threshold
    if threshold < 2:
        raise refused(Code.THRESHOLD_NOT_MET, f"{path}.delegations.prices", "at least 2", str(threshold))


def _check_no_single_holder(root: Root, path: str) -> None:
    names = ("roster", "policy", "prices", *REGISTERS)
    for delegation in (root.holders, *(root.delegation(name) for name in names)):
        if delegation.threshold < 2:
            raise refused(Code.THRESHOLD_NOT_MET, path, "at least 2 in production", str(delegation.threshold))


def check_next_version(version: int, previous: str, before: str, wanted: int, path: str) -> None:
    """Raise HEAD_ROLLBACK or HEAD_MISMATCH unless this is version `wanted` and follows the statement `before`."""
    if version != wanted:
        raise refused(Code.HEAD_ROLLBACK, f"{path}.version", str(wanted), str(version))
    if previous != before:
        raise refused(Code.HEAD_MISMATCH, f"{path}.previous", before, previous)


def prove_delegated(
    envelope: Envelope, body_type: type[B], delegation: Delegation, context: Context, path: str
) -> Statement[B]:
    """A governance statement with its delegation's threshold."""
    statement = expect(parse_statement(envelope, path), body_type, path)
    _check_delegated(statement, delegation, context, path)
    return statement


def _check_delegated(statement: Statement[Any], delegation: Delegation, context: Context, path: str) -> None:
    check_context(statement, context, path)
    if statement.issuer not in {holder.id for holder in delegation.keys}:
        # Attack: delegates sign in the name of somebody who never saw it.
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", "a delegate of the root", statement.issuer)
    signed = check_signers(statement.envelope, [h.key for h in delegation.keys], path)
    delegation.check_threshold(signed, f"{path}.signatures")


def prove_roster_chain(
    envelopes: Sequence[Envelope], roots: Sequence[Statement[Root]], context: Context
) -> tuple[Statement[Roster], ...]:
    """Rosters from version 1, each signed by the delegation of the root it names; the last under the last root."""
    chain: list[Statement[Roster]] = []
    named = 1
    for i, envelope in enumerate(envelopes):
        path = f"rosters[{i}]"
        statement = expect(parse_statement(envelope, path), Roster, path)
        claimed = statement.body.root_version
        if not named <= claimed <= len(roots):
            raise refused(Code.HEAD_ROLLBACK, f"{path}.root_version", f"{named} to {len(roots)}", str(claimed))
        named = claimed
        _check_delegated(statement, roots[claimed - 1].body.delegation("roster"), context, path)
        before = chain[-1].id if chain else NONE
        check_next_version(statement.body.version, statement.body.previous, before, i + 1, path)
        chain.append(statement)
    if named != len(roots):
        # A new root is followed by a new roster, or a delegate whom the new root dropped would live on.
        raise refused(Code.HEAD_ROLLBACK, "rosters.root_version", str(len(roots)), str(named))
    return tuple(chain)


def prove_checkpoints(
    steps: Sequence[CheckpointStep], root: Root, rosters: Sequence[tuple[int, Statement[Roster]]]
) -> tuple[log.WitnessedCheckpoint, ...]:
    """Verify each checkpoint's signatures and that it extends the one before. Sizes strictly rise."""
    proved: list[log.WitnessedCheckpoint] = []
    for i, step in enumerate(steps):
        field = f"checkpoints[{i}]"
        witnessed = prove_checkpoint(step.note, root, rosters, field)
        if not proved and step.consistency:
            raise malformed(Code.LOG_NOT_CONSISTENT, f"{field}.consistency", "no proof for the first", "one")
        if proved:
            older = proved[-1]
            if witnessed.checkpoint.size <= older.checkpoint.size or witnessed.time_s < older.time_s:
                raise refused(Code.LOG_NOT_CONSISTENT, field, "rising sizes and times", str(witnessed.checkpoint.size))
            log.check_extends(older=older.checkpoint, newer=witnessed.checkpoint, proof=step.consistency, field=field)
        proved.append(witnessed)
    return tuple(proved)


@lru_cache(maxsize=1024)
def _read_note(text: str, field: str) -> tuple[log.Note, int]:
    """A note, and the size that it claims, which chooses whose witnesses count."""
    note = log.parse_note(text, field)
    return note, log.parse_checkpoint_body(note.body, field).size


@lru_cache(maxsize=1024)
def _check_witnessed(
    note: log.Note, key: log.NoteKey, witnesses: tuple[log.NoteKey, ...], field: str
) -> log.WitnessedCheckpoint:
    """As `log.check_witnessed`, from the whole note and every key; what fails is never remembered."""
    return log.check_witnessed(note, log=key, witnesses=witnesses, field=field)


def prove_checkpoint(
    text: str, root: Root, rosters: Sequence[tuple[int, Statement[Roster]]], field: str
) -> log.WitnessedCheckpoint:
    """One checkpoint with the log's signature and witnesses of the roster that was in force at its size."""
    note, size = _read_note(text, field)
    in_force = [statement.body for index, statement in rosters if index < size]
    if not in_force:
        raise refused(Code.CHECKPOINT_NOT_WITNESSED, field, "a roster before it", f"none below {size}")
    witnesses = tuple(log.NoteKey(name=p.id, public_key=p.key.public) for p in in_force[-1].with_role("witness"))
    key = log.NoteKey(name=root.log.origin, public_key=root.log.key.public)
    witnessed = _check_witnessed(note, key, witnesses, field)
    moment = datetime.fromtimestamp(witnessed.time_s, UTC)
    for name in witnessed.witnesses:
        # An expired witness's stolen key must not vouch for another history.
        check_party(in_force[-1], PartyId(name), "witness", moment, f"{field}.witness")
    return witnessed


@lru_cache(maxsize=1024)
def _check_in_log(
    envelope: Envelope, index: int, checkpoint: log.Checkpoint, proof: tuple[HexBytes, ...], path: str
) -> None:
    """As `log.check_in_log`, whose every argument it is asked about; what fails is never remembered."""
    log.check_in_log(envelope=envelope.encode(), index=index, checkpoint=checkpoint, proof=proof, field=path)


def place(
    statement: Statement[B], located: Located, checkpoints: Sequence[log.WitnessedCheckpoint], path: str
) -> Proved[B]:
    """Prove a statement's place: its leaf is at `index` under the first checkpoint that is large enough."""
    first = next((i for i, c in enumerate(checkpoints) if located.index < c.checkpoint.size), None)
    if first is None or located.checkpoint != first:
        raise refused(Code.PROOF_INVALID, f"{path}.checkpoint", str(first), str(located.checkpoint))
    witnessed = checkpoints[first]
    _check_in_log(located.envelope, located.index, witnessed.checkpoint, located.proof, path)
    return Proved(statement=statement, index=located.index, time=datetime.fromtimestamp(witnessed.time_s, UTC))


def roster_in_force(rosters: Sequence[Proved[Roster]], index: int) -> Proved[Roster]:
    """The last roster logged before `index`. Raises SIGNER_UNKNOWN when there was none."""
    before = [r for r in rosters if r.index < index]
    if not before:
        raise refused(Code.SIGNER_UNKNOWN, "rosters", f"a roster before log index {index}", "none")
    return before[-1]


def check_rising(indexes: Sequence[int], path: str) -> None:
    """Raise DOCKET_ORDER unless the log indexes strictly rise."""
    for before, after in itertools.pairwise(indexes):
        if before >= after:
            raise refused(Code.DOCKET_ORDER, path, f"an index above {before}", str(after))


def _prove_policy(
    located: Located, root: Root, context: Context, checkpoints: Sequence[log.WitnessedCheckpoint]
) -> Proved[Policy]:
    statement = prove_delegated(located.envelope, Policy, root.delegation("policy"), context, "policy")
    return place(statement, located, checkpoints, "policy")


def _prove_prices(
    located: Located, root: Root, context: Context, checkpoints: Sequence[log.WitnessedCheckpoint]
) -> Proved[Prices]:
    statement = prove_delegated(located.envelope, Prices, root.delegation("prices"), context, "prices")
    return place(statement, located, checkpoints, "prices")


@lru_cache(maxsize=1024)
def _prove_entry(name: str, head: RegisterHead, index: int, proof: tuple[HexBytes, ...], text: str, path: str) -> Entry:
    """The entry of a register's head; from all that it depends on, so that a package's dockets prove theirs once.

    text: the entry as JSON, whatever its spelling; two entries never have one text.
    """
    entry = parse_record(ENTRY_TYPES[name], json.loads(text), f"{path}.entry")
    check_entry_proof(head, entry, index, proof, path)
    return entry


def prove_register(
    name: str, slice_: RegisterSlice, root: Root, context: Context, checkpoints: Sequence[log.WitnessedCheckpoint]
) -> tuple[Proved[RegisterHead], dict[str, Entry]]:
    """A register's head by its delegation and in the log, and the entries under it, by id."""
    path = f"registers.{name}"
    statement = prove_delegated(slice_.head.envelope, RegisterHead, root.delegation(name), context, f"{path}.head")
    if statement.body.register != name:
        raise refused(Code.HEAD_MISMATCH, f"{path}.head.register", name, statement.body.register)
    entries: dict[str, Entry] = {}
    for i, proof in enumerate(slice_.entries):
        text = _TEXT.encode(proof.entry)
        entry = _prove_entry(name, statement.body, proof.index, proof.proof, text, f"{path}.entries[{i}]")
        entries[EntryId(entry.id)] = entry
    check_rising([p.index for p in slice_.entries], f"{path}.entries")
    return place(statement, slice_.head, checkpoints, f"{path}.head"), entries
