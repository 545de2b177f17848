"""Measuring the code that makes randomness: its files, and that what is loaded was compiled from these files.

Statistics cannot tell a seeded generator from a good one (`milksad-2023`), so the code itself is what must be compared:
the digest stands in every transcript, and a release publishes the one to expect. A machine whose Python or kernel is
foreign can lie about this too; the second source in another device is there for that.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest

_ENTROPY = "strongroom.vault.entropy"
MODULES = (
    _ENTROPY,
    *(f"{_ENTROPY}.{name}" for name in ("attest", "health", "mixing", "report", "sources")),
    "strongroom.vault.ceremony.entropy",
    "strongroom.vault.ceremony.share_words",
    "strongroom.vault.ceremony.shares",
)
"""Everything between a source and what is drawn or split."""


def measure_entropy_code() -> Digest:
    """The digest of the entropy code. Raises RefusedError ENTROPY_NOT_ATTESTED when it cannot be measured."""
    return compute_code_digest({name: _load_source(name) for name in MODULES})


def compute_code_digest(sources: Mapping[str, bytes]) -> Digest:
    """The digest over the modules' names and source texts, sorted by name."""
    measured = hashlib.sha256(b"strongroom-entropy-code/1\n")
    for name in sorted(sources):
        for part in (name.encode(), sources[name]):
            measured.update(len(part).to_bytes(8, "big") + part)
    return Digest("sha256:" + measured.hexdigest())


def check_entropy_code(measured: Digest, expected: Digest | None) -> None:
    """Compare with what the release publishes, when the ceremony was given it. Raises ENTROPY_NOT_ATTESTED."""
    if expected is not None and measured != expected:
        raise refused(Code.ENTROPY_NOT_ATTESTED, "entropy code", expected, measured)


def _load_source(name: str) -> bytes:
    spec = importlib.util.find_spec(name)
    loader = spec.loader if spec else None
    if spec is None or spec.origin is None or not isinstance(loader, SourceFileLoader):
        raise refused(Code.ENTROPY_NOT_ATTESTED, name, "a module with its source file", "none")
    source = loader.get_data(spec.origin)
    # The interpreter runs the compiled file beside the source if its date fits; a swapped one would go unseen.
    if loader.get_code(name) != compile(source, spec.origin, "exec", dont_inherit=True):
        raise refused(Code.ENTROPY_NOT_ATTESTED, name, "compiled code made from this source", "other code")
    return source
