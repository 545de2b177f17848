"""An order for a batch of addresses: which lists of public keys, for what, under whose challenge.

One small file that travels with the lists to every terminal of the wallet. From it and the lists each of them works out
the same addresses by itself: address number i is of the i-th key of each list. So nobody hands a plan around that a
terminal would have to believe. Source: spec/pool.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.core.attested import CHALLENGE_BYTES, MAX_KEYS, MAX_LINES, AddressAttestation
from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId, WalletId, parse_own_id
from strongroom.core.records import HexBytes, check_sorted, encode_record, parse_record
from strongroom.core.registers import AddressPurpose
from strongroom.core.statements import Context, Environment
from strongroom.vault.ceremony.pool_writer import LIST_FORMAT
from strongroom.vault.terminal.files import load_file

FORMAT: Final = "strongroom-address-order/1"
MAX_ORDER_BYTES: Final = 16 * 1024
MAX_LIST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A terminal's list of public keys, by its digest."""

    digest: Digest
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOrder:
    """What to attest.

    first: how many keys of each list were used by earlier batches. changes: how many of the `count` addresses are for
    change; they come first. names: `ltc-1` gives `address:ltc-1-1`; empty names addresses after themselves.
    """

    batch: EntryId
    chain: ChainId
    challenge: HexBytes
    changes: int
    count: int
    environment: Environment
    first: int
    format: str
    issued_at: datetime
    lists: tuple[ListOf, ...]
    names: str
    organization: str
    threshold: int
    wallet: WalletId

    def __post_init__(self) -> None:
        check_sorted([each.terminal for each in self.lists], "order.lists")
        parse_own_id(self.batch, "entry", "order.batch")
        if self.names:
            parse_own_id(f"address:{self.names}-{self.first + self.count}", "address", "order.names")
        limits = (
            ("format", self.format == FORMAT, FORMAT, self.format),
            ("challenge", len(self.challenge) == CHALLENGE_BYTES, "32 bytes", f"{len(self.challenge)} bytes"),
            ("count", 1 <= self.count <= MAX_LINES, f"1 to {MAX_LINES}", str(self.count)),
            ("changes", self.changes <= self.count, f"at most {self.count}", str(self.changes)),
            ("lists", 1 <= len(self.lists) <= MAX_KEYS, f"1 to {MAX_KEYS}", str(len(self.lists))),
            ("threshold", 1 <= self.threshold <= len(self.lists), f"1 to {len(self.lists)}", str(self.threshold)),
        )
        for name, holds, expected, got in limits:
            if not holds:
                raise malformed(Code.FIELD_INVALID, f"order.{name}", expected, got)

    @property
    def context(self) -> Context:
        """Of the statement."""
        return Context(organization=self.organization, environment=self.environment)

    def body(self, root: Digest) -> AddressAttestation:
        """The statement's body, over lines with this root."""
        return AddressAttestation(
            batch=self.batch,
            chain=self.chain,
            challenge=self.challenge,
            root=root,
            size=self.count,
            terminals=tuple(each.terminal for each in self.lists),
            wallet=self.wallet,
        )

    def purpose(self, number: int) -> AddressPurpose:
        """Of the address with that number, from 0."""
        return AddressPurpose.CHANGE if number < self.changes else AddressPurpose.DEPOSIT

    def name(self, number: int) -> EntryId | None:
        """The name of the address with that number, from 0; None names it after itself."""
        return EntryId(f"address:{self.names}-{self.first + number + 1}") if self.names else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHalf:
    """A key of a list, and the terminal that holds it."""

    key: EntryId
    public: bytes
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    key: EntryId
    public: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    format: str
    keys: tuple[_Row, ...]
    token: str
    wallet: WalletId


def encode_order(order: AddressOrder) -> bytes:
    """The one form of an order file."""
    return encode_canonical(encode_record(order))


def load_order(path: Path) -> AddressOrder:
    """Read an order file."""
    raw = load_file(path, MAX_ORDER_BYTES)
    return parse_record(AddressOrder, parse_canonical(raw, limit=MAX_ORDER_BYTES), "order")


def load_list(path: Path, terminal: PartyId) -> tuple[Digest, tuple[PublicHalf, ...], WalletId]:
    """A terminal's list of public keys as `make-keys` left it, with its digest and its wallet."""
    raw = load_file(path, MAX_LIST_BYTES)
    found = parse_record(_List, parse_canonical(raw, limit=MAX_LIST_BYTES), str(path))
    if found.format != LIST_FORMAT:
        raise malformed(Code.FIELD_INVALID, f"{path}.format", LIST_FORMAT, found.format)
    check_sorted([row.key for row in found.keys], f"{path}.keys")
    halves = tuple(PublicHalf(key=r.key, public=bytes(r.public), terminal=terminal) for r in found.keys)
    return sha256(raw), halves, found.wallet


def load_plan(order: AddressOrder, lists: Mapping[PartyId, Path]) -> tuple[tuple[PublicHalf, ...], ...]:
    """The keys of each address of the order, in the order of their ids.

    Raises DIGEST_MISMATCH for a list that is not the ordered one, NOT_IN_REGISTER for one that is missing or too short,
    FIELD_INVALID for one of another wallet.
    """
    columns = [_load_column(order, each, lists) for each in order.lists]
    return tuple(tuple(sorted(row, key=lambda half: half.key)) for row in zip(*columns, strict=True))


def _load_column(order: AddressOrder, wanted: ListOf, lists: Mapping[PartyId, Path]) -> Sequence[PublicHalf]:
    path = lists.get(wanted.terminal)
    if path is None:
        raise refused(Code.NOT_IN_REGISTER, "lists", f"the list of {wanted.terminal}", ", ".join(sorted(lists)))
    digest, halves, wallet = load_list(path, wanted.terminal)
    if digest != wanted.digest:
        raise refused(Code.DIGEST_MISMATCH, str(path), wanted.digest, digest)
    if wallet != order.wallet:
        raise malformed(Code.FIELD_INVALID, f"{path}.wallet", order.wallet, wallet)
    used = halves[order.first : order.first + order.count]
    if len(used) != order.count:
        expected = f"{order.count} keys behind the first {order.first}"
        raise refused(Code.NOT_IN_REGISTER, str(path), expected, f"{len(halves)} keys in all")
    return used
