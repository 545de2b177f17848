"""Commands about addresses: `strongroom import-addresses` for the platform, `strongroom assign` for the assigner.

The second runs on a host of its own, with the assigner's key and database role, and no node: it is no part of the API.
`strongroom address-package` needs no key, so that a client gets a fresh proof of an address whenever they ask.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from strongroom.core.address_package import encode_package
from strongroom.core.attested import MAX_BATCH_BYTES
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import AccountId, EntryId, PartyId, parse_own_id
from strongroom.core.statements import parse_envelope_bytes
from strongroom.online.bootstrap import system_clock
from strongroom.online.config import Config, load_conninfo
from strongroom.online.db.connect import Connection, connect
from strongroom.online.keys.drills import find_drills
from strongroom.online.keys.importing import import_batch
from strongroom.online.keys.issue import Assigner, assign, load_package
from strongroom.online.keys.services import load_service_key

ASSIGNER = PartyId("service:assigner")

AddCommand = Callable[[str, str, Callable[[Config, argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(add: AddCommand) -> None:
    """Add what this room can do to `strongroom`."""
    imported = add("import-addresses", "verify a batch of addresses that the vault attested, and keep it", _import)
    imported.add_argument("attestation", type=Path, help="the statement of the terminals")
    imported.add_argument("lines", type=Path, help="the batch's file of lines")
    assigned = add("assign", "hand out an address: say for ever whose it is (key: assigner)", _assign)
    assigned.add_argument("account", help="the ledger account that its deposits are for")
    assigned.add_argument("--entry", default="", help="this address, by its id in the register; else any")
    package = add("address-package", "the client's proof of an address that was handed out, as of now", _package)
    package.add_argument("entry", help="the address, by its id in the register; `assign` prints it")
    package.add_argument("--out", type=Path, required=True, help="the client's package, verifiable with the root")


def _import(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(_read(options.attestation, 1024 * 1024))
    raw = _read(options.lines, MAX_BATCH_BYTES)
    with connect(load_conninfo(Path(config.database))) as connection:
        imported = import_batch(connection, config.root, envelope, raw, system_clock(), tell_progress)
    sys.stdout.write(json.dumps({"attestation": imported.attestation, "addresses": imported.lines}) + "\n")
    return 0


def build_assigner(config: Config, connection: Connection) -> Assigner:
    """The assigner's parts from its configuration."""
    return Assigner(
        connection=connection,
        key=load_service_key(config.key_file(ASSIGNER), ASSIGNER),
        root=config.root,
        memory=Path(config.home) / "assigner.json",
        clock=system_clock,
        find_drills=find_drills,
    )


def _assign(config: Config, options: argparse.Namespace) -> int:
    account = AccountId(parse_own_id(options.account, "account", "account"))
    with connect(load_conninfo(Path(config.database))) as connection:
        body = assign(build_assigner(config, connection), account, options.entry).body
    sys.stdout.write(json.dumps({"account": body.account, "address": body.address, "entry": body.entry}) + "\n")
    return 0


def _package(config: Config, options: argparse.Namespace) -> int:
    entry = EntryId(parse_own_id(options.entry, "address", "entry"))
    if options.out.exists():
        raise refused(Code.ALREADY_EXISTS, str(options.out), "no file yet", "a file")
    with connect(load_conninfo(Path(config.database))) as connection:
        package = load_package(connection, config.root, entry, system_clock())
    options.out.write_bytes(encode_package(package))
    sys.stdout.write(json.dumps({"entry": entry, "package": str(options.out)}) + "\n")
    return 0


def tell_progress(done: int, of: int) -> None:
    """One line each time that more of the batch holds; on standard error, so that the answer stays alone."""
    sys.stderr.write(f"verified {done:,} of {of:,} addresses\n")


def _read(path: Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > most:
            raise malformed(Code.TOO_LARGE, str(path), f"at most {most} bytes", f"{size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "a readable file", error.strerror or "unreadable") from error
