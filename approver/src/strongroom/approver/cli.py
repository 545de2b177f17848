"""`strongroom-approver`: enrol, import updates, read a docket and answer.

Exit codes: 0 done, 2 usage, 3 refused, 4 a token, file or disk is not available, 5 our own fault. PINs come from the
terminal or from standard input, one a line, never from arguments or the environment.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from strongroom.approver import fido2_key, flow
from strongroom.approver.files import load_file, write_durably
from strongroom.approver.films import show_package, take_package
from strongroom.approver.link.commands import add_commands as add_link_commands
from strongroom.approver.outside import Clock, Command, Outside, Report, build_key_line
from strongroom.approver.person_key import build_key_question
from strongroom.approver.reading import Pace, read_from_paper
from strongroom.approver.release import check_release
from strongroom.approver.screen import run_on_screen
from strongroom.approver.sitting import check_sitting
from strongroom.approver.store import Config, Counters, Home, KeyKind
from strongroom.approver.update import accept_on
from strongroom.core.alike import build_address_book, build_alike_pages, build_alike_tasks
from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.development_keys import LABEL, MAX_FILE_BYTES, check_development, parse_key_file
from strongroom.core.docket import Stage
from strongroom.core.errors import InvariantError, StrongroomError, UnavailableError, malformed, refused
from strongroom.core.ids import PartyId, parse_digest, parse_party_id
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.packages import MAX_PACKAGE_BYTES, Package, StatementsBody, encode_package
from strongroom.core.page_values import build_line, build_quote
from strongroom.core.policy_pages import SEEN, build_policy_pages
from strongroom.core.records import NONE
from strongroom.core.statements import Envelope, Environment, StatementType, parse_envelope, parse_statement
from strongroom.core.trust import enroll
from strongroom.core.words import group
from strongroom.devices.gap.commands import READ, SHOW, add_read_arguments, add_show_arguments
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.measure.start import measure_start
from strongroom.devices.screens.console import DOUBTS, Choice, Console, StreamConsole
from strongroom.devices.screens.full_screen import is_full_screen
from strongroom.devices.screens.language import Language, load_language
from strongroom.devices.screens.layout import Translate, render_line
from strongroom.devices.screens.page import LineShape
from strongroom.devices.screens.refusals import build_halt_pages, render_refusals

MAX_ROOT_BYTES = 1024 * 1024
FINGERPRINTS = (
    build_line("Fingerprint of the root, first person:"),
    build_line("Fingerprint of the root, second person:"),
)
QUESTION = build_line("Take the client's instruction from your own paper and compare.")
CHOICES = (Choice(word=flow.Answer.APPROVE.value, key="a", label="approve", needs_reading=True), *DOUBTS)
DESCRIPTION = """\
The approval device of one person. It keeps its own root, roster, registers and policy, reads every docket itself,
shows everything from the bytes to be signed, and signs the person's answer with their own token.

  strongroom-approver enroll --home HOME --root root.json --device device:approver-1 --person person:m.chan \\
      --module /usr/lib/softhsm/libsofthsm2.so --token m.chan      (type the root's fingerprint twice)
  or, with a FIDO2 key: make-fido2-key --home HOME --person person:m.chan --rp-id approvals.example.com, and then
      enroll --home HOME --root root.json --device device:approver-1 --person person:m.chan --fido2
  strongroom-approver import --home HOME 000001-update.package.json
  strongroom-approver decide --home HOME 000002-approval-request.package.json --out OUTBOX

`policy` says what the policy in force lets through, in sentences, and its digest.

The same package again gives the same answer again, without a PIN.

With a line to the platform (make-device-key and connect, once): `answer` fetches what waits, asks for each docket, and
hands the answers in. What the line does not carry is kept, and goes with the next `answer` or `submit`.

  strongroom-approver answer --home HOME

exit code: 0 done, 2 the call is wrong, 3 refused, 4 a token, file or disk is not available, 5 our own fault
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command with the system's clock."""
    return run(argv, lambda: datetime.now(UTC))


def run(
    argv: Sequence[str] | None,
    clock: Clock,
    pace: Pace | None = None,
    measure: MeasureStart = measure_start,
    console: Console | None = None,
) -> int:
    """Run one command; errors become one clear message and an exit code.

    pace, measure, console: the machine's, or handed in. At a keyboard the commands that ask have the full screen.
    """
    options = _parser().parse_args(argv)
    home = Home(options.home)

    def execute(screen: Console, report: Report) -> int:
        outside = Outside(clock=clock, pace=pace or Pace(), measure=measure, console=screen, report=report)
        with home.locked():
            command: Command = options.command
            return command(home, options, outside)

    language = Language.ENGLISH
    try:
        language = home.load_language()
        if console is None and options.has_screen and is_full_screen(options):
            return run_on_screen(home, execute)
        plain = StreamConsole(source=sys.stdin, screen=sys.stderr, language=language)
        return execute(console or plain, _build_report(options, language))
    except StrongroomError as error:
        return _explain(error, options, load_language(language))


def _build_report(options: argparse.Namespace, language: Language) -> Report:
    translate = load_language(language)

    def report(facts: Mapping[str, object], *lines: LineShape) -> None:
        said = [json.dumps(facts)] if options.json else [render_line(line, translate) for line in lines]
        sys.stdout.write("".join(f"{text}\n" for text in said))

    return report


def exit_code(error: StrongroomError) -> int:
    """Who must act, as a number."""
    if isinstance(error, UnavailableError):
        return 4
    return 5 if isinstance(error, InvariantError) else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom-approver", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    enrolment = _command(
        commands.add_parser("enroll", help="make a new device; the fingerprint is typed twice"), _enroll
    )
    enrolment.add_argument("--root", type=Path, required=True, help="root.json, from the ceremony")
    enrolment.add_argument("--device", required=True, help="this device's id in the roster")
    enrolment.add_argument("--person", required=True, help="the person's id in the roster")
    enrolment.add_argument("--module", help="PKCS#11 module of the person's token")
    which = enrolment.add_mutually_exclusive_group(required=True)
    which.add_argument("--token", help="label of the person's token")
    which.add_argument("--development-key", type=Path, help="a key in a file; refused where the root says production")
    which.add_argument("--fido2", action="store_true", help="the person signs with the key of make-fido2-key")
    making = _command(commands.add_parser("make-fido2-key", help="make the person's key in a FIDO2 key"), _make_fido2)
    making.add_argument("--person", required=True, help="the person's id in the roster")
    making.add_argument("--rp-id", required=True, help="the relying party: a host name of the organization")
    update = _command(commands.add_parser("import", help="take an update package"), _import)
    update.add_argument("package", type=Path)
    answer = _command(commands.add_parser("decide", help="read a docket and answer approve, reject or unsure"), _decide)
    answer.add_argument("package", type=Path)
    rules = _command(commands.add_parser("policy", help="the policy in force, in sentences, and its digest"), _policy)
    for asking in (enrolment, making, update, answer, rules):
        asking.set_defaults(has_screen=True)
    answer.add_argument("--out", type=Path, required=True, help="folder for the answer")
    add_show_arguments(_command(commands.add_parser("show-frames", help=SHOW), _show_frames))
    add_read_arguments(_command(commands.add_parser("read-frames", help=READ), _read_frames))
    add_link_commands(lambda name, words, run: _command(commands.add_parser(name, help=words), run), _decide)
    chosen = _command(commands.add_parser("language", help="say in which language the person reads"), _language)
    chosen.add_argument("language", type=Language, choices=list(Language), help="English or Traditional Chinese")
    _command(commands.add_parser("status", help="what this device believes"), _status)
    return parser


def _command(parser: argparse.ArgumentParser, command: Command) -> argparse.ArgumentParser:
    parser.add_argument("--home", type=Path, required=True, help="this device's folder")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--plain", action="store_true", help="lines instead of the full screen")
    parser.set_defaults(command=command, has_screen=False)
    return parser


def _enroll(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    now = outside.clock()
    if home.is_enrolled():
        raise refused(Code.ALREADY_EXISTS, str(home.path), "an empty folder", "an enrolled device")
    first, second = (parse_digest(outside.console.ask(question), "fingerprint") for question in FINGERPRINTS)
    if first != second:
        raise refused(Code.ROOT_MISMATCH, "fingerprint", first, second)
    trust = enroll(parse_root_file(load_file(options.root, MAX_ROOT_BYTES)), first)
    device, person = parse_party_id(options.device, "--device"), parse_party_id(options.person, "--person")
    home.save_config(_build_config(home, options, device, person, trust.context.environment))
    home.save_counters(Counters(approved=0, approved_at=now, received=0, sent=0, wrong_at=now, wrong_pins=0))
    home.save_trust(trust)
    said = build_line("{device} is enrolled under root {root}.", device=device, root=first)
    outside.report({"enrolled": device, "root": first, "at": now.isoformat()}, said)
    return 0


def _build_config(
    home: Home, options: argparse.Namespace, device: PartyId, person: PartyId, environment: Environment
) -> Config:
    if options.development_key:
        check_development(environment, "--development-key")
        home.save_development_key(parse_key_file(load_file(options.development_key, MAX_FILE_BYTES)))
        return Config(device=device, kind=KeyKind.DEVELOPMENT, module=NONE, person=person, token=NONE)
    if options.fido2:
        home.load_credential()
        return Config(device=device, kind=KeyKind.FIDO2, module=NONE, person=person, token=NONE)
    if not options.module:
        raise malformed(Code.FIELD_INVALID, "--module", "the PKCS#11 module of the token", "none")
    return Config(device=device, kind=KeyKind.PKCS11, module=options.module, person=person, token=options.token)


def _make_fido2(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    person = parse_party_id(options.person, "--person")
    pin = outside.console.ask_secret(build_line("PIN of the FIDO2 key:"))
    made = fido2_key.make_fido2_key(person, options.rp_id, pin, fido2_key.list_devices)
    home.save_credential(made)
    key = PublicKey(alg=Algorithm.WEBAUTHN_P256, public=made.public)
    facts = {"alg": key.alg.value, "public": key.public.hex(), "keyid": str(key.key_id)}
    outside.report(facts, build_key_line(key))
    return 0


def _import(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    raw, console = load_file(options.package, MAX_PACKAGE_BYTES), outside.console
    trust = flow.receive_update(home, raw, outside.clock(), accept_on(console), outside.measure, console.say)
    whitelist = trust.heads["whitelist"].body.version if "whitelist" in trust.heads else 0
    facts: dict[str, str | int] = {"roster": trust.roster.body.version, "whitelist": whitelist}
    said = "Imported: roster {roster}, whitelist {whitelist}."
    outside.report(facts, build_line(said, roster=str(facts["roster"]), whitelist=str(whitelist)))
    return 0


def _decide(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    now = outside.clock()
    raw = load_file(options.package, MAX_PACKAGE_BYTES)
    known = flow.repeat(home, raw)
    if known is not None:
        return _repeat(options, known, outside)
    config = home.load_config()
    trust = home.load_trust()
    flow.check_clock(trust, now)
    check_release(home, outside.measure, outside.console.say, now, trust)
    if config.kind is KeyKind.DEVELOPMENT:
        said = "{label}: what it signs is worth nothing outside development."
        outside.console.say(build_line(said, label=LABEL))
    check_sitting(home, now)
    question = build_key_question(config)
    with flow.open_counted(home, lambda: outside.console.ask_secret(question), now) as person:
        signer = (person.key, person.sign)
        try:
            waiting = flow.read_docket(home, raw, now)
            answer = _show_and_ask(waiting, outside)
        except StrongroomError as error:
            if Code.OPERATOR_REFUSED not in error.codes:
                path = _save(options.out, flow.halt(home, raw, error, signer, outside.clock()))
                pages = build_halt_pages(Stage.APPROVE.name, error.refusals)
                outside.console.stop(pages, (), build_quote("The halt goes to the platform: {path}.", path=str(path)))
            raise
        reason = outside.console.ask(build_line("Why? One line:")) if answer is not flow.Answer.APPROVE else ""
        # People took their time: what is signed has the time of the signature, and must still hold then.
        package = flow.decide(
            home,
            waiting,
            flow.Answered(answer=answer, reason=reason, language=outside.console.language),
            signer,
            outside.clock(),
        )
    path = _save(options.out, package)
    written = build_quote("{answer}: written to {path}.", answer=answer.value, path=str(path))
    outside.report({"answer": answer.value, "file": str(path)}, written)
    return 0


def _show_and_ask(waiting: flow.Waiting, outside: Outside) -> flow.Answer:
    shown_ns = outside.pace.elapsed_ns()
    alike = build_alike_tasks(waiting.proved.facts, build_address_book(waiting.trust.entries), outside.pace.draw)
    answer = flow.Answer(outside.console.choose((*build_alike_pages(alike), *waiting.pages), QUESTION, CHOICES))
    if answer is flow.Answer.APPROVE:
        answer = read_from_paper(waiting, alike, shown_ns, outside.console, outside.pace)
    return answer


def _repeat(options: argparse.Namespace, package: Package, outside: Outside) -> int:
    """The same file again gets the same answer, written once more: a medium may have been full, lost or pulled out."""
    path = _save(options.out, package)
    said = build_quote("Answered before: the same again in {path}.", path=str(path))
    outside.report({"answer": "repeated", "file": str(path)}, said)
    statements = package.body.statements if isinstance(package.body, StatementsBody) else ()
    return 3 if any(parse_statement(s).type is StatementType.HALT for s in statements) else 0


def _show_frames(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    shown = show_package(home.load_config().device, options, sys.stderr if options.json else sys.stdout)
    said = build_quote("{count} frames", count=str(shown.frames))
    if shown.files:
        said = build_quote("{count} frames in {folder}", count=str(shown.frames), folder=str(options.pictures))
    outside.report({"frames": shown.frames}, said)
    return 0


def _read_frames(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    def say(text: str) -> None:
        outside.console.say(build_quote("{text}", text=text))

    path = take_package(home.load_config().device, options, say)
    outside.report({"file": str(path)}, build_quote("taken: {path}", path=str(path)))
    return 0


def _language(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    home.save_language(options.language)
    language = options.language.value
    outside.report({"language": language}, build_line("{language}", language=language))
    return 0


def _policy(home: Home, _options: argparse.Namespace, outside: Outside) -> int:
    trust = home.load_trust()
    head = trust.build_heads().policy
    outside.console.stop(build_policy_pages(trust), (), SEEN)
    said = build_line("policy version {version}, {digest}", version=str(head.version), digest=group(head.digest))
    outside.report({"digest": head.digest, "version": head.version}, said)
    return 0


def _status(home: Home, _options: argparse.Namespace, outside: Outside) -> int:
    now = outside.clock()
    trust = home.load_trust()
    facts: dict[str, str | int] = {"time": now.isoformat(), "root": trust.root.version}
    if home.load_config().kind is KeyKind.DEVELOPMENT:
        facts["key"] = LABEL
    facts |= {"log": trust.log_head.size, "freezes": len(trust.frozen - trust.lifted)}
    facts |= {name: head.body.version for name, head in sorted(trust.heads.items())}
    outside.report(facts, *(build_quote("{name}: {value}", name=name, value=str(facts[name])) for name in facts))
    return 0


def parse_root_file(raw: bytes) -> tuple[Envelope, ...]:
    """Read root.json: a canonical array of root envelopes, version 1 first."""
    value = parse_canonical(raw)
    if not isinstance(value, list):
        raise malformed(Code.FIELD_INVALID, "root.json", "an array of envelopes", type(value).__name__)
    return tuple(parse_envelope(item, f"root.json[{i}]") for i, item in enumerate(value))


def _save(folder: Path, package: Package) -> Path:
    path = folder / package.file_name
    write_durably(path, encode_package(package))
    return path


def _explain(error: StrongroomError, options: argparse.Namespace, translate: Translate) -> int:
    if options.json:
        sys.stdout.write(json.dumps({"refusals": [r.as_json() for r in error.refusals]}) + "\n")
    for line in render_refusals(error.refusals, translate):
        sys.stderr.write(f"{line}\n")
    return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
