"""Whose an address is: said once, for ever, by the assigner, who stands outside the API.

An attestation by the vault says "this key is ours and spendable"; an assignment says "this address is this client's".
Nobody who owns the API, the console or a database row can redirect a deposit by it, because credit follows the
assignment in the log and there is room for one only (incident `multisig-receive-2019`). Source: spec/wallets.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AccountId, ChainId, Digest, EntryId, PartyId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAssignment:
    """Body of an `address-assignment`. entry, address: which one, by its register's id and as people write it.

    attestation: the statement of the vault under which the address was handed out. line: SHA-256 of its line in that
    batch.
    """

    account: AccountId
    address: str
    attestation: Digest
    chain: ChainId
    client: PartyId
    entry: EntryId
    line: Digest
    wallet: WalletId


class Assigned:
    """Every assignment so far, in the log's order: each address once, by its id and by its own text."""

    def __init__(self) -> None:
        self._by_entry: dict[EntryId, AddressAssignment] = {}
        self._by_address: dict[tuple[ChainId, str], AddressAssignment] = {}
        self._accounts: set[tuple[AccountId, WalletId]] = set()

    def find(self, entry: EntryId) -> AddressAssignment | None:
        """The assignment of an address of the register; None while it is nobody's."""
        return self._by_entry.get(entry)

    def has_one(self, account: AccountId, wallet: WalletId) -> bool:
        """Whether an account was given an address of this wallet."""
        return (account, wallet) in self._accounts

    def check_new(self, body: AddressAssignment) -> None:
        """Raise ALREADY_ASSIGNED when the address was given away before, to whomever, under this id or another."""
        before = self._by_entry.get(body.entry) or self._by_address.get((body.chain, body.address))
        if before is not None:
            raise refused(Code.ALREADY_ASSIGNED, body.entry, "an address that is nobody's yet", f"of {before.account}")

    def take(self, body: AddressAssignment) -> None:
        """Keep one whose signer was checked. Raises ALREADY_ASSIGNED: what was said first holds for ever."""
        self.check_new(body)
        self._by_entry[body.entry] = body
        self._by_address[(body.chain, body.address)] = body
        self._accounts.add((body.account, body.wallet))
