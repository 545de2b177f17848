"""Attacks 1 to 5, each really carried out by changing bytes, rows or keys. Each says where it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from demo.ended import Ended, alert_of, refused_with
from demo.firm import ETH, now
from demo.journey import Journal, Order, Tell, instruct, mine, wait_for_proposal
from demo.papers import whitelist_entries
from demo.programs import DemoError
from demo.scene import Scene
from demo.sight import scan_halt
from demo.stage import enroll_approver
from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script
from strongroom.chains.ethereum.addresses import render_address
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.assemble import build_package_checkpoint, build_placed
from strongroom.core.canonical import sha256
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import Package, PackageKind, RegisterDelta, UpdateBody, encode_package
from strongroom.core.records import encode_record
from strongroom.online.governance.store import load_rules
from strongroom.online.transfers.withdrawal import step2_decide, step3_propose
from strongroom.online.transfers.withdrawal.build import Built
from strongroom.online.transfers.withdrawal.store import State, load_instructions

THIEF = render_address(bytes.fromhex("ee" * 20))


def stopped_at_approval(scene: Scene, code: str, name: str, tell: Tell) -> Ended:
    """Both approvers' devices read the same bytes and halt; each needs nobody else to notice."""
    for device in ("device:approver-1", "device:approver-2"):
        refused_with(scene.decide(device, scene.fetch(device, "approval-request"), "approve", expect=None), {code})
        tell(device, f"halt: {code}")
    return Ended(name=name, outcome="stopped", stage="APPROVE", code=code, alert=alert_of(scene, code))


def corrupt_builder(
    scene: Scene, journal: Journal, orders: list[Order], spoil: Callable[[Built], Built], name: str
) -> Digest:
    """The platform is the attacker's: it decides honestly, then builds other bytes and signs the proposal over them."""
    scene.stop_platform()
    instructions = [instruct(scene, journal, client, asset, amount, name) for client, asset, amount in orders]
    rules = load_rules(scene.platform.connection)
    for row in load_instructions(scene.platform.connection, State.SUBMITTED):
        step2_decide.decide(scene.platform, rules, row)
    honest = step3_propose.build
    step3_propose.build = lambda *arguments: spoil(honest(*arguments))
    try:
        for group in step3_propose.group_rows(load_instructions(scene.platform.connection, State.SCREENING)):
            step3_propose.propose(scene.platform, rules, group)
    finally:
        step3_propose.build = honest
    scene.start_platform()
    return wait_for_proposal(scene, instructions)


def swap_destination(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """1: the platform swaps the destination after the client's instruction."""

    def spoil(built: Built) -> Built:
        unsigned = encode_unsigned(replace(parse_unsigned(built.unsigned), to=bytes.fromhex("ee" * 20)))
        return replace(built, unsigned=unsigned, unsigned_digest=sha256(unsigned))

    corrupt_builder(scene, journal, [("harbour", "eth", 10**17)], spoil, "swapped")
    tell("service:builder", f"proposal over bytes that pay {THIEF}, not the client")
    return stopped_at_approval(scene, "DEST_NOT_INSTRUCTED", "1 destination swapped by the platform", tell)


def strange_change(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """2: change goes to a stranger."""

    def spoil(built: Built) -> Built:
        psbt = parse_psbt(built.unsigned)
        stranger = build_script(ScriptKind.P2WPKH, bytes.fromhex("ee" * 20))
        spends = [
            Spend(previous=detail.previous, index=tx_in.outpoint.index, witness_script=detail.witness_script)
            for tx_in, detail in zip(psbt.unsigned.inputs, psbt.inputs, strict=True)
        ]
        payments = [Payment(script=o.script, value_sat=o.value_sat) for o in psbt.unsigned.outputs[:-1]]
        payments.append(Payment(script=stranger, value_sat=psbt.unsigned.outputs[-1].value_sat))
        changed = build_psbt(spends=spends, payments=payments)
        return replace(built, unsigned=encode_psbt(changed), unsigned_digest=sha256(changed.unsigned_bytes))

    corrupt_builder(scene, journal, [("lantau", "ltc", 10**8)], spoil, "stranger")
    tell("service:builder", "proposal whose change pays a stranger's script")
    return stopped_at_approval(scene, "CHANGE_NOT_OURS", "2 change to a stranger", tell)


def older_whitelist(scene: Scene, _journal: Journal, tell: Tell) -> Ended:
    """3: the terminal is fed an older whitelist, correctly signed in its day."""
    old_head, old = scene.firm.heads["whitelist"], scene.firm.registers["whitelist"]
    # The whitelist office removes Peak's Ethereum destination; the attacker wants it back.
    gone = next(e for e in whitelist_entries(scene.firm, scene.firm.clients["peak"]) if e.chain == ETH)
    scene.firm.publish_register("whitelist", [], [gone.id])
    tell("person:w.leung", "register: whitelist version 2, without Peak's Ethereum destination")
    scene.wait("the news to reach the terminal", lambda: _holds(scene, "whitelist", 2))
    scene.platform.reader.refresh(scene.platform.connection)
    status = scene.status("device:terminal-1")
    step, size = build_package_checkpoint(scene.platform.reader, status["log"]["size"])
    body = UpdateBody(
        checkpoint=step,
        freezes=(),
        lifts=(),
        notices=(),
        policies=(),
        registers=(
            RegisterDelta(
                added=tuple(encode_record(e) for e in old.entries if e.id == gone.id),
                head=build_placed(scene.platform.reader, old_head.envelope, size),
                register="whitelist",
                removed=(),
            ),
        ),
        roots=(),
        rosters=(),
    )
    package = Package(
        kind=PackageKind.UPDATE,
        sender=PartyId("service:platform"),
        to=PartyId("device:terminal-1"),
        sequence=9_000,
        created_at=now(),
        body=body,
    )
    path = scene.inbox("device:terminal-1") / "older-whitelist.json"
    path.write_bytes(encode_package(package))
    result = scene.import_update("device:terminal-1", path, expect=None)
    path.unlink()
    code = refused_with(result, {"HEAD_ROLLBACK"})
    tell("device:terminal-1", f"refused: {code}")
    return Ended(
        name="3 older whitelist fed to the terminal",
        outcome="stopped",
        stage="IMPORT",
        code=code,
        alert="terminal's own screen and journal",
    )


def _holds(scene: Scene, register: str, version: int) -> bool:
    scene.bring_updates("device:terminal-1")
    return bool(scene.status("device:terminal-1")["heads"][register]["version"] >= version)


def play_again(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """4: a signed docket is played again, in a new session with a valid clear: the attacker owns the database."""
    proposal = journal.proposals["one client in ether"]
    kept = scene.query("select state from transfers.dockets where proposal = %s", proposal)[0][0]
    rows = scene.query(
        "select statement, stage from transfers.docket_statements where proposal = %s and stage >= 6", proposal
    )
    scene.stop_platform()
    scene.query("delete from transfers.docket_statements where proposal = %s and stage >= 6", proposal)
    scene.query("update transfers.dockets set state = 'VERIFIED' where proposal = %s", proposal)
    scene.start_platform()
    tell("attacker", "rows edited: the docket that was paid waits for signing again")
    result = scene.sign("device:terminal-1", expect=None)
    code = refused_with(result, {"ALREADY_COMMITTED", "INSTRUCTION_ALREADY_PAID"})
    tell("device:terminal-1", f"halt: {code}")
    scan_halt(scene, result, "device:terminal-1", tell)
    alert = alert_of(scene, code)
    scene.stop_platform()
    scene.query("update transfers.dockets set state = %s where proposal = %s", kept, proposal)
    for statement, stage in rows:
        scene.query(
            "insert into transfers.docket_statements (proposal, statement, stage) values (%s, %s, %s)",
            proposal,
            statement,
            stage,
        )
    scene.start_platform()
    return Ended(name="4 signed docket played again", outcome="stopped", stage="SIGN", code=code, alert=alert)


def two_names(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """5: one person approves twice under two names; the platform's own count is overridden by editing its row."""
    firm = scene.firm
    device = "device:approver-3"
    enroll_approver(scene, device)
    firm.publish_roster(firm.people["person:mei.chan"])
    scene.query("insert into custody.devices (id, kind) values (%s, 'approval-device')", device)
    tell("person:h.fung", "roster version 2: Mei Chan, who is M. Chan, gets a second name and a second key")
    scene.stop_platform()
    order = instruct(scene, journal, "peak", "ltc", 10**8, "twice")
    scene.start_platform()
    proposal = wait_for_proposal(scene, [order])
    for each in ("device:approver-1", device):
        scene.decide(each, scene.fetch(each, "approval-request"), "approve")
    said = "select 1 from transfers.docket_statements where proposal = %s and stage = 4"
    scene.wait("both approvals", lambda: len(scene.query(said, proposal)) == 2)
    mine(scene, 1)
    if scene.state(proposal) != "PENDING_APPROVAL":
        raise DemoError(f"the platform counted one person twice: {scene.state(proposal)}")
    tell("service:platform", "two approvals, one human: the quorum is not met")
    scene.query("update transfers.dockets set state = 'APPROVED' where proposal = %s", proposal)
    tell("attacker", "row edited: the docket is called approved")
    result = scene.verify(scene.fetch("device:station-1", "verification"), expect=None)
    code = refused_with(result, {"QUORUM_NOT_MET"})
    tell("device:station-1", f"halt: {code}")
    device = "device:approver-2"
    scene.decide(device, scene.fetch(device, "approval-request"), "reject\nI was told nothing of this transfer")
    tell("person:r.singh", "rejection, too late to matter: the docket is already stopped")
    return Ended(
        name="5 one person under two names", outcome="stopped", stage="VERIFY", code=code, alert=alert_of(scene, code)
    )
