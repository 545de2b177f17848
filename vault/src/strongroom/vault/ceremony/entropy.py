"""The ceremony's sources of entropy, put together: this machine, the token, and what people typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.vault.entropy.mixing import Mixer
from strongroom.vault.entropy.sources import (
    MonitoredSource,
    Source,
    TypedSource,
    device_source,
    os_source,
    without_blanks,
)
from strongroom.vault.hsm.module import TokenModule, find_token, serial_of, token_errors
from strongroom.vault.hsm.secret import Secret

MIN_TYPED = 50
"""Characters, blanks not counted. Fifty throws of a die are 129 bits."""


def check_typed_entropy(typed: Secret) -> None:
    """Refuse a line that is too short to be worth typing, or that nobody threw dice for.

    Raises MalformedError FIELD_INVALID, RefusedError ENTROPY_HEALTH_FAIL.
    """
    if len(without_blanks(typed)) < MIN_TYPED:
        raise malformed(Code.FIELD_INVALID, "typed entropy", f"at least {MIN_TYPED} characters", "fewer")
    TypedSource(typed).start()


def read_token_random(module: TokenModule, label: str, count: int) -> bytes:
    """Random bytes of the token's own generator. Raises UnavailableError TOKEN_UNAVAILABLE."""
    token = find_token(module, label)
    with token_errors(f"token {label!r}"), token.open() as session:
        return session.generate_random(count * 8)


def token_source(module: TokenModule, label: str) -> MonitoredSource:
    """The token's generator as a source. Raises UnavailableError TOKEN_UNAVAILABLE when the token is not there now."""
    serial = serial_of(find_token(module, label))
    return MonitoredSource(
        f"token {label}", f"token serial {serial}", lambda count: read_token_random(module, label, count)
    )


def open_mixer(module: TokenModule, label: str, typed: Secret | None = None, devices: Sequence[Path] = ()) -> Mixer:
    """This machine and the token, always; what people typed and hardware generators, where the ceremony has them.

    typed: None when nothing was typed. Raises RefusedError ENTROPY_HEALTH_FAIL, UnavailableError TOKEN_UNAVAILABLE.
    """
    sources: list[Source] = [os_source(), token_source(module, label), *(device_source(path) for path in devices)]
    if typed is not None:
        sources.append(TypedSource(typed))
    return Mixer(sources)


def draw_wrapping_key(module: TokenModule, label: str, typed: Secret | None) -> bytearray:
    """Draw 32 bytes from this machine, the token and, if given, what people typed; for a ceremony without a report."""
    return open_mixer(module, label, typed).draw_key()
