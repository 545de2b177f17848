"""What an entry makes the terminal remember: the facts that later checks look up.

Marks are part of the entry's payload, so the hash chain covers them and the indexes can be made again from them alone.
Each mark class is its own format: its fields, in canonical JSON, beside `mark`, its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import malformed
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId
from strongroom.core.records import HexBytes, Units, encode_record, parse_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What one twin of one proposal uses up, for ever: its outpoints or its nonce, and its instructions.

    commits: `outpoint:` chain `:` txid `:` index, or `nonce:` chain `:` address `:` nonce (spec/statement.md). Another
    proposal that shares any of it must be a replacement: the same instructions, a higher attempt, all of these commits.
    """

    attempt: int
    commits: tuple[str, ...]
    instructions: tuple[Digest, ...]
    proposal: Digest
    twin: Twin


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedR:
    """A signature's r. key: the custody key's id. digest: the 32 bytes that were signed. r: 32 bytes."""

    digest: HexBytes
    key: EntryId
    r: HexBytes

    def __post_init__(self) -> None:
        """Both are 32 bytes. Raises FIELD_INVALID."""
        for name, raw in (("digest", self.digest), ("r", self.r)):
            if len(raw) != 32:
                raise malformed(Code.FIELD_INVALID, f"signed-r.{name}", "32 bytes", f"{len(raw)} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearUse:
    """A clear-to-sign was accepted. clear: its statement id. nonce: the session's, 32 bytes."""

    clear: Digest
    nonce: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSeen:
    """A head in force here. name: `root`, `roster`, `policy` or a register. digest: that version's statement id."""

    digest: Digest
    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLatched:
    """A freeze, by its statement id. scope: as the statement says, e.g. `vault`."""

    freeze: Digest
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLifted:
    """A quorum lifted a freeze. lift: the lifting statement's id."""

    freeze: Digest
    lift: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIn:
    """A package was taken in. digest: of the whole file."""

    digest: Digest
    sender: PartyId
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOut:
    """A package was handed out. digest: of the whole file."""

    digest: Digest
    receiver: PartyId
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSeen:
    """A witnessed checkpoint of the log was accepted. root: of the tree of `size` leaves. time: its witness's time."""

    root: Digest
    size: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesSeen:
    """A payment was valued by a snapshot of prices. as_of: the snapshot's own time."""

    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """An instruction uses part of a rule's window, once. units: of the asset, counted from the entry's time.

    Counted by instruction and not by proposal: three payments in one transaction are three (spec/policy.md). fee: its
    share, in the chain's native asset. hkd_cents: None when there was no price.
    """

    asset: AssetId
    fee: Units
    hkd_cents: Units | None
    instruction: Digest
    rule: EntryId
    units: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """An instruction is paid from here. destination: the whitelist entry. Kept to tell people what was paid before."""

    asset: AssetId
    client: PartyId
    destination: EntryId
    instruction: Digest
    units: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPin:
    """A PIN is about to be tried at a token, and counts as wrong until the token takes it. token: its label."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RightPin:
    """A token took a PIN: its count of wrong ones begins anew. token: its label."""

    token: str


CODE_SLOT_BYTES = 32 + 32
"""A check of 32 bytes, and a word of 16 sealed with a tag of 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesSet:
    """A person set the codes that they operate with. slots: three, in no order (codes.py)."""

    person: PartyId
    salt: HexBytes
    slots: HexBytes

    def __post_init__(self) -> None:
        """Three slots and a salt. Raises FIELD_INVALID."""
        for name, raw, size in (("salt", self.salt, 16), ("slots", self.slots, 3 * CODE_SLOT_BYTES)):
            if len(raw) != size:
                raise malformed(Code.FIELD_INVALID, f"codes-set.{name}", f"{size} bytes", f"{len(raw)} bytes")


Mark = (
    Binding
    | SignedR
    | ClearUse
    | HeadSeen
    | FreezeLatched
    | FreezeLifted
    | PackageIn
    | PackageOut
    | CheckpointSeen
    | PricesSeen
    | LimitUse
    | Paid
    | WrongPin
    | RightPin
    | CodesSet
)

_CLASSES: dict[str, type[Mark]] = {
    "binding": Binding,
    "signed-r": SignedR,
    "clear-use": ClearUse,
    "head-seen": HeadSeen,
    "freeze-latched": FreezeLatched,
    "freeze-lifted": FreezeLifted,
    "package-in": PackageIn,
    "package-out": PackageOut,
    "checkpoint-seen": CheckpointSeen,
    "prices-seen": PricesSeen,
    "limit-use": LimitUse,
    "paid": Paid,
    "wrong-pin": WrongPin,
    "right-pin": RightPin,
    "codes-set": CodesSet,
}
_NAMES: dict[type[Mark], str] = {kind: name for name, kind in _CLASSES.items()}


def encode_mark(mark: Mark) -> dict[str, Json]:
    """The JSON object of a mark."""
    return {"mark": _NAMES[type(mark)], **encode_record(mark)}


def settle_mark(mark: Mark) -> Mark:
    """The mark as it will be read back: a value that no reader takes must not get into the chain.

    Raises what the fields' readers raise.
    """
    return parse_mark(encode_mark(mark), _NAMES[type(mark)])


def parse_mark(value: Json, path: str) -> Mark:
    """Read a mark. Raises FIELD_INVALID for an unknown one, and what its fields' readers raise."""
    if not isinstance(value, dict):
        raise malformed(Code.FIELD_INVALID, path, "an object", type(value).__name__)
    name = value.get("mark")
    kind = _CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise malformed(Code.FIELD_INVALID, f"{path}.mark", " or ".join(_CLASSES), repr(name)[:40])
    return parse_record(kind, {key: field for key, field in value.items() if key != "mark"}, path)
