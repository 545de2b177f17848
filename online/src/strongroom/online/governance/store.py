"""Publish and load roots, rosters, policy and registers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from strongroom.core.assemble import Governance
from strongroom.core.bodies import Head, Heads
from strongroom.core.canonical import Json, parse_canonical
from strongroom.core.checks.foundation import (
    Entries,
    build_entries,
    check_next_version,
    prove_delegated,
    prove_roots,
    prove_roster_chain,
)
from strongroom.core.checks.notices import moment_said
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.key_states import check_key_changes
from strongroom.core.policy import Policy, Prices
from strongroom.core.records import encode_time, parse_record
from strongroom.core.registers import ENTRY_TYPES, Entry, Register, RegisterHead, check_register_head, encode_entry
from strongroom.core.roster import REGISTERS, Root, Roster
from strongroom.core.statements import (
    Context,
    Envelope,
    Statement,
    StatementType,
    expect,
    parse_envelope_bytes,
    parse_statement,
)
from strongroom.core.wallets import PlacedWallet, Wallet, fold_wallets
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries
from strongroom.online.evidence.store import append, load_by_kind, load_statements
from strongroom.online.governance.tell import tell_lookalikes, tell_loosened

_QUERIES = load_queries("strongroom.online.governance")


@dataclass(frozen=True)
class Rules:
    """The governance in force, loaded once a step: what the platform decides by. Devices decide by their own copies."""

    roots: tuple[Statement[Root], ...]
    rosters: tuple[tuple[int, Statement[Roster]], ...]
    policy: tuple[int, Statement[Policy]]
    prices: Statement[Prices] | None
    heads: Mapping[str, tuple[int, Statement[RegisterHead]]]
    registers: Mapping[str, Register[Any]]

    @property
    def root(self) -> Root:
        """The latest root."""
        return self.roots[-1].body

    @property
    def roster(self) -> Roster:
        """The latest roster."""
        return self.rosters[-1][1].body

    def roster_at(self, place: int) -> Roster:
        """The roster in force for a statement at a place of the log."""
        return self._roster_below(place).body

    def moment_said(self, statement: Statement[Any], place: int) -> datetime:
        """When whoever signed a freeze, a lift or a notice at a place must have held their role."""
        return moment_said(statement.issued_at, self._roster_below(place))

    def _roster_below(self, place: int) -> Statement[Roster]:
        before = [roster for index, roster in self.rosters if index < place]
        return before[-1] if before else self.rosters[0][1]

    @property
    def context(self) -> Context:
        """Organization and environment."""
        return Context(organization=self.roots[0].organization, environment=self.roots[0].environment)

    @cached_property
    def entries(self) -> Entries:
        """All entries by id."""
        return build_entries({name: {e.id: e for e in self.registers[name].entries} for name in REGISTERS})

    @property
    def governance(self) -> Governance:
        """What dockets are assembled on."""
        return Governance(
            roots=tuple(r.envelope for r in self.roots),
            rosters=tuple(r.envelope for _, r in self.rosters),
            policy=self.policy[1].envelope,
            prices=(self.prices.envelope,) if self.prices else (),
            heads={name: head.envelope for name, (_, head) in self.heads.items()},
            registers=self.registers,
        )

    def build_heads(self) -> Heads:
        """The newest heads, as the builder quotes them."""
        heads = {name: Head(version=head.body.version, digest=head.id) for name, (_, head) in self.heads.items()}
        return Heads(
            root=Head(version=self.root.version, digest=self.roots[-1].id),
            roster=Head(version=self.roster.version, digest=self.rosters[-1][1].id),
            policy=Head(version=self.policy[1].body.version, digest=self.policy[1].id),
            **heads,
        )


def load_rules(connection: Connection) -> Rules:
    """The governance in force, every signature and register root verified again.

    A database role that writes a forged roster or takes a cold address out of the entries gains nothing: the next round
    of every program refuses. Raises STAGE_MISSING while something is not published yet, THRESHOLD_NOT_MET,
    SIGNER_UNKNOWN, HEAD_MISMATCH.
    """
    said = load_statements_in_force(connection)
    rules = replace(said, registers=_load_registers(connection, said.heads))
    for name, (_, head) in rules.heads.items():
        check_register_head(head.body, rules.registers[name])
    return rules


def load_statements_in_force(connection: Connection) -> Rules:
    """The signed governance alone, without a register's entries, for what reads a large register by itself.

    Raises as `load_rules`.
    """
    kinds = (StatementType.ROOT, StatementType.ROSTER, StatementType.POLICY, StatementType.REGISTER)
    by_kind: dict[StatementType, list[tuple[int, Statement[Any]]]] = {kind: [] for kind in kinds}
    for place, statement in load_by_kind(connection, *kinds):
        by_kind[statement.type].append((place, statement))
    heads = {statement.body.register: (place, statement) for place, statement in by_kind[StatementType.REGISTER]}
    missing = [k.value for k in kinds if not by_kind[k]] + [name for name in REGISTERS if name not in heads]
    if missing:
        got = f"no {', '.join(missing)}"
        raise refused(Code.STAGE_MISSING, "governance", "root, roster, policy and five registers", got)
    rules = Rules(
        roots=tuple(statement for _, statement in by_kind[StatementType.ROOT]),
        rosters=tuple(by_kind[StatementType.ROSTER]),
        policy=by_kind[StatementType.POLICY][-1],
        prices=load_prices(connection, None),
        heads=heads,
        registers={},
    )
    _check_said(rules)
    return rules


def load_rules_under(connection: Connection, root: Digest) -> Rules:
    """As `load_rules`, under the root that this program was configured with, not the one that the database names.

    Reconciler and watcher use it: whoever owns the database cannot give them another root (ROOT_MISMATCH).
    """
    rules = load_rules(connection)
    check_root(rules, root)
    return rules


def check_root(rules: Rules, root: Digest) -> None:
    """Raise ROOT_MISMATCH unless the rules begin with the root that a program was configured with."""
    if rules.roots[0].id != root:
        raise refused(Code.ROOT_MISMATCH, "governance.root", root, rules.roots[0].id)


def _check_said(rules: Rules) -> None:
    roots, rosters = tuple(r.envelope for r in rules.roots), tuple(r.envelope for _, r in rules.rosters)
    heads = tuple((name, head.envelope) for name, (_, head) in sorted(rules.heads.items()))
    _check_signatures(roots, rosters, rules.policy[1].envelope, rules.prices and rules.prices.envelope, heads)


@lru_cache(maxsize=4)
def _check_signatures(
    roots: tuple[Envelope, ...],
    rosters: tuple[Envelope, ...],
    policy: Envelope,
    prices: Envelope | None,
    heads: tuple[tuple[str, Envelope], ...],
) -> None:
    """Verify who signed the governance; the very same envelopes are not verified again in every round."""
    chain = prove_roots(roots, roots[:1])
    context = Context(organization=chain[0].organization, environment=chain[0].environment)
    prove_roster_chain(rosters, chain, context)
    root = chain[-1].body
    prove_delegated(policy, Policy, root.delegation("policy"), context, "policy")
    if prices:
        prove_delegated(prices, Prices, root.delegation("prices"), context, "prices")
    for name, head in heads:
        prove_delegated(head, RegisterHead, root.delegation(name), context, name)


def load_prices(connection: Connection, moment: datetime | None) -> Statement[Prices] | None:
    """The newest snapshot that is not from after a moment; of all when None. None when there is none."""
    fields = {"moment": moment}
    found = load_first(connection, _QUERIES["load_prices"], lambda leaf: parse_envelope_bytes(bytes(leaf)), fields)
    return expect(parse_statement(found), Prices, "prices") if found else None


def load_governance_at(connection: Connection, rules: Rules, heads: Heads) -> Governance:
    """The policy and registers that a proposal quotes: its docket is assembled with these, not with newer ones."""
    quoted = {name: getattr(heads, name) for name in ("policy", *REGISTERS)}
    if all(
        rules.policy[1].id == h.digest if n == "policy" else rules.heads[n][1].id == h.digest for n, h in quoted.items()
    ):
        return rules.governance
    statements = {s.id: s for s in load_statements(connection, [h.digest for h in quoted.values()])}
    registers = {}
    for name in REGISTERS:
        fields = {"register": name, "version": quoted[name].version}
        rows = load_all(
            connection, _QUERIES["load_entries_at"], lambda register, entry: (str(register), str(entry)), fields
        )
        registers[name] = _build_register(name, [entry for _, entry in rows])
    return replace(
        rules.governance,
        policy=statements[quoted["policy"].digest].envelope,
        heads={name: statements[quoted[name].digest].envelope for name in REGISTERS},
        registers=registers,
    )


def publish(
    connection: Connection, envelope: Envelope, added: Sequence[Mapping[str, Json]], removed: Sequence[str]
) -> Statement[Any]:
    """Verify a governance statement as devices will, log it, and keep a register's entries, in one transaction.

    added, removed: a register's delta; empty for everything else.
    """
    with connection.transaction():
        statement = parse_statement(envelope)
        before = load_by_kind(connection, statement.type)
        match statement.type:
            case StatementType.ROOT:
                known = tuple(s.envelope for _, s in before)
                prove_roots((*known, envelope), known or (envelope,))
            case StatementType.ROSTER:
                roots, context = _load_roots(connection)
                prove_roster_chain([*(s.envelope for _, s in before), envelope], roots, context)
            case StatementType.POLICY:
                _check_delegated(connection, envelope, Policy, "policy")
                _check_follows(statement, before, "policy")
                tell_loosened(connection, before, statement)
            case StatementType.PRICES:
                _check_delegated(connection, envelope, Prices, "prices")
                _check_newer(connection, statement)
            case StatementType.REGISTER:
                name = statement.body.register
                _check_delegated(connection, envelope, RegisterHead, name)
                _check_follows(statement, [b for b in before if b[1].body.register == name], name)
                _save_register(connection, statement, added, removed)
            case StatementType.WALLET:
                _check_delegated(connection, envelope, Wallet, "addresses")
                said = (*(s for _, s in before), statement)
                fold_wallets(PlacedWallet(statement=s.id, body=s.body) for s in said)
            case other:
                raise refused(Code.TYPE_MISMATCH, "envelope", "a governance statement", other.value)
        append(connection, envelope)
        if statement.type is StatementType.PRICES:
            fields = {"statement": statement.id, "as_of": statement.body.as_of}
            execute(connection, _QUERIES["add_prices"], fields)
    return statement


def load_delta(connection: Connection, register: str, version: int) -> tuple[list[dict[str, Json]], list[str]]:
    """Entries added or replaced and ids removed since a version of a register (0: all)."""
    rows = load_all(
        connection,
        _QUERIES["load_changes"],
        lambda id, entry, current, added_in: (str(id), str(entry), bool(current), int(added_in)),
        {"register": register, "version": version},
    )
    added: dict[str, dict[str, Json]] = {}
    removed: set[str] = set()
    for entry_id, entry, current, added_in in rows:
        if current:
            value = parse_canonical(entry.encode())
            added[entry_id] = value if isinstance(value, dict) else {}
        elif added_in <= version:
            removed.add(entry_id)
    return [added[key] for key in sorted(added)], sorted(removed - set(added))


def _load_roots(connection: Connection) -> tuple[tuple[Statement[Root], ...], Context]:
    roots = tuple(s for _, s in load_by_kind(connection, StatementType.ROOT))
    if not roots:
        raise refused(Code.STAGE_MISSING, "governance", "a published root", "none")
    return roots, Context(organization=roots[0].organization, environment=roots[0].environment)


def _check_delegated(connection: Connection, envelope: Envelope, body_type: type[Any], name: str) -> None:
    roots, context = _load_roots(connection)
    prove_delegated(envelope, body_type, roots[-1].body.delegation(name), context, name)


def _check_follows(statement: Statement[Any], before: Sequence[tuple[int, Statement[Any]]], path: str) -> None:
    last = before[-1][1] if before else None
    wanted = last.body.version + 1 if last else 1
    check_next_version(statement.body.version, statement.body.previous, last.id if last else "none", wanted, path)


def _check_newer(connection: Connection, statement: Statement[Prices]) -> None:
    """A snapshot replaces the last one, so that it is not older (attack: yesterday's prices are published again)."""
    last = load_prices(connection, None)
    if last and statement.body.as_of <= last.body.as_of:
        expected, got = f"after {encode_time(last.body.as_of)}", encode_time(statement.body.as_of)
        raise refused(Code.PRICE_STALE, "prices.as_of", expected, got)


def _save_register(
    connection: Connection,
    statement: Statement[RegisterHead],
    added: Sequence[Mapping[str, Json]],
    removed: Sequence[str],
) -> None:
    name = statement.body.register
    rows = load_all(connection, _QUERIES["load_current"], _entry_row, {"register": name})
    current = _build_register(name, [entry for _, entry in rows])
    entries = [parse_record(ENTRY_TYPES[name], dict(e), f"{name}.added[{i}]") for i, e in enumerate(added)]
    fresh = current.changed(entries, removed)
    check_register_head(statement.body, fresh)
    if name == "keys" and statement.body.version > 1:
        check_key_changes({e.id: e for e in current.entries}, {e.id: e for e in fresh.entries})
    tell_lookalikes(connection, entries, fresh.entries)
    version = statement.body.version
    gone = [*removed, *(e.id for e in entries)]
    execute(connection, _QUERIES["close_entries"], {"register": name, "ids": gone, "version": version})
    for entry in entries:
        fields = {"register": name, "id": entry.id, "entry": encode_entry(entry).decode(), "version": version}
        execute(connection, _QUERIES["add_entry"], fields)


def _load_registers(
    connection: Connection, heads: Mapping[str, tuple[int, Statement[RegisterHead]]]
) -> dict[str, Register[Any]]:
    versions = json.dumps({name: head.body.version for name, (_, head) in heads.items()})
    rows = load_all(connection, _QUERIES["load_entries_of"], _entry_row, {"versions": versions})
    return {name: _build_register(name, [entry for found, entry in rows if found == name]) for name in REGISTERS}


def _entry_row(register: str, entry: str) -> tuple[str, str]:
    return register, entry


def _build_register(name: str, entries: Sequence[str]) -> Register[Any]:
    parsed = [_parse_entry(name, entry) for entry in entries]
    return Register(name=name, entries=tuple(sorted(parsed, key=lambda e: e.id)))


@lru_cache(maxsize=100_000)
def _parse_entry(name: str, entry: str) -> Entry:
    return parse_record(ENTRY_TYPES[name], parse_canonical(entry.encode()), name)
