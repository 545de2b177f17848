"""`strongroom-ceremony`: each command is one step of one person, in a process of its own.

The exit code says who must act: 0 done, 2 the call is wrong, 3 a rule or a token says no, 4 something is not there,
5 our own fault.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, StrongroomError, UnavailableError, refused
from strongroom.core.ids import parse_digest
from strongroom.vault.ceremony.cli_development import add_development_command
from strongroom.vault.ceremony.cli_measure import add_measure_command
from strongroom.vault.ceremony.cli_pools import add_pool_commands
from strongroom.vault.ceremony.entropy import MIN_TYPED, check_typed_entropy, open_mixer
from strongroom.vault.ceremony.run.command import add_commands
from strongroom.vault.ceremony.secrets_in import Question, read_secrets
from strongroom.vault.ceremony.sign_statement import load_payload, render_payload, sign
from strongroom.vault.ceremony.token_setup import init_token, report_token
from strongroom.vault.entropy.attest import check_entropy_code, measure_entropy_code
from strongroom.vault.hsm.module import find_token, open_module, open_storing_session
from strongroom.vault.hsm.signing_key import PersonToken, create_person_key, public_key_of
from strongroom.vault.hsm.wrapped_keys import create_wrapping_key
from strongroom.vault.hygiene import guard_memory
from strongroom.vault.self_tests.known_answers import run_self_tests
from strongroom.vault.self_tests.token import check_token_arithmetic
from strongroom.vault.terminal.files import save_durably

DEFAULT_MODULE = "/usr/lib/softhsm/libsofthsm2.so"
OFFICER = Question(name="Security officer's PIN", is_new=False)
USER = Question(name="User's PIN", is_new=False)
NEW_OFFICER = Question(name="New security officer's PIN", is_new=True)
NEW_USER = Question(name="New user's PIN", is_new=True)
TYPED = Question(name="Typed entropy", is_new=False)
CONSENT = Question(name="The word sign, after reading what is shown", is_new=False)

OVERVIEW = """\
Makes tokens and keys. Run it on a machine with no network, which is switched off afterwards.

Two people are needed: the security officer makes tokens and the wrapping key; the user makes and uses asset keys.
Neither may know the other's PIN: with both, asset keys could be taken out of the token.

A whole ceremony is led by one command, with a witness, a record and a signed transcript: run KIND. Its run book is
printed by explain KIND, its transcript checked by verify. The single steps below are what it is made of.

In this order:
  1. init-token         both, one after the other: names a blank token and sets both PINs
  2. make-wrapping-key  the officer: the key under which all asset keys are kept
  3. make-keys          the user: a pool of asset keys, and keys.json for the key register
     show-pool          anybody: how many keys a pool has
     order-addresses    anybody: which addresses the wallet's terminals are to attest, on whose challenge
     prove-addresses    the user, at each terminal: every key signs the challenge
     attest             the user, at each terminal: the whole batch is checked, and signed with the device's key
     make-person-key    the holder, in a token of their own: the key that signs statements
     show-token         anybody: what is in a token
     sign               a person: adds their signature to a root, roster, policy, prices, register, freeze-lift, lease,
                        hsm-register or release-manifest
     measure            anybody: of what files an installed program is made, as the payload of its release manifest

PINs are read without echo from the terminal, or one a line from standard input in the order that each command names.
They are never taken from arguments or the environment.
"""
EXIT_CODES = "exit code: 0 done, 2 the call is wrong, 3 refused, 4 a token or a file is not available, 5 our own fault"

Result = dict[str, Json]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    guard_memory()
    options = build_parser().parse_args(arguments)
    command: Callable[[argparse.Namespace, TextIO], Result] = options.run
    try:
        run_self_tests()
        result = command(options, sys.stdin)
    except StrongroomError as error:
        _print_refusals(error, options)
        return exit_code(error)
    _print_result(result, options)
    return 0


def exit_code(error: StrongroomError) -> int:
    """Who must act, as a number."""
    if isinstance(error, MalformedError):
        return 2
    if isinstance(error, UnavailableError):
        return 4
    return 5 if isinstance(error, InvariantError) else 3


def build_parser() -> argparse.ArgumentParser:
    """The command line and its help."""
    parser = argparse.ArgumentParser(
        prog="strongroom-ceremony",
        description=OVERVIEW,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add(commands, "init-token", _init_token, "Names the one blank token and sets both PINs.", NEW_OFFICER, NEW_USER)
    wrapping = _add(commands, "make-wrapping-key", _make_wrapping_key, "Makes the trusted wrapping key.", OFFICER)
    wrapping.add_argument(
        "--typed-entropy",
        action="store_true",
        help=f"also read a line of dice throws or keyboard noise, at least {MIN_TYPED} characters, after the PIN",
    )
    wrapping.add_argument("--hwrng", type=Path, action="append", default=[], help="a hardware generator: /dev/hwrng")
    wrapping.add_argument("--entropy-release", help="sha256: of the entropy code, from the release's paper")
    add_pool_commands(partial(_add, commands), partial(_add_bare, commands))
    _add(commands, "make-person-key", _make_person_key, "Makes the P-256 key that signs statements.", USER)
    add_development_command(partial(_add_bare, commands))
    add_measure_command(partial(_add_bare, commands))
    _add(commands, "show-token", _show_token, "Shows what a token says of itself.")
    signing = _add(commands, "sign", _sign, "Adds your signature to a governance statement.", USER, CONSENT)
    signing.add_argument("--payload", type=Path, required=True, help="the statement to sign: canonical JSON")
    signing.add_argument("--envelope", type=Path, required=True, help="the file of signatures: made, or added to")
    add_commands(commands, DEFAULT_MODULE)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace, TextIO], Result],
    purpose: str,
    *asked: Question,
) -> argparse.ArgumentParser:
    parser = _add_bare(commands, name, run, purpose, *asked)
    parser.add_argument("--token", required=True, help="the token's label")
    parser.add_argument("--module", type=Path, default=Path(DEFAULT_MODULE), help="PKCS#11 module (%(default)s)")
    return parser


def _add_bare(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace, TextIO], Result],
    purpose: str,
    *asked: Question,
) -> argparse.ArgumentParser:
    """A command that needs no token."""
    lines = "; ".join(f"{number}. {question.name}" for number, question in enumerate(asked, start=1))
    parser = commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose} Standard input, one a line: {lines or 'nothing'}.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    parser.set_defaults(run=run)
    return parser


def _init_token(options: argparse.Namespace, source: TextIO) -> Result:
    officer, user = read_secrets([NEW_OFFICER, NEW_USER], source)
    return {"serial": init_token(open_module(options.module), options.token, officer, user), "token": options.token}


def _make_wrapping_key(options: argparse.Namespace, source: TextIO) -> Result:
    asked = [OFFICER, TYPED] if options.typed_entropy else [OFFICER]
    officer, *typed = read_secrets(asked, source)
    for line in typed:
        check_typed_entropy(line)
    measured, expected = measure_entropy_code(), options.entropy_release
    check_entropy_code(measured, parse_digest(expected, "entropy release") if expected else None)
    module = open_module(options.module)
    mixer = open_mixer(module, options.token, typed[0] if typed else None, options.hwrng)
    check = create_wrapping_key(module, options.token, officer, mixer.draw_key())
    report = mixer.report(measured, expected)
    return {"check_value": check.hex(), "entropy": report.as_json(), "token": options.token}


def _make_person_key(options: argparse.Namespace, source: TextIO) -> Result:
    (user,) = read_secrets([USER], source)
    with open_storing_session(find_token(open_module(options.module), options.token), user) as session:
        check_token_arithmetic(session)
        key = public_key_of(create_person_key(session))
    return {"key": {"alg": key.alg.value, "public": key.public.hex()}, "keyid": key.key_id, "token": options.token}


def _show_token(options: argparse.Namespace, _source: TextIO) -> Result:
    report = report_token(open_module(options.module), options.token)
    return {
        "has_user_pin": report.has_user_pin,
        "label": report.label,
        "manufacturer": report.manufacturer,
        "model": report.model,
        "serial": report.serial,
        "statement_key": "none" if report.statement_key is None else report.statement_key.hex(),
        "wrapping_check": "none" if report.wrapping_check is None else report.wrapping_check.hex(),
    }


def _sign(options: argparse.Namespace, source: TextIO) -> Result:
    kind, raw = load_payload(options.payload)
    for line in render_payload(raw):
        sys.stderr.write(line + "\n")
    user, consent = read_secrets([USER, CONSENT], source)
    if consent.reveal() != "sign":
        raise refused(Code.OPERATOR_REFUSED, "consent", "the word sign", "another answer")
    with PersonToken(open_module(options.module), options.token, user) as person:
        envelope = sign(kind, raw, options.envelope, (person.key, person.sign))
    save_durably(options.envelope, envelope.encode())
    return {"envelope": str(options.envelope), "signatures": len(envelope.signatures), "statement": envelope.id}


def _print_result(result: Result, options: argparse.Namespace) -> None:
    if options.json:
        sys.stdout.write(encode_canonical(result).decode() + "\n")
        return
    for name, value in result.items():
        sys.stdout.write(f"{name}: {value if isinstance(value, str) else encode_canonical(value).decode()}\n")


def _print_refusals(error: StrongroomError, options: argparse.Namespace) -> None:
    for refusal in error.refusals:
        words = f"{refusal.code.value}: {refusal.sentence}"
        sys.stderr.write((encode_canonical(dict(refusal.as_json())).decode() if options.json else words) + "\n")
