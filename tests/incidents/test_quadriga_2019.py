"""`quadriga-2019`: one person held all keys and traded with invented balances; staff then swept into dead wallets.

Run 1, the keys' holder is gone: two of three custodians restore (`vault/tests/ceremony/test_run_kinds.py` and
`test_shares.py`).

Run 2, a sweep to an own address that nobody has shown to be spendable. Stopped by: (1) the builder refuses it
(SWEEP_TO_UNPROVEN_ADDRESS); (2) the devices derive every own address again from keys in the signed register, so that an
address without a registered key is refused by all of them.

Run 3, a privileged user posts a credit without a deposit and withdraws. Stopped by: (1) the reconciler finds no
statement and no assignment behind the row (LEDGER_UNPROVED); (2) with that out of the way the chain does not hold what
the ledger says (RECONCILIATION_BREAK); either one withholds the clear.

Software cannot stop: custodians who hide their shares together, and coins that were moved before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from batches import Batch
from firm import ETHER, Firm, change_register
from issued import Desk, eth_batch, multisig_batch, open_desk
from strongroom.core.books import DepositCredit
from strongroom.core.checks.spend import derive_address
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, EntryId, PartyId
from strongroom.core.records import Units
from strongroom.core.registers import AddressEntry
from strongroom.online.evidence.store import say
from strongroom.online.keys.proven import check_own_outputs, check_spend_proven
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import post
from strongroom.online.transfers.accounts import build_custody_account
from strongroom.online.watch.clear import check_world
from wallets import LTC_COLD
from world import ETH, ETH_ASSET, ETH_WALLET, LTC

BATCHES: dict[str, Callable[[], Batch]] = {"evm": partial(eth_batch, 1), "bitcoin": partial(multisig_batch, LTC, 1)}


@pytest.fixture
def desk(firm: Firm) -> Iterator[Desk]:
    """A firm with an assigner."""
    with open_desk(firm) as made:
        yield made


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


# --- run 2: a sweep into a wallet that nobody can open ---


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_coins_are_not_swept_to_an_address_without_a_spend_proof(desk: Desk, name: str) -> None:
    batch, connection = BATCHES[name](), desk.firm.platform.connection
    desk.register(batch)
    entry = newest(desk.firm, batch)
    refuse(Code.SWEEP_TO_UNPROVEN_ADDRESS, lambda: prove(desk, entry))
    desk.take_in(batch)
    check_spend_proven(connection, desk.firm.rules, [entry], desk.firm.clock())
    # A proof that was written over in the database proves nothing.
    desk.firm.query("update custody.attested_addresses set line = replace(line, 'proof', 'prOof')")
    refuse(Code.SWEEP_TO_UNPROVEN_ADDRESS, lambda: prove(desk, entry))


def prove(desk: Desk, entry: AddressEntry) -> None:
    """What the builder asks before it pays to ourselves."""
    check_spend_proven(desk.firm.platform.connection, desk.firm.rules, [entry], desk.firm.clock())


def newest(firm: Firm, batch: Batch) -> AddressEntry:
    """The register's entry of the batch's first line."""
    name = EntryId(batch.lines[0].split('"id":"')[1].split('"')[0])
    return firm.rules.entries.addresses[name]


def test_the_job_that_pays_to_a_cold_address_of_ours_waits_for_its_proof(desk: Desk) -> None:
    """A whole order: the destination is whitelisted, and is our own new cold address."""
    firm, batch = desk.firm, eth_batch(1)
    desk.register(batch)
    listed = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
    change_register(firm, "whitelist", (replace(listed, address=newest(firm, batch).address),))
    order = firm.instruct("client:harbour", ETH, ETHER)
    firm.round()
    firm.round()
    state, why, proposal = state_of(firm, order.id)
    assert ("SCREENING", None) == (state, proposal)
    assert Code.SWEEP_TO_UNPROVEN_ADDRESS in why
    desk.take_in(batch)
    firm.round()
    assert state_of(firm, order.id)[2] is not None


def state_of(firm: Firm, instruction: str) -> tuple[Any, ...]:
    """State, reason and docket of an order."""
    return firm.query("select state, why, proposal from transfers.instructions where id = %s", instruction)[0]


def test_change_goes_to_proven_addresses_of_a_signed_wallet(desk: Desk) -> None:
    firm = desk.firm
    change = [EntryId("address:ltc-change")]
    connection, rules, now = firm.platform.connection, firm.rules, firm.clock()
    assert LTC_COLD.wallet == rules.entries.addresses[change[0]].wallet
    refuse(
        Code.SWEEP_TO_UNPROVEN_ADDRESS,
        lambda: check_own_outputs(connection, rules, LTC_COLD.wallet, change, [], now),
    )
    check_own_outputs(connection, rules, LTC_COLD.wallet, [], [], now)


def test_with_the_builder_gone_devices_refuse_an_address_without_registered_keys(desk: Desk) -> None:
    batch = eth_batch(1)
    desk.register(batch)
    entry, entries = newest(desk.firm, batch), desk.firm.rules.entries
    assert entry.address == derive_address(entry, entries, "change")[0]
    dead = replace(entry, address="0x" + "de" * 20)
    assert dead.address != derive_address(dead, entries, "change")[0]
    without = replace(entries, keys={})
    refuse(Code.NOT_IN_REGISTER, lambda: derive_address(entry, without, "change"))


# --- run 3: invented balances ---


def invent(firm: Firm, account: AccountId, address: str, units: int) -> None:
    """A credit without a deposit, by somebody who has the platform's key and its database role."""
    chain_hash, txid = "0x" + secrets.token_hex(32), "0x" + secrets.token_hex(32)
    body = DepositCredit(
        account=account,
        address=EntryId(address),
        amount=Units(units),
        asset=ETH_ASSET,
        block_hash=chain_hash,
        chain=ETH,
        client=PartyId(f"client:{account.split(':')[1]}"),
        confirmations=2,
        height=3,
        output=0,
        txid=txid,
    )
    platform = firm.platform
    with platform.connection.transaction():
        statement = say(platform.connection, firm.rules.context, body, platform.platform_key, firm.clock())
        posting = Posting(
            id=TransferId(f"deposit:{ETH}:{chain_hash}:{txid}:0"),
            kind=PostingKind.DEPOSIT,
            statement=statement.id,
            debit=build_custody_account(ETH_WALLET, ETH_ASSET),
            credit=account,
            asset=ETH_ASSET,
            units=units,
            event_at=firm.clock(),
        )
        post(platform.connection, posting)


def told(firm: Firm) -> set[str]:
    """Codes of what is open."""
    return {str(code) for (code,) in firm.query("select code from watch.alerts where closed_at is null")}


def test_a_credit_to_an_account_that_no_address_was_given_to_is_found(firm: Firm) -> None:
    check_world(firm.reconciler, firm.rules)
    invent(firm, AccountId("account:peak:eth"), "address:eth-2", 7 * ETHER)
    firm.mine()
    assert Code.LEDGER_UNPROVED in told(firm)
    refuse(Code.LEDGER_UNPROVED, lambda: check_world(firm.reconciler, firm.rules))


def test_a_credit_to_an_accomplice_with_an_address_is_not_on_the_chain(firm: Firm) -> None:
    """The log justifies this one: the platform's own key said it of the client's own address. The chain does not."""
    check_world(firm.reconciler, firm.rules)
    invent(firm, AccountId("account:harbour:eth"), "address:eth-1", 7 * ETHER)
    firm.mine()
    assert {Code.RECONCILIATION_BREAK} == told(firm)
    refuse(Code.RECONCILIATION_BREAK, lambda: check_world(firm.reconciler, firm.rules))
