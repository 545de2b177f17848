"""The commands about pools and addresses: make-keys, show-pool, order-addresses, prove-addresses, attest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError, malformed, refused
from strongroom.core.ids import ChainId, EntryId, PartyId, WalletId, parse_chain_id, parse_own_id
from strongroom.core.records import HexBytes, parse_hex, parse_time
from strongroom.core.statements import Environment
from strongroom.vault.ceremony.address_order import (
    FORMAT,
    AddressOrder,
    ListOf,
    encode_order,
    load_list,
    load_order,
    load_plan,
)
from strongroom.vault.ceremony.attest import build_batch, check_saved_batch, render_attestation, sign_attestation
from strongroom.vault.ceremony.key_batch import CHUNK, make_keys, parse_order
from strongroom.vault.ceremony.pool_state import build_pool_state
from strongroom.vault.ceremony.pool_writer import LIST_NAME, Proving
from strongroom.vault.ceremony.progress import Progress, manner_of
from strongroom.vault.ceremony.secrets_in import Question, read_secrets
from strongroom.vault.ceremony.spend_proofs import encode_proofs, load_proofs, make_proofs
from strongroom.vault.ceremony.workers import MAX_WORKERS, Login, open_workers
from strongroom.vault.hsm.module import open_module
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.terminal.files import save_durably

USER = Question(name="User's PIN", is_new=False)
CONSENT = Question(name="The word sign, after reading what is shown", is_new=False)

Result = dict[str, Json]
Run = Callable[[argparse.Namespace, TextIO], Result]
AddToken = Callable[..., argparse.ArgumentParser]


def add_pool_commands(with_token: AddToken, without_token: AddToken) -> None:
    """Add the commands. with_token, without_token: make a command's parser, as the program's others are made."""
    keys = with_token("make-keys", _make_keys, "Makes a pool of asset keys and writes them wrapped.", USER)
    keys.add_argument("--count", type=int, required=True, help="how many")
    keys.add_argument("--wallet", required=True, help="whose they are, e.g. wallet:ltc-cold")
    keys.add_argument("--out", type=Path, required=True, help="a new or empty folder, or one that was interrupted")
    keys.add_argument("--names", default="", help="ltc-1 gives key:ltc-1-1, ...; without it keys are named by hash")
    keys.add_argument(
        "--prove",
        type=Proving,
        choices=list(Proving),
        default=Proving.TRIAL,
        help="trial: each blob is opened and signs before it is written; attestation: it will be, by its spend proof",
    )
    _add_workers(keys)
    state = without_token("show-pool", _show_pool, "Shows how many keys a pool has, and how many are attested.")
    state.add_argument("--keys", type=Path, required=True, help="the pool's folder")
    state.add_argument("--batch", type=Path, action="append", default=[], help="a batch file; once for each")
    _add_order(without_token("order-addresses", _order_addresses, "Writes an order for a batch of addresses."))
    proofs = with_token("prove-addresses", _prove_addresses, "Signs the challenge with this terminal's keys.", USER)
    _add_batch(proofs)
    proofs.add_argument("--keys", type=Path, required=True, help="the folder of this terminal's pool")
    proofs.add_argument("--out", type=Path, required=True, help="the file of proofs to write")
    signing = with_token("attest", _attest, "Checks the whole batch and signs it with the device's key.", USER, CONSENT)
    _add_batch(signing)
    signing.add_argument("--proofs", type=Path, action="append", required=True, help="a terminal's proofs; once each")
    signing.add_argument("--batch", type=Path, required=True, help="the batch file to write")
    signing.add_argument("--envelope", type=Path, required=True, help="the statement: made, or added to")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    default = min(MAX_WORKERS, os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=default, help="processes, each with a session (%(default)s)")


def _add_batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--order", type=Path, required=True, help="the order file")
    parser.add_argument("--me", required=True, help="this terminal, device:NAME")
    parser.add_argument(
        "--list", type=_list_of, action="append", required=True, help="device:NAME=FILE, each terminal's keys.json"
    )
    _add_workers(parser)


def _add_order(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", required=True, help="its name, entry:NAME")
    parser.add_argument("--chain", required=True, help="CAIP-2")
    parser.add_argument("--wallet", required=True, help="wallet:NAME")
    parser.add_argument("--threshold", type=int, required=True, help="keys that must sign to spend")
    parser.add_argument("--count", type=int, required=True, help="how many addresses")
    parser.add_argument("--changes", type=int, default=0, help="how many of them are for change (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="keys of each list that are used already (%(default)s)")
    parser.add_argument("--names", default="", help="ltc-1 gives address:ltc-1-1, ...; without it named by hash")
    parser.add_argument("--challenge", required=True, help="64 hex digits, from whoever wants the proof")
    parser.add_argument("--organization", required=True, help="as statements name it")
    parser.add_argument("--environment", type=Environment, choices=list(Environment), required=True)
    parser.add_argument("--issued-at", help="YYYY-MM-DDTHH:MM:SSZ; without it now")
    parser.add_argument(
        "--list", type=_list_of, action="append", required=True, help="device:NAME=FILE, each terminal's keys.json"
    )
    parser.add_argument("--out", type=Path, required=True, help="the order file to write")


def _list_of(text: str) -> tuple[PartyId, Path]:
    name, _, path = text.partition("=")
    try:
        return PartyId(parse_own_id(name, "device", "list")), Path(path)
    except StrongroomError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not device:NAME=FILE") from error


def _make_keys(options: argparse.Namespace, source: TextIO) -> Result:
    order = parse_order(options.count, options.wallet, options.names, options.out, options.prove)
    (user,) = read_secrets([USER], source)
    login = Login(module=options.module, token=options.token, pin=user)
    with open_workers(login, _enough(options.workers, order.count)) as workers:
        made = make_keys(workers, order, lambda already: _bar("keys", options, order.count, already))
    listed = str(order.folder / LIST_NAME)
    return {"count": order.count, "folder": str(order.folder), "list": listed, "made": made, "token": options.token}


def _show_pool(options: argparse.Namespace, _source: TextIO) -> Result:
    return build_pool_state(options.keys, options.batch)


def _order_addresses(options: argparse.Namespace, _source: TextIO) -> Result:
    lists = [ListOf(digest=load_list(path, name)[0], terminal=name) for name, path in sorted(options.list)]
    issued_at = datetime.now(UTC) if options.issued_at is None else parse_time(options.issued_at, "issued-at")
    order = AddressOrder(
        batch=EntryId(options.batch),
        chain=ChainId(parse_chain_id(options.chain, "chain")),
        challenge=HexBytes(parse_hex(options.challenge, "challenge")),
        changes=_natural("changes", options.changes),
        count=options.count,
        environment=options.environment,
        first=_natural("first", options.first),
        format=FORMAT,
        issued_at=issued_at,
        lists=tuple(lists),
        names=options.names,
        organization=options.organization,
        threshold=options.threshold,
        wallet=WalletId(parse_own_id(options.wallet, "wallet", "wallet")),
    )
    load_plan(order, dict(options.list))
    save_durably(options.out, encode_order(order))
    return {"addresses": order.count, "order": str(options.out)}


def _prove_addresses(options: argparse.Namespace, source: TextIO) -> Result:
    order = load_order(options.order)
    plan = load_plan(order, dict(options.list))
    me = _me(options, order)
    (user,) = read_secrets([USER], source)
    login = Login(module=options.module, token=options.token, pin=user)
    with open_workers(login, _enough(options.workers, order.count)) as workers:
        bar = _bar("proofs", options, order.count, 0)
        proofs = make_proofs(workers, order, plan, me, options.keys, bar)
    save_durably(options.out, encode_proofs(proofs))
    return {"out": str(options.out), "proofs": len(proofs), "terminal": me}


def _attest(options: argparse.Namespace, source: TextIO) -> Result:
    order = load_order(options.order)
    plan = load_plan(order, dict(options.list))
    me = _me(options, order)
    body, raw = build_batch(order, plan, load_proofs(options.proofs))
    for line in render_attestation(body, order.changes):
        sys.stderr.write(line + "\n")
    user, consent = read_secrets([USER, CONSENT], source)
    if consent.reveal() != "sign":
        raise refused(Code.OPERATOR_REFUSED, "consent", "the word sign", "another answer")
    save_durably(options.batch, raw)
    login = Login(module=options.module, token=options.token, pin=user)
    with open_workers(login, _enough(options.workers, order.count)) as workers:
        check_saved_batch(workers, body, options.batch, raw, _bar("addresses", options, order.count, 0))
    with PersonToken(open_module(options.module), options.token, user) as device:
        envelope = sign_attestation(order, body, options.envelope, me, (device.key, device.sign))
    save_durably(options.envelope, envelope.encode())
    return {
        "batch": str(options.batch),
        "envelope": str(options.envelope),
        "root": body.root,
        "signatures": len(envelope.signatures),
        "statement": envelope.id,
    }


def _me(options: argparse.Namespace, order: AddressOrder) -> PartyId:
    terminals = [each.terminal for each in order.lists]
    if options.me not in terminals:
        raise refused(Code.SIGNER_UNKNOWN, "me", " or ".join(terminals), options.me)
    return PartyId(options.me)


def _enough(workers: int, count: int) -> int:
    """No more workers than there are jobs: each costs a login. A number that is too high stays so, to be refused."""
    return workers if workers > MAX_WORKERS else min(workers, -(-count // CHUNK))


def _natural(name: str, value: int) -> int:
    if value < 0:
        raise malformed(Code.FIELD_INVALID, name, "0 or more", str(value))
    return value


def _bar(what: str, options: argparse.Namespace, total: int, already: int) -> Progress:
    return Progress(
        what, total=total, already=already, out=sys.stderr, manner=manner_of(sys.stderr, events=options.json)
    )
