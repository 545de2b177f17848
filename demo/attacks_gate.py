"""Attack 6: what terminals sealed is changed on its way to the gate."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from demo.ended import Ended, alert_of, refused_with
from demo.journey import Tell
from demo.programs import DemoError
from demo.scene import Scene
from strongroom.core.canonical import encode_with_notes, parse_with_notes
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import (
    RESULT_FORMAT,
    PartialSignature,
    ResultOutcome,
    TerminalResult,
    build_seal_info,
    encode_result,
)
from strongroom.core.records import HexBytes
from strongroom.online.transfers.withdrawal.resend import resend

Body = Any
"""A package's body as parsed JSON: an attacker changes it without a schema."""
Change = Callable[[Body], None]


def altered_seal(_scene: Scene) -> Change:
    """6a: a byte of the sealed result is changed on its way."""

    def change(body: Body) -> None:
        sealed = body["sealed"][0]["sealed"]
        body["sealed"][0]["sealed"] = sealed[:200] + ("A" if sealed[200] != "A" else "B") + sealed[201:]

    return change


def sealed_anew(scene: Scene) -> Change:
    """6b: another transaction's signature, sealed properly to the gate: base mode lets anyone seal."""

    def change(body: Body) -> None:
        proposal = next(
            Digest(row[0])
            for row in scene.query("select proposal from transfers.dockets where state = 'RELEASED' limit 1")
        )
        for item in body["sealed"]:
            result = TerminalResult(
                format=RESULT_FORMAT,
                outcome=ResultOutcome.SIGNED,
                proposal=proposal,
                signatures=(PartialSignature(input=0, key="key:ltc-a-1", signature=HexBytes(bytes([7]) * 64)),),
                terminal=PartyId(item["terminal"]),
            )
            public = X25519PublicKey.from_public_bytes(bytes.fromhex(scene.firm.seal))
            suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
            info = build_seal_info(proposal, PartyId(item["terminal"]))
            item["sealed"] = base64.b64encode(suite.encrypt(encode_result(result), public, info=info)).decode()

    return change


def spoil_release(scene: Scene, tell: Tell, name: str, make: Callable[[Scene], Change], wanted: set[str]) -> Ended:
    """Attack 6: the package to the gate is changed on the way; then the honest docket is sent again."""
    package = scene.fetch("device:gate-1", "release")
    value = parse_with_notes(package.read_bytes(), limit=64 * 1024 * 1024)
    if not isinstance(value, dict):
        raise DemoError("the release package is no object")
    make(scene)(value["body"])
    spoiled = scene.inbox("device:gate-1") / "spoiled.json"
    spoiled.write_bytes(encode_with_notes(value))
    tell("attacker", f"the sealed result on the courier's medium is changed: {name}")
    result = scene.release(spoiled, expect=None)
    spoiled.unlink()
    code = refused_with(result, wanted)
    tell("device:gate-1", f"halt: {code}; nothing left the gate")
    ended = Ended(name=name, outcome="stopped", stage="RELEASE", code=code, alert=alert_of(scene, code))
    proposal = Digest(str(scene.query("select proposal from transfers.dockets where state = 'RELEASED' limit 1")[0][0]))
    # The gate keeps a package's checkpoint even when it refuses the rest: it holds what the platform thinks.
    seen = int(scene.query("select seen from custody.devices where id = 'device:gate-1'")[0][0])
    resend(scene.platform.connection, proposal, PartyId("device:gate-1"), seen)
    return ended
