"""A device's beliefs as one canonical document, proved again whenever a process reads what it has not itself written.

A byte that changed on the disk shows as a signature or a Merkle root that no longer holds. Places in the log are not
proved again, since their proofs are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from strongroom.checker.reading.canonical import Json, encode_canonical, parse_canonical_with_notes
from strongroom.checker.reading.docket import Checkpoint
from strongroom.checker.reading.envelopes import Statement, parse_envelope
from strongroom.checker.reading.fields import NONE, Node, render_time
from strongroom.checker.reading.governed import check_governed
from strongroom.checker.reading.leases import Notice, prove_notice
from strongroom.checker.reading.policy import Policy, parse_policy
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import check_whole, parse_entry, parse_register
from strongroom.checker.reading.roots import REGISTERS, RootChain, check_roots, parse_root_envelopes
from strongroom.checker.reading.rosters import PlacedRoster, check_rosters
from strongroom.checker.reading.trust import prove_checkpoint
from strongroom.checker.state.trust import HeldRegister, LastHead, Trust, build_basis
from strongroom.core.errors import Refusal
from strongroom.core.ids import Digest, PartyId

FORMAT: Final = "strongroom-checker-trust/1"
MAX_TRUST_BYTES: Final = 1024 * 1024 * 1024
_FIELDS: Final = (
    "device",
    "first_seen",
    "format",
    "freezes",
    "lifts",
    "note",
    "notices",
    "policy",
    "received",
    "registers",
    "roots",
    "rosters",
    "sent",
)


def encode_trust(trust: Trust) -> bytes:
    """The canonical bytes of a device's beliefs."""
    policy: list[Json] = [trust.policy.envelope.value] if trust.policy else []
    return encode_canonical(
        {
            "device": trust.device,
            "first_seen": [{"digest": k, "time": render_time(v)} for k, v in sorted(trust.first_seen.items())],
            "format": FORMAT,
            "freezes": list[Json](sorted(trust.frozen)),
            "lifts": list[Json](sorted(trust.lifted)),
            "note": trust.last.note if trust.last else NONE,
            "notices": [_encode_notice(each) for each in trust.notices],
            "policy": policy,
            "received": _encode_numbers(trust.received),
            "registers": [_encode_register(name, trust.registers[name]) for name in sorted(trust.registers)],
            "roots": [each.envelope.value for each in trust.chain.roots],
            "rosters": [{"envelope": each.statement.envelope.value, "index": each.index} for each in trust.rosters],
            "sent": _encode_numbers(trust.sent),
        }
    )


def parse_trust(raw: bytes) -> Trust:
    """Read a device's beliefs and prove their signatures, versions and Merkle roots again."""
    found = Node(parse_canonical_with_notes(raw, limit=MAX_TRUST_BYTES, path="trust"), "trust").members(*_FIELDS)
    found["format"].word(FORMAT)
    chain = check_roots(parse_root_envelopes(found["roots"]))
    rosters = _parse_rosters(found["rosters"], chain)
    policies = [parse_policy(parse_envelope(item)) for item in found["policy"].items()]
    for policy in policies:
        _check_by_any_root(policy, "policy", chain)
    trust = Trust(
        device=found["device"].party_of("device"),
        chain=chain,
        rosters=rosters,
        policy=_only(policies),
        registers=dict(_parse_register(item, chain) for item in found["registers"].items()),
        first_seen=dict(_parse_seen(item) for item in found["first_seen"].items()),
        last=_parse_last(found["note"], chain, rosters),
        frozen=frozenset(item.digest() for item in found["freezes"].items()),
        lifted=frozenset(item.digest() for item in found["lifts"].items()),
        received=_parse_numbers(found["received"]),
        sent=_parse_numbers(found["sent"]),
    )
    return replace(trust, notices=tuple(_parse_notice(item, trust) for item in found["notices"].items()))


def _encode_register(name: str, held: HeldRegister) -> Json:
    entries = [held.values[each] for each in sorted(held.values)]
    return {"entries": entries, "head": held.statement.envelope.value, "register": name}


def _encode_notice(notice: Notice) -> Json:
    moment = render_time(notice.moment)
    return {"envelope": notice.statement.envelope.value, "index": notice.index, "time": moment}


def _parse_notice(node: Node, trust: Trust) -> Notice:
    found = node.members("envelope", "index", "time")
    index, moment = found["index"].integer(), found["time"].time()
    statement = prove_notice(parse_envelope(found["envelope"]), build_basis(trust, index, node.path))
    return Notice(statement=statement, index=index, moment=moment)


def _encode_numbers(numbers: Mapping[PartyId, int]) -> list[Json]:
    return [{"party": party, "sequence": number} for party, number in sorted(numbers.items())]


def _parse_numbers(node: Node) -> dict[PartyId, int]:
    members = [item.members("party", "sequence") for item in node.items()]
    return {each["party"].party(): each["sequence"].integer() for each in members}


def _parse_seen(node: Node) -> tuple[Digest, datetime]:
    found = node.members("digest", "time")
    return found["digest"].digest(), found["time"].time()


def _parse_rosters(node: Node, chain: RootChain) -> tuple[PlacedRoster, ...]:
    members = [item.members("envelope", "index") for item in node.items()]
    statements = check_rosters([parse_envelope(each["envelope"]) for each in members], chain)
    return tuple(
        PlacedRoster(statement=statement, index=each["index"].integer())
        for statement, each in zip(statements, members, strict=True)
    )


def _parse_register(node: Node, chain: RootChain) -> tuple[str, HeldRegister]:
    found = node.members("entries", "head", "register")
    name = found["register"].word(*REGISTERS)
    statement = parse_register(parse_envelope(found["head"]))
    _check_by_any_root(statement, name, chain)
    check_whole(statement.body, [item.value for item in found["entries"].items()], node.path)
    entries = {
        entry.id: (entry, item.value) for item in found["entries"].items() for entry in [parse_entry(name, item)]
    }
    held = HeldRegister(
        statement=statement,
        values={each: value for each, (_, value) in entries.items()},
        entries={each: entry for each, (entry, _) in entries.items()},
    )
    return name, held


def _parse_last(node: Node, chain: RootChain, rosters: Sequence[PlacedRoster]) -> LastHead | None:
    if node.value == NONE:
        return None
    note = node.note()
    step = Checkpoint(consistency=(), note=note, path="trust")
    return LastHead(note=note, head=prove_checkpoint(step, chain.last, rosters))


def _only(policies: Sequence[Statement[Policy]]) -> Statement[Policy] | None:
    return policies[-1] if policies else None


def _check_by_any_root(statement: Statement[object], name: str, chain: RootChain) -> None:
    """What came in was signed by the delegates of the root of its day; a later root may have others."""
    found: list[Refusal] = []
    for root in reversed(chain.roots):
        refusals: list[Refusal] = []
        with gathered(refusals):
            check_governed(statement, root.body.delegations[name], chain.context)
        if not refusals:
            return
        found += refusals
    raise_found(found)
