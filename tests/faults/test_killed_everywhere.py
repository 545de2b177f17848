"""SIGKILL after every database write of a withdrawal: whatever was cut off, the restart pays exactly once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from firm import CONFIRMATIONS, ETHER, Firm, open_firm
from office import Office, open_office
from strongroom.core.ids import AccountId, Digest
from strongroom.online.db.bootstrap import Database
from strongroom.online.ledger.store import check_ledger, load_balance
from strongroom.online.nodes.devchain import AnvilChain
from world import ETH

ENTRY_POINT = Path(__file__).parent / "killed_worker.py"
AMOUNT = ETHER // 10
DEPOSIT = 1000 * ETHER
PROGRAMS = ("work", "reconcile", "watch")
MOST_ROUNDS = 40
MOST_LIVES = 80


@dataclass(frozen=True, kw_only=True)
class Life:
    """How one pass of a program ended. durable: its last write outlived it."""

    killed: bool
    writes: tuple[str, ...]
    durable: bool


@dataclass(kw_only=True)
class Mortals:
    """The online programs as processes that die."""

    firm: Firm
    process: subprocess.Popen[str]
    kills: Counter[str] = field(default_factory=Counter)

    def live(self, program: str, kill_after: int = 0, instruction: Path | None = None) -> Life:
        """One life. kill_after: SIGKILL after so many writes; 0: never."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"program": program, "kill_after": kill_after, "instruction": str(instruction or "")}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert told["exit"] == 0, f"{program} failed; see the output above"
        assert told["signal"] in (0, signal.SIGKILL)
        life = Life(killed=told["signal"] == signal.SIGKILL, writes=tuple(told["writes"]), durable=told["durable"])
        assert life.killed == (0 < kill_after <= len(life.writes))
        if life.killed:
            assert len(life.writes) == kill_after
            self.kills[f"{program}: {label_of(life.writes[-1])}"] += 1
        return life

    def live_killed_everywhere(self, program: str, instruction: Path | None = None) -> None:
        """Lives until one ends by itself: each is killed a write later, or after its first once something was saved.

        What was saved and comes again in the next life, as a package that was handled but not ticked off, does not
        count as saved a second time.
        """
        kill_after, saved = 1, set[tuple[str, ...]]()
        for _ in range(MOST_LIVES):
            life = self.live(program, kill_after, instruction)
            if not life.killed:
                return
            kill_after = 1 if life.durable and life.writes not in saved else kill_after + 1
            if life.durable:
                saved.add(life.writes)
        raise AssertionError(f"{program} never comes to an end; killed after {self.kills}")


@contextmanager
def mortals(firm: Firm) -> Iterator[Mortals]:
    """The process that the lives are forked from."""
    command = [sys.executable, str(ENTRY_POINT), str(firm.folder / "config"), str(firm.clock.offset.total_seconds())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Mortals(firm=firm, process=process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@dataclass(kw_only=True)
class Scene:
    """A funded firm whose programs die. paid: withdrawals so far."""

    firm: Firm
    office: Office
    mortals: Mortals
    paid: int = 0

    def order(self) -> tuple[Digest, Path]:
        """A client's order for the same amount as every other."""
        envelope = self.firm.order("client:harbour", ETH, AMOUNT)
        path = self.firm.folder / f"order-{self.paid}.json"
        path.write_bytes(envelope.encode())
        return envelope.id, path

    def state(self, instruction: Digest) -> str:
        """State of an instruction; it follows its docket."""
        rows = self.firm.query("select state from transfers.instructions where id = %s", instruction)
        return str(rows[0][0]) if rows else "none"

    def destination_wei(self) -> int:
        """What the client's own address holds on the chain."""
        entry = self.firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
        node = self.firm.chain(ETH).node()
        return int(node.fetch_balance(entry.address, node.fetch_block_number()))  # type: ignore[union-attr]

    def answer(self, instruction: Digest) -> None:
        """Devices answer what is new; blocks come for a transaction that waits for them, and for nothing else."""
        self.office.serve()
        if self.state(instruction) == "CONFIRMING":
            self.firm.chain(ETH).mine(CONFIRMATIONS)


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, module_database: Database, ethereum_chain: AnvilChain
) -> Iterator[Scene]:
    """One firm for all withdrawals of this file: chain, books and log go on from one to the next."""
    with open_firm(tmp_path_factory.mktemp("firm"), module_database, eth=ethereum_chain) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", DEPOSIT)
        firm.mine()
        with mortals(firm) as process:
            yield Scene(firm=firm, office=office, mortals=process)


def check_paid_once(scene: Scene, instruction: Digest) -> None:
    """Exactly one payment more on the chain, one docket, one transaction; ledger adds up and matches the chain."""
    firm = scene.firm
    scene.paid += 1
    assert scene.paid * AMOUNT == scene.destination_wei()
    dockets = firm.query(
        """select d.state, i.state, d.txid from transfers.dockets d join transfers.instructions i using (proposal)
           where i.id = %s""",
        instruction,
    )
    assert [("RECONCILED", "RECONCILED")] == [row[:2] for row in dockets]
    assert [(1,)] == firm.query("select count(*) from watch.outflows where txid = %s", dockets[0][2])
    assert [(scene.paid,)] == firm.query("select count(*) from watch.outflows")
    assert [(scene.paid,)] == firm.query("select count(*) from transfers.dockets")
    assert [("MATCHED",)] == firm.query("select status from watch.runs order by height desc limit 1")
    assert [] == firm.query("select code, detail from watch.alerts")
    check_ledger(firm.admin)
    assert DEPOSIT - scene.paid * AMOUNT == load_balance(firm.admin, AccountId("account:harbour:eth")).posted


def withdraw(scene: Scene, kill_at: int) -> list[str]:
    """One withdrawal with one kill after its `kill_at`-th write over all programs (0: none); returns all writes.

    Every pass of a program is a life of its own, so that the work is begun from the database alone each time.
    """
    instruction, path = scene.order()
    writes: list[str] = []
    for _ in range(MOST_ROUNDS):
        if scene.state(instruction) == "RECONCILED":
            check_paid_once(scene, instruction)
            return writes
        for program in PROGRAMS:
            order = path if program == "work" and scene.state(instruction) == "none" else None
            life = scene.mortals.live(program, max(0, kill_at - len(writes)), order)
            writes += [f"{program}: {label_of(write)}" for write in life.writes]
        scene.answer(instruction)
    raise AssertionError(f"not reconciled with a kill at write {kill_at}: {explain(scene)}")


def label_of(write: str) -> str:
    """A write without the digest of its parameters."""
    return write.split(" #", maxsplit=1)[0]


def explain(scene: Scene) -> list[tuple[Any, ...]]:
    """What a person would look at."""
    return [
        *scene.firm.query("select state, why from transfers.instructions where state <> 'RECONCILED'"),
        *scene.firm.query("select code, subject, detail from watch.alerts"),
        *scene.firm.query("select height, status from watch.runs order by height desc limit 5"),
    ]


def test_killed_after_every_write_of_one_withdrawal(scene: Scene) -> None:
    plain = withdraw(scene, kill_at=0)
    instruction, path = scene.order()
    for _ in range(MOST_ROUNDS):
        if scene.state(instruction) == "RECONCILED":
            break
        for program in PROGRAMS:
            order = path if program == "work" and scene.state(instruction) == "none" else None
            scene.mortals.live_killed_everywhere(program, order)
        scene.answer(instruction)
    else:
        raise AssertionError(f"not reconciled: {explain(scene)}")
    check_paid_once(scene, instruction)
    kills = scene.mortals.kills
    # Whatever an undisturbed withdrawal writes, and as often, a program was killed right after it. Only how many
    # checkpoints are signed differs, since it depends on what the log had when a pass began.
    wanted = {label: 1 if label.endswith("_checkpoint") else n for label, n in Counter(plain).items()}
    missed = {label: n - kills[label] for label, n in wanted.items() if kills[label] < n}
    assert {} == missed


def test_one_kill_in_a_withdrawal_of_its_own(scene: Scene) -> None:
    """One place; `-m slow` takes every one."""
    withdraw(scene, kill_at=len(withdraw(scene, kill_at=0)) // 2)


@pytest.mark.slow
def test_one_kill_at_every_write_each_in_a_withdrawal_of_its_own(scene: Scene) -> None:
    for kill_at in range(1, len(withdraw(scene, kill_at=0)) + 1):
        withdraw(scene, kill_at)
