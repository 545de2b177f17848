"""How long a docket takes to verify, beside the bare cost of the signature checks in it.

    python benchmarks/bench_docket.py [--full] [--rounds N] [--profile PLACE]

Three places verify whole dockets: `strongroom-verify`, the terminal's checks and the gate before a release. Each is run
once with its signature checks tapped: key, message and signature of every check that it makes. The bare cost is these
checks and nothing else, by the same library, from the bytes of keys, each distinct one read once. Both are timed in
turns, and nothing that one run computed from a docket is left for the next. The goal is at most three times the bare
cost.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

from docket_places import PLACES, Place, forget_runs  # noqa: E402 -- found by the path above.
from docket_shapes import SHAPES, Shape  # noqa: E402 -- as above.
from docket_taps import Check, forget_keys, tapped  # noqa: E402 -- as above.
from figures import CPU, measure_in_turns, median_ms, render_table, save_figures  # noqa: E402 -- as above.

GOAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One shape in one place. checks: signature checks by library and algorithm."""

    shape: str
    place: str
    size: int
    checks: dict[str, int]
    whole_ms: float
    bare_ms: float

    @property
    def ratio(self) -> float:
        """How many times the bare cost."""
        return round(self.whole_ms / self.bare_ms, 2)


def measure(shape: Shape, place: Place, rounds: int) -> Row:
    """One row. Both works start with nothing remembered of this docket."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        size, work = place.prepare(shape.build, Path(folder), stack)
        checks: list[Check] = []
        with tapped(checks):
            forget_runs()
            work()

        def whole() -> None:
            forget_runs()
            work()

        def alone() -> None:
            forget_keys()
            for check in checks:
                check.again()

        taken = measure_in_turns({"whole": whole, "bare": alone}, rounds, CPU)
    counted: dict[str, int] = {}
    for check in checks:
        counted[check.kind] = counted.get(check.kind, 0) + 1
    return Row(
        shape=shape.name,
        place=place.name,
        size=size,
        checks=counted,
        whole_ms=median_ms(taken["whole"]),
        bare_ms=median_ms(taken["bare"]),
    )


def measure_process(shape: Shape, rounds: int) -> dict[str, object]:
    """`strongroom-verify` as a process: one docket, twenty of it, and starting alone. The difference is the docket."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root, raw, now = shape.settled()
        (folder / "root.json").write_bytes(root)
        (folder / "one.docket.json").write_bytes(raw)
        start = [sys.executable, "-m", "strongroom.checker.verify.cli"]
        one = [*start, str(folder / "one.docket.json"), "--root", str(folder / "root.json"), "--at", now]
        many = [*start, *[str(folder / "one.docket.json")] * 20, "--root", str(folder / "root.json"), "--at", now]
        works = {"start": [*start, "--help"], "one": one, "twenty": many}
        taken = measure_in_turns({name: _running(command) for name, command in works.items()}, rounds)
    return {"shape": shape.name, **{f"{name}_ms": median_ms(times) for name, times in taken.items()}}


def _running(command: Sequence[str]) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def profile(place: Place, shape: Shape) -> None:
    """Where the time of one run goes."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _, work = place.prepare(shape.build, Path(folder), stack)
        work()
        forget_runs()
        profiler = cProfile.Profile(time.thread_time)
        profiler.runcall(work)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, keep the figures, and say whether the goal is reached."""
    options = _parse(arguments)
    shapes = [s for s in SHAPES if options.full or not s.is_large]
    if options.profile:
        profile(PLACES[options.profile], SHAPES[options.shape])
        return 0
    rounds = options.rounds or (60 if options.full else 15)
    rows = [measure(shape, place, rounds) for shape in shapes for place in PLACES.values()]
    head = ("docket", "place", "kB", "checks", "whole ms", "bare ms", "times")
    table = [(r.shape, r.place, r.size // 1000, sum(r.checks.values()), r.whole_ms, r.bare_ms, r.ratio) for r in rows]
    print(render_table(head, table))
    processes = [measure_process(shape, 3 if not options.full else 9) for shape in shapes[:2]]
    print("\nstrongroom-verify as a process (ms): starting alone, one docket, the same twenty times")
    print(render_table(("docket", "start", "one", "twenty"), [tuple(p.values()) for p in processes]))
    late = [f"{r.shape} at the {r.place}: {r.ratio}" for r in rows if r.ratio > GOAL]
    print(f"\nat most {GOAL} times the bare cost: {'yes' if not late else 'no: ' + '; '.join(late)}")
    figures: list[dict[str, Any]] = [
        {name: getattr(r, name) for name in ("shape", "place", "size", "checks", "whole_ms", "bare_ms", "ratio")}
        for r in rows
    ]
    print(save_figures("docket", {"goal": GOAL, "processes": processes, "rounds": rounds, "rows": figures}))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more shapes and more rounds")
    parser.add_argument("--rounds", type=int, help="how often each is run")
    parser.add_argument("--profile", choices=PLACES, help="profile one place instead")
    parser.add_argument("--shape", type=int, default=0, help="the shape to profile, from 0")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
