"""`strongroom`: the connected platform's programs and its small tools.

Exit codes: 0 done, 2 usage, 3 refused, 4 something did not answer, 5 our own fault.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from strongroom.core.canonical import Json, parse_canonical
from strongroom.core.checks.notices import CHECKS
from strongroom.core.codes import CODES, Code
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.errors import InvariantError, StrongroomError, UnavailableError, malformed, refused
from strongroom.core.halt_notice import MAX_TEXT_CHARACTERS
from strongroom.core.ids import parse_digest, parse_party_id
from strongroom.core.records import encode_time
from strongroom.core.statements import (
    Statement,
    StatementType,
    parse_envelope,
    parse_envelope_bytes,
    parse_statement,
    payload_type,
)
from strongroom.online.approvals.serve import add_commands as add_approval_commands
from strongroom.online.bootstrap import build_platform, system_clock
from strongroom.online.config import Config, load_config, load_conninfo, open_nodes
from strongroom.online.db.connect import Connection, open_connection
from strongroom.online.exchange.store import add_device, save_seen
from strongroom.online.governance.ceremonies import publish_ceremony
from strongroom.online.governance.notices import accept_notice
from strongroom.online.governance.retired import telling_retired
from strongroom.online.governance.store import load_rules, load_rules_under
from strongroom.online.jobs.commands import add_commands
from strongroom.online.keys.code import publish_checked
from strongroom.online.keys.commands import add_commands as add_key_commands
from strongroom.online.keys.states import tell_key_state
from strongroom.online.ledger.store import check_ledger
from strongroom.online.prove.prover import build_prover
from strongroom.online.sources import build_sources
from strongroom.online.transfers.accounts import open_accounts
from strongroom.online.transfers.sweep.prepare import prepare_sweep
from strongroom.online.transfers.withdrawal.bump import bump
from strongroom.online.transfers.withdrawal.explain import explain_subject
from strongroom.online.transfers.withdrawal.explain_words import build_json, render_told
from strongroom.online.transfers.withdrawal.resend import resend
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from strongroom.online.transfers.withdrawal.store import load_docket
from strongroom.online.watch.freezes import accept_freeze
from strongroom.online.watch.halt_notice import accept_notice as accept_halt
from strongroom.online.watch.lift import accept_lift
from strongroom.online.watch.material_scan import scan
from strongroom.online.watch.store import load_alerts

DESCRIPTION = """\
The connected side of Strongroom. It proposes, records and watches; it can move nothing by itself.

  strongroom work --config platform.json        credits deposits and moves withdrawals on (keys: platform, builder, log)
  strongroom reconcile --config reconcile.json  follows the chains, compares them with the ledger (key: reconciler)
  strongroom watch --config watch.json          witnesses the log, countersigns clears, settles (key: watcher)
  strongroom serve-approvals --config a.json    hands approval devices their packages, and takes their answers (no key)

Each runs until it is told to stop, with as many workers as asked for; run each as its own user, on its own host, and a
second one beside it if you like. The rest are tools that do one thing.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors become one clear message and an exit code."""
    options = _parser().parse_args(argv)
    try:
        command: Callable[[Config, argparse.Namespace], int] = options.command
        return command(load_config(options.config), options)
    except UnavailableError as error:
        return _explain(error, 4)
    except InvariantError as error:
        return _explain(error, 5)
    except StrongroomError as error:
        return _explain(error, 3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_commands(partial(_command, commands))
    add_key_commands(partial(_command, commands))
    add_approval_commands(partial(_command, commands))
    published = _command(commands, "publish", "take in any governance statement, wallet or notice", _publish)
    published.add_argument("envelope", type=Path, help="the signed statement")
    published.add_argument("--delta", type=Path, help='for a register: {"added":[entry],"removed":[id]}')
    swept = _command(commands, "sweep", "take in officers' sweep order and build all its dockets", _sweep)
    swept.add_argument("envelope", type=Path, help="the signed order; `rehearsal` in it makes a drill of it")
    submitted = _command(commands, "submit", "take in a client's signed instruction", _submit)
    submitted.add_argument("envelope", type=Path)
    frozen = _command(commands, "freeze", "take in a freeze signed by an officer: everything stops", _freeze)
    frozen.add_argument("envelope", type=Path)
    lifted = _command(commands, "lift", "take in a freeze-lift signed by officers", _lift)
    lifted.add_argument("envelope", type=Path)
    stopped = _command(commands, "scan-halt", "take in the code that a terminal shows when it stops", _scan_halt)
    stopped.add_argument("code", nargs="?", help="the scanned text, SRH1-...; without it one line of standard input")
    enrolled = _command(commands, "enroll-device", "send packages to a device from now on", _enroll)
    enrolled.add_argument("device")
    enrolled.add_argument("kind", choices=("terminal", "station", "gate", "approval-device"))
    seen = _command(commands, "seen", "correct the log size that a device holds, from its own status screen", _seen)
    seen.add_argument("device")
    seen.add_argument("size", type=int)
    again = _command(commands, "resend", "send a docket to a device again, after its package was lost", _resend)
    again.add_argument("proposal")
    again.add_argument("device")
    again.add_argument("--seen", type=int, required=True, help="the log size on the device's own status screen")
    told = _command(commands, "explain", "what the policy says to an order, and who is still missing", _tell)
    told.add_argument("subject", help="the id of an instruction or of a proposal")
    told.add_argument("--json", action="store_true", help="for machines")
    bumped = _command(commands, "bump", "replace a payment that is stuck by one with a higher fee", _bump)
    bumped.add_argument("proposal", help="the newest attempt")
    bumped.add_argument(
        "--fee-rate", type=int, default=0, help="at least this: wei a unit of gas, or units a 1,000 virtual bytes"
    )
    docket = _command(commands, "docket", "write a docket file, as far as it has come", _docket)
    docket.add_argument("proposal")
    docket.add_argument("--out", type=Path, required=True)
    _command(commands, "alerts", "what the SOC must look at, as JSON", _alerts)
    secrets = _command(commands, "check-secrets", "search the database and files for keys, shares and seeds", _secrets)
    secrets.add_argument("folders", type=Path, nargs="*", help="files and folders beside the program's own home")
    _command(commands, "check-ledger", "add up the whole ledger again, and prove it by the log", _check_ledger)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    words: str,
    command: Callable[[Config, argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.add_argument("--config", type=Path, required=True, help="this program's configuration")
    parser.set_defaults(command=command)
    return parser


def _open(config: Config) -> Connection:
    return open_connection(load_conninfo(Path(config.database)))


def _publish(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(read_file(options.envelope))
    added, removed = _read_delta(options.delta) if options.delta else ([], [])
    sources = build_sources(open_nodes(config))
    with _open(config) as connection, telling_retired(connection, envelope, system_clock):
        if envelope.payloadType == payload_type(StatementType.CEREMONY):
            statement: Statement[Any] = publish_ceremony(connection, envelope, system_clock())
        elif parse_statement(envelope).type in CHECKS:
            statement = accept_notice(connection, envelope, system_clock())
            tell_key_state(connection, statement)
        else:
            statement = publish_checked(connection, sources, envelope, added, removed)
    _say({"published": statement.id, "type": statement.type.value})
    return 0


def _sweep(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(read_file(options.envelope))
    platform = build_platform(config)
    with telling_retired(platform.connection, envelope, platform.clock):
        prepared = prepare_sweep(platform, load_rules(platform.connection), envelope)
    _say({"sweep": prepared.sweep, "proposals": list(prepared.proposals), "left": list(prepared.left)})
    return 0


def _read_delta(path: Path) -> tuple[list[Mapping[str, Json]], list[str]]:
    value = parse_canonical(read_file(path), limit=64 * 1024 * 1024)
    if not isinstance(value, dict) or set(value) != {"added", "removed"}:
        raise malformed(Code.FIELD_INVALID, str(path), '{"added":[...],"removed":[...]}', "another shape")
    added, removed = value["added"], value["removed"]
    if not isinstance(added, list) or not isinstance(removed, list):
        raise malformed(Code.FIELD_INVALID, str(path), "two arrays", "another shape")
    return [parse_object(e, str(path)) for e in added], [str(r) for r in removed]


def parse_object(value: Json, field: str) -> Mapping[str, Json]:
    """The value as an object, or FIELD_INVALID."""
    if not isinstance(value, dict):
        raise malformed(Code.FIELD_INVALID, field, "an object", type(value).__name__)
    return value


def _submit(config: Config, options: argparse.Namespace) -> int:
    platform = build_platform(config)
    statement = accept(platform, parse_envelope(parse_canonical(read_file(options.envelope)), "instruction"))
    _say({"instruction": statement.id, "next": "the platform decides"})
    return 0


def _freeze(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(read_file(options.envelope))
    with _open(config) as connection, telling_retired(connection, envelope, system_clock):
        statement = accept_freeze(connection, envelope, system_clock())
    _say({"freeze": statement.id, "issuer": statement.issuer})
    return 0


def _lift(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(read_file(options.envelope))
    with _open(config) as connection, telling_retired(connection, envelope, system_clock):
        statement = accept_lift(connection, envelope, system_clock())
    _say({"lift": statement.id, "freeze": statement.body.freeze})
    return 0


def _scan_halt(config: Config, options: argparse.Namespace) -> int:
    text = options.code if options.code is not None else sys.stdin.readline(MAX_TEXT_CHARACTERS + 2)
    with _open(config) as connection:
        notice = accept_halt(connection, load_rules(connection), text.strip(), system_clock())
    told: dict[str, object] = {"halt": notice.halt, "code": notice.code, "terminal": notice.terminal}
    _say({**told, "journal": notice.journal, "at": encode_time(notice.at), "next": CODES[Code(notice.code)].remedy})
    return 0


def _enroll(config: Config, options: argparse.Namespace) -> int:
    device = parse_party_id(options.device, "device")
    with _open(config) as connection:
        add_device(connection, device, options.kind)
        open_accounts(connection, load_rules(connection))
    _say({"device": device, "kind": options.kind})
    return 0


def _seen(config: Config, options: argparse.Namespace) -> int:
    device = parse_party_id(options.device, "device")
    with _open(config) as connection, connection.transaction():
        save_seen(connection, device, options.size)
    _say({"device": device, "seen": options.size})
    return 0


def _resend(config: Config, options: argparse.Namespace) -> int:
    device, proposal = parse_party_id(options.device, "device"), parse_digest(options.proposal, "proposal")
    with _open(config) as connection:
        state = resend(connection, proposal, device, options.seen)
    _say({"proposal": proposal, "device": device, "state": state.value})
    return 0


def _tell(config: Config, options: argparse.Namespace) -> int:
    with _open(config) as connection, connection.transaction():
        rules = load_rules_under(connection, config.root)
        told = explain_subject(connection, rules, parse_digest(options.subject, "subject"), system_clock())
    if options.json:
        _say(build_json(told))
    else:
        sys.stdout.write("\n".join(render_told(told, rules.entries.assets)) + "\n")
    return 0


def _bump(config: Config, options: argparse.Namespace) -> int:
    platform = build_platform(config)
    proposal = parse_digest(options.proposal, "proposal")
    statement = bump(platform, load_rules(platform.connection), proposal, options.fee_rate)
    _say({"proposal": statement.id, "replaces": proposal, "fee": str(statement.body.fee), "next": "people approve it"})
    return 0


def _docket(config: Config, options: argparse.Namespace) -> int:
    platform = build_platform(config)
    platform.reader.refresh(platform.connection)
    row = load_docket(platform.connection, parse_digest(options.proposal, "proposal"))
    docket = platform.assemble(load_rules(platform.connection), row, up_to=Stage.SETTLE)
    options.out.write_bytes(encode_docket(docket))
    _say({"docket": str(options.out), "state": row.state.value})
    return 0


def _alerts(config: Config, options: argparse.Namespace) -> int:
    with _open(config) as connection:
        alerts = load_alerts(connection)
    rows = [{"code": a.code, "severity": a.severity, "subject": a.subject, "detail": a.detail} for a in alerts]
    sys.stdout.write(json.dumps({"config": str(options.config), "alerts": rows}) + "\n")
    return 0


def _check_ledger(config: Config, options: argparse.Namespace) -> int:
    with _open(config) as connection:
        check_ledger(connection)
        build_prover(config.root, Path(config.home), system_clock).check(connection)
    _say({"ledger": "adds up, and every row has its statement", "config": str(options.config)})
    return 0


def _secrets(config: Config, options: argparse.Namespace) -> int:
    with _open(config) as connection:
        keys = load_rules(connection).entries.keys.values()
        found = scan(connection, keys, [Path(config.home), *options.folders])
    looked = {"tables": found.tables, "rows": found.rows, "files": found.files, "skipped": list(found.skipped)}
    _say({**looked, "found": [{"kind": each.kind, "place": each.place} for each in found.findings]})
    if found.findings or found.skipped:
        places = ", ".join([each.place for each in found.findings] + list(found.skipped))
        raise refused(Code.KEY_MATERIAL_ONLINE, places, "nothing that signs, in anything", "see above")
    return 0


def read_file(path: Path) -> bytes:
    """Read a file whole, or say which one could not be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "a readable file", error.strerror or "unreadable") from error


def _say(facts: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")


def _explain(error: StrongroomError, code: int) -> int:
    for refusal in error.refusals:
        sys.stderr.write(f"{refusal.code.value}: {refusal.sentence}\n")
    sys.stdout.write(json.dumps({"refusals": [r.as_json() for r in error.refusals]}) + "\n")
    return code
