"""Reading a statement once for the same bytes.

The dockets that a device answers one after the other carry the same roots, rosters, policies and heads, and so does its
own memory. What is remembered is what was read, never that a signature was good.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from strongroom.checker.reading.envelopes import Envelope, Statement, Type, check_type, parse_header
from strongroom.checker.reading.fields import Node

T = TypeVar("T")
MAX_REMEMBERED_BYTES: Final = 256 * 1024
"""A stranger's large documents are read and forgotten, so that what is remembered stays small."""


def read_once(envelope: Envelope, kind: Type, parse: Callable[[Node], T]) -> Statement[T]:
    """A statement of that type whose body `parse` reads, by payload, payload type and place. Nothing is verified.

    Raises what `parse_header` and `parse` raise, and TYPE_MISMATCH; what was refused is read anew each time.
    """
    read = _read if len(envelope.payload) > MAX_REMEMBERED_BYTES else _read_known
    header, body = read(envelope.payload, envelope.payload_type, envelope.path, kind, parse)
    return Statement(
        type=header.type,
        issuer=header.issuer,
        issued_at=header.issued_at,
        context=header.context,
        body=body,
        envelope=envelope,
    )


def _read(
    payload: bytes, payload_type: str, path: str, kind: Type, parse: Callable[[Node], T]
) -> tuple[Statement[None], T]:
    """What is said and by whom, from everything that it depends on; the signatures are no part of it."""
    bare = Envelope(payload=payload, payload_type=payload_type, signatures=(), value={}, path=path)
    header, node = parse_header(bare)
    check_type(header, kind)
    return header, parse(node)


@lru_cache(maxsize=128)
def _read_known(
    payload: bytes, payload_type: str, path: str, kind: Type, parse: Callable[[Node], T]
) -> tuple[Statement[None], T]:
    """As `_read`; nobody changes what was read."""
    return _read(payload, payload_type, path, kind, parse)
