"""Registers: strict entries, their signed Merkle root and proofs; spec/registers.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeVar, assert_never

from strongroom.checker.reading.bodies import parse_sorted_ids
from strongroom.checker.reading.canonical import Json, encode_canonical
from strongroom.checker.reading.emergency_bodies import KeyState
from strongroom.checker.reading.envelopes import Envelope, Statement, Type
from strongroom.checker.reading.ethereum import ethereum_address_to_bytes
from strongroom.checker.reading.fields import NONE, Node, check_sorted
from strongroom.checker.reading.governed import parse_governed
from strongroom.checker.reading.keys import Algorithm, Key, parse_key
from strongroom.checker.reading.log import check_inclusion
from strongroom.checker.reading.networks import ethereum_number_of
from strongroom.checker.reading.roots import REGISTERS, check_distinct_keys
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId

E = TypeVar("E")

_MOST_DECIMALS: Final = 36
_CODE_HASH: Final = re.compile("keccak256:([0-9a-f]{64})", re.ASCII)


class Purpose(StrEnum):
    """What an address is for."""

    DEPOSIT = "deposit"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A client's ledger account: its asset, and the wallet that pays for it."""

    asset: AssetId
    id: AccountId
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client with accounts and the keys that instruct."""

    accounts: Mapping[AccountId, Account]
    id: EntryId
    keys: tuple[Key, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """An entry of the whitelist."""

    added_at: datetime
    address: str
    asset: AssetId
    chain: ChainId
    client: PartyId
    id: EntryId
    owner: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainKey:
    """A secp256k1 key in a terminal. public: 33 bytes, compressed."""

    chain: ChainId
    id: EntryId
    public: bytes
    state: KeyState
    terminal: PartyId
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of ours and the keys that it follows from. account: None when it belongs to nobody yet."""

    account: AccountId | None
    address: str
    chain: ChainId
    id: EntryId
    keys: tuple[EntryId, ...]
    purpose: Purpose
    threshold: int
    wallet: WalletId


class AssetKind(StrEnum):
    """How an asset is moved: by the chain itself, or by a call of its contract."""

    NATIVE = "native"
    ERC20 = "erc20"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """An asset that we hold. contract: in EIP-55, and code_hash: 32 bytes in hex, both None for a chain's own coin."""

    chain: ChainId
    code_hash: str | None
    contract: str | None
    decimals: int
    id: AssetId
    kind: AssetKind
    symbol: str


Entry = Client | Destination | ChainKey | Address | Asset


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterHead:
    """Body of a `register` statement. root: 32 bytes."""

    previous: Digest | None
    register: str
    root: bytes
    size: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Entries by id: proved by a docket, or held by a device."""

    addresses: Mapping[str, Address]
    assets: Mapping[str, Asset]
    clients: Mapping[str, Client]
    keys: Mapping[str, ChainKey]
    whitelist: Mapping[str, Destination]


def parse_register(envelope: Envelope) -> Statement[RegisterHead]:
    """Read a register head; nothing is verified."""
    return parse_governed(envelope, Type.REGISTER, _parse_head)


def parse_entry(register: str, node: Node) -> Entry:
    """Read an entry of that register."""
    return _PARSERS[register](node)


def entry_digest(entry: Json) -> Digest:
    """`sha256:` of an entry's canonical bytes."""
    return Digest("sha256:" + sha256(encode_canonical(entry)).hexdigest())


def check_entry(head: RegisterHead, entry: Json, index: int, proof: Sequence[bytes], path: str) -> None:
    """Raise NOT_IN_REGISTER or PROOF_INVALID unless the entry is leaf `index` under the head."""
    if index >= head.size:
        raise refused(Code.NOT_IN_REGISTER, f"{path}.index", f"below the size {head.size}", str(index))
    leaf = sha256(b"\x00" + encode_canonical(entry)).digest()
    check_inclusion(leaf=leaf, index=index, size=head.size, proof=proof, root=head.root, field=f"{path}.proof")


def check_whole(head: RegisterHead, entries: Sequence[Json], path: str) -> None:
    """Raise HEAD_MISMATCH unless these entries, in order, are the whole register of the head."""
    if len(entries) != head.size:
        raise refused(Code.HEAD_MISMATCH, f"{path}.size", str(head.size), str(len(entries)))
    root = tree_root([sha256(b"\x00" + encode_canonical(entry)).digest() for entry in entries])
    if root != head.root:
        raise refused(Code.HEAD_MISMATCH, f"{path}.root", head.root.hex(), root.hex())


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1 over leaf hashes, folded level by level: an odd one out rises as it is."""
    if not leaves:
        return sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def build_entries(found: Mapping[str, Iterable[Entry]]) -> Entries:
    """Sort entries of the five registers by type and id."""
    return Entries(
        addresses=_by_id(Address, found["addresses"]),
        assets=_by_id(Asset, found["assets"]),
        clients=_by_id(Client, found["clients"]),
        keys=_by_id(ChainKey, found["keys"]),
        whitelist=_by_id(Destination, found["whitelist"]),
    )


def _by_id(kind: type[E], entries: Iterable[Entry]) -> dict[str, E]:
    return {entry.id: entry for entry in entries if isinstance(entry, kind)}


def _parse_head(node: Node) -> RegisterHead:
    found = node.members("previous", "register", "root", "size", "version")
    return RegisterHead(
        previous=found["previous"].digest_or_none(),
        register=found["register"].word(*REGISTERS),
        root=bytes.fromhex(found["root"].digest().removeprefix("sha256:")),
        size=found["size"].integer(),
        version=found["version"].integer(least=1),
    )


def _parse_client(node: Node) -> Client:
    found = node.members("accounts", "id", "keys", "name")
    accounts = [_parse_account(item) for item in found["accounts"].items()]
    check_sorted([each.id for each in accounts], found["accounts"].path)
    keys = tuple(parse_key(item) for item in found["keys"].items())
    check_distinct_keys(keys, found["keys"].path)
    if any(each.alg is Algorithm.WEBAUTHN_P256 for each in keys):
        raise found["keys"].invalid("keys that show what they sign")
    return Client(
        accounts={each.id: each for each in accounts},
        id=EntryId(found["id"].own_id("client")),
        keys=keys,
        name=found["name"].text(),
    )


def _parse_account(node: Node) -> Account:
    found = node.members("asset", "id", "wallet")
    return Account(
        asset=found["asset"].asset(),
        id=AccountId(found["id"].own_id("account")),
        wallet=WalletId(found["wallet"].own_id("wallet")),
    )


def _parse_destination(node: Node) -> Destination:
    found = node.members("added_at", "address", "asset", "chain", "client", "id", "owner", "purpose")
    return Destination(
        added_at=found["added_at"].time(),
        address=found["address"].text(),
        asset=found["asset"].asset(),
        chain=found["chain"].chain(),
        client=found["client"].party_of("client"),
        id=EntryId(found["id"].own_id("entry")),
        owner=found["owner"].text(),
        purpose=found["purpose"].text(),
    )


def _parse_chain_key(node: Node) -> ChainKey:
    found = node.members("chain", "id", "public", "state", "terminal", "wallet")
    public = found["public"].hex(size=33)
    if public[0] not in (2, 3):
        raise found["public"].invalid("a compressed point, 02 or 03 first")
    return ChainKey(
        chain=found["chain"].chain(),
        id=EntryId(found["id"].own_id("key")),
        public=public,
        state=found["state"].choice(KeyState),
        terminal=found["terminal"].party_of("device"),
        wallet=WalletId(found["wallet"].own_id("wallet")),
    )


def _parse_address(node: Node) -> Address:
    found = node.members("account", "address", "chain", "id", "keys", "purpose", "threshold", "wallet")
    keys = parse_sorted_ids(found["keys"], "key")
    threshold = found["threshold"].integer(least=1)
    if threshold > len(keys):
        raise malformed(Code.FIELD_INVALID, found["threshold"].path, f"at most {len(keys)}", str(threshold))
    account = None if found["account"].value == NONE else AccountId(found["account"].own_id("account"))
    return Address(
        account=account,
        address=found["address"].text(),
        chain=found["chain"].chain(),
        id=EntryId(found["id"].own_id("address")),
        keys=keys,
        purpose=found["purpose"].choice(Purpose),
        threshold=threshold,
        wallet=WalletId(found["wallet"].own_id("wallet")),
    )


def _parse_asset(node: Node) -> Asset:
    found = node.members("chain", "code_hash", "contract", "decimals", "id", "kind", "symbol")
    decimals = found["decimals"].integer()
    if decimals > _MOST_DECIMALS:
        raise found["decimals"].invalid(f"at most {_MOST_DECIMALS}")
    kind, chain, name = found["kind"].choice(AssetKind), found["chain"].chain(), found["id"].asset()
    match kind:
        case AssetKind.NATIVE:
            contract, code_hash = _parse_no_contract(found, chain, name)
        case AssetKind.ERC20:
            contract, code_hash = _parse_contract(found, chain, name)
        case _:
            assert_never(kind)
    return Asset(
        chain=chain,
        code_hash=code_hash,
        contract=contract,
        decimals=decimals,
        id=name,
        kind=kind,
        symbol=found["symbol"].text(),
    )


def _parse_no_contract(found: Mapping[str, Node], chain: ChainId, name: AssetId) -> tuple[None, None]:
    found["contract"].word(NONE)
    found["code_hash"].word(NONE)
    if name.partition("/")[0] != chain:
        raise found["id"].invalid(f"an asset of {chain}")
    return None, None


def _parse_contract(found: Mapping[str, Node], chain: ChainId, name: AssetId) -> tuple[str, str]:
    """The contract, which the id repeats, so that two contracts can never share one name."""
    contract, code_hash = found["contract"].text(), found["code_hash"].text()
    ethereum_number_of(chain)
    ethereum_address_to_bytes(contract)
    if name != f"{chain}/erc20:{contract}":
        raise found["id"].invalid(f"{chain}/erc20:{contract}")
    digest = _CODE_HASH.fullmatch(code_hash)
    if digest is None:
        raise found["code_hash"].invalid("keccak256: and 64 hex digits")
    return contract, digest[1]


_PARSERS: Final[Mapping[str, Callable[[Node], Entry]]] = {
    "addresses": _parse_address,
    "assets": _parse_asset,
    "clients": _parse_client,
    "keys": _parse_chain_key,
    "whitelist": _parse_destination,
}
