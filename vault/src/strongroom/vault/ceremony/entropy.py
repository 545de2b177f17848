"""The wrapping key's 32 bytes, from sources that do not trust one another."""

from __future__ import annotations

import hashlib
import os

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.vault.hsm.module import TokenModule, find_token, token_errors
from strongroom.vault.hsm.secret import Secret

SOURCE_BYTES = 64
MIN_TYPED = 50
"""Characters. Fifty throws of a die are 129 bits."""
_DOMAIN = b"strongroom-wrapping-key/1\n"


def check_typed_entropy(typed: Secret) -> None:
    """Refuse a line that is too short to be worth typing. Raises MalformedError FIELD_INVALID."""
    if len(typed.reveal()) < MIN_TYPED:
        raise malformed(Code.FIELD_INVALID, "typed entropy", f"at least {MIN_TYPED} characters", "fewer")


def read_token_random(module: TokenModule, label: str, count: int) -> bytes:
    """Random bytes of the token's own generator. Raises UnavailableError TOKEN_UNAVAILABLE."""
    token = find_token(module, label)
    with token_errors(f"token {label!r}"), token.open() as session:
        return session.generate_random(count * 8)


def draw_wrapping_key(module: TokenModule, label: str, typed: Secret | None) -> bytearray:
    """Draw 32 bytes from this machine, the token and, if given, what people typed.

    typed: dice throws or keyboard noise; None when the ceremony has none.
    """
    sources = [os.urandom(SOURCE_BYTES), read_token_random(module, label, SOURCE_BYTES)]
    if typed is not None:
        sources.append(typed.reveal().encode())
    return mix_entropy(sources)


def mix_entropy(sources: list[bytes]) -> bytearray:
    """SHA-256 over all sources, each with its length: as strong as the best of them, whatever the others are.

    A hash and not an exclusive or, since one source could otherwise be chosen to cancel another.
    """
    mixed = hashlib.sha256(_DOMAIN)
    for source in sources:
        mixed.update(len(source).to_bytes(8, "big"))
        mixed.update(source)
    return bytearray(mixed.digest())
