"""Statements of delegates: rosters, policies and register heads, judged by the root; spec/statement.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from strongroom.checker.reading.envelopes import Context, Envelope, Statement, Type, check_context, check_signatures
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.once import read_once
from strongroom.checker.reading.roots import Delegation
from strongroom.core.codes import Code
from strongroom.core.errors import refused

T = TypeVar("T")


def parse_governed(envelope: Envelope, kind: Type, parse: Callable[[Node], T]) -> Statement[T]:
    """Read a statement of that type whose body `parse` reads; nothing is verified."""
    return read_once(envelope, kind, parse)


def check_governed(statement: Statement[object], delegation: Delegation, context: Context) -> None:
    """Raise unless the delegation's threshold signed, nobody else did, and the issuer is one of its delegates."""
    check_context(statement, context)
    if statement.issuer not in delegation.keys:
        raise refused(
            Code.SIGNER_UNKNOWN, f"{statement.path}.payload.issuer", "a delegate of the root", statement.issuer
        )
    signed = check_signatures(statement.envelope, delegation.keys.values())
    delegation.check_threshold(signed, f"{statement.path}.signatures")
