"""`strongroom-station`: the offline checker station in the vault."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from strongroom.checker.beliefs import beliefs_json, load_beliefs, render_beliefs
from strongroom.checker.console import (
    EXIT_CODES,
    Exit,
    complain,
    print_json,
    refusal_json,
    render_refusals,
    run_guarded,
    say,
)
from strongroom.checker.enrolling import (
    add_enroll_arguments,
    ask_fingerprints,
    enrolment_json,
    render_enrolment,
    render_update,
    update_json,
)
from strongroom.checker.reading.facts import encode_facts
from strongroom.checker.reading.roots import MAX_ROOT_BYTES
from strongroom.checker.state.device import Clock, Run, enroll, import_update, read_clock
from strongroom.checker.state.home import load_bytes
from strongroom.checker.state.trust import Trust
from strongroom.checker.station.differences import ask_two
from strongroom.checker.station.films import show_package, take_package
from strongroom.checker.station.languages import choose_language, find_languages
from strongroom.checker.station.print_paper import print_paper
from strongroom.checker.station.release import check_release
from strongroom.checker.station.screen import build_setting, show_outcome
from strongroom.checker.station.verify import Outcome, verify_package
from strongroom.checker.verify.cli import render_facts
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError, refused
from strongroom.core.ids import PartyId, parse_own_id
from strongroom.devices.gap.commands import READ, SHOW, add_read_arguments, add_show_arguments
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.measure.start import measure_start
from strongroom.devices.screens.console import Console, StreamConsole
from strongroom.devices.screens.full_screen import FullScreen, is_full_screen
from strongroom.devices.screens.language import Language, load_language
from strongroom.devices.screens.layout import Translate

Finish = Callable[[], Exit]
"""Prints what a command gave, once no screen is in the way; its exit code."""
Work = Callable[[Console], Finish]
Interfaces = Callable[[], list[tuple[int, str]]]

DESCRIPTION = """The checker station: a second reading of every transaction before it is signed.

It stands in the vault without any network and refuses to start beside one. It keeps its own copies of the firm's root,
roster, registers and policy, which it takes from update packages carried by other people and other media than the
signing terminal's. It proves each docket from the root again, compares it with its own copies, reads the transaction's
bytes with its own decoders, and signs a verification, or a halt with every reason."""

EPILOG = f"""a day at the station:
  strongroom-station enroll --home /var/lib/station --root root.json --device device:station-1
  strongroom-station import --home /var/lib/station 000001-update.package.json
  strongroom-station verify --home /var/lib/station 000002-verification.package.json --out /media/usb
  strongroom-station paper --home /var/lib/station 000002-verification.package.json --out /var/spool/paper
  strongroom-station language --home /var/lib/station --person person:s.ng zh_Hant
  strongroom-station status --home /var/lib/station

{EXIT_CODES}"""


def main(
    argv: Sequence[str] | None = None,
    *,
    clock: Clock = read_clock,
    interfaces: Interfaces = socket.if_nameindex,
    typed: TextIO | None = None,
    console: Console | None = None,
    measure: MeasureStart = measure_start,
) -> int:
    """Entry point; returns the exit code. The other arguments are the machine's, unless a caller hands in others."""
    arguments = _build_parser().parse_args(argv)
    languages = _find_languages(arguments)
    translate = load_language(languages[0])
    given = console or StreamConsole(source=typed or sys.stdin, screen=sys.stderr, language=languages[0])
    at_screen: dict[str, Work] = {
        "enroll": lambda screen: _enroll(arguments, screen),
        "import": lambda screen: _import(arguments, clock, measure, screen, translate),
        "verify": lambda screen: _verify(arguments, clock, measure, screen, translate),
    }
    printing: dict[str, Callable[[], Exit]] = {
        "paper": lambda: _paper(arguments, clock, translate),
        "show-frames": lambda: _show_frames(arguments, translate),
        "read-frames": lambda: _read_frames(arguments, translate),
        "language": lambda: _language(arguments),
        "status": lambda: _status(arguments, translate),
    }

    def run() -> Exit:
        check_no_network(interfaces)
        command = str(arguments.command)
        if command in printing:
            return printing[command]()
        if console is None and typed is None and is_full_screen(arguments):
            return FullScreen(build_setting(languages), at_screen[command]).run()()
        return at_screen[command](given)()

    return run_guarded(run, as_json=bool(arguments.json), translate=translate)


def _find_languages(arguments: argparse.Namespace) -> tuple[Language, ...]:
    """The reader's, or English while there is nobody to ask or what they chose cannot be read: words decide nothing."""
    try:
        reader = PartyId(parse_own_id(arguments.reader, "person", "--reader")) if arguments.reader else None
        return tuple(find_languages(arguments.home, reader))
    except StrongroomError as error:
        for line in render_refusals(error.refusals):
            complain(line)
        return (Language.ENGLISH,)


def check_no_network(interfaces: Interfaces) -> None:
    """Raise NETWORK_PRESENT when there is any interface but the loopback."""
    found = sorted(name for _, name in interfaces() if name != "lo")
    if found:
        raise refused(Code.NETWORK_PRESENT, "network", "no interface but lo", " ".join(found))


def _enroll(arguments: argparse.Namespace, console: Console) -> Finish:
    home: Path = arguments.home
    device = PartyId(parse_own_id(str(arguments.device), "device", "--device"))
    root = load_bytes(arguments.root, MAX_ROOT_BYTES)
    voice = enroll(home, device, root, ask_fingerprints(console, arguments.fingerprint))

    def finish() -> Exit:
        if arguments.json:
            print_json(enrolment_json(voice))
        else:
            for line in render_enrolment(voice, home):
                say(line)
        return Exit.DONE

    return finish


def _import(
    arguments: argparse.Namespace, clock: Clock, measure: MeasureStart, console: Console, translate: Translate
) -> Finish:
    def check(run: Run, after: Trust) -> None:
        check_release(run, measure, console, run.trust, after)
        ask_two(console, run.trust, after)

    trust = import_update(arguments.home, arguments.package, clock, check)

    def finish() -> Exit:
        if arguments.json:
            print_json(update_json(trust))
        else:
            for line in render_update(trust, translate):
                say(line)
        return Exit.DONE

    return finish


def _status(arguments: argparse.Namespace, translate: Translate) -> Exit:
    trust = load_beliefs(arguments.home)
    if arguments.json:
        print_json(beliefs_json(trust))
    else:
        for line in render_beliefs(trust, translate):
            say(line)
    return Exit.DONE


def _verify(
    arguments: argparse.Namespace, clock: Clock, measure: MeasureStart, console: Console, translate: Translate
) -> Finish:
    outcome = verify_package(arguments.home, arguments.package, arguments.out, clock, measure, console)
    if not arguments.json:
        show_outcome(console, outcome)

    def finish() -> Exit:
        if arguments.json:
            print_json(_outcome_json(outcome))
        else:
            _print_outcome(outcome, translate)
        return Exit.DONE if outcome.accepted else Exit.REFUSED

    return finish


def _paper(arguments: argparse.Namespace, clock: Clock, translate: Translate) -> Exit:
    # Only here: the typefaces and what cuts them take time that no other command has to wait for.

    paper = print_paper(arguments.home, arguments.package, arguments.out, clock)
    files = [str(path) for path in paper.files]
    if arguments.json:
        print_json({"files": files, "outcome": "PRINTED", "pages": paper.pages})
    else:
        said = translate("{count} instructions, one page each: {files}")
        say(said.format(count=paper.pages, files=" ".join(files)))
        say(translate("Lay the pages into the operators' tray; they leave the vault with the signed log book."))
    return Exit.DONE


def _show_frames(arguments: argparse.Namespace, translate: Translate) -> Exit:
    shown = show_package(arguments, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print_json({"files": [str(path) for path in shown.files], "frames": shown.frames, "outcome": "SHOWN"})
    else:
        said = translate("{count} frames in {folder}" if shown.files else "{count} frames")
        say(said.format(count=shown.frames, folder=arguments.pictures))
    return Exit.DONE


def _read_frames(arguments: argparse.Namespace, translate: Translate) -> Exit:
    path = take_package(arguments, complain)
    if arguments.json:
        print_json({"outcome": "TAKEN", "package": str(path)})
    else:
        say(translate("taken: {path}").format(path=path))
    return Exit.DONE


def _language(arguments: argparse.Namespace) -> Exit:
    person = PartyId(parse_own_id(arguments.person, "person", "--person"))
    choose_language(arguments.home, person, arguments.language)
    if arguments.json:
        print_json({"language": arguments.language.value, "outcome": "CHOSEN", "person": person})
    else:
        say(f"{person}: {arguments.language.value}")
    return Exit.DONE


def _print_outcome(outcome: Outcome, translate: Translate) -> None:
    if outcome.facts:
        for line in render_facts(outcome.facts, translate):
            say(line)
        say(translate("reading {digest}").format(digest=outcome.facts.digest))
    if outcome.stage is not None:
        say(translate("HALT at {stage}").format(stage=outcome.stage.name))
        for line in render_refusals(outcome.refusals, translate):
            say(line)
    ended = translate("VERIFIED: carry back {path}" if outcome.accepted else "HALTED: carry back {path}")
    say(ended.format(path=outcome.written))


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "facts": json.loads(encode_facts(outcome.facts)) if outcome.facts else None,
        "outcome": "VERIFIED" if outcome.accepted else "HALTED",
        "reading_digest": outcome.facts.digest if outcome.facts else None,
        "refusals": [refusal_json(each) for each in outcome.refusals],
        "stage": outcome.stage.name if outcome.stage is not None else None,
        "written": str(outcome.written),
    }


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom-station",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    enrolling = commands.add_parser("enroll", help="make the station's home and key; two people type the fingerprint")
    add_enroll_arguments(enrolling, "device:station-1")
    importing = commands.add_parser("import", help="take an update package into the station's own copies")
    verifying = commands.add_parser("verify", help="verify a docket; write a verification or a halt")
    printing = commands.add_parser("paper", help="print what the clients instructed, for the operators' tray")
    showing = commands.add_parser("show-frames", help=SHOW)
    filming = commands.add_parser("read-frames", help=READ)
    add_show_arguments(showing)
    add_read_arguments(filming)
    for each in (showing, filming):
        each.add_argument("--home", required=True, type=Path, metavar="DIR", help="the station's home")
    choosing = commands.add_parser("language", help="say in which language somebody reads here")
    choosing.add_argument("--home", required=True, type=Path, metavar="DIR", help="the station's home")
    choosing.add_argument("--person", required=True, metavar="person:NAME", help="who")
    choosing.add_argument("language", type=Language, choices=list(Language), help="English or Traditional Chinese")
    looking = commands.add_parser("status", help="what the station believes: heads, log, freezes")
    looking.add_argument("--home", required=True, type=Path, metavar="DIR", help="the station's home")
    for each in (importing, verifying, printing):
        each.add_argument("--home", required=True, type=Path, metavar="DIR", help="the station's home")
        each.add_argument("package", type=Path, metavar="PACKAGE", help="a package file")
    verifying.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the answer is written")
    printing.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the PDF and the text go")
    for each in (enrolling, importing, verifying, printing, showing, filming, choosing, looking):
        each.add_argument("--reader", metavar="person:NAME", help="who reads, for their language")
        each.add_argument("--json", action="store_true", help="one JSON object instead of words")
        each.add_argument("--plain", action="store_true", help="lines instead of the full screen")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
