"""Packages in and packages out: each kept before the next step, so that a cut line costs another try and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.approver.files import load_file
from strongroom.approver.link.keep import Shelf
from strongroom.approver.link.line import Line
from strongroom.approver.store import Home
from strongroom.core.canonical import parse_canonical, sha256
from strongroom.core.checks.answering import check_device
from strongroom.core.codes import Code
from strongroom.core.device_requests import (
    MAX_ANSWER_BYTES,
    MAX_STATEMENTS_BYTES,
    PACKAGES_TARGET,
    STATEMENTS_TARGET,
    HandedOut,
    TakenIn,
)
from strongroom.core.errors import malformed, refused
from strongroom.core.packages import Package, parse_package
from strongroom.core.records import parse_record

MOST_ROUNDS = 16
"""Of one fetch: a platform that never ends must not fill the disk in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What the platform said of one answer. outcome: `waiting`, `handled`, or why its intake refused it."""

    file: str
    outcome: str


def open_line(home: Home, clock: Callable[[], datetime]) -> Line:
    """The device's line. Raises DEVICE_FOR_OFFICE, DEVICE_NOT_THEIRS, ROLE_MISSING by this device's own roster.

    Before its first update a device has no roster, and asks for it.
    """
    config, shelf = home.load_config(), Shelf(home)
    key = shelf.load_key()
    trust = home.load_trust()
    if trust.rosters:
        entry = check_device(trust.roster.body, config.device, config.person, clock(), "device")
        if entry.key.key_id != key.key.key_id:
            raise refused(Code.SIGNER_KEY_MISMATCH, "device.key", entry.key.key_id, key.key.key_id)
    return Line(platform=shelf.load_platform(), device=config.device, key=key, clock=clock)


def fetch(home: Home, line: Line) -> list[Path]:
    """Keep every package that waits for this device; returns the files of those that are new here."""
    shelf = Shelf(home)
    taken = home.load_counters().received
    found = []
    known = max([taken, *(p.sequence for p, _ in shelf.list_incoming(taken))])
    for _ in range(MOST_ROUNDS):
        packages, left = _fetch_some(line, known)
        for package in packages:
            if package.to != line.device:
                raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", line.device, package.to)
            if package.sequence <= known:
                raise refused(Code.PACKAGE_SEQUENCE, "package.sequence", f"above {known}", str(package.sequence))
            known = package.sequence
            found.append(shelf.save_incoming(package))
        if not left or not packages:
            break
    return found


def _fetch_some(line: Line, after: int) -> tuple[list[Package], int]:
    raw = line.ask("GET", f"{PACKAGES_TARGET}{after}")
    answer = parse_record(HandedOut, parse_canonical(raw, limit=MAX_ANSWER_BYTES), "answer")
    return [parse_package(each) for each in answer.packages], answer.left


def submit(home: Home, line: Line) -> list[Submitted]:
    """Hand in every answer that the platform is not known to have, oldest first; the same one twice is one there."""
    shelf = Shelf(home)
    done = []
    for path in shelf.list_outgoing():
        raw = load_file(path, MAX_STATEMENTS_BYTES)
        answer = parse_record(TakenIn, parse_canonical(line.ask("POST", STATEMENTS_TARGET, raw)), "answer")
        if answer.digest != sha256(raw):
            raise malformed(Code.DIGEST_MISMATCH, "answer.digest", sha256(raw), answer.digest)
        shelf.put_away(path)
        done.append(Submitted(file=path.name, outcome=answer.outcome))
    return done
