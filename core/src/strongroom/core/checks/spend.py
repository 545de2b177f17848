"""Read what the unsigned bytes do, whatever the chain: inputs, outputs, fee, commitments. Facts, not claims.

An unsigned Ethereum transaction names no sender, so the source is the address entry that the proposal names; the gate
recovers the signer later and compares. Source: spec/facts.md, spec/docket.md point 6; III.16, III.17.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from strongroom.chains.bitcoin.addresses import render_address as render_bitcoin_address
from strongroom.chains.bitcoin.networks import NETWORKS, network_of
from strongroom.chains.bitcoin.psbt import Psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.ethereum.addresses import address_of, chain_id_of, native_asset, render_address, token_asset
from strongroom.chains.ethereum.transactions import Transfer, max_fee_wei, parse_unsigned
from strongroom.chains.ethereum.void import Void
from strongroom.core.canonical import Json, sha256
from strongroom.core.checks.foundation import Entries
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.facts import FactsInput
from strongroom.core.ids import AssetId, ChainId, Digest, EntryId, WalletId
from strongroom.core.registers import AddressEntry, AssetEntry, AssetKind, KeyEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendOutput:
    """One output as the bytes have it. `script` is empty on Ethereum, `witness_script` where the bytes carry none.

    Whether an output is change, only the proposal says: change to one key (P2WPKH) carries no witness script.
    """

    index: int
    address: str
    units: int
    script: bytes
    witness_script: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What the transaction does.

    asset: of every output. fee: the most that can be paid, in `fee_asset`, which a token's transfer does not move.
    """

    chain: ChainId
    asset: AssetId
    fee_asset: AssetId
    unsigned_digest: Digest
    unsigned_bytes: bytes
    inputs: tuple[FactsInput, ...]
    outputs: tuple[SpendOutput, ...]
    fee: int
    terms: Mapping[str, Json]
    commits: tuple[str, ...]
    sources: tuple[AddressEntry, ...]
    decoded: Transfer | Void | Psbt


def moved_units(spend: Spend, change: Collection[int]) -> dict[AssetId, int]:
    """What leaves us, by asset: every output but the change (by index), and the most that the fee can be."""
    moved = {spend.fee_asset: spend.fee}
    for output in spend.outputs:
        if output.index not in change:
            moved[spend.asset] = moved.get(spend.asset, 0) + output.units
    return moved


def is_ethereum(chain: ChainId) -> bool:
    """Whether this is a chain of the Ethereum family."""
    return chain.startswith("eip155:")


def native_asset_of(chain: ChainId) -> AssetId:
    """The asset in which a chain's fees are paid. Raises TX_WRONG_CHAIN."""
    return native_asset(chain) if is_ethereum(chain) else network_of(chain).asset


def read_spend(
    chain: ChainId, unsigned: bytes, sources: tuple[EntryId, ...], wallet: WalletId, entries: Entries
) -> Spend:
    """Decode the bytes strictly and resolve every input to a proved address of `wallet`.

    Raises TX_*, PSBT_*, SCRIPT_* from the decoders and SOURCE_NOT_OURS for coins that are not this wallet's.
    """
    if is_ethereum(chain):
        return _read_ethereum(chain, unsigned, sources, wallet, entries)
    if chain in NETWORKS:
        return _read_bitcoin(chain, unsigned, wallet, entries)
    raise refused(Code.TX_WRONG_CHAIN, "transaction.chain", "a chain that we serve", chain)


def keys_of(entry: AddressEntry, entries: Entries, field: str) -> tuple[KeyEntry, ...]:
    """The proved keys of an address; all of its wallet and chain. Raises NOT_IN_REGISTER or SOURCE_NOT_OURS."""
    found = []
    for name in entry.keys:
        key = entries.keys.get(name)
        if key is None:
            raise refused(Code.NOT_IN_REGISTER, field, f"key {name} in the key register", "none")
        if key.wallet != entry.wallet or key.chain != entry.chain:
            raise refused(Code.SOURCE_NOT_OURS, field, f"a key of {entry.wallet}", f"{name} of {key.wallet}")
        found.append(key)
    return tuple(found)


def derive_address(entry: AddressEntry, entries: Entries, field: str) -> tuple[str, bytes]:
    """Address and witness script that follow from an entry's keys; never read from the entry.

    The witness script is empty on Ethereum and for one key of the Bitcoin family (P2WPKH).
    """
    keys = keys_of(entry, entries, field)
    if is_ethereum(entry.chain):
        if len(keys) != 1 or entry.threshold != 1:
            raise refused(Code.SOURCE_NOT_OURS, field, "one key", f"{entry.threshold} of {len(keys)}")
        return render_address(address_of(keys[0].public)), b""
    script, witness_script = own_script(entry.threshold, [k.public for k in keys])
    return render_bitcoin_address(script, network_of(entry.chain)), witness_script or b""


def check_address(entry: AddressEntry, entries: Entries, code: Code, field: str) -> bytes:
    """The witness script of an address that does follow from its keys. Raises `code` when it does not."""
    address, witness_script = derive_address(entry, entries, field)
    if address != entry.address:
        raise refused(code, field, address, entry.address)
    return witness_script


def check_source(entry: AddressEntry, entries: Entries, wallet: WalletId, field: str) -> bytes:
    """The witness script of an address of `wallet`. Raises SOURCE_NOT_OURS. Whether its keys may sign: `states.py`."""
    if entry.wallet != wallet:
        raise refused(Code.SOURCE_NOT_OURS, field, wallet, entry.wallet)
    return check_address(entry, entries, Code.SOURCE_NOT_OURS, field)


def _read_ethereum(
    chain: ChainId, unsigned: bytes, sources: tuple[EntryId, ...], wallet: WalletId, entries: Entries
) -> Spend:
    transfer = parse_unsigned(unsigned)
    if transfer.chain_id != chain_id_of(chain):
        raise refused(Code.TX_WRONG_CHAIN, "transaction.unsigned.chain_id", chain, f"eip155:{transfer.chain_id}")
    source = entries.addresses.get(sources[0]) if len(sources) == 1 else None
    if source is None or source.chain != chain:
        raise refused(Code.SOURCE_NOT_OURS, "proposal.sources", f"one address of {wallet}", ", ".join(sources))
    check_source(source, entries, wallet, "proposal.sources")
    account = FactsInput(
        address=source.address, entry=source.id, index=str(transfer.nonce), kind="account", txid="none", units="none"
    )
    destination = SpendOutput(
        index=0, address=render_address(transfer.recipient), units=transfer.units, script=b"", witness_script=b""
    )
    asset = native_asset(chain) if transfer.token is None else _find_token(chain, transfer, entries).id
    contract = {} if transfer.token is None else {"contract": render_address(transfer.to)}
    return Spend(
        chain=chain,
        asset=asset,
        fee_asset=native_asset(chain),
        unsigned_digest=sha256(unsigned),
        unsigned_bytes=unsigned,
        inputs=(account,),
        outputs=(destination,),
        fee=max_fee_wei(transfer),
        terms={
            **contract,
            "gas_limit": str(transfer.gas_limit),
            "max_fee_per_gas_wei": str(transfer.max_fee_per_gas_wei),
            "max_priority_fee_per_gas_wei": str(transfer.max_priority_fee_per_gas_wei),
        },
        commits=(f"nonce:{chain}:{source.address}:{transfer.nonce}",),
        sources=(source,),
        decoded=transfer,
    )


def _find_token(chain: ChainId, transfer: Transfer, entries: Entries) -> AssetEntry:
    """The proved entry of the contract that is called (attack: a worthless contract under a known token's name)."""
    name = token_asset(chain, render_address(transfer.to))
    entry = entries.assets.get(name)
    if entry is None or entry.kind is not AssetKind.ERC20:
        raise refused(Code.ASSET_UNKNOWN, "transaction.unsigned.to", "a token of the asset register", name)
    return entry


def _read_bitcoin(chain: ChainId, unsigned: bytes, wallet: WalletId, entries: Entries) -> Spend:
    network = network_of(chain)
    psbt = parse_psbt(unsigned)
    by_address = {a.address: a for a in entries.addresses.values() if a.chain == chain}
    inputs, sources, commits = [], {}, []
    for i, (tx_in, detail) in enumerate(zip(psbt.unsigned.inputs, psbt.inputs, strict=True)):
        field = f"transaction.unsigned.inputs[{i}]"
        spent = detail.previous.outputs[tx_in.outpoint.index]
        address = render_bitcoin_address(spent.script, network)
        entry = by_address.get(address)
        if entry is None:
            raise refused(Code.SOURCE_NOT_OURS, field, f"an address of {wallet}", address)
        carried = detail.witness_script or b""
        if check_source(entry, entries, wallet, field) != carried:
            raise refused(Code.SOURCE_NOT_OURS, f"{field}.witness_script", "the script of our keys", carried.hex())
        txid, index = tx_in.outpoint.txid_hex, tx_in.outpoint.index
        inputs.append(
            FactsInput(
                address=address,
                entry=entry.id,
                index=str(index),
                kind="outpoint",
                txid=txid,
                units=str(spent.value_sat),
            )
        )
        sources[entry.id] = entry
        commits.append(f"outpoint:{chain}:{txid}:{index}")
    outputs = tuple(
        SpendOutput(
            index=i,
            address=render_bitcoin_address(out.script, network),
            units=out.value_sat,
            script=out.script,
            witness_script=detail.witness_script or b"",
        )
        for i, (out, detail) in enumerate(zip(psbt.unsigned.outputs, psbt.outputs, strict=True))
    )
    return Spend(
        chain=chain,
        asset=network.asset,
        fee_asset=network.asset,
        unsigned_digest=sha256(psbt.unsigned_bytes),
        unsigned_bytes=psbt.unsigned_bytes,
        inputs=tuple(inputs),
        outputs=outputs,
        fee=psbt.fee_sat,
        terms={
            "lock_time": str(psbt.unsigned.lock_time),
            "sequences": str(psbt.unsigned.inputs[0].sequence),
            "version": str(psbt.unsigned.version),
        },
        commits=tuple(sorted(commits)),
        sources=tuple(sources[name] for name in sorted(sources)),
        decoded=psbt,
    )
