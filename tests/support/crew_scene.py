"""Withdrawals of a funded firm by real workers, and what must be true after them, whatever happened to the workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crew import Crew, running_crew, serve_until
from firm import ETHER, Firm
from office import Office
from strongroom.core.ids import AccountId, Digest
from strongroom.online.ledger.store import check_ledger, load_balance
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH

AMOUNT = ETHER // 10
DEPOSIT = 1000 * ETHER


@dataclass(kw_only=True)
class Scene:
    """A funded firm at which nobody works yet."""

    firm: Firm
    office: Office

    def order(self) -> Digest:
        """A client's order is taken in."""
        return accept(self.firm.platform, self.firm.order("client:harbour", ETH, AMOUNT)).id

    def states(self) -> list[str]:
        """States of all instructions."""
        return [str(row[0]) for row in self.firm.query("select state from transfers.instructions")]

    def destination_wei(self) -> int:
        """What the client's own address holds on the chain."""
        entry = self.firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
        node = self.firm.chain(ETH).node()
        return int(node.fetch_balance(entry.address, node.fetch_block_number()))  # type: ignore[union-attr]


def check_paid(scene: Scene, before_wei: int, count: int) -> None:
    """So many payments and no other; each docket, posting and settlement once; ledger and chain agree."""
    firm = scene.firm
    assert count * AMOUNT == scene.destination_wei() - before_wei
    assert ["RECONCILED"] * count == scene.states()
    assert [(count, count)] == firm.query("select count(*), count(distinct txid) from transfers.dockets")
    assert [(count,)] == firm.query("select count(*) from watch.outflows where proposal is not null and settled")
    assert [] == firm.query("select txid from watch.outflows where proposal is null")
    kinds = dict(firm.query("select kind, count(*) from evidence.entries group by kind"))
    assert {"settlement": count, "proposal": count, "deposit-credit": 1} == {
        kind: kinds[kind] for kind in ("settlement", "proposal", "deposit-credit")
    }
    assert [] == firm.query("select code, subject, detail from watch.alerts where code <> 'NODE_UNAVAILABLE'")
    assert [] == firm.query("select task, subject from jobs.overview where status = 'failed'")
    check_ledger(firm.admin)
    assert DEPOSIT - count * AMOUNT == load_balance(firm.admin, AccountId("account:harbour:eth")).posted


def withdraw(scene: Scene, *, workers: int, count: int, meanwhile: Callable[[Crew], None], patience_s: float) -> int:
    """Orders at the beginning and on the way, until all are reconciled; returns how many workers were killed."""
    before_wei = scene.destination_wei()
    with running_crew(scene.firm, workers) as crew:
        credited = "select count(*) from watch.deposits where state = 'CREDITED'"
        serve_until(
            scene.office,
            crew,
            lambda: scene.firm.query(credited) == [(1,)],
            meanwhile=lambda: meanwhile(crew),
            patience_s=patience_s,
        )
        for _ in range(count):
            scene.order()
        serve_until(
            scene.office,
            crew,
            lambda: set(scene.states()) == {"RECONCILED"},
            meanwhile=lambda: meanwhile(crew),
            patience_s=patience_s,
        )
        kills = crew.kills
    check_paid(scene, before_wei, count)
    return kills
