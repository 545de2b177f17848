"""The last comparison: from a proved docket and sealed results to signed bytes that are what was approved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from strongroom.checker.gate.combine import combine
from strongroom.checker.gate.consensus import verify_by_consensus
from strongroom.checker.gate.seal import Result
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bodies import SignatureRecord
from strongroom.checker.reading.checks.release import SignedReading, read_signed
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.verify import Proof
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest

CHECKS: Final = (
    "docket proved by the second reading",
    "own copies",
    "sealed digests",
    "signed minus signatures equals unsigned",
    "every signature and its key",
    "low s, r never seen",
    "nothing committed twice",
    "no freeze, in time",
)
"""What a release says was done."""
CONSENSUS: Final = "consensus of the network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Signed bytes, what they are, and what was checked."""

    content: bytes
    reading: SignedReading
    checks: tuple[str, ...]

    @property
    def digest(self) -> Digest:
        """`signed_digest`."""
        return Digest("sha256:" + sha256(self.content).hexdigest())


def build_signed(proof: Proof, results: tuple[Result, ...]) -> Signed:
    """Combine what was opened, and read it anew against the docket's unsigned bytes.

    Raises the refusals of `combine.py` and `checks/release.py`, NONCE_REUSED and CONSENSUS_REFUSED.
    """
    spend, _ = proof.paid()
    entries, unsigned = proof.foundation.entries, proof.docket.unsigned
    content = combine(spend, unsigned, results, entries)
    reading = read_signed(spend, unsigned, content, entries, "signed")
    check_keys(proof, reading)
    check_distinct_r(reading)
    if is_ethereum(spend.chain):
        return Signed(content=content, reading=reading, checks=CHECKS)
    verify_by_consensus(content, read_psbt(unsigned).inputs)
    return Signed(content=content, reading=reading, checks=(*CHECKS, CONSENSUS))


def check_keys(proof: Proof, reading: SignedReading) -> None:
    """Raise SIGNER_KEY_MISMATCH for a key that no terminal recorded."""
    recorded = {name for each in proof.journey.all(SignatureRecord) for name in each.body.keys}
    strange = sorted(reading.keys - recorded)
    if strange:
        raise refused(Code.SIGNER_KEY_MISMATCH, "signed", "keys of the signature records", " ".join(strange))


def check_distinct_r(reading: SignedReading) -> None:
    """Raise NONCE_REUSED when two signatures of one transaction share their first half."""
    twice = sorted(r.hex() for r, count in Counter(reading.r_values).items() if count > 1)
    if twice:
        raise refused(Code.NONCE_REUSED, "signed", "an r for each signature", " ".join(twice))
