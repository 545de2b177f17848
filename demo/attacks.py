"""The attacks, each really carried out by changing bytes, rows or keys. Each ends as `stopped` or `detected`, and says where."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script
from strongroom.chains.ethereum.addresses import render_address
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.assemble import build_package_checkpoint, build_placed
from strongroom.core.bodies import FreezeLift
from strongroom.core.canonical import parse_with_notes, encode_with_notes, sha256
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId
from strongroom.core.packages import Package, PackageKind, RegisterDelta, UpdateBody, encode_package
from strongroom.core.records import encode_record
from strongroom.online.governance.store import load_rules
from strongroom.online.transfers.withdrawal import step2_decide, step3_propose
from strongroom.online.transfers.withdrawal.build import Built
from strongroom.online.transfers.withdrawal.resend import resend
from strongroom.online.transfers.withdrawal.store import State, load_instructions
from strongroom.online.watch.lift import accept_lift

from demo.firm import ETH, LTC, now, whitelist_entries
from demo.journey import Journal, Tell, instruct, mine, wait_for_proposal, wait_reconciled
from demo.programs import MODULE, ROOT, DemoError, Result, environment
from demo.scene import Scene, enroll_approver

THIEF = render_address(bytes.fromhex("ee" * 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attack ended. outcome: stopped (nothing moved) or detected (it moved, was seen, and signing stopped)."""

    name: str
    outcome: str
    stage: str
    code: str
    alert: str
    moved: str = "nothing"

    def as_json(self) -> dict[str, str]:
        """For summary.json."""
        return {"name": self.name, "outcome": self.outcome, "stage": self.stage, "code": self.code, "alert": self.alert, "moved": self.moved}


def refused_with(result: Result, wanted: set[str]) -> str:
    """The refusal code that a program ended with; it must be one of those that the attack is for."""
    found = [code for code in sorted(wanted) if code in result.err or code in result.out]
    if result.code != 3 or not found:
        raise DemoError(f"expected a refusal with {', '.join(sorted(wanted))}, got {result.code}:\n{result.err}\n{result.out}")
    return found[0]


def alert_of(scene: Scene, code: str) -> str:
    """The alert that the SOC sees for a refusal; waits for it."""

    def raised() -> bool:
        return bool(scene.query("select 1 from watch.alerts where code = %s or detail like %s", code, f"%{code}%"))

    scene.wait(f"the alert {code}", raised)
    rows = scene.query("select code, severity from watch.alerts where code = %s or detail like %s order by id desc limit 1", code, f"%{code}%")
    return f"{code} ({rows[0][1]})"


def _other_device_halts(scene: Scene, code: str, tell: Tell) -> None:
    """The second approver's device sees the same bytes and halts too; each needs nobody else to notice."""
    device = "device:approver-2"
    refused_with(scene.decide(device, scene.fetch(device, "approval-request"), "approve", expect=None), {code})
    tell(device, f"halt: {code}")


def _corrupt_builder(scene: Scene, journal: Journal, orders: list[tuple[str, ChainId, int]], spoil: Callable[[Built], Built], name: str) -> Digest:
    """The platform is the attacker's: it decides honestly, then builds other bytes and signs the proposal over them."""
    scene.stop_platform()
    instructions = [instruct(scene, journal, client, chain, amount, name) for client, chain, amount in orders]
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

    _corrupt_builder(scene, journal, [("harbour", ETH, 10**17)], spoil, "swapped")
    tell("service:builder", f"proposal over bytes that pay {THIEF}, not the client")
    result = scene.decide("device:approver-1", scene.fetch("device:approver-1", "approval-request"), "approve", expect=None)
    code = refused_with(result, {"DEST_NOT_INSTRUCTED"})
    tell("device:approver-1", f"halt: {code}")
    _other_device_halts(scene, code, tell)
    return Ended(name="1 destination swapped by the platform", outcome="stopped", stage="APPROVE", code=code, alert=alert_of(scene, code))


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

    _corrupt_builder(scene, journal, [("lantau", LTC, 10**8)], spoil, "stranger")
    tell("service:builder", "proposal whose change pays a stranger's script")
    result = scene.decide("device:approver-1", scene.fetch("device:approver-1", "approval-request"), "approve", expect=None)
    code = refused_with(result, {"CHANGE_NOT_OURS"})
    tell("device:approver-1", f"halt: {code}")
    _other_device_halts(scene, code, tell)
    return Ended(name="2 change to a stranger", outcome="stopped", stage="APPROVE", code=code, alert=alert_of(scene, code))


def older_whitelist(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """3: the terminal is fed an older whitelist, correctly signed in its day."""
    old_head, old = scene.firm.heads["whitelist"], scene.firm.registers["whitelist"]
    # The whitelist office removes Peak's Ethereum destination; the attacker wants it back.
    gone = next(e for e in whitelist_entries(scene.firm.clients["peak"]) if e.chain == ETH)
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
    return Ended(name="3 older whitelist fed to the terminal", outcome="stopped", stage="IMPORT", code=code, alert="terminal's own screen and journal")


def _holds(scene: Scene, register: str, version: int) -> bool:
    scene.bring_updates("device:terminal-1")
    return bool(scene.status("device:terminal-1")["heads"][register]["version"] >= version)


def play_again(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """4: a signed docket is played again, in a new session with a valid clear: the attacker owns the database."""
    proposal = journal.proposals["one client in ether"]
    kept = scene.query("select state from transfers.dockets where proposal = %s", proposal)[0][0]
    rows = scene.query("select statement, stage from transfers.docket_statements where proposal = %s and stage >= 6", proposal)
    scene.stop_platform()
    scene.query("delete from transfers.docket_statements where proposal = %s and stage >= 6", proposal)
    scene.query("update transfers.dockets set state = 'VERIFIED' where proposal = %s", proposal)
    scene.start_platform()
    tell("attacker", "rows edited: the docket that was paid waits for signing again")
    result = scene.sign("device:terminal-1", expect=None)
    code = refused_with(result, {"ALREADY_COMMITTED", "INSTRUCTION_ALREADY_PAID"})
    tell("device:terminal-1", f"halt: {code}")
    alert = alert_of(scene, code)
    scene.stop_platform()
    scene.query("update transfers.dockets set state = %s where proposal = %s", kept, proposal)
    for statement, stage in rows:
        scene.query(
            "insert into transfers.docket_statements (proposal, statement, stage) values (%s, %s, %s) on conflict do nothing",
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
    order = instruct(scene, journal, "peak", LTC, 10**8, "twice")
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
    return Ended(name="5 one person under two names", outcome="stopped", stage="VERIFY", code=code, alert=alert_of(scene, code))


def altered_seal(scene: Scene, package: Path) -> Callable[[Any], None]:
    """6a: a byte of the sealed result is changed on its way."""

    def change(body: Any) -> None:
        sealed = body["sealed"][0]["sealed"]
        body["sealed"][0]["sealed"] = sealed[:200] + ("A" if sealed[200] != "A" else "B") + sealed[201:]

    return change


def sealed_anew(scene: Scene, package: Path) -> Callable[[Any], None]:
    """6b: another transaction's signature, sealed properly to the gate: base mode lets anyone seal."""
    import base64

    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from strongroom.core.packages import RESULT_FORMAT, PartialSignature, ResultOutcome, TerminalResult, build_seal_info, encode_result
    from strongroom.core.records import HexBytes

    def change(body: Any) -> None:
        proposal = next(
            Digest(row[0]) for row in scene.query("select proposal from transfers.dockets where state = 'RELEASED' limit 1")
        )
        for item in body["sealed"]:
            result = TerminalResult(
                format=RESULT_FORMAT,
                outcome=ResultOutcome.SIGNED,
                proposal=proposal,
                signatures=(PartialSignature(input=0, key="key:ltc-a-1", signature=HexBytes(bytes([7]) * 64)),),
                terminal=PartyId(item["terminal"]),
            )
            public = X25519PublicKey.from_public_bytes(bytes.fromhex(scene.firm.seal))
            suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
            info = build_seal_info(proposal, PartyId(item["terminal"]))
            item["sealed"] = base64.b64encode(suite.encrypt(encode_result(result), public, info=info)).decode()

    return change


def spoil_release(scene: Scene, tell: Tell, name: str, make: Callable[[Scene, Path], Callable[[Any], None]], wanted: set[str]) -> Ended:
    """Attack 6: the package to the gate is changed on the way; then the honest docket is sent again."""
    package = scene.fetch("device:gate-1", "release")
    value = parse_with_notes(package.read_bytes(), limit=64 * 1024 * 1024)
    if not isinstance(value, dict):
        raise DemoError("the release package is no object")
    make(scene, package)(value["body"])
    spoiled = scene.inbox("device:gate-1") / "spoiled.json"
    spoiled.write_bytes(encode_with_notes(value))
    tell("attacker", f"the sealed result on the courier's medium is changed: {name}")
    result = scene.release(spoiled, expect=None)
    spoiled.unlink()
    code = refused_with(result, wanted)
    tell("device:gate-1", f"halt: {code}; nothing left the gate")
    ended = Ended(name=name, outcome="stopped", stage="RELEASE", code=code, alert=alert_of(scene, code))
    proposal = Digest(str(scene.query("select proposal from transfers.dockets where state = 'RELEASED' limit 1")[0][0]))
    # The gate keeps a package's checkpoint even when it refuses the rest, so it holds what the platform thinks it holds.
    seen = int(scene.query("select seen from custody.devices where id = 'device:gate-1'")[0][0])
    resend(scene.platform.connection, proposal, PartyId("device:gate-1"), seen)
    return ended


def straight_with_the_token(scene: Scene, journal: Journal, tell: Tell, pending: Digest) -> Ended:
    """7: coins leave a cold address with no docket, signed straight with the token; seen, frozen, and the next signing refused.

    pending: a docket that is verified and waits for signing.
    """
    terminal = scene.terminal("device:terminal-1")
    source = load_rules(scene.firm.connection).entries.addresses[EntryId("address:eth-2")]
    node = scene.eth.node()
    fee = 2 * node.fetch_fees().base_fee_wei + 10**9
    stolen = 4 * 10**17
    arguments = [MODULE, terminal.label, str(terminal.keys / "eth"), "key:eth-2", THIEF, str(stolen), str(node.fetch_pending_nonce(source.address)), str(fee)]
    done = subprocess.run(
        [str(ROOT / ".venvs/terminal/bin/python"), str(ROOT / "demo/insider.py"), *arguments],
        input=f"{terminal.pin}\n",
        capture_output=True,
        text=True,
        env=environment(terminal.store),
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"the insider failed: {done.stderr}")
    node.send_raw(bytes.fromhex(done.stdout.strip()))
    tell("insider", f"0.4 ETH signed straight with the token of {terminal.id}, sent past every program")
    scene.eth.mine(1)
    scene.wait("the freeze", lambda: bool(scene.query("select 1 from watch.freezes")))
    freeze = str(scene.query("select statement from watch.freezes")[0][0])
    tell("service:reconciler", "freeze: unexplained outflow, in the block's own transaction")
    alert = alert_of(scene, "UNEXPLAINED_OUTFLOW")
    _show_refused(scene, tell)
    _lift(scene, freeze, tell)
    if scene.state(pending) != "VERIFIED":
        raise DemoError(f"the waiting docket moved while frozen: {scene.state(pending)}")
    return Ended(
        name="7 signed straight with the token, no docket",
        outcome="detected",
        stage="WATCH",
        code="UNEXPLAINED_OUTFLOW",
        alert=alert,
        moved=f"{stolen} wei and the fee, from address:eth-2",
    )


def _show_refused(scene: Scene, tell: Tell) -> None:
    """The next signing: the session opens, the clear is withheld, nothing is signed."""
    scene.wait("the freeze to reach the terminal", lambda: _is_frozen(scene))
    with scene.session("device:terminal-1", "sign\n"):

        def withheld() -> bool:
            rows = scene.query("select withheld from transfers.sessions order by opened_at desc limit 1")
            return bool(rows and "FROZEN" in rows[0][0])

        scene.wait("the clear to be withheld", withheld)
    tell("service:reconciler", "no clear-to-sign: FROZEN; the terminal's session ends without a signature")
    scene.query("delete from transfers.session_dockets where nonce in (select nonce from transfers.sessions where clear is null)")
    scene.query("delete from transfers.sessions where clear is null")


def _is_frozen(scene: Scene) -> bool:
    """Carry what waits; does the terminal's own screen show the freeze?"""
    scene.bring_updates("device:terminal-1")
    return bool(scene.status("device:terminal-1")["freezes"])


def _lift(scene: Scene, freeze: str, tell: Tell) -> None:
    """Two officers lift the freeze with their own tokens; the loss is posted to suspense and the books match again."""
    body = FreezeLift(freeze=Digest(freeze), reason="case opened; keys of terminal 1 are being rotated")
    envelope = scene.firm.sign("lift", body, ("person:r.ho", "person:s.lee"))
    accept_lift(scene.platform.connection, envelope, now())
    tell("person:r.ho, person:s.lee", "freeze-lift: the loss is in suspense, the ledger says what the chain says")
    mine(scene, 1)
    wait_reconciled(scene)
    scene.wait("the lift to reach the terminal", lambda: not _is_frozen(scene))


