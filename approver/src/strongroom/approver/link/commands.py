"""`connect`, `fetch`, `submit` and `answer`: the line at the keyboard."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from strongroom.approver import flow
from strongroom.approver.files import load_file
from strongroom.approver.link.carry import Submitted, fetch, open_line, submit
from strongroom.approver.link.keep import Platform, Shelf
from strongroom.approver.outside import Command, Outside, build_key_line
from strongroom.approver.store import Home
from strongroom.approver.update import accept_on
from strongroom.core.errors import MalformedError, Refusal, RefusedError, UnavailableError
from strongroom.core.ids import parse_digest
from strongroom.core.packages import MAX_PACKAGE_BYTES, PackageKind
from strongroom.core.page_values import build_line, build_quote

AddCommand = Callable[[str, str, Command], argparse.ArgumentParser]
Decide = Callable[[Home, argparse.Namespace, Outside], int]


def add_commands(add: AddCommand, decide: Decide) -> None:
    """Add the line's commands. decide: the command that reads one package and asks the person."""
    add("make-device-key", "make this device's own key, and print it for the roster", _make_key)
    connected = add("connect", "say where the platform is; its key is typed from paper", _connect)
    connected.add_argument("--host", required=True)
    connected.add_argument("--port", type=int, default=8443)
    connected.add_argument("--server-key", required=True, help="sha256:... as make-approvals-key printed it")
    fetching = add("fetch", "get what waits for this device, and take updates", _fetch)
    add("submit", "hand in every answer that the platform does not have yet", _submit)
    answering = add("answer", "fetch, decide one docket after the other, and hand the answers in", _answering(decide))
    for asking in (fetching, answering):
        asking.set_defaults(has_screen=True)


def _make_key(home: Home, _options: argparse.Namespace, outside: Outside) -> int:
    key = Shelf(home).make_key().key
    facts = {"alg": key.alg.value, "public": key.public.hex(), "keyid": str(key.key_id)}
    outside.report(facts, build_key_line(key))
    return 0


def _connect(home: Home, options: argparse.Namespace, outside: Outside) -> int:
    pin = parse_digest(options.server_key, "--server-key")
    Shelf(home).save_platform(Platform(host=options.host, port=options.port, server_key=pin))
    said = build_quote("This device talks to {host} with {pin} only.", host=options.host, pin=pin)
    outside.report({"host": options.host, "server_key": pin}, said)
    return 0


def _fetch(home: Home, _options: argparse.Namespace, outside: Outside) -> int:
    files = _fetch_and_import(home, outside)
    waiting = [p.name for p in files]
    count = build_line("{count} to decide:", count=str(len(waiting))) if waiting else build_line("Nothing waits.")
    outside.report({"waiting": waiting}, count, *(build_quote("{name}", name=name) for name in waiting))
    return 0


def _fetch_and_import(home: Home, outside: Outside) -> list[Path]:
    """Fetch; take the updates that come before any docket, as the order of the packages wants it. Returns the rest."""
    fetch(home, open_line(home, outside.clock))
    waiting = Shelf(home).list_incoming(home.load_counters().received)
    while waiting and waiting[0][0].kind is PackageKind.UPDATE:
        _import(home, waiting.pop(0)[1], outside)
    return [path for package, path in waiting if package.kind is not PackageKind.UPDATE]


def _import(home: Home, path: Path, outside: Outside) -> None:
    raw = load_file(path, MAX_PACKAGE_BYTES)
    console = outside.console
    flow.receive_update(home, raw, outside.clock(), accept_on(console), outside.measure, console.say)


def _submit(home: Home, _options: argparse.Namespace, outside: Outside) -> int:
    _tell_submitted(outside, submit(home, open_line(home, outside.clock)))
    return 0


def _tell_submitted(outside: Outside, done: list[Submitted]) -> None:
    facts = {"submitted": [{"file": each.file, "outcome": each.outcome} for each in done]}
    lines = [build_quote("{file}: {outcome}", file=each.file, outcome=each.outcome) for each in done]
    outside.report(facts, *(lines or [build_line("Nothing to hand in.")]))


def _answering(decide: Decide) -> Command:
    def answer(home: Home, options: argparse.Namespace, outside: Outside) -> int:
        fetch(home, open_line(home, outside.clock))
        options.out = Shelf(home).outgoing
        refusals: tuple[Refusal, ...] = ()
        try:
            _decide_each(home, options, outside, decide)
        except (MalformedError, RefusedError) as error:
            refusals = error.refusals
        try:
            # What was decided goes out whatever came after it, a halt above all; without a line it waits here.
            _submit(home, options, outside)
        except UnavailableError as error:
            raise UnavailableError(*refusals, *error.refusals) from error
        if refusals:
            raise RefusedError(*refusals)
        return 0

    return answer


def _decide_each(home: Home, options: argparse.Namespace, outside: Outside, decide: Decide) -> None:
    """One package after the other, in their order; the first refusal ends it, and the rest waits for another call."""
    for package, path in Shelf(home).list_incoming(home.load_counters().received):
        if package.kind is PackageKind.UPDATE:
            _import(home, path, outside)
        else:
            options.package = path
            decide(home, options, outside)
