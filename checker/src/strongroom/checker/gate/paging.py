"""Paging the SOC: for every package that the gate opens, one block of one size that only the SOC can read (III.3).

Whoever sees the gate's disk or carries the blocks learns how many packages were opened, and nothing of what was in
them. Each is signed by the gate, since anybody can seal to a public key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from strongroom.checker.gate.seal import Outcome, Result
from strongroom.checker.reading.canonical import encode_canonical, parse_canonical
from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.state.home import load_bytes, load_secret, save_bytes, save_secret
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, PartyId

SOC_KEY: Final = "soc.public"
PAGES: Final = "pages"
SUFFIX: Final = ".page"
PAGE_BYTES: Final = 4096
"""Before it is sealed: a signature, four bytes of length, canonical JSON, zeros. Room for every terminal of a key."""
MAX_FILE_BYTES: Final = 2 * PAGE_BYTES
_SIGNATURE_BYTES: Final = 64
_INFO: Final = b"strongroom-soc-page/1"
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the SOC is told of one package. number: without gaps. outcomes: of each result. twin: of the docket."""

    gate: PartyId
    number: int
    opened_at: datetime
    outcomes: tuple[tuple[PartyId, Outcome], ...]
    proposal: Digest
    twin: str

    @property
    def outcome(self) -> Outcome:
        """What matters most: one terminal's duress is the package's."""
        return max((outcome for _, outcome in self.outcomes), key=list(Outcome).index, default=Outcome.NOTHING)


def build_page(
    gate: PartyId, number: int, now: datetime, proposal: Digest, twin: str, results: Iterable[Result]
) -> Page:
    """The page of a package whose results were opened."""
    outcomes = tuple((each.terminal, each.outcome) for each in results)
    return Page(gate=gate, number=number, opened_at=now, outcomes=outcomes, proposal=proposal, twin=twin)


def seal_page(page: Page, secret: SigningKey, soc: bytes) -> bytes:
    """Sign a page and seal it to the SOC. soc: its public key, 32 bytes."""
    content = encode_canonical(
        {
            "gate": page.gate,
            "number": page.number,
            "opened_at": render_time(page.opened_at),
            "outcomes": [{"outcome": outcome.value, "terminal": terminal} for terminal, outcome in page.outcomes],
            "proposal": page.proposal,
            "twin": page.twin,
        }
    )
    room = PAGE_BYTES - _SIGNATURE_BYTES - 4
    if len(content) > room:
        raise malformed(Code.TOO_LARGE, "page", f"at most {room} bytes", f"{len(content)} bytes")
    padded = (len(content).to_bytes(4, "big") + content).ljust(PAGE_BYTES - _SIGNATURE_BYTES, b"\0")
    signed = secret.sign(_INFO + padded).signature + padded
    return _SUITE.encrypt(signed, X25519PublicKey.from_public_bytes(soc), info=_INFO)


def open_page(raw: bytes, private: X25519PrivateKey, gate: bytes, path: str) -> Page:
    """Read a page. gate: the public key of the gate, as the roster has it. Raises SEAL_INVALID, SIGNATURE_INVALID."""
    try:
        signed = _SUITE.decrypt(raw, private, info=_INFO)
    except (InvalidTag, ValueError) as error:
        raise malformed(Code.SEAL_INVALID, path, "a page sealed to this key", "another") from error
    signature, padded = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    try:
        VerifyKey(gate).verify(_INFO + padded, signature)
    except (BadSignatureError, ValueError) as error:
        raise refused(Code.SIGNATURE_INVALID, path, "a page of this gate", "another's") from error
    length = int.from_bytes(padded[:4], "big")
    value = parse_canonical(padded[4 : 4 + length], limit=PAGE_BYTES, path=path)
    found = Node(value, path).members("gate", "number", "opened_at", "outcomes", "proposal", "twin")
    outcomes = []
    for item in found["outcomes"].items():
        members = item.members("outcome", "terminal")
        word = members["outcome"].word(*(each.value for each in Outcome))
        outcomes.append((members["terminal"].party_of("device"), Outcome(word)))
    return Page(
        gate=found["gate"].party_of("device"),
        number=found["number"].integer(),
        opened_at=found["opened_at"].time(),
        outcomes=tuple(outcomes),
        proposal=found["proposal"].digest(),
        twin=found["twin"].word("transfer", "void"),
    )


def keep_page(folder: Path, name: Digest, sealed: bytes) -> None:
    """Lay a page down for the SOC, durably. name: of the package; one that comes again has its page already."""
    path = folder / PAGES / f"{name.removeprefix('sha256:')}{SUFFIX}"
    if not path.exists():
        save_bytes(path, sealed)


def pin_soc_key(folder: Path, public: bytes) -> None:
    """Keep the SOC's public key in the gate's home."""
    save_bytes(folder / SOC_KEY, public.hex().encode() + b"\n")


def load_soc_key(folder: Path) -> bytes:
    """The SOC's public key. Raises FILE_UNAVAILABLE: a gate that could page nobody releases nothing."""
    return parse_public(load_bytes(folder / SOC_KEY, 1024).decode("ascii", "replace").strip(), SOC_KEY)


def parse_public(text: str, path: str) -> bytes:
    """Read 32 bytes in hex. Raises FIELD_INVALID."""
    return Node(text, path).hex(size=32)


def make_soc_key(path: Path) -> X25519PrivateKey:
    """The SOC's key, made where there is none yet."""
    if not path.exists():
        save_secret(path, X25519PrivateKey.generate().private_bytes_raw())
    return load_soc_private(path)


def load_soc_private(path: Path) -> X25519PrivateKey:
    """The SOC's key. Raises FILE_UNAVAILABLE."""
    return X25519PrivateKey.from_private_bytes(load_secret(path, 32))


def find_pages(folder: Path) -> tuple[Path, ...]:
    """The pages in a folder."""
    return tuple(sorted(folder.glob(f"*{SUFFIX}")))


def find_gaps(pages: Iterable[Page]) -> tuple[int, ...]:
    """Numbers of pages that were never seen here, below the highest that was."""
    seen = {page.number for page in pages}
    return tuple(sorted(set(range(1, max(seen, default=0) + 1)) - seen))


def page_json(page: Page) -> dict[str, object]:
    """A page for machines."""
    return {
        "gate": page.gate,
        "number": page.number,
        "opened_at": render_time(page.opened_at),
        "outcome": page.outcome.value,
        "outcomes": {terminal: outcome.value for terminal, outcome in page.outcomes},
        "proposal": page.proposal,
        "twin": page.twin,
    }


def render_page(page: Page) -> str:
    """A page on one line; what matters stands first."""
    said = ", ".join(f"{terminal} {outcome.value}" for terminal, outcome in page.outcomes)
    when = render_time(page.opened_at)
    return f"{page.outcome.value.upper():8} {page.number} {when} {page.proposal} {page.twin}: {said}"
