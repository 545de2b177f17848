"""Build the exact unsigned bytes of a proposal. Pure: coins, nonce and fees are handed in.

Nothing here is believed by anyone: each stage decodes the bytes again and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strongroom.chains.bitcoin.addresses import parse_address as parse_bitcoin_address
from strongroom.chains.bitcoin.addresses import render_address as render_bitcoin_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.psbt import Payment, Psbt, Spend, build_psbt, encode_psbt
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.chains.ethereum.addresses import chain_id_of, parse_address
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import Transfer, encode_unsigned, max_fee_wei
from strongroom.chains.ethereum.void import Void, encode_void
from strongroom.core.bodies import ChangeOutput, Instruction, PaymentOutput
from strongroom.core.canonical import sha256
from strongroom.core.checks.foundation import Entries
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId, Digest, EntryId, WalletId
from strongroom.core.records import NONE, DigestOrNone
from strongroom.core.registers import AddressEntry, AddressPurpose
from strongroom.core.statements import Statement
from strongroom.online.transfers.withdrawal.platform import EthereumTerms
from strongroom.online.transfers.withdrawal.store import Coin

TRANSFER_GAS = 21_000
"""Gas of a plain transfer to an account without code. Source: yellow paper, G_transaction."""
MAX_COINS = 20
"""More inputs than this make a package that nobody reads; the wallet is then consolidated first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Unsigned bytes and what the proposal claims about them."""

    unsigned: bytes
    unsigned_digest: Digest
    fee: int
    commits: tuple[str, ...]
    sources: tuple[EntryId, ...]
    outputs: tuple[PaymentOutput, ...]
    change: tuple[ChangeOutput, ...]
    void: bytes
    """The unsigned bytes of the void twin; empty on the Bitcoin family."""

    void_fee: int
    """The most that the void twin's fee can be; 0 without one."""

    @property
    def void_digest(self) -> DigestOrNone:
        """`proposal.void`."""
        return DigestOrNone(sha256(self.void)) if self.void else DigestOrNone(NONE)


def build_ethereum(
    chain: ChainId, statement: Statement[Instruction], source: AddressEntry, terms: EthereumTerms
) -> Built:
    """A plain transfer of one instruction from one address."""
    transfer = Transfer(
        chain_id=chain_id_of(chain),
        nonce=terms.nonce,
        max_priority_fee_per_gas_wei=terms.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=terms.max_fee_per_gas_wei,
        gas_limit=TRANSFER_GAS,
        to=parse_address(statement.body.destination.address),
        value_wei=statement.body.amount,
    )
    return _build_account_payment(chain, statement, source, terms, transfer)


def token_transfer_of(body: Instruction) -> TokenTransfer:
    """What an instruction in a token asks its contract for."""
    return TokenTransfer(recipient=parse_address(body.destination.address), units=body.amount)


def build_token(
    chain: ChainId,
    statement: Statement[Instruction],
    source: AddressEntry,
    terms: EthereumTerms,
    contract: str,
    gas_limit: int,
) -> Built:
    """A transfer of an ERC-20 token for one instruction from one address. contract: EIP-55."""
    transfer = Transfer(
        chain_id=chain_id_of(chain),
        nonce=terms.nonce,
        max_priority_fee_per_gas_wei=terms.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=terms.max_fee_per_gas_wei,
        gas_limit=gas_limit,
        to=parse_address(contract),
        value_wei=0,
        token=token_transfer_of(statement.body),
    )
    return _build_account_payment(chain, statement, source, terms, transfer)


def _build_account_payment(
    chain: ChainId,
    statement: Statement[Instruction],
    source: AddressEntry,
    terms: EthereumTerms,
    transfer: Transfer,
) -> Built:
    unsigned, twin = encode_unsigned(transfer), build_void_of(chain, source, terms)
    return Built(
        unsigned=unsigned,
        unsigned_digest=sha256(unsigned),
        fee=max_fee_wei(transfer),
        commits=(f"nonce:{chain}:{source.address}:{terms.nonce}",),
        sources=(source.id,),
        outputs=(PaymentOutput(index=0, instruction=statement.id),),
        change=(),
        void=encode_void(twin),
        void_fee=twin.max_fee_wei,
    )


def build_void_of(chain: ChainId, source: AddressEntry, terms: EthereumTerms) -> Void:
    """The void twin of a transaction from this address on these terms."""
    return Void(
        chain_id=chain_id_of(chain),
        nonce=terms.nonce,
        max_priority_fee_per_gas_wei=terms.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=terms.max_fee_per_gas_wei,
        source=parse_address(source.address),
    )


def script_of(entry: AddressEntry, entries: Entries) -> tuple[bytes, bytes | None]:
    """The output script of an address of ours and its witness script, which an address of one key does not have."""
    return own_script(entry.threshold, [entries.keys[k].public for k in entry.keys])


def find_change_address(wallet: WalletId, entries: Entries) -> AddressEntry:
    """The wallet's change address. Raises CANNOT_FUND when it has none."""
    for entry in sorted(entries.addresses.values(), key=lambda e: e.id):
        if entry.wallet == wallet and entry.purpose is AddressPurpose.CHANGE:
            return entry
    raise refused(Code.CANNOT_FUND, wallet, "a change address", "none")


def build_bitcoin(
    chain: ChainId,
    wallet: WalletId,
    statements: Sequence[Statement[Instruction]],
    coins: Sequence[tuple[Coin, Transaction]],
    fee_rate: int,
    entries: Entries,
) -> Built:
    """One transaction that pays every instruction, with change to the wallet's change address.

    coins: what may be spent, oldest first, each with its whole transaction. fee_rate: smallest units per 1,000 virtual
    bytes.
    Raises CANNOT_FUND.
    """
    return _build_paying(chain, wallet, statements, coins, Price(rate=fee_rate), entries)


def rebuild_bitcoin(
    chain: ChainId,
    wallet: WalletId,
    statements: Sequence[Statement[Instruction]],
    old: Psbt,
    more: Sequence[tuple[Coin, Transaction]],
    price: Price,
    entries: Entries,
) -> Built:
    """The same payments from the same coins, and more where the change is too small, with a higher fee.

    old: what it replaces. more: other coins that are free. Raises CANNOT_FUND.
    """
    network = network_of(chain)
    by_address = {a.address: a.id for a in entries.addresses.values() if a.chain == chain}
    held = []
    for index, (tx_in, detail) in enumerate(zip(old.unsigned.inputs, old.inputs, strict=True)):
        spent = old.spent_output(index)
        coin = Coin(
            txid=tx_in.outpoint.txid_hex,
            output=tx_in.outpoint.index,
            address=by_address[render_bitcoin_address(spent.script, network)],
            units=spent.value_sat,
        )
        held.append((coin, detail.previous))
    least = replace(price, coins=len(held), replaced_fee=old.fee_sat)
    return _build_paying(chain, wallet, statements, [*held, *more], least, entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a transaction of the Bitcoin family must cost. rate: smallest units per 1,000 virtual bytes.

    For a replacement: so many coins must be spent, and the fee is higher than the replaced one by `relay_rate` over the
    whole size at least, or no node relays it (BIP-125, rule 4).
    """

    rate: int
    coins: int = 1
    replaced_fee: int = 0
    relay_rate: int = 0

    def fee_of(self, vsize: int) -> int:
        """The fee for a size."""
        return max(-(-vsize * self.rate // 1000), self.replaced_fee - (-vsize * self.relay_rate // 1000))


def _build_paying(
    chain: ChainId,
    wallet: WalletId,
    statements: Sequence[Statement[Instruction]],
    coins: Sequence[tuple[Coin, Transaction]],
    price: Price,
    entries: Entries,
) -> Built:
    network = network_of(chain)
    ordered = sorted(statements, key=lambda s: s.id)
    payments = [
        Payment(script=parse_bitcoin_address(s.body.destination.address, network), value_sat=s.body.amount)
        for s in ordered
    ]
    change_entry = find_change_address(wallet, entries)
    wanted = sum(p.value_sat for p in payments)
    for count in range(price.coins, min(len(coins), MAX_COINS) + 1):
        chosen = coins[:count]
        built = _fund(chosen, payments, wanted, price, change_entry, entries)
        if built is not None:
            break
    else:
        have = sum(coin.units for coin, _ in coins[:MAX_COINS])
        raise refused(Code.CANNOT_FUND, wallet, f"{wanted} and the fee", f"{have} in {len(coins)} coins")
    change = (ChangeOutput(address=change_entry.id, index=len(payments)),) if len(built.outputs) > len(payments) else ()
    return Built(
        unsigned=encode_psbt(built),
        unsigned_digest=sha256(built.unsigned_bytes),
        fee=built.fee_sat,
        commits=tuple(sorted(f"outpoint:{chain}:{coin.txid}:{coin.output}" for coin, _ in chosen)),
        sources=tuple(sorted({coin.address for coin, _ in chosen})),
        outputs=tuple(PaymentOutput(index=i, instruction=s.id) for i, s in enumerate(ordered)),
        change=change,
        void=b"",
        void_fee=0,
    )


def _fund(
    chosen: Sequence[tuple[Coin, Transaction]],
    payments: Sequence[Payment],
    wanted: int,
    price: Price,
    change_entry: AddressEntry,
    entries: Entries,
) -> Psbt | None:
    """A transaction from these coins, or None when they are too few. Change is always made, or it would be fee."""
    total = sum(coin.units for coin, _ in chosen)
    if total < wanted + DUST_SAT:
        return None
    spends = [
        Spend(
            previous=previous,
            index=coin.output,
            witness_script=script_of(entries.addresses[coin.address], entries)[1],
        )
        for coin, previous in chosen
    ]
    script, witness_script = script_of(change_entry, entries)
    # Build once with a placeholder to learn the size, then with the fee that the size costs.
    draft_change = Payment(script=script, value_sat=total - wanted, witness_script=witness_script)
    draft = build_psbt(spends=spends, payments=[*payments, draft_change])
    fee = price.fee_of(draft.vsize)
    left = total - wanted - fee
    if left < DUST_SAT:
        return None
    change = Payment(script=script, value_sat=left, witness_script=witness_script)
    return build_psbt(spends=spends, payments=[*payments, change])


DUST_SAT = 10_000
"""Change below this is not worth its own spending; another coin is taken instead."""
