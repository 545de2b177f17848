"""The docket as it came: every field read strictly, nothing proved; spec/docket.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from strongroom.checker.reading.bodies import Body
from strongroom.checker.reading.canonical import Json, parse_canonical_with_notes
from strongroom.checker.reading.envelopes import Envelope, Statement, parse_envelope
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.journey_bodies import parse_journey_statement
from strongroom.checker.reading.policy import Policy, parse_policy
from strongroom.checker.reading.prices import Prices, parse_prices
from strongroom.checker.reading.registers import Entry, RegisterHead, parse_entry, parse_register
from strongroom.checker.reading.roots import REGISTERS, parse_root_envelopes
from strongroom.checker.reading.stages import STAGE_OF, Stage, Twin
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, StrongroomError, malformed
from strongroom.core.ids import ChainId, Digest

FORMAT: Final = "strongroom-docket/1"
MAX_DOCKET_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an envelope claims to be in the log. checkpoint: number of the listed checkpoint that proves it."""

    checkpoint: int
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An envelope and its claimed place. path: where it stood."""

    envelope: Envelope
    place: Place
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A statement of the journey with its claimed place."""

    statement: Statement[Body]
    stage: Stage
    place: Place
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedEntry:
    """A register entry, typed and as it stood, and its claimed place in the register."""

    entry: Entry
    value: Json
    index: int
    proof: tuple[bytes, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPart:
    """The entries of one register that the docket rests on."""

    entries: tuple[PlacedEntry, ...]
    head: Located
    statement: Statement[RegisterHead]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A note and the proof that it extends the one before."""

    consistency: tuple[bytes, ...]
    note: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """A docket of claims. unsigned: of the transfer, as in spec/docket.md. signed: of `twin`, None before RELEASE."""

    chain: ChainId
    checkpoints: tuple[Checkpoint, ...]
    policy: Located
    policy_statement: Statement[Policy]
    prices: tuple[tuple[Located, Statement[Prices]], ...]
    registers: Mapping[str, RegisterPart]
    roots: tuple[Envelope, ...]
    rosters: tuple[Located, ...]
    said: tuple[Said, ...]
    signed: bytes | None
    twin: Twin
    unsigned: bytes
    path: str

    @property
    def furthest(self) -> Stage:
        """The last stage that a statement claims."""
        return max(each.stage for each in self.said)

    def at(self, stage: Stage) -> tuple[Said, ...]:
        """The statements of one stage, in docket order."""
        return tuple(each for each in self.said if each.stage is stage)


def parse_docket(raw: bytes) -> Docket:
    """Read a docket file. Raises with every malformed part; paths begin at the docket's own fields."""
    return parse_docket_node(Node(parse_canonical_with_notes(raw, limit=MAX_DOCKET_BYTES, path=""), ""))


def parse_docket_node(node: Node) -> Docket:
    """Read a docket that stands in another document."""
    found = node.members(
        "checkpoints", "format", "policy", "prices", "registers", "roots", "rosters", "statements", "transaction"
    )
    found["format"].word(FORMAT)
    policy = parse_located(found["policy"])
    registers = found["registers"].members(*REGISTERS)
    said = _parse_all(found["statements"])
    transaction = found["transaction"].members("chain", "signed", "twin", "unsigned")
    return Docket(
        chain=transaction["chain"].chain(),
        checkpoints=tuple(parse_checkpoint(item) for item in some(found["checkpoints"])),
        policy=policy,
        policy_statement=parse_policy(policy.envelope),
        prices=_parse_prices(found["prices"]),
        registers={name: parse_register_part(name, part) for name, part in registers.items()},
        roots=parse_root_envelopes(found["roots"]),
        rosters=tuple(parse_located(item) for item in some(found["rosters"])),
        said=said,
        signed=transaction["signed"].hex_or_none(),
        twin=transaction["twin"].choice(Twin),
        unsigned=transaction["unsigned"].hex(),
        path=node.path,
    )


def parse_located(node: Node) -> Located:
    """Read L."""
    found = node.members("checkpoint", "envelope", "index", "proof")
    place = Place(
        checkpoint=found["checkpoint"].integer(), index=found["index"].integer(), proof=parse_hashes(found["proof"])
    )
    return Located(envelope=parse_envelope(found["envelope"]), place=place, path=node.path)


def _parse_prices(node: Node) -> tuple[tuple[Located, Statement[Prices]], ...]:
    """No or one snapshot: of two, somebody would have to choose which one decides."""
    found = [parse_located(item) for item in node.items()]
    if len(found) > 1:
        raise node.invalid("no or one statement")
    return tuple((each, parse_prices(each.envelope)) for each in found)


def parse_hashes(node: Node) -> tuple[bytes, ...]:
    """Read a proof: hashes of 32 bytes in hex."""
    return tuple(item.hex(size=32) for item in node.items())


def parse_checkpoint(node: Node) -> Checkpoint:
    """Read C: a note and its consistency proof."""
    found = node.members("consistency", "note")
    return Checkpoint(consistency=parse_hashes(found["consistency"]), note=found["note"].note(), path=node.path)


def build_prev(said: Sequence[Said], stage: Stage) -> Digest:
    """The digest that a statement of `stage` signs over everything said in earlier stages.

    For SIGN the clears are left out, since terminals sign in parallel; the record names its own clear.
    """
    earlier = [each for each in said if each.stage < stage and not (stage is Stage.SIGN and each.stage is Stage.CLEAR)]
    return prev_of([each.statement.id for each in earlier])


def prev_of(ids: Sequence[Digest]) -> Digest:
    """The digest over statement ids in docket order."""
    text = "".join(f"{line}\n" for line in (FORMAT, *ids))
    return Digest("sha256:" + sha256(text.encode()).hexdigest())


def _parse_all(node: Node) -> tuple[Said, ...]:
    """Read every statement and report all that cannot be read, not only the first."""
    said: list[Said] = []
    found: list[Refusal] = []
    for item in some(node):
        try:
            said.append(_parse_said(item))
        except StrongroomError as error:
            found.extend(error.refusals)
    if found:
        raise RefusedError(*found)
    return tuple(said)


def _parse_said(node: Node) -> Said:
    located = parse_located(node)
    statement = parse_journey_statement(located.envelope)
    return Said(statement=statement, stage=STAGE_OF[statement.type], place=located.place, path=node.path)


def parse_register_part(name: str, node: Node) -> RegisterPart:
    """Read the part of a register. Raises HEAD_MISMATCH for another one's head."""
    found = node.members("entries", "head")
    head = parse_located(found["head"])
    statement = parse_register(head.envelope)
    if statement.body.register != name:
        raise malformed(Code.HEAD_MISMATCH, f"{statement.body_path}.register", name, statement.body.register)
    return RegisterPart(
        entries=tuple(_parse_placed_entry(name, item) for item in found["entries"].items()),
        head=head,
        statement=statement,
    )


def _parse_placed_entry(register: str, node: Node) -> PlacedEntry:
    found = node.members("entry", "index", "proof")
    return PlacedEntry(
        entry=parse_entry(register, found["entry"]),
        value=found["entry"].value,
        index=found["index"].integer(),
        proof=parse_hashes(found["proof"]),
        path=node.path,
    )


def some(node: Node) -> list[Node]:
    """The items of a list that is not empty."""
    items = node.items()
    if not items:
        raise node.invalid("at least one")
    return items
