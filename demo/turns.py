"""More honest transfers: tokens, a fee bump, and blocks that vanish under a deposit and a withdrawal."""

from __future__ import annotations

from demo.firm import ETH
from demo.journey import (
    Journal,
    Tell,
    approve,
    credited,
    mine,
    prepare,
    release,
    settle,
    sign,
    tell_docket,
    verify,
    wait_reconciled,
    withdraw,
)
from demo.programs import DemoError, run
from demo.scene import Scene
from strongroom.core.ids import Digest, EntryId
from strongroom.online.governance.store import load_rules
from strongroom.online.ledger.store import check_ledger

ETHER = 10**18
TOKENS = 10**6


def pay_tokens(scene: Scene, journal: Journal, tell: Tell) -> None:
    """A client is paid in an ERC-20 token; the fee is the house's, in ether."""
    order = [("harbour", "tst", 1_250 * TOKENS)]
    proposal = withdraw(scene, journal, "one client in tokens", order, ["device:terminal-1"], tell)
    (paid,) = scene.query("select txid from transfers.dockets where proposal = %s", proposal)[0]
    whole = scene.eth.node().fetch_token_balances(
        scene.firm.token.contract,
        [scene.firm.clients["harbour"].destinations[ETH]],
        scene.eth.node().fetch_block_hash(scene.eth.node().fetch_block_number()),
    )
    if whole != (1_250 * TOKENS,):
        raise DemoError(f"{paid} did not pay the tokens: {whole}")
    tell("anvil", "balanceOf(destination) = 1250 TST")


def turn_back(scene: Scene, journal: Journal, tell: Tell) -> None:
    """Blocks with a credited deposit and a settled withdrawal vanish; all is undone, sent again and settled again."""
    paid = journal.proposals["one client in tokens"]
    address = load_rules(scene.firm.connection).entries.addresses[EntryId("address:eth-2")].address
    came = scene.eth.fund(address, ETHER // 2)
    before = credited(scene)
    mine(scene)
    scene.wait("the credit of the last deposit", lambda: credited(scene) == before + 1)
    node = scene.eth.node()
    txid = str(scene.query("select txid from transfers.dockets where proposal = %s", paid)[0][0])
    receipt = node.fetch_receipt(txid)
    if receipt is None:
        raise DemoError("the paid tokens are in no block")
    depth = node.fetch_block_number() - receipt.block_number + 1
    raw = scene.eth.fetch_raw(came)
    scene.eth.reorganise(depth)
    tell("anvil-1, anvil-2", f"the last {depth} blocks vanish: with the deposit of 0.5 ETH, and the 1250 TST paid")
    scene.eth.mine(1)
    scene.wait("the deposit to be taken back", lambda: credited(scene) == before)
    scene.wait("the settlement to be undone", lambda: scene.state(paid) in ("RELEASED", "CONFIRMING"))
    wait_reconciled(scene)
    for issuer, kind in scene.query(
        "select issuer, kind from evidence.entries where kind in"
        " ('reorganisation', 'deposit-reversal', 'settlement-reversal') order by idx"
    ):
        tell(issuer, kind)
    check_ledger(scene.admin)
    tell("service:reconciler", "MATCHED: the ledger says what the shorter chain says")
    scene.eth.resend(raw)
    tell("a stranger", "the deposit is sent again by whoever sent it")
    again = scene.fetch("device:gate-1", "release")
    scene.release(again)
    sent = str(scene.query("select txid from transfers.dockets where proposal = %s", paid)[0][0])
    if sent != txid:
        raise DemoError(f"the gate sent {sent}, not {txid} again")
    tell("device:gate-1", f"the identical bytes again: {txid[:18]}…; nothing is signed anew")
    settle(scene, paid)
    scene.wait("the deposit to be credited again", lambda: credited(scene) == before + 1)
    tell_docket(scene, paid, tell)


def bump_fee(scene: Scene, journal: Journal, tell: Tell) -> None:
    """A payment that no block takes is replaced by one with a higher fee, approved anew; one of them is ever paid."""
    order = [("harbour", "eth", ETHER // 4)]
    name = "one client whose fee is bumped"
    stuck = prepare(scene, journal, name, order, tell)
    approve(scene, stuck)
    verify(scene, stuck)
    sign(scene, stuck, ["device:terminal-1"])
    scene.release(scene.fetch("device:gate-1", "release"))
    scene.wait("the first broadcast", lambda: scene.state(stuck) == "CONFIRMING")
    tell("device:gate-1", "broadcast; no block comes that takes it")
    made = run("platform", ["bump", "--config", str(scene.config), stuck]).json()
    again = Digest(made["proposal"])
    journal.proposals[name] = again
    tell("service:builder", "proposal, attempt 2: the same nonce, both fees an eighth higher, replaces attempt 1")
    approve(scene, again)
    verify(scene, again)
    sign(scene, again, ["device:terminal-1"])
    release(scene, again)
    tell_docket(scene, again, tell)
    if scene.state(stuck) != "REPLACED":
        raise DemoError(f"the first attempt is {scene.state(stuck)}")
    tell("service:platform", "attempt 1 is REPLACED; the client is debited once")
