"""`strongroom-ceremony run`, `explain` and `verify`: the command line of the led ceremony."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from strongroom.core.canonical import Json, encode_canonical, parse_canonical, sha256
from strongroom.core.ceremonies import Ceremony, CeremonyKind, Fact
from strongroom.core.checks.ceremony import NEW_KEY, check_ceremony, check_ceremony_follows
from strongroom.core.checks.foundation import prove_roots, prove_roster_chain
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, Digest, WalletId, parse_chain_id, parse_digest, parse_own_id
from strongroom.core.records import encode_time
from strongroom.core.roster import Roster
from strongroom.core.statements import Context, Envelope, Statement, check_context, parse_envelope
from strongroom.vault.ceremony.key_batch import BatchOrder, parse_order
from strongroom.vault.ceremony.run.batches import batch_folder
from strongroom.vault.ceremony.run.desk import Desk, Options
from strongroom.vault.ceremony.run.engine import lead
from strongroom.vault.ceremony.run.explain import render_run_book
from strongroom.vault.ceremony.run.record import EntryKind, Record, find_fact, open_record
from strongroom.vault.ceremony.run.screen import Screen
from strongroom.vault.ceremony.run.signatures import collect_signatures, parse_transcript
from strongroom.vault.ceremony.run.tool import measure_tool
from strongroom.vault.hsm.module import open_module
from strongroom.vault.hygiene import guard_memory
from strongroom.vault.terminal.files import load_file

MAX_ROOTS, MAX_TRANSCRIPT = 4 * 1024 * 1024, 4 * 1024 * 1024
Result = dict[str, Json]


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser], module: str) -> None:
    """Add run, explain and verify to the program's commands."""
    kinds = [kind.value for kind in CeremonyKind]
    run = commands.add_parser("run", help="Leads people through a ceremony, step by step.", allow_abbrev=False)
    run.add_argument("kind", choices=kinds)
    run.add_argument("--home", type=Path, required=True, help="folder of this one ceremony, on a medium; new at first")
    _add_trust(run)
    run.add_argument("--module", type=Path, default=Path(module), help="PKCS#11 module (%(default)s)")
    run.add_argument("--token", required=True, help="label of the ceremony's token")
    run.add_argument("--previous", type=Path, help="last transcript of this wrapping key; for all kinds but generate")
    run.add_argument("--keys", type=Path, help="folder with the blobs (default: HOME/keys)")
    run.add_argument("--batch", action="append", default=[], help="generate: WALLET,COUNT,NAMES; once a wallet")
    run.add_argument("--copy-to", type=Path, action="append", default=[], help="back-up: a medium; may be repeated")
    run.add_argument("--chain", action="append", default=[], help="restore: WALLET=CHAIN; once a wallet")
    run.add_argument("--challenge", default="", help="restore: the platform's 32 bytes, hex; asked for when absent")
    run.add_argument("--entropy-release", default="", help="digest of the entropy code that the release publishes")
    run.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    run.set_defaults(run=_run)
    explain = commands.add_parser("explain", help="Prints the run book of a ceremony, for the binder.")
    explain.add_argument("kind", choices=kinds)
    explain.set_defaults(run=_explain, json=False)
    verify = commands.add_parser("verify", help="Checks a transcript, for auditors.", allow_abbrev=False)
    verify.add_argument("transcript", type=Path)
    _add_trust(verify)
    verify.add_argument("--previous", type=Path, help="the transcript that it carries on from")
    verify.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    verify.set_defaults(run=_verify)


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, required=True, help="root.json: an array of root envelopes")
    parser.add_argument("--roster", type=Path, required=True, help="an array of roster envelopes, version 1 first")


def _run(options: argparse.Namespace, source: TextIO) -> Result:
    memory = guard_memory()
    settings = _read_options(options)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    desk = Desk(
        options=settings,
        record=_open_record(settings),
        screen=Screen(keyboard=source, screen=sys.stderr if options.json else sys.stdout),
        module=open_module(settings.module),
        tool=measure_tool(settings.module, memory),
        clock=lambda: datetime.now(UTC),
    )
    try:
        lead(desk)
        statement = collect_signatures(desk)
    finally:
        desk.memory.wipe()
    return {
        "kind": statement.body.kind.value,
        "outcome": statement.body.outcome.value,
        "statement": statement.id,
        "transcript": str(settings.home / "transcript.json"),
    }


def _read_options(options: argparse.Namespace) -> Options:
    kind = CeremonyKind(options.kind)
    roster, context, fingerprint = load_trust(options.root, options.roster)
    keys = options.keys or options.home / "keys"
    if (options.previous is None) != (kind is CeremonyKind.GENERATE):
        raise malformed(Code.FIELD_INVALID, "--previous", "for every kind but generate", str(options.previous))
    if bool(options.batch) != (kind is CeremonyKind.GENERATE) or bool(options.copy_to) != (
        kind is CeremonyKind.BACK_UP
    ):
        raise malformed(
            Code.FIELD_INVALID, "--batch, --copy-to", "generate: --batch; back-up: --copy-to", "another use"
        )
    if kind in NEW_KEY - {CeremonyKind.GENERATE} and keys.resolve() == (options.home / "keys").resolve():
        raise malformed(Code.FIELD_INVALID, "--keys", "the folder of the old blobs, outside of the home", str(keys))
    return Options(
        kind=kind,
        home=options.home,
        module=options.module,
        token=options.token,
        keys=keys,
        orders=tuple(_read_order(text, keys) for text in options.batch),
        copies=tuple(options.copy_to),
        chains=tuple(_read_chain(text) for text in options.chain),
        challenge=options.challenge,
        entropy_release=parse_digest(options.entropy_release, "--entropy-release") if options.entropy_release else None,
        previous=_load_previous(options.previous, roster, context) if options.previous else None,
        roster=roster,
        context=context,
        fingerprint=fingerprint,
    )


def _read_order(text: str, keys: Path) -> BatchOrder:
    parts = text.split(",")
    if len(parts) != 3 or not parts[1].isdigit():
        raise malformed(Code.FIELD_INVALID, "--batch", "WALLET,COUNT,NAMES", text)
    wallet = WalletId(parse_own_id(parts[0], "wallet", "--batch"))
    return parse_order(int(parts[1]), wallet, parts[2], batch_folder(keys, wallet))


def _read_chain(text: str) -> tuple[WalletId, ChainId]:
    wallet, _, chain = text.partition("=")
    return WalletId(parse_own_id(wallet, "wallet", "--chain")), parse_chain_id(chain, "--chain")


def load_trust(root: Path, roster: Path) -> tuple[Roster, Context, Digest]:
    """The newest roster, proved from the root file; and the root's fingerprint, which people compare by eye."""
    roots = prove_roots(_load_envelopes(root), _load_envelopes(root)[:1])
    context = Context(organization=roots[0].organization, environment=roots[0].environment)
    chain = prove_roster_chain(_load_envelopes(roster), roots, context)
    return chain[-1].body, context, roots[0].id


def _load_envelopes(path: Path) -> list[Envelope]:
    value = parse_canonical(load_file(path, MAX_ROOTS), limit=MAX_ROOTS)
    rows = value if isinstance(value, list) else [value]
    if not rows:
        raise malformed(Code.FIELD_INVALID, str(path), "an array of envelopes", "an empty one")
    return [parse_envelope(row, f"{path.name}[{index}]") for index, row in enumerate(rows)]


def _load_previous(path: Path, roster: Roster, context: Context) -> Statement[Ceremony]:
    """The last transcript. Its people are judged by the time when it ended: they may have left since."""
    statement = parse_transcript(load_file(path, MAX_TRANSCRIPT))
    check_context(statement, context, "previous")
    check_ceremony(statement, roster, statement.body.ended, "previous")
    return statement


def _open_record(options: Options) -> Record:
    """The record of the home; a new one when nothing was begun. The same home is never used for another ceremony."""
    record = open_record(options.home / "record")
    wanted = _describe(options)
    if not record.entries:
        start = (Fact(name="ceremony", value=os.urandom(16).hex()), Fact(name="options", value=wanted))
        record.add(EntryKind.START, options.kind.value, "program", start, datetime.now(UTC))
    first = record.entries[0]
    if (first.name, find_fact(first.facts, "options", "start")) != (options.kind.value, wanted):
        raise refused(Code.CEREMONY_RECORD, str(options.home), "the command that began this ceremony", "another one")
    return record


def _describe(options: Options) -> str:
    """A digest over everything that must be the same when the command is given again."""
    described: dict[str, Json] = {
        "batches": [f"{order.wallet} {order.count} {order.names}" for order in options.orders],
        "chains": [f"{wallet} {chain}" for wallet, chain in options.chains],
        "challenge": options.challenge,
        "copies": [str(path) for path in options.copies],
        "keys": str(options.keys),
        "previous": options.previous.id if options.previous else "none",
        "root": options.fingerprint,
        "token": options.token,
    }
    return sha256(encode_canonical(described))


def _explain(options: argparse.Namespace, _source: TextIO) -> Result:
    sys.stdout.write(render_run_book(CeremonyKind(options.kind)))
    return {}


def _verify(options: argparse.Namespace, _source: TextIO) -> Result:
    roster, context, fingerprint = load_trust(options.root, options.roster)
    statement = parse_transcript(load_file(options.transcript, MAX_TRANSCRIPT))
    check_context(statement, context, "transcript")
    check_ceremony(statement, roster, statement.body.ended, "transcript")
    body = statement.body
    if options.previous:
        check_ceremony_follows(body, _load_previous(options.previous, roster, context).body)
    result: Result = {
        "check_value": str(body.check_value),
        "ended": encode_time(body.ended),
        "kind": body.kind.value,
        "outcome": body.outcome.value,
        "participants": [f"{each.person} {each.role.value}" for each in body.participants],
        "previous": str(body.previous),
        "root": fingerprint,
        "statement": statement.id,
        "steps": len(body.steps),
    }
    return result
