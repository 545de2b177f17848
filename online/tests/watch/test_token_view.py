"""What a token's logs and balances say of one block, in every combination: nothing is believed that both do not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.chains.ethereum.addresses import parse_address, render_address
from strongroom.chains.ethereum.tokens import TokenTransfer, encode_token_transfer
from strongroom.core.bodies import Outcome
from strongroom.core.ids import AssetId, EntryId, WalletId
from strongroom.core.records import EntryOrNone
from strongroom.core.registers import AddressEntry, AddressPurpose
from strongroom.online.nodes.executed import EthereumTransaction, Log, ReceiptStatus
from strongroom.online.watch.chain_view import Token
from strongroom.online.watch.token_view import TRANSFER, Moved, outcome_of, read_token
from world import ETH

CONTRACT = render_address(b"\x11" * 20)
OURS, STRANGER = b"\x22" * 20, b"\x33" * 20
TOKEN = Token(asset=AssetId(f"{ETH}/erc20:{CONTRACT}"), contract=CONTRACT, code_hash="")
ENTRY = AddressEntry(
    account=EntryOrNone("account:harbour:usd"),
    address=render_address(OURS),
    chain=ETH,
    id=EntryId("address:eth-1"),
    keys=(EntryId("key:eth-1"),),
    purpose=AddressPurpose.DEPOSIT,
    threshold=1,
    wallet=WalletId("wallet:eth-cold-1"),
)
PAY_SEVEN = encode_token_transfer(TokenTransfer(recipient=STRANGER, units=7))
OUT = EthereumTransaction(
    hash="0x" + "aa" * 32,
    sender=render_address(OURS),
    to=CONTRACT,
    value_wei=0,
    nonce=4,
    type=2,
    data=PAY_SEVEN,
    unsigned=b"signed by us",
    status=ReceiptStatus.SUCCESS,
    fee_wei=1,
    logs=(),
)
IN = replace(OUT, hash="0x" + "bb" * 32, sender=render_address(STRANGER), data=b"", unsigned=b"")


def log(source: bytes, target: bytes, units: int, index: int = 0) -> Log:
    """A transfer's log."""
    topics = (TRANSFER, bytes(12) + source, bytes(12) + target)
    return Log(contract=CONTRACT, index=index, topics=topics, data=units.to_bytes(32, "big"))


def read(moved: int, *transactions: EthereumTransaction) -> Moved:
    """What the block did, where our balance changed by so much."""
    return read_token(ETH, "0xblock", TOKEN, transactions, {OURS: (ENTRY, moved)})


def test_what_logs_and_balances_both_say_is_believed() -> None:
    found = read(2, replace(IN, logs=(log(STRANGER, OURS, 9, 3),)), replace(OUT, logs=(log(OURS, STRANGER, 7, 4),)))
    assert [(IN.hash, 3, 9, False)] == [(i.txid, i.output, i.units, i.is_disputed) for i in found.inflows]
    assert [(OUT.hash, 7, True, b"signed by us")] == [(o.txid, o.units, o.is_whole, o.unsigned) for o in found.outflows]
    assert () == found.disputes


@pytest.mark.parametrize(("moved", "held"), [(0, [0]), (4, [4])])
def test_a_log_above_the_balance_is_held_with_what_came(moved: int, held: list[int]) -> None:
    found = read(moved, replace(IN, logs=(log(STRANGER, OURS, 9),)))
    assert [(units, True) for units in held] == [(i.units, i.is_disputed) for i in found.inflows]
    assert [(9, moved)] == [(d.logged, d.moved) for d in found.disputes]


def test_a_balance_without_a_log_is_held_as_the_blocks_own() -> None:
    found = read(5, IN)
    assert [("0xblock", 5, True)] == [(i.txid, i.units, i.is_disputed) for i in found.inflows]
    assert 1 == len(found.disputes)


@pytest.mark.parametrize(("moved", "logged"), [(-8, 8), (-6, 6), (-8, 7)])
def test_another_amount_than_instructed_is_not_whole(moved: int, logged: int) -> None:
    found = read(moved, replace(OUT, logs=(log(OURS, STRANGER, logged),)))
    assert [(-moved, False)] == [(o.units, o.is_whole) for o in found.outflows]


def test_a_strangers_call_on_an_allowance_is_nobodys_commitment() -> None:
    pull = replace(IN, logs=(log(OURS, STRANGER, 7),))
    (outflow,) = read(-7, pull).outflows
    assert ((), b"", False) == (outflow.commitments, outflow.unsigned, outflow.is_whole)


def test_what_left_among_what_came_is_the_blocks_own_and_unexplained() -> None:
    both = read(-3, replace(IN, logs=(log(STRANGER, OURS, 9),)), replace(OUT, logs=(log(OURS, STRANGER, 7),)))
    assert [("0xblock", 3, False)] == [(o.txid, o.units, o.is_whole) for o in both.outflows]


def test_strange_logs_move_nothing() -> None:
    honest = log(STRANGER, OURS, 9)
    for strange in (
        replace(honest, data=bytes(32)),
        replace(honest, data=honest.data + b"\x00"),
        replace(honest, topics=honest.topics[:2]),
        replace(honest, topics=(bytes(32), *honest.topics[1:])),
        replace(honest, topics=(TRANSFER, b"\x01" * 32, honest.topics[2])),
        replace(honest, contract=render_address(b"\x12" * 20)),
    ):
        assert Moved(inflows=(), outflows=(), disputes=()) == read(0, replace(IN, logs=(strange,)))
    assert 1 == len(read(9, replace(IN, logs=(honest,))).inflows)


def test_a_call_that_moved_nothing_has_failed() -> None:
    paid = read(-7, replace(OUT, logs=(log(OURS, STRANGER, 7),))).outflows
    assert Outcome.SUCCESS is outcome_of(OUT, ENTRY, paid)
    assert Outcome.FAILED is outcome_of(OUT, ENTRY, ())
    assert Outcome.FAILED is outcome_of(replace(OUT, status=ReceiptStatus.FAILED), ENTRY, paid)
    assert Outcome.SUCCESS is outcome_of(replace(OUT, data=b""), ENTRY, ())
    assert OURS == parse_address(ENTRY.address)
