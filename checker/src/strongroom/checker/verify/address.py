"""`strongroom-verify-address`: prove offline whose a deposit address is, with the firm's root and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from strongroom.checker.console import EXIT_CODES, Exit, complain, print_json, refusal_json, render_refusals, say
from strongroom.checker.reading.address_package import (
    MAX_PACKAGE_BYTES,
    MOST_AGE,
    ProvedAddress,
    check_roster_version,
    prove_address,
)
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.roots import MAX_ROOT_BYTES
from strongroom.checker.state.home import load_bytes
from strongroom.checker.verify.cli import parse_time
from strongroom.core.errors import MalformedError, RefusedError, UnavailableError

DESCRIPTION = f"""Prove the package that came with a deposit address, offline, with the firm's root and nothing else.

Pay only to the address that this program prints. It shows that the vault signed for it and can spend from it, and that
the firm's assigner gave it to the account named; a page, a message or a letter shows neither.

The package tells of the firm's log until the time that is printed with the address, and is refused when that is more
than {MOST_AGE.days} days ago: ask the firm for a new one. It cannot show that a person or machine was removed since.
Whoever knows a version of the firm's roster names it with --roster-version."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="strongroom-verify-address",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the package")
    parser.add_argument("--root", required=True, type=Path, help="the firm's root, from somebody you trust")
    parser.add_argument("--at", type=parse_time, metavar="TIME", help="judge at this time, not now")
    parser.add_argument(
        "--roster-version", type=int, default=0, metavar="N", help="refuse a package that ends before this roster"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    options = parser.parse_args(argv)
    try:
        raw, root = load_bytes(options.file, MAX_PACKAGE_BYTES), load_bytes(options.root, MAX_ROOT_BYTES)
    except (MalformedError, UnavailableError) as error:
        for refusal in error.refusals:
            complain(f"strongroom-verify-address: cannot read {refusal.field}: {refusal.got}, not {refusal.expected}")
        return Exit.USAGE
    try:
        proved = prove_address(raw, root, options.at or datetime.now(UTC))
        check_roster_version(proved, options.roster_version)
    except (MalformedError, RefusedError) as error:
        if options.json:
            print_json({"outcome": "REFUSED", "refusals": [refusal_json(each) for each in error.refusals]})
        else:
            say("REFUSED: do not pay to this address")
            for line in render_refusals(error.refusals):
                say(line)
        return Exit.REFUSED
    tell = _tell_json if options.json else _tell
    tell(proved)
    return Exit.DONE


def _tell_json(proved: ProvedAddress) -> None:
    body = proved.assignment
    facts = {"account": body.account, "address": body.address, "chain": body.chain, "client": body.client}
    print_json({"as_of": render_time(proved.as_of), "outcome": "PROVED", "roster": proved.roster, **facts})


def _tell(proved: ProvedAddress) -> None:
    body = proved.assignment
    say(f"PROVED  {body.address}")
    say(f"chain   {body.chain}")
    say(f"for     {body.account} of {body.client}")
    say(f"as of   {render_time(proved.as_of)}, roster {proved.roster}")


if __name__ == "__main__":
    raise SystemExit(main())
