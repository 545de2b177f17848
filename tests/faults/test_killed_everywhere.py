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
MOST_ROUNDS = 80
MOST_LIVES = 80
EVERY = 12
"""Without `-m slow`, one in so many writes gets a withdrawal of its own."""


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
        assert self.process.stdin is not None and self.process.stdout is not None
        request = {"program": program, "kill_after": kill_after, "instruction": str(instruction or "")}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert told["exit"] == 0, f"{program} failed; see the output above"
        assert told["signal"] in (0, signal.SIGKILL)
        life = Life(killed=told["signal"] == signal.SIGKILL, writes=tuple(told["writes"]), durable=told["durable"])
        if life.killed:
            assert len(life.writes) == kill_after
            self.kills[f"{program}: {life.writes[-1].split(' #')[0]}"] += 1
        return life

    def live_killed_everywhere(self, program: str, instruction: Path | None = None) -> None:
        """Lives until one ends by itself: each is killed one write later, or after its first once something new was saved.

        What was saved and comes again in the next life, such as a package that was handled but not ticked off, is not new.
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
        return int(node.fetch_balance(entry.address, node.fetch_block_number()))  # type: ignore[union-attr, arg-type]

    def mine_when_broadcast(self, instruction: Digest) -> None:
        """Blocks for a transaction that waits for them, and for nothing else."""
        if self.state(instruction) == "CONFIRMING":
            self.firm.chain(ETH).mine(CONFIRMATIONS)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, module_database: Database, ethereum_chain: AnvilChain) -> Iterator[Scene]:
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
    dockets = firm.query("select d.txid from transfers.dockets d join transfers.instructions i using (proposal) where i.id = %s", instruction)
    assert len(dockets) == 1 and dockets[0][0]
    assert [(1,)] == firm.query("select count(*) from watch.outflows where txid = %s", dockets[0][0])
    assert [(scene.paid,)] == firm.query("select count(*) from watch.outflows")
    assert [(scene.paid,)] == firm.query("select count(*) from transfers.dockets")
    assert [("MATCHED",)] == firm.query("select status from watch.runs order by height desc limit 1")
    assert [] == firm.query("select code, detail from watch.alerts")
    check_ledger(firm.admin)
    assert DEPOSIT - scene.paid * AMOUNT == load_balance(firm.admin, AccountId("account:harbour:eth")).posted


def withdraw(scene: Scene, kill_at: int) -> int:
    """One withdrawal with one kill after its `kill_at`-th write over all programs (0: none); returns how many it wrote."""
    instruction, path = scene.order()
    written = 0
    for _ in range(MOST_ROUNDS):
        if scene.state(instruction) == "RECONCILED":
            check_paid_once(scene, instruction)
            return written
        for program in PROGRAMS:
            order = path if program == "work" and scene.state(instruction) == "none" else None
            left = kill_at - written if kill_at > written else 0
            life = scene.mortals.live(program, left, order)
            written += len(life.writes)
        scene.office.serve()
        scene.mine_when_broadcast(instruction)
    raise AssertionError(f"not reconciled with a kill at write {kill_at}: {explain(scene)}")


def explain(scene: Scene) -> Any:
    """What a person would look at."""
    return scene.firm.query("select state, why from transfers.instructions where state <> 'RECONCILED'")


def test_killed_after_every_write_of_one_withdrawal(scene: Scene) -> None:
    instruction, path = scene.order()
    for _ in range(MOST_ROUNDS):
        if scene.state(instruction) == "RECONCILED":
            break
        for program in PROGRAMS:
            taken_in = scene.state(instruction) != "none"
            scene.mortals.live_killed_everywhere(program, None if taken_in or program != "work" else path)
        scene.office.serve()
        scene.mine_when_broadcast(instruction)
    print(len(list(scene.mortals.kills.elements())), scene.mortals.kills)
    check_paid_once(scene, instruction)
