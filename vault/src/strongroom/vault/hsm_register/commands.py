"""`strongroom-hsm register FILE` and `compare FILE`: they read, they ask for no PIN, and they change nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.hsm_judge import judge_token
from strongroom.core.hsms import HsmRegister
from strongroom.core.statements import Statement, expect, parse_envelope_bytes, parse_statement
from strongroom.vault.hsm.module import describe_live, find_token, open_module
from strongroom.vault.hsm_register.report import build_comparison, build_report
from strongroom.vault.hsm_register.words import render_comparison, render_register
from strongroom.vault.terminal.files import load_file

MAX_BYTES = 1024 * 1024


def load_register(path: Path) -> Statement[HsmRegister]:
    """A signed HSM register, as `strongroom-ceremony sign` writes it. Its signatures are not checked.

    Raises TYPE_MISMATCH for another statement, FILE_UNAVAILABLE, and whatever the format refuses.
    """
    return expect(parse_statement(parse_envelope_bytes(load_file(path, MAX_BYTES))), HsmRegister, str(path))


def show_register(options: argparse.Namespace) -> int:
    """Print the register as it stands now."""
    statement, now = load_register(options.file), datetime.now(UTC)
    _print(options, build_report(statement, now), render_register(statement, now))
    return 0


def compare(options: argparse.Namespace) -> int:
    """Compare a token with the register; 1 when anything is wrong, alarm or block."""
    register, now = load_register(options.file).body, datetime.now(UTC)
    live = describe_live(find_token(open_module(options.module, options.parameters), options.token))
    _print(options, build_comparison(register, live, now), render_comparison(register, live, now))
    return 1 if judge_token(register, live, now) else 0


def _print(options: argparse.Namespace, report: dict[str, Json], lines: Iterable[str]) -> None:
    if options.json:
        sys.stdout.write(encode_canonical(report).decode() + "\n")
        return
    for line in lines:
        sys.stdout.write(line + "\n")
