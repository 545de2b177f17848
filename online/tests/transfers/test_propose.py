"""Step 3: exact bytes within the client's fee ceiling, from coins and nonces that no other docket holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firm import COIN, ETHER, Firm, find_proposal
from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut, txid_hex
from strongroom.chains.ethereum.transactions import parse_unsigned
from strongroom.core.bodies import Instruction, Proposal
from strongroom.core.checks.foundation import Entries, build_entries
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId, WalletId
from strongroom.core.records import DigestOrNone, Units
from strongroom.core.statements import expect
from strongroom.online.evidence.store import load_statement
from strongroom.online.transfers.withdrawal.attempts import NewDocket, add_docket
from strongroom.online.transfers.withdrawal.build import build_bitcoin, find_change_address
from strongroom.online.transfers.withdrawal.store import Coin, State, load_docket
from world import ETH, LTC, LTC_WALLET, World, ltc_trip, seed

CLIENT = "client:harbour"
FEE_RATE = 2000


def test_an_order_becomes_one_docket(firm: Firm) -> None:
    proposal = find_proposal(firm, firm.instruct(CLIENT, ETH, ETHER).id)
    row = load_docket(firm.admin, proposal)
    assert State.PREPARED is row.state or State.PENDING_APPROVAL is row.state
    assert ETHER == parse_unsigned(row.unsigned).value_wei
    assert 1 == len(firm.query("select commitment from transfers.commitments"))


def test_two_orders_get_two_nonces(firm: Firm) -> None:
    orders = [firm.instruct(CLIENT, ETH, ETHER) for _ in range(2)]
    nonces = [parse_unsigned(load_docket(firm.admin, find_proposal(firm, o.id)).unsigned).nonce for o in orders]
    assert [0, 1] == sorted(nonces)


def test_a_fee_above_the_ceiling_waits(firm: Firm) -> None:
    dear = firm.instruct(CLIENT, ETH, ETHER, edit=lambda body: replace(body, fee_ceiling=Units(1)))
    firm.work()
    state, why = firm.query("select state, why from transfers.instructions where id = %s", dear.id)[0]
    assert ("SCREENING", Code.FEE_CEILING.value) == (state, why.split(":")[0])
    find_proposal(firm, firm.instruct(CLIENT, ETH, ETHER).id)


def test_a_wallet_without_an_address_cannot_pay(firm: Firm) -> None:
    order = firm.instruct(CLIENT, ETH, ETHER)
    firm.query("update transfers.instructions set wallet = 'wallet:none' where id = %s", order.id)
    firm.query(
        "insert into ledger.accounts (id, kind, asset, holder, statement) select 'account:custody:none', kind, asset, "
        "'wallet:none', statement from ledger.accounts where id = 'account:custody:eth-cold-1'"
    )
    firm.work()
    state, why = firm.query("select state, why from transfers.instructions where id = %s", order.id)[0]
    assert ("SCREENING", Code.CANNOT_FUND.value) == (state, why.split(":")[0])


def test_a_nonce_belongs_to_one_docket(firm: Firm) -> None:
    first = find_proposal(firm, firm.instruct(CLIENT, ETH, ETHER).id)
    statement = expect(load_statement(firm.admin, first)[1], Proposal, "proposal")
    connection, platform = firm.platform.connection, firm.platform
    again = replace(statement.body, attempt=2, replaces=DigestOrNone(first))
    other = NewDocket(unsigned=b"\x02", void=b"", void_fee=0, family=None)
    with pytest.raises(RefusedError) as caught, connection.transaction():
        add_docket(connection, platform.say(firm.rules, again), other, ())
    assert Code.ALREADY_COMMITTED in caught.value.codes
    assert [(1,)] == firm.query("select count(*) from transfers.dockets")
    free = replace(again, commits=(statement.body.commits[0] + "9",))
    with connection.transaction():
        add_docket(connection, platform.say(firm.rules, free), other, ())
    assert [(2,)] == firm.query("select count(*) from transfers.dockets")
    with connection.transaction():
        add_docket(connection, platform.say(firm.rules, again), replace(other, family=first), ())
    assert [(3,)] == firm.query("select count(*) from transfers.dockets")


@pytest.fixture
def world() -> World:
    """A world whose Litecoin wallet has two addresses and one for change."""
    return World()


def _coins(world: World, *amounts: int) -> list[tuple[Coin, Transaction]]:
    """Coins of address:ltc-1 with their whole transactions."""
    script = p2wsh_script(multisig_script(2, world.points_of("ltc-1")))
    found = []
    for number, amount in enumerate(amounts):
        previous = Transaction(
            version=2,
            inputs=(TxIn(outpoint=OutPoint(txid=seed(f"coin {number}"), index=0), script_sig=b"", sequence=0),),
            outputs=(TxOut(value_sat=amount, script=script),),
            witnesses=(),
            lock_time=0,
        )
        coin = Coin(txid=txid_hex(previous), output=0, address=EntryId("address:ltc-1"), units=amount)
        found.append((coin, previous))
    return found


def _entries(world: World) -> Entries:
    return build_entries({name: {e.id: e for e in r.entries} for name, r in world.registers.items()})


def test_coins_are_taken_until_they_pay(world: World) -> None:
    orders = ltc_trip(world).to(Stage.INSTRUCT).of(Instruction)
    wanted = sum(o.body.amount for o in orders)
    coins = _coins(world, wanted, COIN, COIN)
    built = build_bitcoin(LTC, LTC_WALLET, orders, coins, FEE_RATE, _entries(world))
    assert 2 == len(built.commits)
    assert built.fee == wanted + COIN - sum(o.value_sat for o in parse_psbt(built.unsigned).unsigned.outputs)
    assert (len(orders),) == tuple(c.index for c in built.change)


@pytest.mark.parametrize("short", [(), (COIN,), (23 * COIN,), (23 * COIN + 1,), (23 * COIN + 10_000,)])
def test_too_few_coins_cannot_fund(world: World, short: tuple[int, ...]) -> None:
    orders = ltc_trip(world).to(Stage.INSTRUCT).of(Instruction)
    with pytest.raises(RefusedError) as caught:
        build_bitcoin(LTC, LTC_WALLET, orders, _coins(world, *short), FEE_RATE, _entries(world))
    assert Code.CANNOT_FUND in caught.value.codes
    # One coin more pays, even where the others alone would leave change that is not worth spending.
    built = build_bitcoin(LTC, LTC_WALLET, orders, _coins(world, *short, 24 * COIN), FEE_RATE, _entries(world))
    assert len(short) + 1 == len(built.commits)


def test_a_wallet_without_a_change_address_cannot_fund(world: World) -> None:
    with pytest.raises(RefusedError) as caught:
        find_change_address(WalletId("wallet:none"), _entries(world))
    assert Code.CANNOT_FUND in caught.value.codes
    assert "address:ltc-change" == find_change_address(LTC_WALLET, _entries(world)).id
