"""Wallets: what kind of addresses one has, whose it may be, and whether it still issues any.

A wallet is a row of nobody's database: it is a statement under the `addresses` delegation, chained by `previous`.
Whoever brings a retired wallet back in a table has not brought it back (incident `primetrust-2021`: addresses of a
retired wallet were shown to clients again, and its keys could no longer be assembled). Source: spec/wallets.md; II.1,
III.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, Digest, PartyId, WalletId
from strongroom.core.records import NONE, ClientOrNone, DigestOrNone, Units

MAX_KEYS = 15
"""Keys of one P2WSH script, as `multisig_script` has it."""


class WalletKind(StrEnum):
    """What an address of the wallet is made of."""

    EOA = "eoa"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"


class Segregation(StrEnum):
    """Whose coins lie in the wallet: one client's, or many clients' with the ledger telling them apart ."""

    SEGREGATED = "segregated"
    OMNIBUS = "omnibus"


class Issue(StrEnum):
    """How many addresses an account gets: one for good, or a new one for every deposit."""

    PER_CLIENT = "per-client"
    PER_DEPOSIT = "per-deposit"


class WalletState(StrEnum):
    """A wallet that retired never comes back."""

    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Body of a `wallet` statement.

    ceiling: the most of the chain's coin that one address may hold; None for no limit. client: whose, when it is
    segregated. drill_age_s: an address is issued only while the last restore drill is not older. keys, threshold: n and
    m of each address. previous: the wallet's statement before this one.
    """

    ceiling: Units | None
    chain: ChainId
    client: ClientOrNone
    drill_age_s: int
    issue: Issue
    keys: int
    kind: WalletKind
    previous: DigestOrNone
    segregation: Segregation
    state: WalletState
    threshold: int
    wallet: WalletId

    def __post_init__(self) -> None:
        _check_kind(self)
        if (self.segregation is Segregation.SEGREGATED) != (self.client != NONE):
            expected = "a client for a segregated wallet, none for an omnibus one"
            raise malformed(Code.FIELD_INVALID, f"{self.wallet}.client", expected, self.client)

    def is_for(self, client: PartyId) -> bool:
        """Whether an address of this wallet may be this client's."""
        return self.segregation is Segregation.OMNIBUS or str(self.client) == str(client)


def _check_kind(wallet: Wallet) -> None:
    """Chain, kind, m and n belong together. Raises FIELD_INVALID."""
    family, field = wallet.chain.partition(":")[0], f"{wallet.wallet}.kind"
    match wallet.kind:
        case WalletKind.EOA:
            # Contract wallets are ruled out for cold storage, so one address is one key (II.8).
            expected, fits = "one key on eip155", (family, wallet.threshold, wallet.keys) == ("eip155", 1, 1)
        case WalletKind.P2WPKH:
            expected, fits = "one key on bip122", (family, wallet.threshold, wallet.keys) == ("bip122", 1, 1)
        case WalletKind.P2WSH:
            fits = family == "bip122" and 2 <= wallet.keys <= MAX_KEYS and 1 <= wallet.threshold <= wallet.keys
            expected = f"m of 2 to {MAX_KEYS} keys on bip122"
        case _:
            assert_never(wallet.kind)
    if not fits:
        got = f"{wallet.kind.value} {wallet.threshold} of {wallet.keys} on {wallet.chain}"
        raise malformed(Code.FIELD_INVALID, field, expected, got)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedWallet:
    """A wallet and the statement that says it."""

    statement: Digest
    body: Wallet


def check_wallet_follows(before: PlacedWallet | None, body: Wallet) -> None:
    """Raise unless this may come after what was said of the wallet last.

    HEAD_UNEQUAL when it follows something else; RETIRED_WALLET_ACTIVE when it would bring back a retired wallet;
    FIELD_INVALID when it makes another wallet of it: what addresses are made of, and whose, is fixed at the first.
    """
    field = f"wallets.{body.wallet}"
    last = before.statement if before else NONE
    if body.previous != last:
        raise refused(Code.HEAD_UNEQUAL, f"{field}.previous", last, body.previous)
    if before is None:
        return
    if before.body.state is WalletState.RETIRED:
        raise refused(Code.RETIRED_WALLET_ACTIVE, field, "nothing after its retirement", body.state.value)
    if _fixed(before.body) != _fixed(body):
        raise malformed(Code.FIELD_INVALID, field, str(_fixed(before.body)), str(_fixed(body)))


def _fixed(body: Wallet) -> tuple[str, ...]:
    """What no later statement of a wallet may change."""
    return (body.chain, body.kind.value, str(body.threshold), str(body.keys), body.segregation.value, body.client)


def fold_wallets(said: Iterable[PlacedWallet]) -> Mapping[WalletId, PlacedWallet]:
    """The wallets after these statements, in the log's order. Raises as `check_wallet_follows`."""
    wallets: dict[WalletId, PlacedWallet] = {}
    for each in said:
        check_wallet_follows(wallets.get(each.body.wallet), each.body)
        wallets[each.body.wallet] = each
    return wallets


def check_wallet_active(wallets: Mapping[WalletId, PlacedWallet], wallet: WalletId) -> Wallet:
    """The wallet. Raises NOT_IN_REGISTER for one that nobody signed, RETIRED_WALLET_ACTIVE for a retired one."""
    found = wallets.get(wallet)
    if found is None:
        raise refused(Code.NOT_IN_REGISTER, "wallet", "a wallet that its delegates signed", wallet)
    if found.body.state is WalletState.RETIRED:
        raise refused(Code.RETIRED_WALLET_ACTIVE, wallet, "an active wallet", f"retired by {found.statement}")
    return found.body


def check_wallet_issues(wallets: Mapping[WalletId, PlacedWallet], wallet: WalletId, client: PartyId) -> Wallet:
    """The wallet, when an address of it may be handed to a client now. Raises SEPARATION for another client's."""
    found = check_wallet_active(wallets, wallet)
    if not found.is_for(client):
        raise refused(Code.SEPARATION, wallet, f"an address for {found.client}", client)
    return found
