"""The database crashes in the middle of transactions and between them: programs come back, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from crew import Crew
from crew_scene import DEPOSIT, Scene, withdraw
from firm import open_firm
from nodes import start_anvil
from office import open_office
from restarts import Crashing, crashing_database, reconnect
from strongroom.core.statements import Envelope
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH


@dataclass(kw_only=True)
class CrashingScene(Scene):
    """A firm on a server that crashes."""

    server: Crashing


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[CrashingScene]:
    with (
        start_anvil() as chain,
        crashing_database() as server,
        open_firm(tmp_path, server.database, eth=chain) as firm,
    ):
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", DEPOSIT)
        firm.chain(ETH).mine(2)
        yield CrashingScene(firm=firm, office=office, server=server)
        for connection in (firm.admin, firm.platform.connection):
            connection.close()


def crashing_every_second(crashing: CrashingScene, most: int) -> Callable[[Crew], None]:
    """Crashes the database every second or so: twice in a transaction that is open, then whatever goes on."""
    server, due = crashing.server, [time.monotonic() + 1.0]

    def meanwhile(_crew: Crew) -> None:
        if time.monotonic() < due[0] or server.crashes >= most:
            return
        if server.crashes % 3 == 2:
            server.crash()
        else:
            server.crash_in_transaction(patience_s=2.0)
        reconnect(crashing.firm)
        due[0] = time.monotonic() + 1.0

    return meanwhile


def test_crashes_in_mid_transaction_and_between(crashing: CrashingScene) -> None:
    withdraw(crashing, workers=2, count=1, meanwhile=crashing_every_second(crashing, most=4), patience_s=240)
    assert crashing.server.crashes >= 3
    assert crashing.server.cut >= 2


@pytest.mark.slow
def test_many_crashes_through_many_withdrawals(crashing: CrashingScene) -> None:
    withdraw(crashing, workers=3, count=8, meanwhile=crashing_every_second(crashing, most=25), patience_s=600)
    assert crashing.server.cut >= 10


def crash_while_taken_in(crashing: CrashingScene, envelope: Envelope) -> None:
    """The order is written, its transaction still open."""
    with crashing.firm.platform.connection.transaction():
        accept(crashing.firm.platform, envelope)
        crashing.server.crash()


def test_an_order_that_the_crash_cut_off_is_taken_in_again_and_once(crashing: CrashingScene) -> None:
    envelope = crashing.firm.order("client:harbour", ETH, 1)
    with pytest.raises(psycopg.OperationalError):
        crash_while_taken_in(crashing, envelope)
    reconnect(crashing.firm)
    assert [] == crashing.states()
    first = accept(crashing.firm.platform, envelope)
    assert first.id == accept(crashing.firm.platform, envelope).id
    assert ["SUBMITTED"] == crashing.states()
