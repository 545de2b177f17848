"""Enrolment and updates on the console, the same for station and gate."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.trust import moment_of
from strongroom.checker.state.speak import Voice
from strongroom.checker.state.trust import Trust
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import Translate
from strongroom.devices.screens.page import build_line

FINGERPRINTS = (
    build_line("Fingerprint of the root, first person:"),
    build_line("Fingerprint of the root, second person:"),
)


def add_enroll_arguments(parser: argparse.ArgumentParser, device: str) -> None:
    """The arguments of `enroll`."""
    parser.add_argument("--home", required=True, type=Path, metavar="DIR", help="a new or empty folder for the device")
    parser.add_argument("--root", required=True, type=Path, metavar="root.json", help="the firm's root")
    parser.add_argument("--device", required=True, metavar=device, help="the device's id on the roster")
    parser.add_argument("--fingerprint", metavar="sha256:...", help="must agree with what two people type")


def ask_fingerprints(console: Console, given: str | None) -> list[str]:
    """Let two people type the root's fingerprint, from their own papers; `--fingerprint` must agree, too."""
    typed = [console.ask(question) for question in FINGERPRINTS]
    return typed if given is None else [*typed, given]


def render_enrolment(voice: Voice, home: Path) -> Iterator[str]:
    """What the roster's delegates need to know of a new device."""
    yield f"Enrolled {voice.device} in {home}"
    yield f"  organization  {voice.context.organization}, {voice.context.environment.value}"
    yield f"  public key    {voice.key.alg.value} {voice.key.public.hex()}"
    yield f"  key id        {voice.key.id}"
    yield "Put the public key on the roster, then import the first update package."


def enrolment_json(voice: Voice) -> dict[str, object]:
    """The same for machines. `key` is as a roster has it."""
    return {
        "device": voice.device,
        "key": {"alg": voice.key.alg.value, "public": voice.key.public.hex()},
        "key_id": voice.key.id,
        "outcome": "ENROLLED",
    }


def render_update(trust: Trust, translate: Translate = english) -> Iterator[str]:
    """What the device believes after an update."""
    if trust.last:
        size, when = trust.last.head.size, render_time(moment_of(trust.last.head))
        yield translate("Imported up to log size {size} of {when}").format(size=size, when=when)
    for name, head in trust.known_heads().items():
        said = translate("  {name} version {version}  {digest}")
        yield said.format(name=f"{name:<10}", version=f"{head.version:>4}", digest=head.digest)
    for freeze in sorted(trust.standing_freezes):
        yield translate("  FROZEN by  {freeze}").format(freeze=freeze)


def update_json(trust: Trust) -> dict[str, object]:
    """The same for machines."""
    heads = {name: {"digest": h.digest, "version": h.version} for name, h in trust.known_heads().items()}
    return {
        "frozen": sorted(trust.standing_freezes),
        "heads": heads,
        "log_size": trust.last.head.size if trust.last else 0,
        "outcome": "IMPORTED",
    }
