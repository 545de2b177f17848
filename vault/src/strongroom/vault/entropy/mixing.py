"""Mixing: what a ceremony draws is decided by all its sources together, and stands in a report.

::

    mixer = Mixer([os_source(), token_source(module, "vault-1")])
    key = mixer.draw_key()
    report = mixer.report(measure_entropy_code(), expected)
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections import Counter
from collections.abc import Sequence

from strongroom.core.ids import Digest
from strongroom.vault.entropy.health import unhealthy
from strongroom.vault.entropy.report import EntropyReport, SourceReport
from strongroom.vault.entropy.sources import Source

SOURCE_BYTES = 64
"""Read from each source for every 32 bytes drawn."""
MIN_ORIGINS = 2
_KEY_DOMAIN = b"strongroom-wrapping-key/1\n"
_DRAW_DOMAIN = b"strongroom-draw/1\n"
_BLOCK = 32


class Mixer:
    """Two or more healthy sources of different origins.

    Making one runs every start-up test. Raises RefusedError ENTROPY_HEALTH_FAIL, which names the source that failed, or
    says that there are fewer than two.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        origins = {source.origin for source in sources}
        if len(origins) < MIN_ORIGINS:
            names = ", ".join(source.name for source in sources) or "none"
            raise unhealthy(names, f"at least {MIN_ORIGINS} sources of different origins", f"{len(origins)}")
        twice = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
        if twice:
            raise unhealthy(twice[0], "a name of its own for each source", "one name twice")
        for source in sources:
            source.start()
        self._sources = tuple(sources)
        self._drawn = 0

    def draw_key(self) -> bytearray:
        """32 bytes for a wrapping key; their owner wipes them."""
        self._drawn += _BLOCK
        return mix_entropy(self._read(), _KEY_DOMAIN)

    def draw(self, count: int) -> bytes:
        """Bytes for everything else that must be unforeseeable: coefficients, salts, challenges."""
        blocks = [bytes(mix_entropy(self._read(), _DRAW_DOMAIN)) for _ in range(0, count, _BLOCK)]
        self._drawn += count
        return b"".join(blocks)[:count]

    def report(self, code: Digest, expected: Digest | None) -> EntropyReport:
        """What was drawn from what, so far. code: of `attest.py`. expected: as there."""
        rows = tuple(
            SourceReport(name=s.name, origin=s.origin, given=s.given, cut_offs=s.cut_offs) for s in self._sources
        )
        return EntropyReport(sources=rows, drawn=self._drawn, code=code, expected_code=expected)

    def _read(self) -> list[bytes]:
        """Fresh bytes of every source. Two that give the same are one, whatever they call themselves."""
        reads = [source.read(SOURCE_BYTES) for source in self._sources]
        for (one, first), (other, second) in itertools.combinations(zip(self._sources, reads, strict=True), 2):
            if hmac.compare_digest(first, second):
                raise unhealthy(f"{one.name} and {other.name}", "bytes of their own from each", "the same from both")
        return reads


def mix_entropy(sources: Sequence[bytes], domain: bytes = _KEY_DOMAIN) -> bytearray:
    """SHA-256 over all sources, each with its length: as strong as the best of them, whatever the others are.

    A hash and not an exclusive or, since one source could otherwise be chosen to cancel another.
    """
    mixed = hashlib.sha256(domain)
    for source in sources:
        mixed.update(len(source).to_bytes(8, "big"))
        mixed.update(source)
    return bytearray(mixed.digest())
