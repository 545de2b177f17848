"""The power goes at every place of a verification and an update; the next run, in another process, goes on by keys."""

from __future__ import annotations

import shutil

from hands import Hands
from power_cut import NEVER, Power, Ran, consent, run_with_power
from strongroom.checker.console import Exit
from strongroom.checker.state.store import Store, open_store
from strongroom.checker.station import release
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind
from world import eth_trip

from .stationhouse import Stationhouse
from .test_full_screen import new, sit, station

__all__ = ["new", "station"]


def watch(power: Power) -> None:
    """What a station has beside files and questions: the line of its start, and what its memory takes in."""
    power.around(release, "keep_start", lambda *_: "start")
    for name in ("save_trust", "save_answer"):
        power.around(Store, name, lambda *_, name=name: name)
    # In the middle of a transaction.
    power.around(Store, "_put_trust", lambda *_: "beliefs")


def run(station: Stationhouse, *words: object, cut: str = NEVER) -> Ran:
    """One command by keys, in a process of its own."""

    async def press(hands: Hands) -> None:
        await consent(hands, "", "a", {})

    def work(power: Power) -> int:
        watch(power)
        return sit(station, press, *words)

    ran = run_with_power(work, cut)
    with open_store(station.home) as store:
        # What the platform hears of its own, with the next package that comes back.
        last = store.load_trust().last
        station.last_seen = last.head.size if last else 0
    return ran


def verify(station: Stationhouse, number: int) -> tuple[object, ...]:
    """Words that have a payment of its own verified."""
    trip = eth_trip(station.world, nonce=7 + number, sequence=7 + number).to(Stage.APPROVE)
    file = station.put(PackageKind.VERIFICATION, station.body(trip))
    return ("verify", "--home", station.home, file, "--out", station.out)


def answers(station: Stationhouse) -> list[bytes]:
    return [path.read_bytes() for path in sorted(station.out.glob("*.package.json"))]


KEPT = "after save_answer 1"
"""From here on an answer is given, whatever a medium does."""


def test_whatever_a_power_cut_stopped_is_verified_once(station: Stationhouse) -> None:
    places = run(station, *verify(station, 0)).places
    before, after = places[: places.index(KEPT)], places[places.index(KEPT) :]
    assert {"after start 1", "after beliefs 1", "after beliefs 2"} <= {*before}
    assert {"before file in out 1", "page stands 1", "Stopped stands 1"} <= {*after}
    words = verify(station, 1)
    for place in before:
        run(station, *words, cut=place)
        assert 1 == len(answers(station)), place
    assert Exit.DONE == run(station, *words).end
    assert 2 == len(answers(station))
    for number, place in enumerate(after, start=2):
        words = verify(station, number)
        run(station, *words, cut=place)
        # What was given is handed out again as it is; nothing is verified, or counted, a second time.
        assert Exit.DONE == run(station, *words).end, place
        assert number + 1 == len(answers(station))
        assert [f"{each:06}" for each in range(1, number + 2)] == [
            path.name[:6] for path in sorted(station.out.glob("*.package.json"))
        ]


def test_an_update_is_taken_whole_or_not_at_all(new: Stationhouse) -> None:
    file = new.put(PackageKind.UPDATE, new.world.update_body())
    words = ("import", "--home", new.home, file)
    folder = new.home.rename(new.folder / "kept")
    shutil.copytree(folder, new.home)
    places = run(new, *words).places
    assert {"page stands 1", "Choosing stands 1", "Choosing stands 2", "after beliefs 1"} <= {*places}
    shutil.rmtree(new.home)
    folder.rename(new.home)
    taken = places.index("after save_trust 1")
    for place in places[:taken]:
        run(new, *words, cut=place)
        assert ["root"] == list(new.run("status", "--home", new.home).json["heads"]), place
    run(new, *words, cut=places[taken])
    assert 1 < len(new.run("status", "--home", new.home).json["heads"])
    assert Exit.DONE == new.run(*verify(new, 0)).code
    # It was taken; whoever is not sure gives it once more, and is told.
    assert {Code.PACKAGE_SEQUENCE} == new.run(*words, typed="accept\naccept\n").codes
