"""A key is declared compromised: the vault freezes, its wallet is swept into another of ours, and the books match."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firm import COIN, ETHER, PEAK, Firm, change_register, drive, open_firm
from office import open_office
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId, ChainId, Digest, EntryId, WalletId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import Units
from strongroom.core.registers import KeyState
from strongroom.core.statements import Envelope
from strongroom.core.sweeps import Rehearsal, Sweep
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import append
from strongroom.online.governance.notices import accept_notice
from strongroom.online.keys.states import find_payable, load_key_states, tell_key_state
from strongroom.online.ledger.store import check_ledger, load_balance, load_totals
from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.transfers.accounts import build_custody_account
from strongroom.online.transfers.sweep.prepare import Prepared, prepare_sweep
from strongroom.online.transfers.withdrawal.store import load_docket
from world import ETH, ETH_ASSET, ETH_WALLET, LTC, LTC_ASSET, LTC_WALLET, ltc_key_names
from world_sweep import OFFICERS, SAFE, SAFE_ETH, SAFE_LTC, safe_edits


def declare(firm: Firm, *keys: str, state: KeyState = KeyState.COMPROMISED) -> Digest:
    """One officer declares keys; the platform takes it in as `strongroom publish` does."""
    names = tuple(sorted(EntryId(k) for k in keys))
    body = KeyStateChange(keys=names, lifts=(), reason="a former employee has a copy", state=state)
    firm.world.now = firm.clock()
    envelope = firm.world.sign(body, OFFICERS[0], OFFICERS[:1])
    statement = accept_notice(firm.platform.connection, envelope, firm.clock())
    tell_key_state(firm.platform.connection, statement)
    return statement.id


def freeze(firm: Firm) -> None:
    """An officer freezes the vault."""
    body = Freeze(evidence="key copy", reason="a former employee has a copy", scope=FreezeScope.VAULT)
    firm.world.now = firm.clock()
    append(firm.admin, firm.world.sign(body, OFFICERS[0], OFFICERS[:1]))


def order(
    firm: Firm, chain: ChainId, wallet: WalletId, because: Digest, rehearsal: Rehearsal = Rehearsal.NO
) -> Envelope:
    """The officers' signed order."""
    firm.world.now = firm.clock()
    body = Sweep(
        chain=chain,
        destinations=(EntryId(f"address:{SAFE[chain]}"),),
        fee_ceiling=Units(10**16 if chain == ETH else 100_000),
        reason="a former employee has a copy",
        rehearsal=rehearsal,
        release_by=firm.world.now + timedelta(hours=12),
        sign_by=firm.world.now + timedelta(hours=8),
        states=(because,),
        wallet=wallet,
    )
    return firm.world.sign(body, OFFICERS[0], OFFICERS)


def prepare(firm: Firm, envelope: Envelope) -> Prepared:
    return prepare_sweep(firm.platform, firm.rules, envelope)


def check_proved(firm: Firm, proposal: Digest) -> None:
    """The docket that was made proves to the end with nothing but the root."""
    firm.round()
    firm.work()
    docket = firm.platform.assemble(firm.rules, load_docket(firm.admin, proposal), up_to=Stage.SETTLE)
    proof = prove_docket(encode_docket(docket), firm.world.root_file, now=firm.clock())
    assert "SETTLE" == proof.furthest.name


def test_ether_of_a_copied_key_is_swept_while_frozen(
    tmp_path: Path, database: Database, ethereum_chain: AnvilChain
) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain, edits=safe_edits(PEAK)) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        freeze(firm)
        because = declare(firm, "key:eth-1")
        assert KeyState.COMPROMISED is load_key_states(firm.admin, firm.rules)["key:eth-1"]
        alerts = firm.query("select severity from watch.alerts where code = %s", Code.KEY_COMPROMISED.value)
        assert [("critical",)] == alerts

        prepared = prepare(firm, order(firm, ETH, ETH_WALLET, because))
        (proposal,) = prepared.proposals
        assert () == prepared.left
        drive(firm, proposal, office.serve, "RECONCILED")

        node = ethereum_chain.node()
        tip = node.fetch_block_number()
        held = {
            a.id: node.fetch_balance(a.address, tip) for a in firm.rules.entries.addresses.values() if a.chain == ETH
        }
        fee = int(firm.query("select fee::text from watch.outflows where proposal = %s", proposal)[0][0])
        assert 5 * ETHER - fee == sum(held.values())
        assert held["address:safe-eth"] > 4 * ETHER
        assert 5 * ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).posted
        assert held["address:safe-eth"] == load_balance(firm.admin, build_custody_account(SAFE_ETH, ETH_ASSET)).posted
        assert sum(held.values()) == load_totals(firm.admin, ETH_ASSET).custody
        check_ledger(firm.admin)
        firm.reconciler.prover.check(firm.admin)
        check_proved(firm, proposal)


def test_coins_of_a_copied_share_are_swept_by_two_terminals(
    tmp_path: Path, database: Database, litecoin_chain: LitecoinChain
) -> None:
    with open_firm(tmp_path, database, ltc=litecoin_chain, edits=safe_edits(PEAK)) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        litecoin_chain.mine(3)
        for name in ("ltc-1", "ltc-2"):
            firm.deposit(name, 20 * COIN)
        firm.mine()
        because = declare(firm, *(ltc_key_names(name)[2] for name in ("ltc-1", "ltc-2")))
        (proposal,) = prepare(firm, order(firm, LTC, LTC_WALLET, because)).proposals
        drive(firm, proposal, office.serve, "RECONCILED")
        row = load_docket(firm.admin, proposal)
        assert 40 * COIN - row.fee == load_balance(firm.admin, build_custody_account(SAFE_LTC, LTC_ASSET)).posted
        assert 0 == load_balance(firm.admin, build_custody_account(LTC_WALLET, LTC_ASSET)).posted
        assert 40 * COIN - row.fee == load_totals(firm.admin, LTC_ASSET).custody
        check_proved(firm, proposal)


def test_a_rehearsal_ends_where_it_is_verified_and_holds_nothing(
    tmp_path: Path, database: Database, ethereum_chain: AnvilChain
) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain, edits=safe_edits(PEAK)) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        because = declare(firm, "key:eth-1", state=KeyState.DEACTIVATED)
        drill = prepare(firm, order(firm, ETH, ETH_WALLET, because, Rehearsal.YES))
        drive(firm, drill.proposals[0], office.serve, "CANCELLED")
        assert "rehearsed: approved and verified" == load_docket(firm.admin, drill.proposals[0]).why
        again = prepare(firm, order(firm, ETH, ETH_WALLET, because))
        assert 1 == len(again.proposals)


def test_the_builder_leaves_declared_keys_alone(tmp_path: Path, database: Database, ethereum_chain: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain, edits=safe_edits(PEAK)) as firm:
        cold = {a.id for a in firm.rules.entries.addresses.values() if a.wallet == ETH_WALLET}
        assert cold == set(find_payable(firm.admin, firm.rules, ETH_WALLET))
        declare(firm, "key:eth-1", state=KeyState.SUSPENDED)
        declare(firm, "key:eth-2")
        assert cold - {"address:eth-1", "address:eth-2"} == set(find_payable(firm.admin, firm.rules, ETH_WALLET))
        alerts = firm.query("select count(*) from watch.alerts where code = %s", Code.KEY_COMPROMISED.value)
        assert [(1,)] == alerts


def test_the_platform_publishes_legal_changes_only(
    tmp_path: Path, database: Database, ethereum_chain: AnvilChain
) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain, edits=safe_edits(PEAK)) as firm:
        key = firm.world.registers["keys"].find("key:eth-2", "keys")
        change_register(firm, "keys", (replace(key, state=KeyState.COMPROMISED),))
        with pytest.raises(RefusedError) as caught:
            change_register(firm, "keys", (replace(key, state=KeyState.ACTIVE),))
        assert Code.KEY_STATE_ILLEGAL in caught.value.codes


def test_one_officer_prepares_nothing(tmp_path: Path, database: Database, ethereum_chain: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=ethereum_chain, edits=safe_edits(PEAK)) as firm:
        because = declare(firm, "key:eth-1")
        whole = order(firm, ETH, ETH_WALLET, because)
        alone = Envelope(payload=whole.payload, payloadType=whole.payloadType, signatures=whole.signatures[:1])
        with pytest.raises(RefusedError) as caught:
            prepare(firm, alone)
        assert Code.QUORUM_NOT_MET in caught.value.codes
