"""What the unsigned bytes do, whatever the chain: inputs, outputs, fee, commitments, each tied to proved registers.

The bytes are read by `ethereum.py` and `bitcoin.py`. An unsigned Ethereum transaction names no sender, so its source
is the address that the proposal names; the signature proves it later. Source: spec/facts.md and spec/docket.md, point
6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from strongroom.checker.reading.ethereum import (
    EthereumReading,
    bytes_to_ethereum_address,
    ethereum_address_of,
    read_ethereum_unsigned,
)
from strongroom.checker.reading.facts import FactsInput
from strongroom.checker.reading.fields import NONE
from strongroom.checker.reading.networks import native_asset_of
from strongroom.checker.reading.registers import Address, Asset, AssetKind, ChainKey, Entries
from strongroom.checker.reading.stages import Twin
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, refused
from strongroom.core.ids import AssetId, ChainId, Digest, EntryId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendOutput:
    """One output. witness_script: what the bytes say about how it is spent, empty where they say nothing."""

    index: int
    address: str
    units: int
    witness_script: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a transaction does. unsigned_bytes: the transaction alone, without metadata. fee: the most that can be paid.

    asset: of the outputs; fee_asset: the chain's own coin, which is another one when a token is paid.
    spent: the address of ours behind each input, in the order of the bytes. commits: sorted. twin: VOID for one that
    pays nothing and uses up a nonce.
    """

    chain: ChainId
    asset: AssetId
    fee_asset: AssetId
    unsigned_bytes: bytes
    inputs: tuple[FactsInput, ...]
    outputs: tuple[SpendOutput, ...]
    fee: int
    terms: Mapping[str, str]
    commits: tuple[str, ...]
    spent: tuple[Address, ...]
    twin: Twin = Twin.TRANSFER

    @property
    def unsigned_digest(self) -> Digest:
        """`sha256:` of the unsigned transaction bytes."""
        return Digest("sha256:" + sha256(self.unsigned_bytes).hexdigest())

    def moved(self, paid: Collection[int]) -> dict[AssetId, int]:
        """What leaves us, by asset: the outputs with these indexes, and the most that the fee can be."""
        sums = Counter({self.fee_asset: self.fee})
        sums[self.asset] += sum(each.units for each in self.outputs if each.index in paid)
        return dict(sums)

    @property
    def sources(self) -> tuple[Address, ...]:
        """The addresses that are spent from, sorted by id, each once."""
        by_id = {each.id: each for each in self.spent}
        return tuple(by_id[name] for name in sorted(by_id))


@contextmanager
def prefixed(path: str) -> Iterator[None]:
    """Put the place of the bytes before the field names of whoever reads them."""
    try:
        yield
    except MalformedError as error:
        raise MalformedError(*(_prefix(path, each) for each in error.refusals)) from error
    except RefusedError as error:
        raise RefusedError(*(_prefix(path, each) for each in error.refusals)) from error


def read_ethereum_spend(
    chain: ChainId, unsigned: bytes, sources: tuple[EntryId, ...], entries: Entries, path: str
) -> Spend:
    """Read an Ethereum payment from the address that the proposal names."""
    with prefixed(path):
        reading = read_ethereum_unsigned(unsigned)
    if chain != f"eip155:{reading.chain_id}":
        raise refused(Code.TX_WRONG_CHAIN, f"{path}.chain_id", chain, f"eip155:{reading.chain_id}")
    source = entries.addresses.get(sources[0]) if len(sources) == 1 else None
    if source is None or source.chain != chain:
        raise refused(
            Code.SOURCE_NOT_OURS, f"{path}.sender", "one address of the register", " ".join(sources) or "none"
        )
    account = FactsInput(
        address=source.address, entry=source.id, index=str(reading.nonce), kind="account", txid=NONE, units=NONE
    )
    payment = SpendOutput(
        index=0, address=bytes_to_ethereum_address(reading.recipient), units=reading.units, witness_script=b""
    )
    token = None if reading.contract is None else _find_token(chain, reading.contract, entries, path)
    coin = native_asset_of(chain)
    return Spend(
        chain=chain,
        asset=coin if token is None else token.id,
        fee_asset=coin,
        unsigned_bytes=reading.unsigned_bytes,
        inputs=(account,),
        outputs=(payment,),
        fee=reading.max_fee_wei,
        terms=_terms(reading),
        commits=(f"nonce:{chain}:{source.address}:{reading.nonce}",),
        spent=(source,),
    )


def _find_token(chain: ChainId, contract: bytes, entries: Entries, path: str) -> Asset:
    """The proved token behind a contract: what is called is what the register names, never a contract beside it."""
    spelled = bytes_to_ethereum_address(contract)
    for asset in entries.assets.values():
        if (asset.kind, asset.chain, asset.contract) == (AssetKind.ERC20, chain, spelled):
            return asset
    raise refused(Code.ASSET_UNKNOWN, f"{path}.to", "a proved token", f"{chain} {spelled}")


def _terms(reading: EthereumReading) -> dict[str, str]:
    terms = {
        "gas_limit": str(reading.gas_limit),
        "max_fee_per_gas_wei": str(reading.max_fee_per_gas_wei),
        "max_priority_fee_per_gas_wei": str(reading.max_priority_fee_per_gas_wei),
    }
    return terms if reading.contract is None else terms | {"contract": bytes_to_ethereum_address(reading.contract)}


def keys_of(address: Address, entries: Entries, code: Code, path: str) -> tuple[ChainKey, ...]:
    """The proved keys of an address, all of its wallet and chain. Raises NOT_IN_REGISTER, or `code`."""
    found: list[ChainKey] = []
    for name in address.keys:
        key = entries.keys.get(name)
        if key is None:
            raise refused(Code.NOT_IN_REGISTER, path, f"{name} in the key register", "none")
        if key.wallet != address.wallet or key.chain != address.chain:
            raise refused(
                code, path, f"a key of {address.wallet} on {address.chain}", f"{name} of {key.wallet} on {key.chain}"
            )
        found.append(key)
    return tuple(found)


def check_ethereum_address(address: Address, entries: Entries, code: Code, path: str) -> None:
    """Raise `code` unless the address follows from its one key."""
    keys = keys_of(address, entries, code, path)
    if len(keys) != 1 or address.threshold != 1:
        raise refused(code, path, "one key", f"{address.threshold} of {len(keys)}")
    derived = bytes_to_ethereum_address(ethereum_address_of(keys[0].public))
    if derived != address.address:
        raise refused(code, path, derived, address.address)


def check_wallet(address: Address, wallet: WalletId, chain: ChainId, code: Code, path: str) -> None:
    """Raise `code` for an address of another wallet or chain."""
    if address.wallet != wallet or address.chain != chain:
        raise refused(
            code, path, f"an address of {wallet} on {chain}", f"{address.id} of {address.wallet} on {address.chain}"
        )


def _prefix(path: str, refusal: Refusal) -> Refusal:
    return Refusal(code=refusal.code, field=f"{path}.{refusal.field}", expected=refusal.expected, got=refusal.got)
