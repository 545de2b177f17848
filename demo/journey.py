"""The honest journeys: deposits, and withdrawals through all nine steps. Each step tells who said what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from demo.desk import Paper
from demo.firm import CONTEXT, ETH, LTC, now
from demo.programs import DemoError, run
from demo.scene import CONFIRMATIONS, Scene
from strongroom.core.bodies import Destination, Instruction
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.ids import AccountId, Digest, EntryId
from strongroom.core.money import render_units
from strongroom.core.records import Units
from strongroom.core.registers import entry_digest
from strongroom.core.statements import Envelope, build_payload, sign_payload
from strongroom.online.governance.store import load_rules
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from strongroom.online.transfers.withdrawal.store import load_docket, load_docket_statements

Tell = Callable[[str, str], None]
"""Tells one thing: who, and what they said."""
Order = tuple[str, str, int]
"""Who asks, for which asset (eth, ltc, tst), and how many smallest units."""
FINAL = ("COMPLETED", "RECONCILED")


@dataclass(kw_only=True)
class Journal:
    """What the story keeps for its end: proposals by name, sequence numbers by client."""

    proposals: dict[str, Digest] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)


def deposit(scene: Scene, tell: Tell) -> None:
    """Clients and the operator send coins to their addresses; after confirmations the ledger credits them."""
    entries = load_rules(scene.firm.connection).entries
    ether = 10**18
    for name, units in (("eth-1", 5 * ether), ("eth-2", 1 * ether)):
        txid = scene.eth.fund(entries.addresses[EntryId(f"address:{name}")].address, units)
        tell("anvil", f"{units // ether} ETH arrive at address:{name} in {txid[:18]}…")
    tokens = 5_000 * 10**6
    txid = scene.eth.fund_token(scene.firm.token.contract, entries.addresses[EntryId("address:eth-1")].address, tokens)
    tell("anvil", f"5000 TST arrive at address:eth-1 in {txid[:18]}…")
    # A miner's reward may be spent after 100 blocks; these let four more of the wallet's ripen.
    scene.ltc.mine(4)
    for number, coins in ((1, 40), (2, 30), (3, 30), (4, 2)):
        txid = scene.ltc.fund(entries.addresses[EntryId(f"address:ltc-{number}")].address, coins * 10**8)
        tell("litecoind", f"{coins} LTC arrive at address:ltc-{number} in {txid[:16]}…")
    mine(scene)
    scene.wait("seven credited deposits", lambda: credited(scene) == 7)
    for who, account, amount in scene.query(
        "select issuer, d.account, d.units::text from watch.deposits d"
        " join evidence.entries e on e.statement = d.statement order by e.idx"
    ):
        tell(who, f"deposit-credit: {amount} units to {account}")


def mine(scene: Scene, blocks: int = CONFIRMATIONS) -> None:
    """Blocks on both chains, and wait until both are followed and reconciled."""
    scene.eth.mine(blocks)
    scene.ltc.mine(blocks)
    wait_reconciled(scene)


def wait_reconciled(scene: Scene) -> None:
    """Wait until both chains are followed to their tips."""
    eth, ltc = scene.eth.node().fetch_block_number(), scene.ltc.node().fetch_block_count()

    def followed() -> bool:
        heights: dict[str, int] = dict(scene.query("select chain, max(height) from watch.runs group by chain"))
        return bool(heights.get(ETH, -1) >= eth and heights.get(LTC, -1) >= ltc)

    scene.wait("both chains to be reconciled at their tips", followed)


def credited(scene: Scene) -> int:
    """How many deposits are credited."""
    return int(scene.query("select count(*) from watch.deposits where state = 'CREDITED'")[0][0])


def instruct(scene: Scene, journal: Journal, client: str, short: str, amount: int, reason: str) -> Digest:
    """A client signs an order with their own key and hands it in."""
    person = scene.firm.clients[client]
    asset = scene.firm.asset(short)
    entry = scene.firm.registers["whitelist"].find(f"entry:{client}-{short}", "whitelist")
    journal.sequences[client] = journal.sequences.get(client, 0) + 1
    body = Instruction(
        account=AccountId(f"account:{client}:{short}"),
        amount=Units(amount),
        asset=asset.id,
        chain=asset.chain,
        client=person.id,
        destination=Destination(address=entry.address, entry=entry.id, entry_digest=entry_digest(entry)),
        fee_ceiling=Units(10**16 if asset.chain == ETH else 100_000),
        reason=reason,
        reference=f"2027-{journal.sequences[client]:03d}",
        release_by=now() + timedelta(hours=12),
        sequence=journal.sequences[client],
        sign_by=now() + timedelta(hours=8),
    )
    kind, payload = build_payload(body, context=CONTEXT, issuer=person.id, issued_at=now())
    envelope: Envelope = sign_payload(kind, payload, [(person.key, person.sign)])
    accepted = accept(scene.platform, envelope).id
    scene.on_desk[accepted] = Paper(address=entry.address, amount=render_units(amount, asset.decimals))
    return accepted


def wait_for_proposal(scene: Scene, instructions: Sequence[Digest]) -> Digest:
    """Wait until the builder has made one docket for these instructions."""

    def proposals() -> set[str]:
        rows = scene.query("select proposal from transfers.instructions where id = any(%s)", list(instructions))
        return {str(r[0]) for r in rows if r[0]}

    scene.wait("the proposal", lambda: len(proposals()) == 1)
    return Digest(proposals().pop())


def approve(scene: Scene, proposal: Digest) -> None:
    """M. Chan and R. Singh read the docket on their own devices and approve."""
    for device in ("device:approver-1", "device:approver-2"):
        approve_on(scene, device)
    wait_for_quorum(scene, proposal)


def approve_on(scene: Scene, device: str) -> None:
    """One person approves on their device; a courier carries the docket there and the answer back."""
    scene.decide(device, scene.fetch(device, "approval-request"), "approve")


def wait_for_quorum(scene: Scene, proposal: Digest) -> None:
    """Wait until the docket leaves for the vault."""
    scene.wait("the quorum", lambda: scene.state(proposal) == "EXPORTED")


def verify(scene: Scene, proposal: Digest) -> None:
    """The station reads the docket with other eyes."""
    verify_package(scene, proposal, scene.fetch("device:station-1", "verification"))


def verify_package(scene: Scene, proposal: Digest, package: Path) -> None:
    """The station reads a package that is with it, and prints the operators' paper."""
    scene.verify(package)
    with scene.printing(package):
        scene.wait("the verification", lambda: scene.state(proposal) == "VERIFIED")


def sign(scene: Scene, proposal: Digest, terminals: Sequence[str]) -> None:
    """Each terminal signs in its own session."""
    for terminal in terminals:
        scene.sign(terminal)
    scene.wait("the records of the terminals", lambda: scene.state(proposal) in ("SIGNED", "RELEASED"))


def release(scene: Scene, proposal: Digest) -> None:
    """The gate compares, releases, broadcasts; the chain confirms; the ledger is posted."""
    scene.release(scene.fetch("device:gate-1", "release"))
    settle(scene, proposal)


def settle(scene: Scene, proposal: Digest) -> None:
    """Blocks until the transaction is final and the ledger is posted."""
    scene.wait("the release", lambda: scene.state(proposal) == "CONFIRMING")
    mine(scene)
    scene.wait("the settlement", lambda: scene.state(proposal) in FINAL)
    mine(scene, 1)
    scene.wait("the reconciliation", lambda: scene.state(proposal) == "RECONCILED")


def withdraw(
    scene: Scene,
    journal: Journal,
    name: str,
    orders: Sequence[Order],
    terminals: Sequence[str],
    tell: Tell,
) -> Digest:
    """A withdrawal from instruction to settlement."""
    proposal = prepare(scene, journal, name, orders, tell)
    approve(scene, proposal)
    verify(scene, proposal)
    sign(scene, proposal, terminals)
    release(scene, proposal)
    tell_docket(scene, proposal, tell)
    return proposal


def prepare(scene: Scene, journal: Journal, name: str, orders: Sequence[Order], tell: Tell) -> Digest:
    """Instructions, decisions, proposal; the platform stands still meanwhile, so that orders share a transaction."""
    scene.stop_platform()
    instructions = [instruct(scene, journal, client, asset, amount, name) for client, asset, amount in orders]
    for client, asset, amount in orders:
        tell(f"client:{client}", f"instruction: pay me {amount} units of {scene.firm.asset(asset).symbol}")
    scene.start_platform()
    proposal = wait_for_proposal(scene, instructions)
    journal.proposals[name] = proposal
    return proposal


def tell_docket(scene: Scene, proposal: Digest, tell: Tell) -> None:
    """Who said what, as the log has it."""
    for statement in load_docket_statements(scene.platform.connection, proposal):
        extra = ""
        if statement.type.value == "signature-record":
            extra = f" with operators {', '.join(statement.body.operators)}"
        if statement.type.value in ("release", "broadcast", "settlement"):
            extra = f" of {statement.body.txid[:18]}…"
        tell(statement.issuer, f"{statement.type.value}{extra}")


def write_docket(scene: Scene, proposal: Digest, path: Path) -> None:
    """Write a docket file, as far as it has come."""
    scene.platform.reader.refresh(scene.platform.connection)
    row = load_docket(scene.platform.connection, proposal)
    docket = scene.platform.assemble(load_rules(scene.platform.connection), row, up_to=Stage.SETTLE)
    path.write_bytes(encode_docket(docket))


def prove_docket_file(path: Path, root: Path) -> str:
    """A stranger proves the docket: the verifier, the file, the root, no network."""
    result = run("verify", [str(path), "--root", str(root)], offline=True, expect=None)
    if result.code != 0:
        raise DemoError(f"strongroom-verify refuses {path.name}:\n{result.out}\n{result.err}")
    return result.out
