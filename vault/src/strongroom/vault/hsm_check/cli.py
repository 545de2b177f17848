"""`strongroom-hsm`: whether a PKCS#11 module is fit to hold keys, and whether a token is what the register says.

Exit codes: 0 nothing is wrong, 1 a point failed or a token deviates, 2 the call is wrong, 3 refused, 4 something is not
available, 5 our own fault.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, StrongroomError, UnavailableError, malformed
from strongroom.core.hsm_judge import LiveToken
from strongroom.vault.ceremony.secrets_in import Question, read_secrets
from strongroom.vault.hsm.module import TokenModule, describe_live, find_token, open_module, token_errors
from strongroom.vault.hsm.quirks import quirks_of
from strongroom.vault.hsm_check.bench import Bench
from strongroom.vault.hsm_check.plug import FolderPlug, HandPlug, restart_of
from strongroom.vault.hsm_check.points import Finding
from strongroom.vault.hsm_check.render import build_report, render_table
from strongroom.vault.hsm_check.run import is_conforming, run_check
from strongroom.vault.hsm_register.commands import compare, show_register
from strongroom.vault.hygiene import guard_memory
from strongroom.vault.self_tests.known_answers import run_self_tests

DEFAULT_MODULE = "/usr/lib/softhsm/libsofthsm2.so"
USER = Question(name="User's PIN", is_new=False)
OFFICER = Question(name="Security officer's PIN", is_new=False)
MIN_SIGNATURES = 2

PROGRAM = """\
Before a token is trusted, and as long as it is.

  strongroom-hsm check --token scratch              tries on a token for testing what we rely on, point by point
  strongroom-hsm register hsms.json                 certificates, reviews, patch times and what is wrong today
  strongroom-hsm compare hsms.json --token cold-1   what the register finds wrong with this token; asks for no PIN

The terminal compares by itself at every session, and checks the signatures that these commands only count.
"""
OVERVIEW = """\
Asks a PKCS#11 module, point by point, whether it is fit to hold keys, before anybody trusts it with one.

  PASS         it does what is expected, as seen from outside with another library
  FAIL         it does not; the last lines of the table say what then goes wrong
  NOT OFFERED  the module has no such thing; for you to weigh, never counted as passed
  NOT RUN      you did not ask for it: --officer, --pull-out, --pin-tries

Use a token for testing, of the same make, model and firmware as the real one. The run refuses a token that holds
Strongroom keys. It stores one key for the time of a point and removes it; --pin-tries may lock the token for good.

  strongroom-hsm check --token scratch
  strongroom-hsm check --token scratch --officer --pull-out /var/lib/softhsm/tokens --pin-tries 12 --json
  strongroom-hsm check --module /usr/lib/x86_64-linux-gnu/libsoftokn3.so --token 'NSS Certificate DB' \\
      --parameters "configdir='sql:/tmp/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags=noModDB"

PINs are read without echo from the terminal, or one a line from standard input: the user's, then, with --officer, the
security officer's. They are never taken from arguments or the environment. --pull-out ask needs a terminal.
"""
PULL_OUT = "a software token's folder, which is moved and put back; or the word ask, to be told to pull it out by hand"
EXIT_CODES = (
    "exit code: 0 nothing is wrong, 1 a point failed or the token deviates, 2 the call is wrong, 3 refused, "
    "4 a token or a file is not available, 5 our own fault"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    guard_memory()
    options = build_parser().parse_args(arguments)
    try:
        # What judges a module must itself compute rightly, as in every program of the vault.
        run_self_tests()
        command: Callable[[argparse.Namespace], int] = options.run
        return command(options)
    except StrongroomError as error:
        for refusal in error.refusals:
            words = f"{refusal.code.value}: {refusal.sentence}"
            sys.stderr.write((encode_canonical(dict(refusal.as_json())).decode() if options.json else words) + "\n")
        return exit_code(error)


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
        prog="strongroom-hsm",
        description=PROGRAM,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="checks a module point by point",
        description=OVERVIEW,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_token(check, "label of a token for testing")
    check.add_argument("--signatures", type=int, default=10_000, help="how many for distinct-r (%(default)s)")
    check.add_argument("--officer", action="store_true", help="also what needs the security officer's PIN")
    check.add_argument("--pull-out", type=Path, metavar="FOLDER", help=PULL_OUT)
    check.add_argument("--pin-tries", type=int, default=0, metavar="N", help="wrong PINs to try at the end; may lock")
    check.set_defaults(run=_check)
    register = commands.add_parser("register", help="shows the HSM register", epilog=EXIT_CODES, allow_abbrev=False)
    register.set_defaults(run=show_register)
    comparison = commands.add_parser(
        "compare", help="compares a token with the HSM register", epilog=EXIT_CODES, allow_abbrev=False
    )
    _add_token(comparison, "the token's label")
    comparison.set_defaults(run=compare)
    for command in (register, comparison):
        command.add_argument("file", type=Path, help="the signed hsm-register statement")
    for command in (check, register, comparison):
        command.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    return parser


def _add_token(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--module", type=Path, default=Path(DEFAULT_MODULE), help="PKCS#11 module (%(default)s)")
    command.add_argument("--parameters", default="", help="the string that some modules must be started with")
    command.add_argument("--token", required=True, help=what)


def _check(options: argparse.Namespace) -> int:
    if options.signatures < MIN_SIGNATURES or options.pin_tries < 0:
        expected = f"at least {MIN_SIGNATURES} signatures, and no negative number"
        raise malformed(Code.FIELD_INVALID, "options", expected, f"{options.signatures}, {options.pin_tries}")
    secrets = read_secrets([USER, OFFICER] if options.officer else [USER], sys.stdin)
    module = open_module(options.module, options.parameters)
    plug = _plug(options.pull_out, module)
    bench = Bench(
        module=module,
        label=options.token,
        user=secrets[0],
        officer=secrets[1] if options.officer else None,
        signatures=options.signatures,
        pin_tries=options.pin_tries,
        pull=plug.pull if plug else None,
        insert=plug.insert if plug else None,
        progress=_show_progress,
    )
    live = describe_live(find_token(module, options.token))
    with token_errors(f"token {options.token!r}"):
        findings = list(run_check(bench))
    _print(live, module, findings, options)
    return 0 if is_conforming(findings) else 1


def _plug(where: Path | None, module: TokenModule) -> FolderPlug | HandPlug | None:
    restart = restart_of(module)
    if where is None:
        return None
    if where != Path("ask"):
        return FolderPlug(folder=where, restart=restart)
    if not sys.stdin.isatty():
        raise malformed(Code.FIELD_INVALID, "--pull-out", "ask only at a terminal", "a pipe")
    return HandPlug(restart=restart)


def _print(live: LiveToken, module: TokenModule, findings: Sequence[Finding], options: argparse.Namespace) -> None:
    quirks = quirks_of(module.path)
    if options.json:
        sys.stdout.write(encode_canonical(build_report(str(module.path), live, quirks, findings)).decode() + "\n")
        return
    for line in render_table(str(module.path), live, quirks, findings):
        sys.stdout.write(line + "\n")


def _show_progress(what: str, done: int, total: int) -> None:
    # People watch the other stream; on a pipe it would be noise.
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what}: {done:,} of {total:,}{chr(10) if done == total else ''}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
