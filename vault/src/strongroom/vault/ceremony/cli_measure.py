"""`measure`: the payload of a release manifest, from the files of an environment that stands on this machine's disks.

It reads and never runs what it measures, so that one machine can look at the disk of another. Two people measure what
they installed on two machines, from the same wheels, and compare; then the delegates of the key register sign.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId, parse_digest, parse_party_id
from strongroom.core.records import NONE, DigestOrNone
from strongroom.core.releases import Program, ReleaseManifest, ReleaseRoot
from strongroom.core.statements import Context, Environment, build_payload
from strongroom.devices.measure.environment import Measurement, find_layout, measure_environment
from strongroom.devices.measure.judge import render_digest
from strongroom.vault.terminal.files import save_durably

Result = dict[str, Json]
AddBare = Callable[..., argparse.ArgumentParser]


def add_measure_command(add: AddBare) -> None:
    """`measure`, which needs no token."""
    parser = add("measure", _measure, "Measures an installed program, and writes its release manifest's payload.")
    parser.add_argument("--program", required=True, choices=[each.value for each in Program], help="which program")
    parser.add_argument("--environment", type=Path, required=True, help="its folder, as it is called on its disk")
    parser.add_argument("--disk", type=Path, default=Path("/"), help="where its disk is mounted here (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the payload here, for the delegates to sign")
    parser.add_argument("--organization", help="with --out: the organization of the root")
    parser.add_argument("--production", action="store_const", const=Environment.PRODUCTION, dest="where")
    parser.add_argument("--issuer", help="with --out: the delegate who issues it, person:NAME")
    parser.add_argument("--label", default="", help="with --out: what people call this release")
    parser.add_argument("--previous", default=NONE, help="with --out: id of the one that it replaces (%(default)s)")
    parser.add_argument("--version", type=int, default=1, help="with --out: its number (%(default)s)")


def build_manifest(measured: Measurement, program: Program, label: str, version: int, previous: str) -> ReleaseManifest:
    """The body of a manifest for what was measured."""
    return ReleaseManifest(
        label=label,
        previous=DigestOrNone(NONE if previous == NONE else parse_digest(previous, "--previous")),
        program=program,
        roots=tuple(ReleaseRoot(digest=root.digest, files=len(root.files), name=root.name) for root in measured.roots),
        version=version,
    )


def _measure(options: argparse.Namespace, _source: TextIO) -> Result:
    measured = measure_environment(find_layout(options.environment.absolute(), options.disk.absolute()))
    roots: dict[str, Json] = {root.name: root.digest for root in measured.roots}
    result: Result = {"digest": measured.digest, "groups": render_digest(measured.digest), "roots": roots}
    if options.out is not None:
        save_durably(options.out, _payload(options, measured))
        result["payload"] = str(options.out)
    return result


def _payload(options: argparse.Namespace, measured: Measurement) -> bytes:
    if not options.organization or not options.issuer:
        raise refused(Code.FIELD_MISSING, "--out", "--organization and --issuer beside it", "one of them is missing")
    program = Program(options.program)
    body = build_manifest(measured, program, options.label, options.version, options.previous)
    context = Context(organization=options.organization, environment=options.where or Environment.DEVELOPMENT)
    issuer = PartyId(parse_party_id(options.issuer, "--issuer"))
    return build_payload(body, context=context, issuer=issuer, issued_at=datetime.now(UTC).replace(microsecond=0))[1]
