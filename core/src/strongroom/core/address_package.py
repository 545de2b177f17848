"""The file that a client gets with a deposit address: verifiable without us, with nothing but the root.

It holds what the vault said of the address, its place in that batch, what the assigner said of it, and the places of
both in the log. Whoever shows another address, by a changed page, row or name server, has no such file for it; whoever
holds an old key has none that a witness dates to the days of that key. Source: spec/wallets.md, "Package".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from strongroom.core.assemble import Governance, LogView, build_located, build_slice, build_steps, choose_checkpoints
from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import AddressAttestation, AttestedLine, parse_line
from strongroom.core.canonical import encode_with_notes, parse_with_notes, sha256
from strongroom.core.checks.attest import check_attestation_signers
from strongroom.core.checks.foundation import (
    Proved,
    check_rising,
    place,
    prove_checkpoints,
    prove_register,
    prove_roots,
    prove_roster_chain,
    roster_in_force,
)
from strongroom.core.checks.issue import check_offered_line, check_registered
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Located, RegisterSlice
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest
from strongroom.core.log import WitnessedCheckpoint
from strongroom.core.records import NONE, Base64Bytes, encode_record, parse_record
from strongroom.core.registers import AddressEntry, KeyEntry
from strongroom.core.roster import Root, Roster, check_party
from strongroom.core.statements import (
    Context,
    Envelope,
    Statement,
    check_context,
    check_exact_signers,
    expect,
    parse_statement,
)

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_AGE: Final = timedelta(days=7)
"""How old the last checkpoint may be: a package from before a key was revoked is of no use for longer."""
MAX_AHEAD: Final = timedelta(minutes=5)
"""How far the reader's clock may be behind the witness's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPackage:
    """line: the batch's line as it stands there; index, proof: its place under the signed root.

    addresses, keys: the registers' heads with the entries of the address and of its keys.
    """

    addresses: RegisterSlice
    assignment: Located
    attestation: Located
    checkpoints: tuple[CheckpointStep, ...]
    index: int
    keys: RegisterSlice
    line: Base64Bytes
    proof: tuple[Base64Bytes, ...]
    roots: tuple[Envelope, ...]
    rosters: tuple[Located, ...]

    def __post_init__(self) -> None:
        for name in ("checkpoints", "roots", "rosters"):
            if not getattr(self, name):
                raise malformed(Code.FIELD_INVALID, f"package.{name}", "at least one", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLine:
    """A batch's line with its place under the signed root, and the statements about it."""

    assignment: Envelope
    attestation: Envelope
    index: int
    proof: tuple[bytes, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedAddress:
    """Whose an address is. as_of: the last checkpoint's time. roster: version of the last one that was shown."""

    as_of: datetime
    assignment: AddressAssignment
    roster: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the statements stand on, proved."""

    checkpoints: tuple[WitnessedCheckpoint, ...]
    context: Context
    root: Root
    rosters: tuple[Proved[Roster], ...]


def encode_package(package: AddressPackage) -> bytes:
    """The file."""
    return encode_with_notes(encode_record(package))


def parse_package(raw: bytes) -> AddressPackage:
    """Read a file; believes nothing of it."""
    return parse_record(AddressPackage, parse_with_notes(raw, limit=MAX_BYTES), "package")


def build_package(log: LogView, governance: Governance, offered: OfferedLine) -> AddressPackage:
    """What a client is given, as of the log's last checkpoint. Raises NOT_IN_LOG for what no witness has seen yet."""
    line = parse_line(offered.text, "line")
    names = {"addresses": {str(line.id)}, "keys": {str(key.id) for key in line.keys}}
    notes = choose_checkpoints(log, [offered.attestation.id, offered.assignment.id])
    slices = {name: build_slice(log, notes, governance, name, wanted) for name, wanted in names.items()}
    rosters = [each for each in governance.rosters if log.index_of(each.id) < notes[-1].size]
    return AddressPackage(
        **slices,
        assignment=build_located(log, notes, offered.assignment),
        attestation=build_located(log, notes, offered.attestation),
        checkpoints=build_steps(log, notes),
        index=offered.index,
        line=Base64Bytes(offered.text.encode()),
        proof=tuple(Base64Bytes(each) for each in offered.proof),
        roots=governance.roots,
        rosters=tuple(build_located(log, notes, each) for each in rosters),
    )


def prove_package(package: AddressPackage, root: Digest, now: datetime) -> ProvedAddress:
    """Whose address it is, and which. root: the fingerprint that the reader has from elsewhere.

    1. Roots from the pinned one, rosters and checkpoints under them; the last checkpoint is recent. 2. The attestation,
    in the log, by its terminals at the time that a witness gives it. 3. The line, under its root, derived and
    spend-proved. 4. The signed registers have the address and its keys so: a terminal's and the assigner's keys in
    wrong hands are not enough. 5. The assignment, in the log after it, by the assigner at that time, names that line.
    That no other assignment and no later roster or register stands in the log is for whoever reads it to say.
    Raises ROOT_MISMATCH, ADDRESS_NOT_ATTESTED, NOT_IN_REGISTER, ADDRESS_WITHOUT_SPEND_PROOF, EXPIRED, CLOCK_BEHIND, and
    what each of these raises.
    """
    ground = _prove_ground(package, root)
    as_of = _moment(ground.checkpoints[-1])
    check_age(as_of, now)
    attestation = _prove_attestation(package.attestation, ground)
    text = package.line.decode("ascii", "replace")
    line = check_offered_line(attestation.body, text, package.index, package.proof)
    assignment = _prove_assignment(package.assignment, ground)
    check_rising([attestation.index, assignment.index], "package.assignment.index")
    _check_registers(package, ground, attestation.body, line, assignment.body)
    _check_says(assignment.body, attestation.statement, line, text)
    return ProvedAddress(as_of=as_of, assignment=assignment.body, roster=ground.rosters[-1].body.version)


def check_age(as_of: datetime, now: datetime) -> None:
    """Raise unless a checkpoint's time is recent by the reader's clock: EXPIRED, or CLOCK_BEHIND."""
    field = "package.checkpoints"
    if as_of > now + MAX_AHEAD:
        raise refused(Code.CLOCK_BEHIND, field, f"a checkpoint not after {now}", str(as_of))
    if as_of < now - MAX_AGE:
        raise refused(Code.EXPIRED, field, f"a checkpoint not before {now - MAX_AGE}", str(as_of))


def _prove_ground(package: AddressPackage, root: Digest) -> _Ground:
    if package.roots[0].id != root:
        raise refused(Code.ROOT_MISMATCH, "package.roots", root, package.roots[0].id)
    roots: tuple[Statement[Root], ...] = prove_roots(package.roots, package.roots[:1])
    context = Context(organization=roots[0].organization, environment=roots[0].environment)
    claimed = prove_roster_chain([each.envelope for each in package.rosters], roots, context)
    indexes = [each.index for each in package.rosters]
    check_rising(indexes, "rosters")
    pairs = list(zip(indexes, claimed, strict=True))
    checkpoints = prove_checkpoints(package.checkpoints, roots[-1].body, pairs)
    rosters = tuple(
        place(statement, located, checkpoints, f"rosters[{i}]")
        for i, (statement, located) in enumerate(zip(claimed, package.rosters, strict=True))
    )
    return _Ground(checkpoints=checkpoints, context=context, root=roots[-1].body, rosters=rosters)


def _prove_attestation(located: Located, ground: _Ground) -> Proved[AddressAttestation]:
    said = expect(parse_statement(located.envelope, "attestation"), AddressAttestation, "attestation")
    check_context(said, ground.context, "attestation")
    proved = place(said, located, ground.checkpoints, "attestation")
    # Not the time that its signers wrote: an expired key would write a time at which it was valid.
    check_attestation_signers(said, roster_in_force(ground.rosters, proved.index).body, proved.time, "attestation")
    return proved


def _prove_assignment(located: Located, ground: _Ground) -> Proved[AddressAssignment]:
    said = expect(parse_statement(located.envelope, "assignment"), AddressAssignment, "assignment")
    check_context(said, ground.context, "assignment")
    proved = place(said, located, ground.checkpoints, "assignment")
    roster = roster_in_force(ground.rosters, proved.index).body
    assigner = check_party(roster, said.issuer, "assigner", proved.time, "assignment.issuer")
    check_exact_signers(located.envelope, [assigner.key], "assignment")
    return proved


def _check_registers(
    package: AddressPackage, ground: _Ground, batch: AddressAttestation, line: AttestedLine, body: AddressAssignment
) -> None:
    held = [
        prove_register(name, slice_, ground.root, ground.context, ground.checkpoints)[1]
        for name, slice_ in (("addresses", package.addresses), ("keys", package.keys))
    ]
    entry, keys = cast("AddressEntry | None", held[0].get(line.id)), cast("dict[str, KeyEntry]", held[1])
    check_registered(batch, line, entry, keys)
    if entry is not None and entry.account not in (NONE, body.account):
        raise refused(Code.NOT_IN_REGISTER, f"{line.id}.account", entry.account, body.account)


def _check_says(
    body: AddressAssignment, attestation: Statement[AddressAttestation], line: AttestedLine, text: str
) -> None:
    said = (body.attestation, body.line, body.entry, body.address, body.chain, body.wallet)
    batch = attestation.body
    shown = (attestation.id, sha256(text.encode()), line.id, line.address, batch.chain, batch.wallet)
    if said != shown:
        raise refused(Code.ADDRESS_NOT_ATTESTED, "package.assignment", ", ".join(shown), ", ".join(said))


def _moment(checkpoint: WitnessedCheckpoint) -> datetime:
    return datetime.fromtimestamp(checkpoint.time_s, UTC)
