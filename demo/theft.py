"""Attack 7: coins leave with no docket, signed straight with the token. Detected, frozen, lifted by officers."""

from __future__ import annotations

import subprocess

from demo.attacks import THIEF
from demo.ended import Ended, alert_of
from demo.firm import now
from demo.journey import Tell, mine, wait_reconciled
from demo.programs import MODULE, ROOT, DemoError, environment
from demo.scene import Scene
from demo.vault import ETH_WALLET
from strongroom.core.bodies import FreezeLift
from strongroom.core.ids import Digest, EntryId
from strongroom.online.governance.store import load_rules
from strongroom.online.watch.lift import accept_lift


def straight_with_the_token(scene: Scene, tell: Tell, pending: Digest) -> Ended:
    """7: coins leave a cold address with no docket, signed straight with the token.

    It is seen, the vault is frozen, and the next signing is refused. pending: a docket that waits for signing.
    """
    terminal = scene.terminal("device:terminal-1")
    source = load_rules(scene.firm.connection).entries.addresses[EntryId("address:eth-2")]
    node = scene.eth.node()
    fee = 2 * node.fetch_fees().base_fee_wei + 10**9
    stolen = 4 * 10**17
    arguments = [
        MODULE,
        terminal.label,
        str(terminal.keys / ETH_WALLET.removeprefix("wallet:")),
        "key:eth-2",
        THIEF,
        str(stolen),
        str(node.fetch_pending_nonce(source.address)),
        str(fee),
    ]
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
    scene.query(
        "delete from transfers.session_dockets s using transfers.sessions t where s.nonce = t.nonce and t.clear is null"
    )
    scene.query("delete from transfers.sessions where clear is null")


def _is_frozen(scene: Scene) -> bool:
    """Whether the terminal's own screen shows the freeze, once it holds all that waits for it."""
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
