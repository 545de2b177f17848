"""Attack 11: one provider of node access forges a deposit, in a block's receipts and in the balance alike."""

from __future__ import annotations

from demo.ended import Ended, alert_of
from demo.firm import ETH
from demo.journey import Tell, credited, wait_reconciled
from demo.programs import DemoError
from demo.proxy import FORGED
from demo.scene import Scene
from strongroom.core.ids import EntryId
from strongroom.online.governance.store import load_rules


def forge_deposit(scene: Scene, tell: Tell) -> Ended:
    """11: one of two providers shows a deposit of a million tokens that never was."""
    before = credited(scene)
    wait_reconciled(scene)
    scene.stop_platform()
    accounts = scene.eth.accounts()
    scene.eth.send_from(accounts[1], accounts[2], 1)
    scene.eth.mine(4)
    node = scene.eth.node()
    provider = scene.provider
    provider.contract = scene.firm.token.contract
    provider.address = load_rules(scene.firm.connection).entries.addresses[EntryId("address:eth-1")].address
    provider.block = str(node.fetch_block_hash(node.fetch_block_number() - 3))
    tell("provider", "anvil-2 tells of 1,000,000 TST for address:eth-1: in the receipts, and in the balance")
    scene.start_platform()
    alert = alert_of(scene, "NODES_DISAGREE")
    (detail,) = scene.query("select detail from watch.alerts where code = 'NODES_DISAGREE' order by id desc limit 1")[0]
    if "anvil-2" not in detail or credited(scene) != before:
        raise DemoError(f"the alert does not name the provider, or something was credited: {detail}")
    tell("service:reconciler", "NODES_DISAGREE: anvil-2 alone tells of it; nothing is credited, no block is taken in")
    provider.block = ""
    tell("operator", "the provider is told to leave; both nodes say the same again, and the chain is followed on")
    wait_reconciled(scene)
    held = scene.query("select count(*) from watch.deposits where chain = %s and units = %s", ETH, FORGED)[0][0]
    if held:
        raise DemoError("the forged deposit was taken in after all")
    return Ended(
        name="11 one provider forges a deposit",
        outcome="stopped",
        stage="CREDIT",
        code="NODES_DISAGREE",
        alert=alert,
    )
