"""Wallets and assignments: which kinds there are, that a retired one stays so, and that an address has one owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.core.assignments import AddressAssignment, Assigned
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.ids import AccountId, EntryId, PartyId, WalletId
from strongroom.core.records import ClientOrNone, DigestOrNone, Units, encode_record, parse_record
from strongroom.core.wallets import (
    Issue,
    PlacedWallet,
    Segregation,
    Wallet,
    WalletKind,
    WalletState,
    check_wallet_issues,
    fold_wallets,
)
from world import ETH, LTC

from .refusals import refuse

EOA = Wallet(
    ceiling=Units(10**18),
    chain=ETH,
    client=ClientOrNone("none"),
    drill_age_s=86_400,
    issue=Issue.PER_CLIENT,
    keys=1,
    kind=WalletKind.EOA,
    previous=DigestOrNone("none"),
    segregation=Segregation.OMNIBUS,
    state=WalletState.ACTIVE,
    threshold=1,
    wallet=WalletId("wallet:eth"),
)
MULTI = replace(EOA, ceiling=None, chain=LTC, keys=3, kind=WalletKind.P2WSH, threshold=2, wallet=WalletId("wallet:ltc"))
HARBOUR, PEAK = PartyId("client:harbour"), PartyId("client:peak")


def said(*bodies: Wallet) -> list[PlacedWallet]:
    """Statements of one wallet, each after the one before."""
    placed: list[PlacedWallet] = []
    for number, body in enumerate(bodies):
        previous = placed[-1].statement if placed else "none"
        statement = sha256(f"{body.wallet} {number}".encode())
        placed.append(PlacedWallet(statement=statement, body=replace(body, previous=DigestOrNone(previous))))
    return placed


def retired(body: Wallet) -> Wallet:
    """The same wallet, retired."""
    return replace(body, state=WalletState.RETIRED)


@pytest.mark.parametrize("body", [EOA, MULTI, replace(MULTI, keys=1, threshold=1, kind=WalletKind.P2WPKH)])
def test_a_wallet_is_read_as_it_was_written(body: Wallet) -> None:
    assert body == parse_record(Wallet, encode_record(body), "wallet")


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(EOA, threshold=2, keys=2),
        lambda: replace(EOA, chain=LTC),
        lambda: replace(MULTI, chain=ETH),
        lambda: replace(MULTI, keys=1, threshold=1),
        lambda: replace(MULTI, threshold=0),
        lambda: replace(MULTI, threshold=4),
        lambda: replace(MULTI, keys=16),
        lambda: replace(MULTI, kind=WalletKind.P2WPKH),
        lambda: replace(EOA, client=ClientOrNone("client:peak")),
        lambda: replace(EOA, segregation=Segregation.SEGREGATED),
    ],
)
def test_kinds_that_do_not_exist_are_refused(make: Callable[[], Wallet]) -> None:
    refuse(Code.FIELD_INVALID, make)


def test_a_retired_wallet_never_comes_back() -> None:
    wallets = fold_wallets(said(EOA, replace(EOA, ceiling=Units(5)), retired(EOA)))
    assert WalletState.RETIRED is wallets[EOA.wallet].body.state
    for after in (EOA, retired(EOA)):
        refuse(Code.RETIRED_WALLET_ACTIVE, lambda after=after: fold_wallets(said(EOA, retired(EOA), after)))
    refuse(Code.RETIRED_WALLET_ACTIVE, lambda: check_wallet_issues(wallets, EOA.wallet, PEAK))
    # Nor by beginning anew: a first statement after others follows nothing.
    again = PlacedWallet(statement=sha256(b"again"), body=EOA)
    refuse(Code.HEAD_UNEQUAL, lambda: fold_wallets([*said(EOA, retired(EOA)), again]))


def test_a_wallet_stays_what_it_is() -> None:
    fold_wallets(said(MULTI, replace(MULTI, issue=Issue.PER_DEPOSIT)))
    for other in (replace(MULTI, threshold=1), replace(MULTI, keys=4)):
        refuse(Code.FIELD_INVALID, lambda other=other: fold_wallets(said(MULTI, other)))


def test_a_segregated_wallet_is_one_clients() -> None:
    own = replace(EOA, segregation=Segregation.SEGREGATED, client=ClientOrNone(HARBOUR), wallet=WalletId("wallet:own"))
    wallets = fold_wallets([*said(own), *said(EOA)])
    assert own == check_wallet_issues(wallets, own.wallet, HARBOUR)
    refuse(Code.SEPARATION, lambda: check_wallet_issues(wallets, own.wallet, PEAK))
    assert EOA == check_wallet_issues(wallets, EOA.wallet, PEAK)
    refuse(Code.NOT_IN_REGISTER, lambda: check_wallet_issues(wallets, WalletId("wallet:other"), PEAK))


GIVEN = AddressAssignment(
    account=AccountId("account:harbour:eth"),
    address="0x01",
    attestation=sha256(b"attestation"),
    chain=ETH,
    client=HARBOUR,
    entry=EntryId("address:eth-1"),
    line=sha256(b"line"),
    wallet=EOA.wallet,
)


def test_an_address_is_given_once() -> None:
    assigned = Assigned()
    assert assigned.find(GIVEN.entry) is None
    assigned.take(GIVEN)
    assert GIVEN == assigned.find(GIVEN.entry)
    assert assigned.has_one(GIVEN.account, GIVEN.wallet)
    # To the same account again, to another, and the same address under another name.
    for twice in (
        GIVEN,
        replace(GIVEN, account=AccountId("account:peak:eth"), client=PEAK),
        replace(GIVEN, entry=EntryId("address:eth-2")),
    ):
        refuse(Code.ALREADY_ASSIGNED, lambda twice=twice: assigned.take(twice))
    other = replace(GIVEN, entry=EntryId("address:eth-2"), address="0x02", account=AccountId("account:peak:eth"))
    assert not assigned.has_one(other.account, other.wallet)
    assigned.take(other)
    assert other == assigned.find(other.entry)
