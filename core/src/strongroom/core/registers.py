"""Registers: clients, whitelist, keys, addresses and assets as signed Merkle roots over sorted entries.

A device holds every entry and takes signed deltas; a docket carries single entries with proofs. Source:
spec/registers.md; III.14, III.15, II.1.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Generic, Protocol, TypeVar, assert_never

from strongroom.chains.ethereum.addresses import token_asset
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId, chain_of
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.merkle import build_inclusion_proof, check_inclusion, leaf_hash, tree_root
from strongroom.core.records import NONE, DigestOrNone, EntryOrNone, HexBytes, check_sorted, encode_record


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterHead:
    """Body of a `register` statement."""

    previous: DigestOrNone
    register: str
    root: Digest
    size: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAccount:
    """A client's ledger account: which asset, kept in which wallet."""

    asset: AssetId
    id: AccountId
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEntry:
    """A client: the keys that sign instructions, and the accounts that they may debit."""

    accounts: tuple[ClientAccount, ...]
    id: PartyId
    keys: tuple[PublicKey, ...]
    name: str

    def __post_init__(self) -> None:
        check_sorted([a.id for a in self.accounts], f"{self.id}.accounts")
        # What a passkey signs is shown by a page, and a page shows anything: an instruction needs a key that shows it.
        if any(key.alg is Algorithm.WEBAUTHN_P256 for key in self.keys):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.keys", "keys that show what they sign", "a FIDO2 key")

    def account(self, account: AccountId) -> ClientAccount:
        """One of this client's accounts. Raises NOT_IN_REGISTER: a client debits its own accounts only."""
        for entry in self.accounts:
            if entry.id == account:
                return entry
        raise refused(Code.NOT_IN_REGISTER, "account", f"an account of {self.id}", account)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhitelistEntry:
    """A destination that one client may be paid at."""

    added_at: datetime
    address: str
    asset: AssetId
    chain: ChainId
    client: PartyId
    id: EntryId
    owner: str
    purpose: str


class KeyState(StrEnum):
    """Where a key is in its life, after NIST SP 800-57; `key_states.py` says what may follow and who may sign."""

    PRE_ACTIVATION = "pre-activation"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A signing key: its public point, its wallet, and the one terminal whose token holds it."""

    chain: ChainId
    id: EntryId
    public: HexBytes
    state: KeyState
    terminal: PartyId
    wallet: WalletId


class AddressPurpose(StrEnum):
    """What an address of ours is for."""

    DEPOSIT = "deposit"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressEntry:
    """An address of ours, derived from `threshold` of `keys`; `account` is whose deposits arrive there."""

    account: EntryOrNone
    address: str
    chain: ChainId
    id: EntryId
    keys: tuple[EntryId, ...]
    purpose: AddressPurpose
    threshold: int
    wallet: WalletId

    def __post_init__(self) -> None:
        check_sorted(self.keys, f"{self.id}.keys")


class AssetKind(StrEnum):
    """Kinds of assets that can be paid."""

    NATIVE = "native"
    ERC20 = "erc20"


MAX_DECIMALS = 36
_CODE_HASH = re.compile(r"keccak256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEntry:
    """An asset: where it lives and how people write it.

    contract: EIP-55, code_hash: `keccak256:` of the code that stands there, both `none` for a native asset. The id of a
    token is made from its contract, so that no entry can give a known name to another contract.
    """

    chain: ChainId
    code_hash: str
    contract: str
    decimals: int
    id: AssetId
    kind: AssetKind
    symbol: str

    def __post_init__(self) -> None:
        if self.decimals > MAX_DECIMALS:
            raise malformed(Code.FIELD_INVALID, f"{self.id}.decimals", f"at most {MAX_DECIMALS}", str(self.decimals))
        match self.kind:
            case AssetKind.NATIVE:
                self._check_is("contract", NONE, self.contract)
                self._check_is("code_hash", NONE, self.code_hash)
                self._check_is("chain", chain_of(self.id), self.chain)
            case AssetKind.ERC20:
                self._check_is("id", token_asset(self.chain, self.contract), self.id)
                if not _CODE_HASH.fullmatch(self.code_hash):
                    raise malformed(
                        Code.FIELD_INVALID, f"{self.id}.code_hash", "keccak256: and 64 hex digits", self.code_hash
                    )
            case _:
                assert_never(self.kind)

    def _check_is(self, name: str, expected: str, got: str) -> None:
        if expected != got:
            raise malformed(Code.FIELD_INVALID, f"{self.id}.{name}", expected, got)


Entry = ClientEntry | WhitelistEntry | KeyEntry | AddressEntry | AssetEntry
ENTRY_TYPES: Mapping[str, type[Entry]] = {
    "addresses": AddressEntry,
    "assets": AssetEntry,
    "clients": ClientEntry,
    "keys": KeyEntry,
    "whitelist": WhitelistEntry,
}


class _HasId(Protocol):
    @property
    def id(self) -> str: ...

    def __hash__(self) -> int: ...


E = TypeVar("E", bound=_HasId)


@lru_cache(maxsize=4096)
def encode_entry(entry: Hashable) -> bytes:
    """The canonical bytes of an entry: the Merkle leaf. Every docket carries the same few; an entry never changes."""
    return encode_canonical(encode_record(entry))


def entry_digest(entry: Hashable) -> Digest:
    """Digest of an entry's canonical bytes; a client signs it with the destination."""
    return sha256(encode_entry(entry))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Generic[E]):
    """All entries of one register, sorted by id."""

    name: str
    entries: tuple[E, ...]

    def __post_init__(self) -> None:
        check_sorted([e.id for e in self.entries], f"registers.{self.name}")

    def find(self, entry: str, field: str) -> E:
        """The entry with this id. Raises NOT_IN_REGISTER."""
        for candidate in self.entries:
            if candidate.id == entry:
                return candidate
        raise refused(Code.NOT_IN_REGISTER, field, f"an entry of the {self.name} register", entry)

    def leaves(self) -> list[bytes]:
        """Leaf hashes, in order."""
        return [leaf_hash(encode_entry(e)) for e in self.entries]

    def root(self) -> Digest:
        """The Merkle root over the entries."""
        return Digest("sha256:" + tree_root(self.leaves()).hex())

    def prove(self, entry: str) -> tuple[int, tuple[bytes, ...]]:
        """Index and inclusion proof of an entry."""
        index = next((i for i, e in enumerate(self.entries) if e.id == entry), None)
        if index is None:
            raise refused(Code.NOT_IN_REGISTER, f"registers.{self.name}", "an entry", entry)
        return index, build_inclusion_proof(self.leaves(), index)

    def changed(self, added: Iterable[E], removed: Sequence[str]) -> Register[E]:
        """This register after a delta: remove, then add or replace. Raises NOT_IN_REGISTER for a removed stranger."""
        rows = {e.id: e for e in self.entries}
        for gone in removed:
            if gone not in rows:
                raise refused(Code.NOT_IN_REGISTER, f"registers.{self.name}.removed", "an entry", gone)
            del rows[gone]
        for entry in added:
            rows[entry.id] = entry
        return Register(name=self.name, entries=tuple(rows[key] for key in sorted(rows)))


def check_register_head(head: RegisterHead, register: Register[E]) -> None:
    """Raise HEAD_MISMATCH unless these entries have the signed size and root."""
    root = register.root()
    if head.register != register.name or head.size != len(register.entries) or head.root != root:
        expected = f"{head.register} of {head.size} entries, {head.root}"
        raise refused(
            Code.HEAD_MISMATCH, f"registers.{register.name}", expected, f"{len(register.entries)} entries, {root}"
        )


def check_entry_proof(head: RegisterHead, entry: object, index: int, proof: Sequence[bytes], field: str) -> None:
    """Raise PROOF_INVALID unless the entry is in the register of this head."""
    if index >= head.size:
        raise malformed(Code.PROOF_INVALID, f"{field}.index", f"below {head.size}", str(index))
    root = bytes.fromhex(head.root.removeprefix("sha256:"))
    check_inclusion(leaf=leaf_hash(encode_entry(entry)), index=index, size=head.size, proof=tuple(proof), root=root)


def check_entry_age(entry: WhitelistEntry, first_seen: datetime | None, min_age_s: int, now: datetime) -> None:
    """Raise ENTRY_TOO_YOUNG while the activation delay runs.

    first_seen: when this device first held the entry; None when it came with the enrolment. The delay counts from the
    later of the two, so that a back-dated `added_at` gains nothing (attack: officers date a new entry into last
    year). III.15.
    """
    since = entry.added_at if first_seen is None else max(entry.added_at, first_seen)
    age_s = (now - since) // timedelta(seconds=1)
    if age_s < min_age_s:
        raise refused(Code.ENTRY_TOO_YOUNG, f"whitelist.{entry.id}", f"known for {min_age_s} s", f"{age_s} s")
