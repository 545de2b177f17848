"""The chain of roots, from the one that two people typed in; spec/roster.md, "Root"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.checker.reading.bodies import Quorum
from strongroom.checker.reading.canonical import parse_canonical
from strongroom.checker.reading.envelopes import (
    Context,
    Envelope,
    Environment,
    Statement,
    Type,
    check_context,
    check_signatures,
    parse_envelope,
)
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.checker.reading.keys import Algorithm, Key, parse_key
from strongroom.checker.reading.log import Signer
from strongroom.checker.reading.once import read_once
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, PartyId

REGISTERS: Final = ("addresses", "assets", "clients", "keys", "whitelist")
DELEGATIONS: Final = (*REGISTERS, "policy", "prices", "roster")
SEAL_SUITE: Final = "x25519-hkdf-sha256-aes256gcm"
MAX_ROOT_BYTES: Final = 16 * 1024 * 1024
ROOT_FILE: Final = "root.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """People with their keys, and how many of them must sign."""

    keys: Mapping[PartyId, Key]
    threshold: int

    def check_threshold(self, signed: Iterable[Digest], path: str) -> None:
        """Raise THRESHOLD_NOT_MET unless enough of these keys are among those that signed."""
        count = len({key.id for key in self.keys.values()} & set(signed))
        if count < self.threshold:
            raise refused(Code.THRESHOLD_NOT_MET, path, f"{self.threshold} of {len(self.keys)} keys", str(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Who may say what. gate_public: 32 bytes of X25519. log: its origin and Ed25519 key.

    floors: what holds above every rule of every policy, as one more quorum of approvers.
    """

    delegations: Mapping[str, Delegation]
    expires: datetime
    floors: Quorum
    gate_device: PartyId
    gate_public: bytes
    holders: Delegation
    log: Signer
    previous: Digest | None
    version: int


RootStatement = Statement[Root]


@dataclass(frozen=True, slots=True, kw_only=True)
class RootChain:
    """Roots from version 1, each proved from the one before."""

    roots: tuple[RootStatement, ...]

    @property
    def last(self) -> Root:
        """The newest root."""
        return self.roots[-1].body

    @property
    def context(self) -> Context:
        """Organization and environment that the first root fixes."""
        return self.roots[0].context


def parse_root_file(raw: bytes) -> tuple[Envelope, ...]:
    """Read `root.json`: a canonical array of root envelopes, version 1 first. Nothing is verified."""
    value = parse_canonical(raw, limit=MAX_ROOT_BYTES, path=ROOT_FILE)
    return parse_root_envelopes(Node(value, ROOT_FILE))


def parse_root_envelopes(node: Node) -> tuple[Envelope, ...]:
    """Read an array of root envelopes; at least one."""
    envelopes = tuple(parse_envelope(item) for item in node.items())
    if not envelopes:
        raise node.invalid("at least one root")
    return envelopes


def check_roots(envelopes: Sequence[Envelope]) -> RootChain:
    """Prove a chain of roots from its first, which the caller has pinned.

    Raises HEAD_ROLLBACK and HEAD_MISMATCH for a broken chain, THRESHOLD_NOT_MET when too few holders signed.
    """
    chain: list[RootStatement] = []
    for envelope in envelopes:
        chain.append(_check_root(envelope, chain[-1] if chain else None))
    return RootChain(roots=tuple(chain))


def check_pinned(envelopes: Sequence[Envelope], pinned: Sequence[Envelope]) -> None:
    """Raise ROOT_MISMATCH unless both chains begin alike, signatures included, as far as both go."""
    for theirs, ours in zip(envelopes, pinned, strict=False):
        if theirs.value != ours.value:
            raise refused(Code.ROOT_MISMATCH, theirs.path, ours.id, theirs.id)


def check_next(
    statement: Statement[object], version: int, previous: Digest | None, before: Statement[object] | None, number: int
) -> None:
    """Raise HEAD_ROLLBACK unless this is version `number`, HEAD_MISMATCH unless it follows `before`."""
    if version != number:
        raise refused(Code.HEAD_ROLLBACK, f"{statement.body_path}.version", str(number), str(version))
    expected = before.id if before else None
    if previous != expected:
        raise refused(
            Code.HEAD_MISMATCH, f"{statement.body_path}.previous", str(expected or "none"), str(previous or "none")
        )


def parse_delegation(node: Node) -> Delegation:
    """Read D: keys sorted by id, no id and no key twice."""
    found = node.members("keys", "threshold")
    keys: dict[PartyId, Key] = {}
    items = [item.members("id", "key") for item in found["keys"].items()]
    ids = [item["id"].party_of("person") for item in items]
    check_sorted(ids, found["keys"].path)
    for name, item in zip(ids, items, strict=True):
        keys[name] = parse_key(item["key"])
    check_distinct_keys(keys.values(), found["keys"].path)
    threshold = found["threshold"].integer(least=1)
    if threshold > len(keys):
        raise found["threshold"].invalid(f"at most {len(keys)}")
    return Delegation(keys=keys, threshold=threshold)


def check_distinct_keys(keys: Iterable[Key], path: str) -> None:
    """Raise KEY_SHARED when one key stands twice."""
    seen: set[Digest] = set()
    for key in keys:
        if key.id in seen:
            raise malformed(Code.KEY_SHARED, path, "each key once", key.id)
        seen.add(key.id)


def _check_root(envelope: Envelope, before: RootStatement | None) -> RootStatement:
    statement = read_once(envelope, Type.ROOT, _parse_root)
    body = statement.body
    if before:
        check_context(statement, before.context)
    check_next(statement, body.version, body.previous, before, before.body.version + 1 if before else 1)
    holders = [body.holders, *([before.body.holders] if before else [])]
    signed = check_signatures(envelope, [key for each in holders for key in each.keys.values()])
    for each in holders:
        each.check_threshold(signed, f"{envelope.path}.signatures")
    if not any(statement.issuer in each.keys for each in holders):
        raise refused(Code.SIGNER_UNKNOWN, f"{envelope.path}.payload.issuer", "a root holder", statement.issuer)
    # Whoever names prices alone lifts every limit in HKD: two sign them wherever it is.
    prices = body.delegations["prices"].threshold
    if prices < 2:
        path = f"{statement.body_path}.delegations.prices.threshold"
        raise refused(Code.THRESHOLD_NOT_MET, path, "at least 2", str(prices))
    if statement.context.environment is Environment.PRODUCTION:
        _check_thresholds(body, statement.body_path)
    return statement


def _check_thresholds(root: Root, path: str) -> None:
    """In production nobody decides alone: every threshold is at least 2."""
    for name, each in (("holders", root.holders), *((f"delegations.{n}", d) for n, d in root.delegations.items())):
        if each.threshold < 2:
            raise refused(Code.THRESHOLD_NOT_MET, f"{path}.{name}.threshold", "at least 2", str(each.threshold))


def _parse_root(node: Node) -> Root:
    found = node.members("delegations", "expires", "floors", "gate_seal", "holders", "log", "previous", "version")
    delegations = {name: parse_delegation(each) for name, each in found["delegations"].members(*DELEGATIONS).items()}
    _check_disjoint(delegations, "clients", "whitelist", found["delegations"].path)
    _check_disjoint(delegations, "whitelist", "policy", found["delegations"].path)
    seal = found["gate_seal"].members("device", "public", "suite")
    seal["suite"].word(SEAL_SUITE)
    return Root(
        delegations=delegations,
        expires=found["expires"].time(),
        floors=_parse_floors(found["floors"]),
        gate_device=seal["device"].party_of("device"),
        gate_public=seal["public"].hex(size=32),
        holders=parse_delegation(found["holders"]),
        log=_parse_log(found["log"]),
        previous=found["previous"].digest_or_none(),
        version=found["version"].integer(least=1),
    )


def _parse_floors(node: Node) -> Quorum:
    found = node.members("groups", "people")
    people = found["people"].integer(least=1)
    groups = found["groups"].integer(least=1)
    if groups > people:
        raise found["groups"].invalid(f"at most {people} groups")
    return Quorum(groups=groups, people=people, role="approver")


def _parse_log(node: Node) -> Signer:
    found = node.members("key", "origin")
    key = parse_key(found["key"])
    if key.alg is not Algorithm.ED25519:
        raise found["key"].invalid("an Ed25519 key")
    return Signer(name=found["origin"].text(), public_key=key.public)


def _check_disjoint(delegations: Mapping[str, Delegation], left: str, right: str, path: str) -> None:
    """Raise SEPARATION when one key or one person sits in both: no quorum adds a destination and loosens its limits."""
    ours = {key.id for key in delegations[left].keys.values()}
    for name, key in delegations[right].keys.items():
        if key.id in ours or name in delegations[left].keys:
            raise malformed(Code.SEPARATION, path, f"nobody in both {left} and {right}", name)
