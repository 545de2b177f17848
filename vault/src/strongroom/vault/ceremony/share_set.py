"""What is public about a split wrapping key: who holds a share where, and a commitment to each share.

A share set goes into the ceremony's transcript. From it a restore names a wrong share at once, and an inspector
computes that no site and no group below the quorum can rebuild the key.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed
from strongroom.core.ids import Digest, PartyId, parse_own_id
from strongroom.core.records import HexBytes
from strongroom.vault.hsm.secret import Secret

MIN_THRESHOLD = 2
"""One share that rebuilds alone would be a key in one person's hands."""
MAX_SHARES = 16
"""Source: SLIP-39, four bits for the member index."""
MAX_SITE = 80
SALT_BYTES = 32
_DOMAIN = b"strongroom-share-commitment/1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """One person who keeps one share at one site. site: its name as the organization writes it."""

    person: PartyId
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldShare:
    """One share as the transcript shows it. number: from 1; the share's place in the set, not its secret.

    digest: SHA-256 over a domain, the salt, the custodian and the words. A share holds 256 bits of randomness, so that
    the salt may be public: nobody finds words by trying.
    """

    number: int
    custodian: Custodian
    salt: HexBytes
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSet:
    """All shares of one key. identifier: SLIP-39's 15 random bits, in every share of the set and readable from it."""

    identifier: int
    threshold: int
    shares: tuple[HeldShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumFacts:
    """What a share set proves by counting.

    most_at_a_site, most_of_a_person: shares. blocked_groups: how many sets of custodians are below the quorum.
    spare: shares that may be lost before the key is.
    """

    threshold: int
    count: int
    most_at_a_site: int
    most_of_a_person: int
    blocked_groups: int
    spare: int

    @property
    def is_split(self) -> bool:
        """Whether neither a site nor a person holds enough to rebuild."""
        return max(self.most_at_a_site, self.most_of_a_person) < self.threshold


def parse_custodian(person: str, site: str, field: str) -> Custodian:
    """Read a custodian as typed. Raises MalformedError FIELD_INVALID."""
    if not site.isprintable() or site != site.strip() or not 0 < len(site) <= MAX_SITE:
        raise malformed(Code.FIELD_INVALID, f"{field}.site", f"1 to {MAX_SITE} printable characters", repr(site))
    return Custodian(person=PartyId(parse_own_id(person, "person", f"{field}.person")), site=site)


def check_placement(threshold: int, custodians: Sequence[Custodian]) -> None:
    """Refuse a split that would not keep people and sites apart.

    Raises FIELD_INVALID for a threshold or a count out of range, RefusedError SEPARATION for two shares at one site or
    with one person. Sites are compared without case and spacing: "Vault A" and "vault  a" are one room.
    """
    if not MIN_THRESHOLD <= threshold <= len(custodians) <= MAX_SHARES:
        raise malformed(
            Code.FIELD_INVALID,
            "threshold",
            f"{MIN_THRESHOLD} to the number of custodians, which is at most {MAX_SHARES}",
            f"{threshold} of {len(custodians)}",
        )
    found = [
        *_twice((c.person for c in custodians), "one share a person"),
        *_twice((_site_key(c.site) for c in custodians), "one share a site"),
    ]
    if found:
        raise RefusedError(*found)


def compute_commitment(salt: bytes, custodian: Custodian, words: Secret) -> Digest:
    """The digest of a share: it binds the words to the custodian and the site that they were made for."""
    hashed = hashlib.sha256(_DOMAIN)
    for part in (salt, custodian.person.encode(), custodian.site.encode(), normalise_words(words).encode()):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return Digest("sha256:" + hashed.hexdigest())


def is_committed(held: HeldShare, words: Secret) -> bool:
    """Whether these are the words of that share."""
    return hmac.compare_digest(held.digest, compute_commitment(held.salt, held.custodian, words))


def normalise_words(words: Secret) -> str:
    """The words as the list spells them: a custodian may type capitals and line ends."""
    return " ".join(words.reveal().lower().split())


def compute_quorum(shares: ShareSet) -> QuorumFacts:
    """Count, from the public set alone, what anybody could bring together."""
    count, threshold = len(shares.shares), shares.threshold
    return QuorumFacts(
        threshold=threshold,
        count=count,
        most_at_a_site=max(Counter(_site_key(s.custodian.site) for s in shares.shares).values()),
        most_of_a_person=max(Counter(s.custodian.person for s in shares.shares).values()),
        blocked_groups=sum(math.comb(count, size) for size in range(1, threshold)),
        spare=count - threshold,
    )


def render_quorum(shares: ShareSet) -> tuple[str, ...]:
    """The lines of the transcript that show who holds what, and that nobody below the quorum can rebuild."""
    facts = compute_quorum(shares)
    held = [f"Share {s.number}: {s.custodian.person} at {s.custodian.site}, {s.digest}" for s in shares.shares]
    verdict = "No site and no person can rebuild the key alone." if facts.is_split else "THE KEY IS NOT SPLIT."
    return (
        f"The key is split into {facts.count} shares; any {facts.threshold} rebuild it, fewer do not.",
        *held,
        f"The most shares at one site: {facts.most_at_a_site}. The most with one person: {facts.most_of_a_person}.",
        verdict,
        f"{facts.blocked_groups} groups of custodians are below the quorum. {facts.spare} shares may be lost.",
    )


def _twice(names: Iterable[str], expected: str) -> list[Refusal]:
    found = [name for name, count in Counter(names).items() if count > 1]
    return [Refusal(code=Code.SEPARATION, field=name, expected=expected, got="more than one") for name in found]


def _site_key(site: str) -> str:
    return " ".join(site.casefold().split())
