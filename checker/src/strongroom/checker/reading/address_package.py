"""A client's deposit address by the second reading: the package that came with it, and nothing else but the root.

1. The roots and rosters of the package follow from the root that the reader has, and its checkpoints from them; the
last is recent. 2. The attestation is in the log, signed by exactly the terminals that it names. 3. The line stands
under its root, the address derives from its keys, and every key signed the challenge. 4. The registers that people
signed have the address and its keys so. 5. The assignment is in the log after it, signed by the assigner, and names
that line. Signers are judged at the time that a witness saw, by the roster below them in the log; what they wrote of
the time is nobody's proof.
Source: spec/wallets.md, spec/attestation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from strongroom.checker.reading.address_line import Attestation, Line, parse_attestation, prove_line
from strongroom.checker.reading.canonical import parse_canonical_with_notes
from strongroom.checker.reading.docket import (
    Located,
    RegisterPart,
    parse_checkpoint,
    parse_located,
    parse_register_part,
    some,
)
from strongroom.checker.reading.emergency_bodies import KeyState
from strongroom.checker.reading.envelopes import Envelope, Statement, Type, check_context, check_exact
from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.reading.governed import parse_governed
from strongroom.checker.reading.log import HeadRead
from strongroom.checker.reading.registers import Address, ChainKey
from strongroom.checker.reading.roots import RootChain, check_pinned, check_roots, parse_root_envelopes, parse_root_file
from strongroom.checker.reading.rosters import (
    PlacedRoster,
    Roster,
    check_current,
    check_party,
    check_rosters,
    roster_below,
)
from strongroom.checker.reading.trust import (
    check_indexes_rise,
    check_place,
    check_register_part,
    find_checkpoint,
    moment_of,
    prove_checkpoints,
)
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId

MAX_PACKAGE_BYTES: Final = 16 * 1024 * 1024
MOST_AGE: Final = timedelta(days=7)
_MOST_AHEAD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Whose an address is."""

    account: str
    address: str
    attestation: Digest
    chain: ChainId
    client: PartyId
    entry: str
    line: Digest
    wallet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedAddress:
    """Whose an address is. as_of: the last checkpoint's time. roster: version of the last one in the package."""

    as_of: datetime
    assignment: Assignment
    roster: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the two statements stand on."""

    chain: RootChain
    heads: tuple[HeadRead, ...]
    rosters: tuple[PlacedRoster, ...]

    @property
    def as_of(self) -> datetime:
        """Until when the package tells of the log."""
        return moment_of(self.heads[-1])

    def judge_of(self, located: Located) -> tuple[Roster, datetime]:
        """The roster and the time that its signers are judged by; its place in the log is proved with it."""
        check_place(located.envelope, located.place, self.heads, located.path)
        moment = moment_of(find_checkpoint(located.place, self.heads, located.path))
        return roster_below(self.rosters, located.place.index, located.path), moment


def prove_address(raw: bytes, root_file: bytes, now: datetime) -> ProvedAddress:
    """Prove a package. root_file: the reader's own `root.json`.

    Raises ROOT_MISMATCH, ADDRESS_NOT_ATTESTED, ADDRESS_NOT_DERIVED, SPEND_PROOF_INVALID, EXPIRED, CLOCK_BEHIND, and
    what a signature, a checkpoint or a place in the log raises.
    """
    found = Node(parse_canonical_with_notes(raw, limit=MAX_PACKAGE_BYTES, path="package"), "package").members(
        "addresses", "assignment", "attestation", "checkpoints", "index", "keys", "line", "proof", "roots", "rosters"
    )
    ground = _prove_ground(found, root_file)
    _check_recent(ground.as_of, now)
    attestation, before = _prove_attestation(found["attestation"], ground)
    text = found["line"].base64()
    proof = [each.base64() for each in found["proof"].items()]
    line = prove_line(attestation.body, text, found["index"].integer(), proof)
    assignment, index = _prove_assignment(found["assignment"], ground)
    if index <= before:
        raise refused(Code.DOCKET_ORDER, f"{found['assignment'].path}.index", f"above {before}", str(index))
    registered, keys = (parse_register_part(name, found[name]) for name in ("addresses", "keys"))
    for name, part in (("addresses", registered), ("keys", keys)):
        check_register_part(name, part, ground.chain, ground.heads)
    _check_address_entry(registered, attestation.body, line, assignment.body.account)
    _check_key_entries(keys, attestation.body, line)
    _check_same(assignment.body, attestation.id, attestation.body, line, text)
    return ProvedAddress(
        as_of=ground.as_of, assignment=assignment.body, roster=ground.rosters[-1].statement.body.version
    )


def check_roster_version(proved: ProvedAddress, least: int) -> None:
    """Raise HEAD_ROLLBACK for a package that ends before a roster that the reader knows of."""
    if proved.roster < least:
        raise refused(Code.HEAD_ROLLBACK, "package.rosters", f"roster {least} or later", str(proved.roster))


def _prove_ground(found: Mapping[str, Node], root_file: bytes) -> _Ground:
    """Roots from the reader's own, rosters under them, and the log as its witnesses saw it."""
    pinned, envelopes = parse_root_file(root_file), parse_root_envelopes(found["roots"])
    check_pinned(envelopes, pinned)
    check_roots(pinned)
    chain = check_roots(envelopes)
    located = [parse_located(each) for each in some(found["rosters"])]
    statements = check_rosters([each.envelope for each in located], chain)
    check_current(statements, chain)
    rosters = tuple(
        PlacedRoster(statement=statement, index=each.place.index)
        for statement, each in zip(statements, located, strict=True)
    )
    check_indexes_rise([each.index for each in rosters], found["rosters"].path)
    heads = prove_checkpoints([parse_checkpoint(each) for each in some(found["checkpoints"])], chain.last, rosters)
    for each in located:
        check_place(each.envelope, each.place, heads, each.path)
    ground = _Ground(chain=chain, heads=heads, rosters=rosters)
    last = rosters[-1].statement
    if ground.as_of > last.body.expires:
        expected = f"roster {last.body.version} until {render_time(last.body.expires)}"
        raise refused(Code.EXPIRED, f"{last.body_path}.expires", expected, render_time(ground.as_of))
    return ground


def _check_recent(as_of: datetime, now: datetime) -> None:
    path = "package.checkpoints"
    if as_of - now > _MOST_AHEAD:
        raise refused(Code.CLOCK_BEHIND, path, f"a checkpoint not after {render_time(now)}", render_time(as_of))
    if now - as_of > MOST_AGE:
        raise refused(Code.EXPIRED, path, f"a checkpoint of the {MOST_AGE.days} days before now", render_time(as_of))


def _prove_attestation(node: Node, ground: _Ground) -> tuple[Statement[Attestation], int]:
    located = parse_located(node)
    said = parse_governed(located.envelope, Type.ADDRESS_ATTESTATION, parse_attestation)
    roster, moment = ground.judge_of(located)
    check_context(said, ground.chain.context)
    _check_terminals(said.envelope, said.issuer, said.body, roster, moment)
    return said, located.place.index


def _prove_assignment(node: Node, ground: _Ground) -> tuple[Statement[Assignment], int]:
    located = parse_located(node)
    said = parse_governed(located.envelope, Type.ADDRESS_ASSIGNMENT, _parse_assignment)
    roster, moment = ground.judge_of(located)
    check_context(said, ground.chain.context)
    assigner = check_party(roster, said.issuer, ("assigner",), moment, f"{said.path}.payload.issuer")
    check_exact(said.envelope, [assigner.key])
    return said, located.place.index


def _check_terminals(envelope: Envelope, issuer: PartyId, body: Attestation, roster: Roster, moment: datetime) -> None:
    path = f"{envelope.path}.payload"
    if issuer not in body.terminals:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", ", ".join(body.terminals), issuer)
    parties = [check_party(roster, each, ("terminal",), moment, f"{path}.body.terminals") for each in body.terminals]
    check_exact(envelope, [party.key for party in parties])


def _check_address_entry(part: RegisterPart, batch: Attestation, line: Line, account: str) -> None:
    entry = next((each.entry for each in part.entries if each.entry.id == line.entry), None)
    if not isinstance(entry, Address):
        raise refused(Code.NOT_IN_REGISTER, "package.addresses", line.entry, "no such entry")
    held = (entry.address, entry.chain, entry.wallet, entry.threshold, entry.purpose.value, *entry.keys)
    said = (line.address, batch.chain, batch.wallet, line.threshold, line.purpose, *(key.id for key in line.keys))
    if held != said:
        raise refused(Code.ADDRESS_NOT_ATTESTED, "package.addresses", repr(held), repr(said))
    if entry.account not in (None, account):
        raise refused(Code.NOT_IN_REGISTER, "package.addresses", f"an address of {entry.account}", account)


def _check_key_entries(part: RegisterPart, batch: Attestation, line: Line) -> None:
    held = {each.entry.id: each.entry for each in part.entries}
    for key in line.keys:
        path, entry = f"package.keys.{key.id}", held.get(EntryId(key.id))
        if not isinstance(entry, ChainKey) or (entry.public, entry.terminal, entry.wallet) != (
            key.public,
            key.terminal,
            batch.wallet,
        ):
            raise refused(Code.ADDRESS_NOT_ATTESTED, path, f"{key.public.hex()} at {key.terminal}", "another or none")
        if entry.state is not KeyState.ACTIVE:
            raise refused(Code.ADDRESS_WITHOUT_SPEND_PROOF, path, "a key that can sign", entry.state.value)


def _check_same(body: Assignment, attestation: Digest, batch: Attestation, line: Line, text: bytes) -> None:
    said = (body.attestation, body.line, body.entry, body.address, body.chain, body.wallet)
    shown = (
        attestation,
        f"sha256:{sha256(text).hexdigest()}",
        line.entry,
        line.address,
        batch.chain,
        batch.wallet,
    )
    if said != shown:
        raise refused(Code.ADDRESS_NOT_ATTESTED, "package.assignment", ", ".join(shown), ", ".join(said))


def _parse_assignment(node: Node) -> Assignment:
    found = node.members("account", "address", "attestation", "chain", "client", "entry", "line", "wallet")
    return Assignment(
        account=found["account"].own_id("account"),
        address=found["address"].text(),
        attestation=found["attestation"].digest(),
        chain=found["chain"].chain(),
        client=found["client"].party_of("client"),
        entry=found["entry"].own_id("address"),
        line=found["line"].digest(),
        wallet=found["wallet"].own_id("wallet"),
    )
