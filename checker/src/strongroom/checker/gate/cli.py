"""`strongroom-gate`: the release gate, the only host that ever holds releasable bytes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from strongroom.checker.console import EXIT_CODES, Exit, print_json, refusal_json, render_refusals, run_guarded, say
from strongroom.checker.enrolling import (
    add_enroll_arguments,
    ask_fingerprints,
    enrolment_json,
    render_enrolment,
    render_update,
    update_json,
)
from strongroom.checker.gate.hold import freeze_when_due, freezes_again
from strongroom.checker.gate.nodes import Network, Nodes, parse_node
from strongroom.checker.gate.paging import (
    MAX_FILE_BYTES,
    Page,
    find_gaps,
    find_pages,
    load_soc_private,
    make_soc_key,
    open_page,
    page_json,
    parse_public,
    pin_soc_key,
    render_page,
)
from strongroom.checker.gate.release import Outcome, release_package
from strongroom.checker.gate.seal import Outcome as Word
from strongroom.checker.gate.seal import make_seal_key
from strongroom.checker.gate.status import load_status, render_status, status_json
from strongroom.checker.reading.keys import Algorithm, Key
from strongroom.checker.reading.roots import MAX_ROOT_BYTES
from strongroom.checker.state.device import KEYS, Clock, enroll, import_update, make_key, opened, read_clock
from strongroom.checker.state.home import create_home, load_bytes, locked_home
from strongroom.core.errors import MalformedError, Refusal, RefusedError
from strongroom.core.ids import PartyId, parse_own_id
from strongroom.devices.screens.console import StreamConsole

DESCRIPTION = """The release gate: the last comparison before a transaction leaves.

Terminals seal what they sign to the gate's key, so nobody else can broadcast it. The gate keeps its own copies of the
firm's root, roster, registers and policy. It proves the whole docket again with the second reading, opens the sealed
results, puts the signed transaction together, compares it with the approved bytes, verifies every signature and its
key, looks up that nothing of it was used before, keeps the release durably, and only then sends it to its own nodes.
What it refuses is kept in quarantine, and told as a halt with every reason; nothing is sent."""

EPILOG = f"""a gate's life:
  strongroom-gate keys    --home /var/lib/gate            (the root names the sealing key that this prints)
  strongroom-gate soc-key --key soc.key                   (at the SOC, once: prints the public half)
  strongroom-gate enroll  --home /var/lib/gate --root root.json --device device:gate-1 --soc-key HEX
  strongroom-gate import  --home /var/lib/gate 000001-update.package.json
  strongroom-gate status  --home /var/lib/gate
  strongroom-gate release --home /var/lib/gate 000002-release.package.json --out /srv/outbox \\
      --node node-a=http://127.0.0.1:8545 --node node-b=http://user:password@10.0.0.2:8332

The same package again sends the same bytes again and repeats the same answer. For every package that it opens the gate
lays a block down in its home's folder `pages`, all of one size, which only the SOC can read:
  strongroom-gate read-pages --key soc.key --gate-key HEX /var/lib/gate/pages
  strongroom-gate tell    --home /var/lib/gate --out /srv/outbox      (every minute, by a timer: what has become due)

{EXIT_CODES}"""


def main(
    argv: Sequence[str] | None = None,
    *,
    clock: Clock = read_clock,
    typed: TextIO | None = None,
    network: Network | None = None,
) -> int:
    """Entry point; returns the exit code. clock, typed, network: the machine's, unless a caller hands in others."""
    arguments = _build_parser().parse_args(argv)
    work: dict[str, Callable[[], Exit]] = {
        "keys": lambda: _keys(arguments),
        "enroll": lambda: _enroll(arguments, typed or sys.stdin),
        "import": lambda: _import(arguments, clock),
        "status": lambda: _status(arguments),
        "release": lambda: _release(arguments, clock, network),
        "tell": lambda: _tell(arguments, clock),
        "soc-key": lambda: _soc_key(arguments),
        "read-pages": lambda: _read_pages(arguments),
    }
    return run_guarded(work[str(arguments.command)], as_json=bool(arguments.json))


def _keys(arguments: argparse.Namespace) -> Exit:
    home: Path = arguments.home
    create_home(home, expected=KEYS)
    with locked_home(home):
        key = Key(alg=Algorithm.ED25519, public=bytes(make_key(home).verify_key))
        seal = make_seal_key(home).public_key().public_bytes_raw()
    if arguments.json:
        found = {"alg": key.alg.value, "public": key.public.hex()}
        print_json({"key": found, "key_id": key.id, "outcome": "MADE", "seal_public": seal.hex()})
    else:
        say(f"public key   {key.alg.value} {key.public.hex()}")
        say(f"key id       {key.id}")
        say(f"sealing key  {seal.hex()}")
        say("Put the sealing key into the root (gate_seal) and the public key on the roster.")
    return Exit.DONE


def _enroll(arguments: argparse.Namespace, typed: TextIO) -> Exit:
    home: Path = arguments.home
    device = PartyId(parse_own_id(str(arguments.device), "device", "--device"))
    soc = parse_public(str(arguments.soc_key), "--soc-key")
    voice = enroll(
        home,
        device,
        load_bytes(arguments.root, MAX_ROOT_BYTES),
        ask_fingerprints(StreamConsole(source=typed, screen=sys.stderr), arguments.fingerprint),
    )
    with locked_home(home):
        seal = make_seal_key(home).public_key().public_bytes_raw()
        pin_soc_key(home, soc)
    if arguments.json:
        print_json({**enrolment_json(voice), "seal_public": seal.hex()})
    else:
        for line in render_enrolment(voice, home):
            say(line)
        say(f"  sealing key   {seal.hex()} (the root's gate_seal must name it)")
    return Exit.DONE


def _import(arguments: argparse.Namespace, clock: Clock) -> Exit:
    trust = import_update(arguments.home, arguments.package, clock)
    if arguments.json:
        print_json(update_json(trust))
    else:
        for line in render_update(trust):
            say(line)
    return Exit.DONE


def _status(arguments: argparse.Namespace) -> Exit:
    status = load_status(arguments.home)
    if arguments.json:
        print_json(status_json(status))
    else:
        for line in render_status(status):
            say(line)
    return Exit.DONE


def _release(arguments: argparse.Namespace, clock: Clock, network: Network | None) -> Exit:
    nodes = network or Nodes(nodes=tuple(parse_node(each) for each in arguments.node))
    outcome = release_package(arguments.home, arguments.package, arguments.out, nodes, clock)
    if arguments.json:
        print_json(_outcome_json(outcome))
    else:
        _print_outcome(outcome)
    return Exit.DONE if outcome.stage is None else Exit.REFUSED


def _tell(arguments: argparse.Namespace, clock: Clock) -> Exit:
    with opened(arguments.home, clock) as run:
        freeze_when_due(run, arguments.out)
        written = [str(path) for path in freezes_again(run, arguments.out)]
    if arguments.json:
        print_json({"outcome": "TOLD", "written": written})
    else:
        say(f"{len(written)} to hand over{''.join(f' {path}' for path in written)}")
    return Exit.DONE


def _soc_key(arguments: argparse.Namespace) -> Exit:
    public = make_soc_key(arguments.key).public_key().public_bytes_raw().hex()
    if arguments.json:
        print_json({"outcome": "MADE", "soc_key": public})
    else:
        say(f"public half  {public}")
        say("Give it to each gate: strongroom-gate enroll --soc-key. The file stays at the SOC.")
    return Exit.DONE


def _read_pages(arguments: argparse.Namespace) -> Exit:
    """What cannot be read is said beside the rest, and hides none of it."""
    private, gate = load_soc_private(arguments.key), parse_public(str(arguments.gate_key), "--gate-key")
    pages: list[Page] = []
    bad: list[Refusal] = []
    for path in find_pages(arguments.folder):
        try:
            pages.append(open_page(load_bytes(path, MAX_FILE_BYTES), private, gate, path.name))
        except (MalformedError, RefusedError) as error:
            bad += error.refusals
    pages.sort(key=lambda page: page.number)
    gaps = find_gaps(pages)
    if arguments.json:
        unread = [refusal_json(each) for each in bad]
        print_json({"missing": gaps, "outcome": "READ", "pages": [page_json(page) for page in pages], "unread": unread})
    else:
        for page in pages:
            say(render_page(page))
        for line in render_refusals(bad):
            say(line)
        say(f"pages that never came: {', '.join(map(str, gaps)) or 'none'}")
    return Exit.REFUSED if bad or gaps or any(page.outcome is Word.DURESS for page in pages) else Exit.DONE


def _print_outcome(outcome: Outcome) -> None:
    if outcome.txid:
        say(f"txid    {outcome.txid}")
    for each in outcome.answers:
        say(f"node    {each.node}: {each.took.value}{f' ({each.words})' if each.words else ''}")
    if outcome.stage is not None:
        say(f"HALT at {outcome.stage.name}")
        for line in render_refusals(outcome.refusals):
            say(line)
    say(f"{_word(outcome)}: hand over {outcome.written}")


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "nodes": [{"name": each.node, "took": each.took.value, "words": each.words} for each in outcome.answers],
        "outcome": _word(outcome),
        "refusals": [refusal_json(each) for each in outcome.refusals],
        "stage": outcome.stage.name if outcome.stage is not None else None,
        "txid": outcome.txid,
        "written": str(outcome.written),
    }


def _word(outcome: Outcome) -> str:
    return "RELEASED" if outcome.stage is None else "HALTED"


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom-gate",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making = commands.add_parser("keys", help="make the gate's keys, before there is a root that names them")
    making.add_argument("--home", required=True, type=Path, metavar="DIR", help="a new or empty folder for the gate")
    enrolling = commands.add_parser("enroll", help="make the gate's home; two people type the fingerprint")
    add_enroll_arguments(enrolling, "device:gate-1")
    importing = commands.add_parser("import", help="take an update package into the gate's own copies")
    looking = commands.add_parser("status", help="what the gate believes: heads, log, freezes, and what it released")
    looking.add_argument("--home", required=True, type=Path, metavar="DIR", help="the gate's home")
    releasing = commands.add_parser("release", help="compare, release and broadcast, or quarantine and halt")
    for each in (importing, releasing):
        each.add_argument("--home", required=True, type=Path, metavar="DIR", help="the gate's home")
        each.add_argument("package", type=Path, metavar="PACKAGE", help="a package file")
    releasing.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the answer is written")
    releasing.add_argument(
        "--node", action="append", required=True, metavar="NAME=URL", help="a node of this chain; give two or more"
    )
    enrolling.add_argument("--soc-key", required=True, metavar="HEX", help="the SOC's public key, from soc-key")
    telling = commands.add_parser("tell", help="write what has become due, and what was told before once more")
    telling.add_argument("--home", required=True, type=Path, metavar="DIR", help="the gate's home")
    telling.add_argument("--out", required=True, type=Path, metavar="DIR", help="where it is written")
    keying = commands.add_parser("soc-key", help="at the SOC: make the key that pages are sealed to")
    keying.add_argument("--key", required=True, type=Path, metavar="FILE", help="where the SOC keeps it")
    reading = commands.add_parser(
        "read-pages", help="at the SOC: read pages; exit code 3 when one says duress, is missing or cannot be read"
    )
    reading.add_argument("--key", required=True, type=Path, metavar="FILE", help="the SOC's key")
    reading.add_argument("--gate-key", required=True, metavar="HEX", help="the gate's public key, as the roster has it")
    reading.add_argument("folder", type=Path, metavar="DIR", help="a folder of pages")
    for each in (making, enrolling, importing, looking, releasing, telling, keying, reading):
        each.add_argument("--json", action="store_true", help="one JSON object instead of words")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
