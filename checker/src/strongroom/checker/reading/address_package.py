"""A client's deposit address by the second reading: the package that came with it, and nothing else but the root.

1. The roots and rosters of the package follow from the root that the reader has, and its checkpoints from them; the
last is recent. 2. The attestation is in the log, signed by exactly the terminals that it names. 3. The line stands
under its root, the address derives from its keys, and every key signed the challenge. 4. The registers that people
signed have the address and its keys so. 5. The assignment is in the log after it, signed by the assigner, and names
that line. Signers are judged at the time that a witness saw, by the roster
below them in the log; what they wrote of the time is nobody's proof.
Source: spec/wallets.md, spec/attestation.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from coincurve import PublicKey
from coincurve.ecdsa import cdata_to_der, deserialize_compact

from strongroom.checker.reading.bitcoin_scripts import own_script_of, script_to_address
from strongroom.checker.reading.canonical import parse_canonical, parse_canonical_with_notes
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
from strongroom.checker.reading.ethereum import bytes_to_ethereum_address, ethereum_address_of
from strongroom.checker.reading.fields import Node, check_sorted, render_time
from strongroom.checker.reading.governed import parse_governed
from strongroom.checker.reading.log import HeadRead, check_inclusion
from strongroom.checker.reading.networks import is_ethereum
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
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId

MAX_PACKAGE_BYTES: Final = 16 * 1024 * 1024
MOST_AGE: Final = timedelta(days=7)
_MOST_AHEAD: Final = timedelta(minutes=5)
_MAX_LINE_BYTES: Final = 8192
_MOST_KEYS: Final = 15


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attestation:
    """What the terminals signed of a batch."""

    batch: str
    chain: ChainId
    challenge: bytes
    root: bytes
    size: int
    terminals: tuple[PartyId, ...]
    wallet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineKey:
    """A key of an address."""

    id: str
    proof: bytes
    public: bytes
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One address of a batch."""

    address: str
    entry: str
    keys: tuple[_LineKey, ...]
    purpose: str
    threshold: int


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
    line = _prove_line(attestation.body, text, found["index"].integer(), proof)
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


def _prove_attestation(node: Node, ground: _Ground) -> tuple[Statement[_Attestation], int]:
    located = parse_located(node)
    said = parse_governed(located.envelope, Type.ADDRESS_ATTESTATION, _parse_attestation)
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


def _check_terminals(envelope: Envelope, issuer: PartyId, body: _Attestation, roster: Roster, moment: datetime) -> None:
    path = f"{envelope.path}.payload"
    if issuer not in body.terminals:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", ", ".join(body.terminals), issuer)
    parties = [check_party(roster, each, ("terminal",), moment, f"{path}.body.terminals") for each in body.terminals]
    check_exact(envelope, [party.key for party in parties])


def _prove_line(body: _Attestation, text: bytes, index: int, proof: Sequence[bytes]) -> _Line:
    path = f"{body.batch}.lines[{index}]"
    try:
        check_inclusion(leaf=sha256(b"\x00" + text).digest(), index=index, size=body.size, proof=proof, root=body.root)
    except RefusedError as error:
        raise refused(Code.ADDRESS_NOT_ATTESTED, path, "a line that the vault signed", repr(text[:80])) from error
    line = _parse_line(Node(parse_canonical(text, limit=_MAX_LINE_BYTES, path=path), path))
    if line.purpose != "deposit":
        raise refused(Code.ADDRESS_NOT_ATTESTED, path, "an address for deposits", line.purpose)
    derived = _derive(body.chain, line, path)
    if derived != line.address:
        raise refused(Code.ADDRESS_NOT_DERIVED, path, derived, line.address)
    said = f"strongroom-spend-proof/1\n{body.chain}\n{line.address}\n{body.challenge.hex()}\n"
    digest = sha256(said.encode()).digest()
    for key in line.keys:
        if not _is_signed(key.public, digest, key.proof):
            raise refused(Code.SPEND_PROOF_INVALID, path, f"a signature by {key.public.hex()}", key.proof.hex())
    return line


def _derive(chain: ChainId, line: _Line, path: str) -> str:
    publics = [key.public for key in line.keys]
    if not is_ethereum(chain):
        return script_to_address(own_script_of(line.threshold, publics)[0], chain)
    if (line.threshold, len(publics)) != (1, 1):
        raise refused(Code.ADDRESS_NOT_DERIVED, path, "one key", f"{line.threshold} of {len(publics)}")
    return bytes_to_ethereum_address(ethereum_address_of(publics[0]))


def _is_signed(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `r || s` is this key's, with a low s: libsecp256k1 verifies no other."""
    try:
        return PublicKey(public).verify(cdata_to_der(deserialize_compact(signature)), digest, hasher=None)
    except ValueError:
        # No point, or numbers out of their range: nobody's signature.
        return False


def _check_address_entry(part: RegisterPart, batch: _Attestation, line: _Line, account: str) -> None:
    entry = next((each.entry for each in part.entries if each.entry.id == line.entry), None)
    if not isinstance(entry, Address):
        raise refused(Code.NOT_IN_REGISTER, "package.addresses", line.entry, "no such entry")
    held = (entry.address, entry.chain, entry.wallet, entry.threshold, entry.purpose.value, *entry.keys)
    said = (line.address, batch.chain, batch.wallet, line.threshold, line.purpose, *(key.id for key in line.keys))
    if held != said:
        raise refused(Code.ADDRESS_NOT_ATTESTED, "package.addresses", repr(held), repr(said))
    if entry.account not in (None, account):
        raise refused(Code.NOT_IN_REGISTER, "package.addresses", f"an address of {entry.account}", account)


def _check_key_entries(part: RegisterPart, batch: _Attestation, line: _Line) -> None:
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


def _check_same(body: Assignment, attestation: Digest, batch: _Attestation, line: _Line, text: bytes) -> None:
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


def _parse_attestation(node: Node) -> _Attestation:
    found = node.members("batch", "chain", "challenge", "root", "size", "terminals", "wallet")
    terminals = tuple(each.party_of("device") for each in found["terminals"].items())
    check_sorted(terminals, found["terminals"].path)
    return _Attestation(
        batch=found["batch"].own_id("entry"),
        chain=found["chain"].chain(),
        challenge=found["challenge"].hex(size=32),
        root=bytes.fromhex(found["root"].digest().removeprefix("sha256:")),
        size=found["size"].integer(least=1),
        terminals=terminals,
        wallet=found["wallet"].own_id("wallet"),
    )


def _parse_line(node: Node) -> _Line:
    found = node.members("address", "id", "keys", "purpose", "threshold")
    rows = [each.members("id", "proof", "public", "terminal") for each in found["keys"].items()]
    if not 1 <= len(rows) <= _MOST_KEYS:
        raise found["keys"].invalid(f"1 to {_MOST_KEYS} keys")
    check_sorted([row["id"].own_id("key") for row in rows], found["keys"].path)
    return _Line(
        address=found["address"].text(),
        entry=found["id"].own_id("address"),
        keys=tuple(
            _LineKey(
                id=row["id"].own_id("key"),
                proof=row["proof"].hex(size=64),
                public=row["public"].hex(size=33),
                terminal=row["terminal"].party_of("device"),
            )
            for row in rows
        ),
        purpose=found["purpose"].word("deposit", "change"),
        threshold=found["threshold"].integer(least=1),
    )
