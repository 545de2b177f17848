"""Envelopes inside packages and dockets: one that comes again in another docket is read once, and is one in memory.

The dockets of a package carry the same roots, rosters, policies and heads. What is remembered is what was read, by all
of its text; nothing is believed for it.
"""

from __future__ import annotations

from functools import lru_cache

from strongroom.core.canonical import Json
from strongroom.core.errors import MalformedError
from strongroom.core.records import parse_record
from strongroom.core.statements import Envelope

MAX_REMEMBERED_CHARACTERS = 256 * 1024
"""A stranger's large envelopes are read and forgotten, so that what is remembered stays small."""
_FIELDS = frozenset({"payload", "payloadType", "signatures"})


def read_envelope(value: Json, path: str) -> Envelope:
    """As `parse_record` of an envelope: equal for what is equal, and it raises the same."""
    try:
        if isinstance(value, dict) and value.keys() == _FIELDS:
            payload, kind, signatures = (value[name] for name in ("payload", "payloadType", "signatures"))
            if not (isinstance(payload, str) and isinstance(kind, str) and isinstance(signatures, list)):
                return parse_record(Envelope, value, path)
            if len(payload) <= MAX_REMEMBERED_CHARACTERS:
                return _read_known(payload, kind, tuple(_flatten(each) for each in signatures))
    except (MalformedError, TypeError):
        # Of no form that is remembered, or wrong; what is wrong is said with the caller's own path.
        return parse_record(Envelope, value, path)
    return parse_record(Envelope, value, path)


def _flatten(signature: Json) -> tuple[tuple[str, Json], ...]:
    """A signature's fields as a key; what is no object, or holds one, is no key. Raises TypeError."""
    if not isinstance(signature, dict):
        raise TypeError(signature)
    return tuple(signature.items())


@lru_cache(maxsize=1024)
def _read_known(payload: str, kind: str, signatures: tuple[tuple[tuple[str, Json], ...], ...]) -> Envelope:
    """The envelope of these texts, which are all that it is read from."""
    fields: dict[str, Json] = {
        "payload": payload,
        "payloadType": kind,
        "signatures": [dict(signature) for signature in signatures],
    }
    return parse_record(Envelope, fields, "envelope")
