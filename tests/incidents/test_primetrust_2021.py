"""`primetrust-2021`: after a migration, old deposit addresses were shown again; nobody could open that wallet.

Stopped by: (1) a wallet is a signed statement, and after its retirement there is no other, whatever a table or a
restored backup says (RETIRED_WALLET_ACTIVE, and LOG_NOT_CONSISTENT by the assigner's own disk); (2) an address is
handed out only while a restore drill of its keys is fresh and they can sign (ADDRESS_WITHOUT_SPEND_PROOF). Coins that
reach a retired address all the same are told at once (RETIRED_ADDRESS_ACTIVITY).

Software cannot stop: a client who kept the address from before and pays to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from batches import Batch
from firm import ETHER, Firm, change_register
from issued import Desk, eth_batch, multisig_batch, open_desk, owners
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, PartyId
from strongroom.core.records import DigestOrNone
from strongroom.core.registers import KeyState
from strongroom.core.wallets import Wallet
from strongroom.online.governance.store import publish
from strongroom.online.keys.issue import assign
from strongroom.online.prove.reading import LogFold
from wallets import ETH_COLD, LTC_COLD
from world import DELEGATES, LTC

REQUESTS = 50
CHAINS = {
    "evm": (ETH_COLD, lambda: eth_batch(2), AccountId("account:peak:eth")),
    "bitcoin": (LTC_COLD, lambda: multisig_batch(LTC), AccountId("account:peak:ltc")),
}


@pytest.fixture
def desk(firm: Firm) -> Iterator[Desk]:
    """A firm with an assigner."""
    with open_desk(firm) as made:
        yield made


@pytest.fixture(params=sorted(CHAINS))
def retired(request: pytest.FixtureRequest, desk: Desk) -> tuple[Desk, Wallet, AccountId]:
    """A wallet with attested addresses that was retired after it had issued one."""
    wallet, make, account = CHAINS[request.param]
    batch: Batch = make()
    desk.register(batch)
    desk.take_in(batch)
    assert assign(desk.assigner, account), "the honest twin: an active wallet issues"
    desk.retire(wallet)
    return desk, wallet, account


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


def test_fifty_addresses_of_a_retired_wallet_are_refused(retired: tuple[Desk, Wallet, AccountId]) -> None:
    desk, _, account = retired
    before = owners(desk.firm)
    for _ in range(REQUESTS):
        refuse(Code.RETIRED_WALLET_ACTIVE, lambda: assign(desk.assigner, account))
    assert before == owners(desk.firm)


def test_nobody_revives_the_record_of_a_retired_wallet(retired: tuple[Desk, Wallet, AccountId]) -> None:
    """Not even its own delegates."""
    desk, wallet, _ = retired
    desk.firm.world.now = desk.firm.clock()
    again = replace(wallet, previous=DigestOrNone(desk.wallets[wallet.wallet][1]))
    envelope = desk.firm.world.sign(again, DELEGATES["addresses"][0], DELEGATES["addresses"])
    refuse(Code.RETIRED_WALLET_ACTIVE, lambda: publish(desk.firm.platform.connection, envelope, (), ()))


def restore_backup(firm: Firm) -> None:
    """The database as it was before the retirement: the last entry of the log is gone."""
    last = firm.query("select max(idx) from evidence.entries")[0][0]
    firm.query("alter table evidence.entries disable trigger all")
    firm.query("delete from evidence.entries where idx = %s", last)
    firm.query("update evidence.tail set size = %s", last)
    firm.query("alter table evidence.entries enable trigger all")


def test_a_backup_from_before_the_retirement_issues_nothing(retired: tuple[Desk, Wallet, AccountId]) -> None:
    desk, _, account = retired
    refuse(Code.RETIRED_WALLET_ACTIVE, lambda: assign(desk.assigner, account))
    restore_backup(desk.firm)
    restarted = replace(desk.assigner, fold=LogFold())
    refuse(Code.LOG_NOT_CONSISTENT, lambda: assign(restarted, account))


def test_with_the_first_control_gone_the_lost_keys_stop_it(retired: tuple[Desk, Wallet, AccountId]) -> None:
    """The backup is back and the assigner's disk is new, so the wallet looks active; its keys cannot be assembled."""
    desk, _, account = retired
    restore_backup(desk.firm)
    forgetful = replace(desk.assigner, fold=LogFold(), memory=desk.firm.folder / "new disk" / "assigner.json")
    lost = {PartyId(f"device:terminal-{n}") for n in (1, 2)}
    kept = {name: desk.drills.pop(name) for name in lost}
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: assign(forgetful, account))
    desk.drills.update(kept)
    assert assign(forgetful, account), "the honest twin: with its keys restored it could have"


def test_an_address_whose_keys_were_destroyed_is_not_handed_out(desk: Desk) -> None:
    """Four of six shares are gone, and the firm says so of the keys; the wallet is still called active."""
    batch = eth_batch(1)
    desk.register(batch)
    desk.take_in(batch)
    key = desk.firm.world.registers["keys"].find("key:eoa-0", "keys")
    change_register(desk.firm, "keys", (replace(key, state=KeyState.DESTROYED),))
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: assign(desk.assigner, AccountId("account:peak:eth")))


def test_coins_at_a_retired_address_are_told(desk: Desk) -> None:
    batch = eth_batch(1)
    desk.register(batch)
    desk.take_in(batch)
    firm = desk.firm
    body = assign(desk.assigner, AccountId("account:peak:eth")).body
    name = body.entry.removeprefix("address:")
    firm.deposit(name, ETHER)
    firm.mine()
    assert [] == firm.query("select code from watch.alerts where code = 'RETIRED_ADDRESS_ACTIVITY'")
    desk.retire(ETH_COLD)
    firm.deposit(name, ETHER)
    firm.mine()
    told = firm.query("select code, severity, subject from watch.alerts where closed_at is null")
    assert [(Code.RETIRED_ADDRESS_ACTIVITY, "critical", body.entry)] == told
