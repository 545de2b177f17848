"""What a device says: statements of its own, built and signed with its key; spec/statement.md."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from unicodedata import normalize

from nacl.signing import SigningKey

from strongroom.checker.reading.bodies import Heads
from strongroom.checker.reading.canonical import Json, encode_canonical
from strongroom.checker.reading.envelopes import PAYLOAD_TYPE, Context, Envelope, Type, parse_envelope
from strongroom.checker.reading.fields import NONE, Node, render_time
from strongroom.checker.reading.keys import Algorithm, Key
from strongroom.checker.reading.stages import Stage
from strongroom.core.errors import Refusal
from strongroom.core.ids import Digest, PartyId

MOST_REFUSALS: Final = 64
_UNSAYABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Who speaks, for which deployment, with which Ed25519 key. The secret never prints."""

    device: PartyId
    context: Context
    secret: SigningKey

    def __repr__(self) -> str:
        return f"Voice(device={self.device!r})"

    @property
    def key(self) -> Key:
        """The public key, as a roster has it."""
        return Key(alg=Algorithm.ED25519, public=bytes(self.secret.verify_key))


def build_statement(voice: Voice, kind: Type, body: dict[str, Json], now: datetime) -> Envelope:
    """A signed statement of this device. The same words at the same time are the same bytes: Ed25519 uses no chance."""
    payload = encode_canonical(
        {
            "body": body,
            "environment": voice.context.environment.value,
            "issued_at": render_time(now),
            "issuer": voice.device,
            "organization": voice.context.organization,
            "type": kind.value,
            "version": 1,
        }
    )
    payload_type = PAYLOAD_TYPE.format(kind.value)
    unsigned = Envelope(payload=payload, payload_type=payload_type, signatures=(), value={}, path=kind.value)
    signature = voice.secret.sign(unsigned.pae).signature
    value: Json = {
        "payload": b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": voice.key.id, "sig": b64encode(signature).decode()}],
    }
    return parse_envelope(Node(value, kind.value))


def verification_body(
    *, heads: Heads, prev: Digest, proposal: Digest, reading: Digest, unsigned: Digest
) -> dict[str, Json]:
    """Body of a `verification`."""
    return {
        "heads": encode_heads(heads),
        "prev": prev,
        "proposal": proposal,
        "reading_digest": reading,
        "unsigned_digest": unsigned,
    }


def release_body(
    *, checks: Sequence[str], heads: Heads, prev: Digest, proposal: Digest, signed: Digest, txid: str
) -> dict[str, Json]:
    """Body of a `release`."""
    return {
        "checks": list(checks),
        "heads": encode_heads(heads),
        "prev": prev,
        "proposal": proposal,
        "signed_digest": signed,
        "txid": txid,
    }


def broadcast_body(*, nodes: Sequence[str], prev: Digest, proposal: Digest, txid: str) -> dict[str, Json]:
    """Body of a `broadcast`."""
    return {"nodes": list(nodes), "prev": prev, "proposal": proposal, "txid": txid}


def freeze_body(reason: str) -> dict[str, Json]:
    """Body of a `freeze`. It names no evidence: whoever reads the log must not learn from it what the SOC knows."""
    return {"evidence": "none", "reason": reason, "scope": "vault"}


def halt_body(*, proposal: Digest | None, refusals: Sequence[Refusal], stage: Stage) -> dict[str, Json]:
    """Body of a `halt`: every refusal, in characters that a screen shows as they are."""
    return {
        "proposal": proposal or NONE,
        "refusals": [
            {
                "code": each.code.value,
                "expected": sayable(each.expected),
                "field": sayable(each.field),
                "got": sayable(each.got),
            }
            for each in refusals[:MOST_REFUSALS]
        ],
        "stage": stage.name,
    }


def sayable(text: str) -> str:
    """Text as a statement may hold it: normal form C, nothing unseen, at most 1024 characters, the rest as dots."""
    shown = _UNSAYABLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", normalize("NFC", text))
    # Replacing characters keeps the normal form only if it is made again.
    shown = normalize("NFC", shown)
    return shown if len(shown) <= 1024 else shown[:1021] + "..."


def encode_heads(heads: Heads) -> Json:
    """The eight heads in JSON."""
    return {name: {"digest": head.digest, "version": head.version} for name, head in heads.by_name().items()}
