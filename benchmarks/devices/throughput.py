"""How many transfers a terminal and a station get through, people left out, beside the bare cost of what they must do.

    python benchmarks/devices/throughput.py [--dockets N] [--keys one|many] [--profile]

One package of N ERC-20 dockets (500 is the size to meet) is taken in, proved, checked, shown and signed by a real
terminal with a real token (SoftHSM); the people answer at once. The bare floor is, in the same process and run, the
token's own unwrap-and-sign once a docket, and the raw verification of every statement's signatures, each once a docket:
what a verifier without a memory must do. Checkpoints are no statements; the floor with their signatures stands beside.
The station verifies the same dockets, each from its own package.
The goal is at least half the rate of the floor.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib.util
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Protocol

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "devices")]

from docket_places import forget_runs  # noqa: E402 -- as above.
from docket_taps import Check, forget_keys, tapped  # noqa: E402 -- as above.
from figures import render_table, save_figures  # noqa: E402 -- as above.
from rows import HEAD, Row, Spent, render_row  # noqa: E402 -- as above.

import world as firm_world  # noqa: E402 -- found by the path above.
from strongroom.checker.reading.verify import prove_docket as prove_second  # noqa: E402 -- as above.
from strongroom.checker.state.device import enroll, import_update  # noqa: E402 -- as above.
from strongroom.checker.state.home import save_secret  # noqa: E402 -- as above.
from strongroom.checker.station.verify import verify_package  # noqa: E402 -- as above.
from strongroom.core.bodies import ClearToSign  # noqa: E402 -- as above.
from strongroom.core.checks.prove import prove_docket as prove_first  # noqa: E402 -- as above.
from strongroom.core.docket import Stage  # noqa: E402 -- as above.
from strongroom.core.ids import EntryId, PartyId  # noqa: E402 -- as above.
from strongroom.core.packages import PackageKind  # noqa: E402 -- as above.
from strongroom.core.policy import Policy  # noqa: E402 -- as above.
from strongroom.core.records import HexBytes, Units  # noqa: E402 -- as above.
from strongroom.core.registers import AddressEntry, KeyEntry  # noqa: E402 -- as above.
from strongroom.vault.hsm.module import TokenModule, find_token, open_session  # noqa: E402 -- as above.
from strongroom.vault.hsm.secret import Secret  # noqa: E402 -- as above.
from strongroom.vault.hsm.wrapped_keys import WrappedKey, find_wrapping_key, sign_digest_with  # noqa: E402 -- as above.
from world import World, seed  # noqa: E402 -- as above.
from world_trip import Trip  # noqa: E402 -- as above.

GOAL = 0.5
LIFE = timedelta(days=5)
Entries = tuple[KeyEntry | AddressEntry, ...]
STATION = PartyId("device:station-1")
HUGE = 10**9


def _stand_module() -> ModuleType:
    """The terminal of the terminal's own tests: tokens, folders, a platform that answers."""
    spec = importlib.util.spec_from_file_location("terminal_stand", ROOT / "vault/tests/terminal/conftest.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("vault/tests/terminal/conftest.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STAND = _stand_module()


class Tokens(Protocol):
    """What of the tests' tokens is used here."""

    module: TokenModule
    keys: Mapping[str, WrappedKey]


class TimedStand(STAND.Stand):  # type: ignore[misc] -- it is loaded by its path.
    """A terminal that knows how long its platform took to answer, and when the package was there."""

    answering = Spent(wall_s=0.0, cpu_s=0.0)
    arrived = answering
    profiler: cProfile.Profile | None = None

    def answer(self, turn: object) -> None:
        """The platform's answer, timed, and not in the terminal's profile."""
        if self.profiler:
            self.profiler.disable()
        before = Spent.now()
        super().answer(turn)
        self.arrived = Spent.now()
        self.answering += self.arrived - before
        if self.profiler:
            self.profiler.enable()


class Payment(Trip):
    """An ERC-20 payment out of one of many accounts."""

    source = "eth-1"

    @property
    def account(self) -> str:
        """The account that pays."""
        return self.source


def no_limits(policy: Policy) -> Policy:
    """A policy that lets N transfers through at once: it is evaluated all the same."""
    parameters = replace(
        policy.parameters,
        approval_life_s=10 * 86_400,
        clear_max_count=10_000,
        package_max_halts=10_000,
        reading_floor_s=0,
        sitting_max_count=10_000,
        clear_life_s=36_000,
    )
    rules = []
    for rule in policy.rules:
        windows = tuple(
            replace(w, max_amount=Units(10**30), max_count=HUGE, max_fee=Units(10**30), max_hkd_cents=None)
            for w in rule.windows
        )
        rules.append(replace(rule, windows=windows))
    return replace(policy, parameters=parameters, rules=tuple(rules))


def generous(clear: ClearToSign) -> ClearToSign:
    """A clear that is enough for the whole package."""
    budget = tuple(replace(b, units=Units(10**30)) for b in clear.budget)
    return replace(clear, budget=budget, life_s=36_000, max_count=10_000)


def make_firm(folder: Path, accounts: Sequence[str]) -> tuple[Tokens, World]:
    """Tokens with a key for each account, and a firm whose registers hold them."""
    names = tuple(f"key:{a}" for a in accounts)
    STAND.KEYS = {
        t: tuple(dict.fromkeys((*STAND.KEYS[t], *(names if t == STAND.TERMINALS[0] else ())))) for t in STAND.KEYS
    }
    tokens = STAND.make_tokens(folder)
    edits = tokens.edits()

    def more(name: str, prefix: str) -> Callable[[Entries], Entries]:
        def edit(entries: Entries) -> Entries:
            known = next(e for e in entries if e.id == f"{prefix}:eth-1")
            extra = [_renamed(known, a) for a in accounts if a != "eth-1"]
            made: Entries = edits[name](tuple(sorted([*entries, *extra], key=lambda e: e.id)))
            return made

        return edit

    changed = {**edits, "keys": more("keys", "key"), "addresses": more("addresses", "address"), "policy": no_limits}
    return tokens, firm_world.World(edits=changed)


def _renamed(known: KeyEntry | AddressEntry, account: str) -> KeyEntry | AddressEntry:
    if isinstance(known, KeyEntry):
        return replace(known, id=EntryId(f"key:{account}"), public=HexBytes(known.public))
    return replace(known, id=EntryId(f"address:{account}"), keys=(EntryId(f"key:{account}"),))


LONG_LIVED = {
    "instruct": lambda body: replace(body, sign_by=body.sign_by + LIFE, release_by=body.release_by + LIFE),
    "approve": lambda body: replace(body, until=body.until + LIFE),
}
"""Making five hundred dockets takes the firm half a day of its own clock."""


def build_trips(world: World, accounts: Sequence[str], count: int) -> list[Trip]:
    """The dockets, as far as each has to come by itself."""
    trips = []
    for number in range(count):
        trip = Payment(
            world=world,
            chain=firm_world.ETH,
            token=True,
            payments=(("client:harbour", 2_500 * 10**6 + number),),
            edits=LONG_LIVED,
            nonce=7 + number // len(accounts),
            sequence=1 + number,
        )
        trip.source = accounts[number % len(accounts)]
        trips.append(trip)
    return trips


def measure_terminal(
    folder: Path, keys: str, accounts: Sequence[str], count: int, *, profiler: cProfile.Profile | None = None
) -> Row:
    """One session over one package."""
    tokens, world = make_firm(folder, accounts)
    stand = TimedStand(tokens=tokens, world=world, folder=folder / "terminal-1").ready()
    trips = [trip.to(Stage.VERIFY) for trip in build_trips(world, accounts, count)]
    checks = find_checks(lambda trip: prove_first(trip.docket(), world.roots, now=world.now), trips)
    # Half of the floor before and half after: the machine is rarely as busy for long.
    early, late = range(count // 2), range(count // 2, count)
    floor, log = time_floor(tokens, [accounts[n % len(accounts)] for n in early], checks[::2])
    shown: list[Spent] = []
    stand.on_answer = lambda line: shown.append(Spent.now()) if line == "sign" else None
    # Making the dockets proved much of them in this process; the terminal starts without any of that.
    forget_runs()
    before = Spent.now()
    stand.profiler = profiler
    if profiler:
        profiler.enable()
    outcome = stand.run(STAND.Turn(trips=trips, clear=generous), *["sign"] * count)
    if profiler:
        profiler.disable()
    whole = Spent.now() - before - stand.answering
    if len(outcome.results) != count:
        raise RuntimeError(f"{outcome.refused[:1]}")
    more, more_log = time_floor(tokens, [accounts[n % len(accounts)] for n in late], checks[1::2])
    return Row(
        device="terminal",
        keys=keys,
        dockets=count,
        checks=len(checks),
        whole=whole,
        floor=floor + more,
        log=log + more_log,
        first=shown[0] - stand.arrived,
    )


def find_checks(prove: Callable[[Trip], object], trips: Sequence[Trip]) -> list[Check]:
    """Every signature check that proving these dockets takes, when nothing is known from another docket."""
    checks: list[Check] = []
    for trip in trips:
        forget_runs()
        with tapped(checks):
            prove(trip)
    return checks


def time_floor(tokens: Tokens, accounts: Sequence[str], checks: Sequence[Check]) -> tuple[Spent, Spent]:
    """Unwrap and sign for each account and verify the statements, and nothing else; then the checkpoints, apart."""
    forget_keys()
    with open_session(find_token(tokens.module, "terminal-1"), Secret(STAND.USER_PIN)) as session:
        wrapping = find_wrapping_key(session)
        before = Spent.now()
        for account in accounts:
            sign_digest_with(wrapping, tokens.keys[f"key:{account}"], os.urandom(32))
        signed = Spent.now() - before
    statements, log = time_checks(checks)
    return signed + statements, log


def time_checks(checks: Sequence[Check]) -> tuple[Spent, Spent]:
    """The statements' signatures, and apart from them the checkpoints', each once a docket."""
    before = Spent.now()
    for check in checks:
        if not check.of_log:
            check.again()
    statements = Spent.now() - before
    before = Spent.now()
    for check in checks:
        if check.of_log:
            check.again()
    return statements, Spent.now() - before


def measure_station(folder: Path, count: int) -> Row:
    """The same dockets at the station, each in its own package."""
    world = firm_world.World(edits={"policy": no_limits})
    home = folder / "station"
    home.mkdir(mode=0o700)
    save_secret(home / "device.key", seed(STATION))
    enroll(home, STATION, world.root_file, [world.fingerprint] * 2)
    update = folder / "update.package.json"
    update.write_bytes(world.package(STATION, PackageKind.UPDATE, world.update_body()))
    import_update(home, update, lambda: world.now)
    packages = []
    size = world.log.tree.size
    trips = build_trips(world, ["eth-1"], count)
    for number, trip in enumerate(trips):
        body = trip.to(Stage.APPROVE).docket_body(size)
        size = world.log.tree.size
        path = folder / f"{number:06}.package.json"
        path.write_bytes(world.package(STATION, PackageKind.VERIFICATION, body))
        packages.append(path)
    checks = find_checks(lambda trip: prove_second(trip.docket_bytes(), world.root_file, now=world.now), trips)
    forget_keys()
    floor, log = time_checks(checks[::2])
    forget_runs()
    before = Spent.now()
    outcomes = [verify_package(home, path, folder / "out", lambda: world.now) for path in packages]
    whole = Spent.now() - before
    if not all(o.accepted for o in outcomes):
        raise RuntimeError(f"{[o.refusals for o in outcomes if not o.accepted][:1]}")
    more, more_log = time_checks(checks[1::2])
    return Row(
        device="station",
        keys="one",
        dockets=count,
        checks=len(checks),
        whole=whole,
        floor=floor + more,
        log=log + more_log,
        first=Spent(wall_s=whole.wall_s / count, cpu_s=whole.cpu_s / count),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and keep the figures."""
    options = _parse(arguments)
    rows = []
    for keys in ("one", "many") if options.keys == "both" else (options.keys,):
        accounts = ["eth-1"] if keys == "one" else [f"eth-{n}" for n in (1, *range(100, 99 + options.dockets))]
        with tempfile.TemporaryDirectory() as name:
            profiler = cProfile.Profile(time.thread_time) if options.profile else None
            rows.append(measure_terminal(Path(name), keys, accounts, options.dockets, profiler=profiler))
            if profiler:
                pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
                pstats.Stats(profiler).sort_stats("cumtime").print_stats(60)
    if not options.no_station:
        with tempfile.TemporaryDirectory() as name:
            rows.append(measure_station(Path(name), options.dockets))
    table = [render_row(row) for row in rows]
    print(render_table(HEAD, table))
    late = [f"{r.device}, {r.keys}: {r.ratio}" for r in rows if r.ratio < GOAL]
    print(f"\nat least {GOAL} of the floor's rate: {'yes' if not late else 'no: ' + '; '.join(late)}")
    print(save_figures("throughput", {"goal": GOAL, "rows": [dict(zip(HEAD, each, strict=True)) for each in table]}))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dockets", type=int, default=500, help="how many in the package (%(default)s)")
    parser.add_argument("--keys", choices=("one", "many", "both"), default="both", help="source keys (%(default)s)")
    parser.add_argument("--no-station", action="store_true", help="the terminal alone")
    parser.add_argument("--profile", action="store_true", help="where the terminal's time goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
