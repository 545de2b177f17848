"""The places that verify a docket whole: what each takes in, and what it does up to the moment of its answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from docket_shapes import Build

from strongroom.chains.ethereum import transactions
from strongroom.checker.gate import release as gate
from strongroom.checker.gate.seal import load_seal_key
from strongroom.checker.reading import keys as second_keys
from strongroom.checker.reading import once as second_once
from strongroom.checker.reading.stages import Stage as SecondStage
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.checker.state.device import enroll, import_update, opened
from strongroom.checker.state.home import save_secret
from strongroom.checker.state.own import prove_with_own
from strongroom.checker.state.packages import Kind, parse_release
from strongroom.checker.state.update import apply_news
from strongroom.core import envelopes, statements
from strongroom.core import keys as first_keys
from strongroom.core import log as first_log
from strongroom.core.checks import foundation
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import prove_docket as prove_first
from strongroom.core.docket import Stage, parse_docket
from strongroom.core.ids import PartyId
from strongroom.core.packages import PackageKind
from strongroom.core.trust import apply_update
from strongroom.core.trust import enroll as enroll_first
from world import seed

Prepare = Callable[[Build, Path, ExitStack], tuple[int, Callable[[], object]]]
GATE = PartyId("device:gate-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """prepare: for a docket that is built and an empty folder, the size of what is read and the work to time.

    Its third argument holds what must stay open as long as the work is called.
    """

    name: str
    prepare: Prepare


def forget_runs() -> None:
    """Forget what earlier runs computed from keys and signatures of this docket."""
    for remembered in (
        first_keys._key_id,  # noqa: SLF001
        first_keys._point_of,  # noqa: SLF001
        first_keys._verify,  # noqa: SLF001
        first_log._is_signed,  # noqa: SLF001
        statements._parse_known,  # noqa: SLF001
        envelopes._read_known,  # noqa: SLF001
        foundation._check_in_log,  # noqa: SLF001
        foundation._check_witnessed,  # noqa: SLF001
        foundation._prove_entry,  # noqa: SLF001
        foundation._read_note,  # noqa: SLF001
        transactions.parse_unsigned,
        second_keys._is_signed,  # noqa: SLF001
        second_once._read_known,  # noqa: SLF001
    ):
        remembered.cache_clear()


def _verify(build: Build, _folder: Path, _stack: ExitStack) -> tuple[int, Callable[[], object]]:
    """`strongroom-verify`: bytes of a settled docket and of the root, to a proof."""
    trip = build(Stage.SETTLE)
    raw, root, now = trip.docket_bytes(), trip.world.root_file, trip.world.now
    return len(raw), lambda: prove_second(raw, root, now=now)


def _terminal(build: Build, _folder: Path, _stack: ExitStack) -> tuple[int, Callable[[], object]]:
    """The terminal: bytes of a docket that waits for signing, proved and held against the terminal's own copies."""
    trip = build(Stage.VERIFY)
    world = trip.world
    trust = apply_update(enroll_first(world.roots, world.fingerprint), world.update_body(), world.now)
    raw, roots, now = trip.docket_bytes(), world.roots, world.now

    def work() -> None:
        check_against_trust(prove_first(parse_docket(raw), roots, now=now), trust, now)

    return len(raw), work


def _gate(build: Build, folder: Path, stack: ExitStack) -> tuple[int, Callable[[], object]]:
    """The gate: bytes of a release package to the signed transaction, compared, before anything is kept or sent."""
    trip = build(Stage.SIGN)
    world = trip.world
    home = folder / "home"
    home.mkdir(mode=0o700)
    save_secret(home / "device.key", seed(GATE))
    save_secret(home / "seal.key", world.seal_key.private_bytes_raw())
    enroll(home, GATE, world.root_file, [world.fingerprint] * 2)
    update = folder / "update.package.json"
    update.write_bytes(world.package(GATE, PackageKind.UPDATE, world.update_body()))
    import_update(home, update, lambda: world.now)
    raw = world.package(GATE, PackageKind.RELEASE, trip.release_body(world.log.tree.size))
    # The trust is loaded once a process, however many packages it answers; so it is loaded here once.
    run = stack.enter_context(opened(home, lambda: world.now))
    known = run.trust

    def work() -> None:
        run.trust = known
        body = parse_release(run.open_package(raw, Kind.RELEASE).body)
        run.trust = apply_news(known, body.news)
        proof = prove_with_own(run.trust, body.docket, furthest=SecondStage.SIGN, now=run.now)
        gate._compare(run, proof, body, load_seal_key(home))  # noqa: SLF001 -- the gate's own comparison, without its effects.

    return len(raw), work


PLACES = MappingProxyType(
    {
        "verify": Place(name="verify", prepare=_verify),
        "terminal": Place(name="terminal", prepare=_terminal),
        "gate": Place(name="gate", prepare=_gate),
    }
)
