"""`strongroom-terminal`: enrol a terminal, import updates, run a signing session, show its state.

Exit codes: 0 done, 2 the call is wrong, 3 refused, 4 something is not available, 5 our own fault.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.errors import InvariantError, Refusal, StrongroomError, UnavailableError
from strongroom.core.ids import PartyId, parse_own_id
from strongroom.core.page_values import build_quote
from strongroom.core.policy_pages import SEEN, build_policy_pages
from strongroom.devices.gap.commands import READ, SHOW, add_read_arguments, add_show_arguments
from strongroom.devices.screens.console import StreamConsole
from strongroom.devices.screens.full_screen import FullScreen, is_full_screen
from strongroom.devices.screens.language import Language, english, load_language
from strongroom.devices.screens.layout import Translate
from strongroom.devices.screens.refusals import render_refusals
from strongroom.vault.hygiene import guard_memory
from strongroom.vault.self_tests.known_answers import run_self_tests
from strongroom.vault.terminal.bootstrap import open_terminal
from strongroom.vault.terminal.code_setting import set_codes
from strongroom.vault.terminal.config import FORMAT, PLATFORM, Config, Home, OperatorToken
from strongroom.vault.terminal.enroll import enroll_terminal
from strongroom.vault.terminal.films import show_package, take_package
from strongroom.vault.terminal.flow import Medium, Outcome, run_session
from strongroom.vault.terminal.languages import choose_language, find_languages
from strongroom.vault.terminal.notice import CARRY, load_notice, render_notice
from strongroom.vault.terminal.outbox import send_again
from strongroom.vault.terminal.outside import Outside, build_outside, check_no_network
from strongroom.vault.terminal.people import open_crew
from strongroom.vault.terminal.setting import build_setting
from strongroom.vault.terminal.status import build_status
from strongroom.vault.terminal.update import import_update

Result = dict[str, Json]
Command = Callable[[argparse.Namespace, Outside], tuple[int, Result]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended. refusals: why it did not, empty when it did."""

    code: int
    result: Result
    refusals: tuple[Refusal, ...]


OVERVIEW = """\
The signing terminal of a cold vault. It has no network. It believes only the root that two people typed in and what
that root signed; it shows everything that it signs; and what it signed leaves it sealed to the release gate.

In this order:
  1. enroll   once: two people type the root's fingerprint from their own papers
  2. import   whenever lists change: an update package; two people see the difference and type accept
     codes    once for each operator, who sits there alone: the code that they type in every session, another one
              for when they are forced, and one for drills; whatever they type, everything looks the same
  3. run      one session: PINs, a nonce goes out, a signing package with its clear-to-sign comes in, each
              transfer is proved, checked, shown and answered with sign, reject or unsure; one package goes back
     again    writes the last package that went out once more, when its medium was lost, full or pulled out
     halt-code   at any time: the code of the last halt again, for the security desk
     show-frames, read-frames   carry a package by a film of QR codes instead of a medium
     language    at any time: an operator reads Traditional Chinese, or English again
     policy   at any time: what the policy in force says, in sentences, and its digest
     status   at any time: heads, journal, freezes, limits used

  strongroom-terminal enroll --home HOME --root root.json --id device:terminal-1 --token terminal-1 --keys KEYS \\
      --operator-token person:c.lam=c.lam --operator-token person:p.wu=p.wu
  strongroom-terminal import --home HOME 000001-update.package.json
  strongroom-terminal codes --home HOME --person person:c.lam
  unshare -rn strongroom-terminal run --home HOME --in INBOX --out OUTBOX --wait 600

At a keyboard every step has the full screen, 80 by 24; --plain, --json or a pipe give lines instead.
Standard input, one a line: enroll, two fingerprints; import, two times accept; run, the PIN of the terminal's token,
PIN and code of each operator in the order of their ids, then the answers; codes, the PIN, then each new code twice.
PINs and codes are never taken from arguments or the environment.
Every refusal is in the journal, and a copy of every refused package is kept in HOME/kept.
"""
WITH_SCREEN = ("codes", "enroll", "halt-code", "import", "policy", "run")
"""Commands that people talk with; the others only print."""
CODES = """\
Sets an operator's three codes. Alone at the terminal: the PIN of their token, then a code for every day, one for when
they are forced and one for drills, each twice; eight letters or more, all of one length, nothing like each other. The
present code is asked before. What is set under duress means duress, whatever it is set for. Runbook: duress.md.
"""
EXIT_CODES = (
    "exit code: 0 done, 2 the call is wrong, 3 refused, 4 a token, file or journal is not available, 5 our own fault"
)
DEFAULT_MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with the real world around it, and return its exit code."""
    guard_memory()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that lacks a character, of a name or of a code, must not stop a session half way.
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    try:
        languages = find_languages(Home(path=options.home), getattr(options, "operator", None))
        translate = load_language(languages[0])
    except StrongroomError as error:
        return report(options, failed(error), english)
    if options.has_screen and is_full_screen(options):
        return report(options, on_full_screen(options, languages), translate)
    # With --json the standard output is for the machine alone; people read the other one.
    screen = sys.stderr if options.json else sys.stdout
    console = StreamConsole(source=sys.stdin, screen=screen, language=languages[0])
    return run(options, build_outside(console), translate)


def run(options: argparse.Namespace, outside: Outside, translate: Translate = english) -> int:
    """Run one parsed command. Errors become sentences, or JSON, and an exit code."""
    return report(options, execute(options, outside), translate)


def on_full_screen(options: argparse.Namespace, languages: Sequence[Language]) -> Done:
    """Run one parsed command on the full screen, which begins in the first of the languages."""
    try:
        setting = build_setting(options.home, languages)
    except StrongroomError as error:
        return failed(error)
    return FullScreen(setting, lambda console: execute(options, build_outside(console))).run()


def execute(options: argparse.Namespace, outside: Outside) -> Done:
    """Run one parsed command, and say nothing of how it ended."""
    command: Command = options.command
    try:
        run_self_tests()
        code, result = command(options, outside)
    except StrongroomError as error:
        return failed(error)
    return Done(code=code, result=result, refusals=())


def failed(error: StrongroomError) -> Done:
    """How a command ends that raised."""
    return Done(code=exit_code(error), result={"refusals": _refusals(error.refusals)}, refusals=error.refusals)


def report(options: argparse.Namespace, done: Done, translate: Translate) -> int:
    """Say how a command ended; its exit code."""
    if done.refusals and not options.json:
        for line in render_refusals(done.refusals, translate):
            sys.stderr.write(f"{line}\n")
    else:
        _print(done.result, options)
    return done.code


def exit_code(error: StrongroomError) -> int:
    """Who must act, as a number."""
    if isinstance(error, UnavailableError):
        return 4
    return 5 if isinstance(error, InvariantError) else 3


def build_parser() -> argparse.ArgumentParser:
    """The command line and its help."""
    parser = argparse.ArgumentParser(
        prog="strongroom-terminal",
        description=OVERVIEW,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    enrolment = _add(commands, "enroll", _enroll, "Makes a new terminal under a root.")
    enrolment.add_argument("--root", type=Path, required=True, help="root.json, from the ceremony")
    enrolment.add_argument("--id", type=_device, required=True, help="this terminal's id in the roster, device:NAME")
    enrolment.add_argument("--module", default=DEFAULT_MODULE, help="PKCS#11 module (%(default)s)")
    enrolment.add_argument("--token", required=True, help="label of the terminal's own token")
    enrolment.add_argument("--keys", type=Path, required=True, help="folder of wrapped asset keys, with sub-folders")
    enrolment.add_argument(
        "--operator-token",
        type=_operator,
        action="extend",
        nargs="+",
        required=True,
        metavar="person:NAME=LABEL",
        help="an operator and the label of their token; at least two",
    )
    update = _add(commands, "import", _import, "Takes an update package in.")
    update.add_argument("package", type=Path, help="the file")
    codes = _add(commands, "codes", _codes, "Sets an operator's codes: for every day, for duress, for drills.")
    codes.description = CODES
    codes.add_argument("--person", type=_person, required=True, help="whose, person:NAME")
    codes.add_argument(
        "--vouch", type=_person, help="another operator, with PIN and code, when the old ones are forgotten or burnt"
    )
    session = _add(commands, "run", _run, "Runs one signing session.")
    session.add_argument("--in", dest="inbox", type=Path, required=True, help="folder in which the package appears")
    session.add_argument("--out", type=Path, required=True, help="folder for what goes out")
    session.add_argument("--wait", type=_number, default=900, help="seconds to wait for the package (%(default)s)")
    session.add_argument(
        "--operator", type=_person, action="append", help="who operates, twice; without it everybody who is enrolled"
    )
    again = _add(commands, "again", _again, "Writes a package that was handed out once more, byte for byte.")
    again.add_argument("--out", type=Path, required=True, help="folder to write it to")
    again.add_argument("--file", help="its name, NNNNNN-KIND.package.json; without it the last one")
    code = _add(commands, "halt-code", _halt_code, "Shows the code of a halt once more, for the security desk.")
    code.add_argument("--journal", type=_number, help="number of the halt's entry; without it the last halt")
    add_show_arguments(_add(commands, "show-frames", _show_frames, SHOW))
    add_read_arguments(_add(commands, "read-frames", _read_frames, READ))
    spoken = _add(commands, "language", _language, "Says in which language an operator reads.")
    spoken.add_argument("--person", type=_person, required=True, help="who, person:NAME")
    spoken.add_argument("language", type=Language, choices=list(Language), help="English or Traditional Chinese")
    _add(commands, "policy", _policy, "Shows the policy in force in sentences, and its digest.")
    _add(commands, "status", _status, "Shows heads, journal, freezes and limits used.")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, purpose: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=purpose, epilog=EXIT_CODES, allow_abbrev=False)
    parser.add_argument("--home", type=Path, required=True, help="this terminal's folder")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    parser.add_argument("--plain", action="store_true", help="lines instead of the full screen")
    parser.set_defaults(command=command, has_screen=name in WITH_SCREEN)
    return parser


def _own_id(text: str, kind: str) -> PartyId:
    try:
        return PartyId(parse_own_id(text, kind, kind))
    except StrongroomError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {kind}:NAME") from error


def _device(text: str) -> PartyId:
    return _own_id(text, "device")


def _person(text: str) -> PartyId:
    return _own_id(text, "person")


def _operator(text: str) -> OperatorToken:
    person, _, label = text.partition("=")
    if not label:
        raise argparse.ArgumentTypeError(f"{text!r} is not person:NAME=LABEL")
    return OperatorToken(person=_person(person), token=label)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def _enroll(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    config = Config(
        format=FORMAT,
        keys=str(options.keys.absolute()),
        module=options.module,
        operators=tuple(sorted(options.operator_token, key=lambda o: str(o.person))),
        platform=PLATFORM,
        terminal=options.id,
        token=options.token,
    )
    enrolled = enroll_terminal(Home(path=options.home), config, options.root, outside)
    return 0, {"fingerprint": enrolled.fingerprint, "root": enrolled.version, "terminal": config.terminal}


def _import(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    with open_terminal(options.home, outside) as terminal:
        changes: Result = {
            d.name: {"added": len(d.added), "changed": len(d.changed), "removed": len(d.removed)}
            for d in import_update(terminal, options.package)
        }
        return 0, {"changes": changes, "terminal": terminal.config.terminal}


def _codes(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    check_no_network(outside)
    with open_terminal(options.home, outside) as terminal:
        set_codes(terminal, options.person, options.vouch)
        return 0, {"codes": "set", "person": options.person}


def _run(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    check_no_network(outside)
    medium = Medium(inbox=options.inbox, out=options.out, wait_s=options.wait)
    with open_terminal(options.home, outside) as terminal:
        people = options.operator or [o.person for o in terminal.config.operators]
        with open_crew(terminal, people) as crew:
            outcome = run_session(terminal, crew, medium)
    return (3 if outcome.refused else 0), _report(outcome)


def _report(outcome: Outcome) -> Result:
    signed: list[Json] = [{"outcome": "signed", "proposal": result.proposal} for result in outcome.results]
    refused: list[Json] = [
        {
            "notice": r.notice,
            "outcome": "refused",
            "proposal": r.proposal,
            "refusals": _refusals(r.refusals),
            "step": r.step,
        }
        for r in outcome.refused
    ]
    package = str(outcome.package) if outcome.package else "none"
    return {"package": package, "results": [*signed, *refused], "session": outcome.session.nonce.hex()}


def _again(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    with open_terminal(options.home, outside) as terminal:
        return 0, {"package": str(send_again(terminal, options.out, options.file))}


def _halt_code(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    text = load_notice(Home(path=options.home), options.journal)
    outside.console.stop((), render_notice(text), CARRY)
    return 0, {"notice": text}


def _show_frames(options: argparse.Namespace, _outside: Outside) -> tuple[int, Result]:
    shown = show_package(options, sys.stderr if options.json else sys.stdout)
    return 0, {"files": [str(path) for path in shown.files], "frames": shown.frames}


def _read_frames(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    return 0, {
        "package": str(take_package(options, lambda text: outside.console.say(build_quote("{text}", text=text))))
    }


def _language(options: argparse.Namespace, _outside: Outside) -> tuple[int, Result]:
    choose_language(Home(path=options.home), options.person, options.language)
    return 0, {"language": options.language.value, "person": options.person}


def _policy(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    with open_terminal(options.home, outside) as terminal:
        pages = build_policy_pages(terminal.trust)
        head = terminal.trust.build_heads().policy
    outside.console.stop(pages, (), SEEN)
    return 0, {"digest": head.digest, "version": head.version}


def _status(options: argparse.Namespace, outside: Outside) -> tuple[int, Result]:
    with open_terminal(options.home, outside) as terminal:
        return 0, build_status(terminal)


def _refusals(refusals: Sequence[Refusal]) -> list[Json]:
    return [{**refusal.as_json()} for refusal in refusals]


def _print(result: Result, options: argparse.Namespace) -> None:
    if options.json:
        sys.stdout.write(encode_canonical(result).decode() + "\n")
        return
    for name, value in result.items():
        sys.stdout.write(f"{name}: {value if isinstance(value, str) else encode_canonical(value).decode()}\n")


if __name__ == "__main__":
    sys.exit(main())
