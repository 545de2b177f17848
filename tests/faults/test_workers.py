"""Several real workers of each program on one database, killed at any moment: nothing is lost, nothing done twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crew import Crew
from crew_scene import DEPOSIT, Scene, withdraw
from firm import open_firm
from nodes import start_anvil
from office import open_office
from postgres import fresh_database
from world import ETH


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    # A chain of its own: what another test's firm paid out of the same addresses would be an unexplained outflow here.
    with start_anvil() as chain, fresh_database() as database, open_firm(tmp_path, database, eth=chain) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", DEPOSIT)
        firm.chain(ETH).mine(2)
        yield Scene(firm=firm, office=office)


def leave_alone(_crew: Crew) -> None:
    """Nobody is killed."""


def test_two_workers_of_each_program_do_everything_once(scene: Scene) -> None:
    assert 0 == withdraw(scene, workers=2, count=2, meanwhile=leave_alone, patience_s=240)


def killing(seed: int, most: int) -> Callable[[Crew], None]:
    """Kills a worker, any of them and whatever it does, each time that up to so many jobs more were done.

    Counted in jobs and not in seconds, so that a slow machine does not kill workers faster than they can begin.
    """
    choice = random.Random(seed)
    due = [choice.randint(1, most)]

    def meanwhile(crew: Crew) -> None:
        if crew.count_done() >= due[0]:
            time.sleep(choice.uniform(0, 0.05))
            crew.kill_one(choice)
            due[0] = crew.count_done() + choice.randint(1, most)

    return meanwhile


def test_workers_killed_at_random_lose_nothing_and_do_nothing_twice(scene: Scene) -> None:
    assert withdraw(scene, workers=2, count=2, meanwhile=killing(1, 20), patience_s=240) > 3


@pytest.mark.slow
def test_many_workers_killed_at_random_through_many_withdrawals(scene: Scene) -> None:
    assert withdraw(scene, workers=3, count=12, meanwhile=killing(2, 12), patience_s=600) > 20
