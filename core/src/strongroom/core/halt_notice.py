"""The code of a halt: what a telephone's camera carries from a terminal that stopped to the security desk.

The halt itself is a statement, and leaves with the package. This is a signed pointer to it that fits one QR code on 80
columns and 24 lines: which terminal, which refusal, which journal entry, when, and the beginning of the statement's id.
It names no client, no amount and no address, since everybody who passes the screen can read it. It stops nothing and
allows nothing; it only calls. Source: spec/airgap.md, "The code of a halt"; III.6, V.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed
from strongroom.core.ids import Digest, PartyId, parse_own_id
from strongroom.core.keys import PublicKey, Sign, check_signature
from strongroom.core.statements import Context

PREFIX = "SRH1-"
MAX_TEXT_CHARACTERS = 400
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$*-."
"""Of what QR codes pack well, without space, `%`, `+`, `/` and `:`, which telephones trim, decode or take for links."""
_BASE = len(_ALPHABET)
_VERSION = 1
_ID_BYTES = 8
_SIGNATURE_BYTES = 64
_TAIL = struct.Struct(f">II{_ID_BYTES}s")
_DOMAIN = b"strongroom-halt-notice/1\n"
"""No statement's signature begins like this (DSSE begins with `DSSEv1`), so that neither passes for the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltNotice:
    """terminal: who stopped. code: the first refusal. journal: number of its entry. halt: first 16 digits of its id."""

    terminal: PartyId
    code: str
    journal: int
    at: datetime
    halt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedNotice:
    """A notice as it was scanned; nothing of it is proved before `check_notice`."""

    notice: HaltNotice
    content: bytes
    signature: bytes


def point_at(halt: Digest) -> str:
    """What a notice says of a halt's id."""
    return halt.removeprefix("sha256:")[: 2 * _ID_BYTES]


def build_notice_text(notice: HaltNotice, context: Context, sign: Sign) -> str:
    """The text of the QR code, signed by the terminal's key."""
    content = _encode(notice)
    return PREFIX + _write(content + sign(_signed(content, context)))


def parse_notice_text(text: str) -> ScannedNotice:
    """Read what was scanned. Raises HALT_NOTICE_INVALID for everything but the one spelling of a notice."""
    if not text.startswith(PREFIX) or len(text) > MAX_TEXT_CHARACTERS:
        raise _invalid(f"{PREFIX} and characters of a code", f"{len(text)} characters")
    raw = _read(text.removeprefix(PREFIX))
    content, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    notice = _parse(content)
    if PREFIX + _write(raw) != text or _encode(notice) != content:
        raise _invalid("the one spelling of a notice", "another")
    return ScannedNotice(notice=notice, content=content, signature=signature)


def check_notice(scanned: ScannedNotice, key: PublicKey, context: Context) -> None:
    """Raise SIGNATURE_INVALID unless the terminal's key signed it for this deployment."""
    check_signature(key, _signed(scanned.content, context), scanned.signature, "notice.signature")


def _signed(content: bytes, context: Context) -> bytes:
    return _DOMAIN + f"{context.organization}\n{context.environment.value}\n".encode() + content


def _encode(notice: HaltNotice) -> bytes:
    name = notice.terminal.removeprefix("device:").encode("ascii")
    code = notice.code.encode("ascii")
    tail = _TAIL.pack(notice.journal, int(notice.at.timestamp()), bytes.fromhex(notice.halt))
    return bytes([_VERSION, len(name)]) + name + bytes([len(code)]) + code + tail


def _parse(content: bytes) -> HaltNotice:
    if content[:1] != bytes([_VERSION]):
        raise _invalid(f"version {_VERSION}", content[:1].hex() or "nothing")
    name, rest = _take(content[1:])
    code, tail = _take(rest)
    if len(tail) != _TAIL.size:
        raise _invalid(f"{_TAIL.size} bytes behind the refusal's name", str(len(tail)))
    journal, seconds, halt = _TAIL.unpack(tail)
    if code not in {each.value for each in Code}:
        raise _invalid("the name of a refusal", "another name")
    return HaltNotice(
        terminal=_device(name),
        code=code,
        journal=journal,
        at=datetime.fromtimestamp(seconds, UTC),
        halt=halt.hex(),
    )


def _take(raw: bytes) -> tuple[str, bytes]:
    """A text with its length before it, and the rest."""
    length = raw[0] if raw else 0
    text = raw[1 : 1 + length]
    if not text.isascii() or len(text) != length:
        raise _invalid("a text as long as it says", "another")
    return text.decode("ascii"), raw[1 + length :]


def _device(name: str) -> PartyId:
    try:
        return PartyId(parse_own_id(f"device:{name}", "device", "notice.terminal"))
    except MalformedError as error:
        raise _invalid("the name of a device", "another name") from error


def _write(raw: bytes) -> str:
    """The bytes as one number in base 40; they begin with the version, which is not 0, so none is lost in front."""
    number, digits = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, _BASE)
        digits = _ALPHABET[digit] + digits
    return digits


def _read(text: str) -> bytes:
    if not text or set(text) - set(_ALPHABET):
        raise _invalid(f"characters of {_ALPHABET}", "others")
    number = 0
    for character in text:
        number = number * _BASE + _ALPHABET.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8)


def _invalid(expected: str, got: str) -> MalformedError:
    return malformed(Code.HALT_NOTICE_INVALID, "notice", expected, got)
