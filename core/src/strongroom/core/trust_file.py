"""A device's trust as one canonical file. Whoever stores it makes it durable and guards it against rollback.

Reading proves signatures again (cheap against what a changed byte could do), but not log places, whose proofs are not
kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from strongroom.core import log
from strongroom.core.canonical import Json, encode_canonical, parse_canonical
from strongroom.core.checks.foundation import Proved, prove_delegated, prove_roots, prove_roster_chain
from strongroom.core.checks.notices import check_notice
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest
from strongroom.core.policy import Policy
from strongroom.core.records import HexBytes, encode_record, parse_record
from strongroom.core.registers import ENTRY_TYPES, Register, RegisterHead, check_register_head
from strongroom.core.roster import Delegation
from strongroom.core.statements import Body, Context, Envelope, check_context, parse_statement
from strongroom.core.trust import MAX_TRUST_BYTES, Trust, build_basis

FORMAT = "strongroom-trust/1"
B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    envelope: Envelope
    index: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldRegister:
    entries: tuple[dict[str, Json], ...]
    head: _Held
    register: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    digest: Digest
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldCheckpoint:
    origin: str
    root: HexBytes
    size: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrustFile:
    checkpoints: tuple[_HeldCheckpoint, ...]
    first_seen: tuple[_Seen, ...]
    format: str
    freezes: tuple[Digest, ...]
    lifts: tuple[Digest, ...]
    notices: tuple[_Held, ...]
    policies: tuple[_Held, ...]
    registers: tuple[_HeldRegister, ...]
    roots: tuple[Envelope, ...]
    rosters: tuple[_Held, ...]


def encode_trust(trust: Trust) -> bytes:
    """The canonical bytes of a device's trust."""
    checkpoints: tuple[_HeldCheckpoint, ...] = ()
    if trust.checkpoint and trust.checkpoint_time:
        held = trust.checkpoint
        checkpoints = (
            _HeldCheckpoint(origin=held.origin, root=HexBytes(held.root), size=held.size, time=trust.checkpoint_time),
        )
    file = _TrustFile(
        checkpoints=checkpoints,
        first_seen=tuple(_Seen(digest=Digest(k), time=v) for k, v in sorted(trust.first_seen.items())),
        format=FORMAT,
        freezes=tuple(sorted(trust.frozen)),
        lifts=tuple(sorted(trust.lifted)),
        notices=tuple(_hold(notice) for notice in trust.notices),
        policies=(_hold(trust.policy),) if trust.policy else (),
        registers=tuple(
            _HeldRegister(
                entries=tuple(encode_record(e) for e in trust.registers[name].entries),
                head=_hold(trust.heads[name]),
                register=name,
            )
            for name in sorted(trust.heads)
        ),
        roots=trust.roots,
        rosters=tuple(_hold(r) for r in trust.rosters),
    )
    return encode_canonical(encode_record(file))


def parse_trust(raw: bytes) -> Trust:
    """Read a trust file and prove its signatures, versions and register roots again."""
    file = parse_record(_TrustFile, parse_canonical(raw, limit=MAX_TRUST_BYTES), "trust")
    if file.format != FORMAT:
        raise malformed(Code.FIELD_INVALID, "trust.format", FORMAT, file.format)
    roots = prove_roots(file.roots, file.roots[:1])
    root = roots[-1].body
    context = Context(organization=roots[0].organization, environment=roots[0].environment)
    chain = prove_roster_chain([held.envelope for held in file.rosters], roots, context) if file.rosters else ()
    rosters = tuple(
        Proved(statement=statement, index=held.index, time=held.time)
        for statement, held in zip(chain, file.rosters, strict=True)
    )
    heads: dict[str, Proved[RegisterHead]] = {}
    registers: dict[str, Register[Any]] = {}
    for register in file.registers:
        name = register.register
        heads[name] = _prove(register.head, RegisterHead, root.delegation(name), context, f"trust.{name}")
        entries = tuple(parse_record(ENTRY_TYPES[name], e, f"trust.{name}") for e in register.entries)
        registers[name] = Register(name=name, entries=entries)
        check_register_head(heads[name].body, registers[name])
    policies = [_prove(p, Policy, root.delegation("policy"), context, "trust.policy") for p in file.policies]
    held_checkpoint = file.checkpoints[0] if file.checkpoints else None
    trust = Trust(
        roots=file.roots,
        rosters=rosters,
        policy=policies[0] if policies else None,
        heads=heads,
        registers=registers,
        first_seen={s.digest: s.time for s in file.first_seen},
        checkpoint=_checkpoint(held_checkpoint),
        checkpoint_time=held_checkpoint.time if held_checkpoint else None,
        frozen=frozenset(file.freezes),
        lifted=frozenset(file.lifts),
    )
    return replace(trust, notices=tuple(_prove_notice(trust, held, i) for i, held in enumerate(file.notices)))


def _hold(proved: Proved[Any]) -> _Held:
    return _Held(envelope=proved.statement.envelope, index=proved.index, time=proved.time)


def _prove(held: _Held, body_type: type[B], delegation: Delegation, context: Context, path: str) -> Proved[B]:
    statement = prove_delegated(held.envelope, body_type, delegation, context, path)
    return Proved(statement=statement, index=held.index, time=held.time)


def _prove_notice(trust: Trust, held: _Held, number: int) -> Proved[Any]:
    path = f"trust.notices[{number}]"
    statement = parse_statement(held.envelope, path)
    check_context(statement, trust.context, path)
    check_notice(statement, build_basis(trust, statement, held.index), path)
    return Proved(statement=statement, index=held.index, time=held.time)


def _checkpoint(held: _HeldCheckpoint | None) -> log.Checkpoint | None:
    if held is None:
        return None
    return log.Checkpoint(origin=held.origin, size=held.size, root=held.root)
