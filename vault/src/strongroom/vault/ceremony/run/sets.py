"""A set of shares as the transcript writes it, and as the share functions read it."""

from __future__ import annotations

from strongroom.core.ceremonies import KeyShare, KeyShares
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import HexBytes
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.record import find_fact
from strongroom.vault.ceremony.share_set import Custodian, HeldShare, ShareSet


def share_set(shares: KeyShares) -> ShareSet:
    """The public part of a split key, from a transcript."""
    held = tuple(
        HeldShare(
            number=each.number,
            custodian=Custodian(person=each.custodian, site=each.site),
            salt=each.salt,
            digest=each.commitment,
        )
        for each in shares.shares
    )
    return ShareSet(identifier=shares.identifier, threshold=shares.threshold, shares=held)


def read_new_shares(desk: Desk) -> KeyShares:
    """The shares that were handed out in this ceremony, from what was recorded."""
    shares = []
    for entry in desk.entries("hand-out"):
        custodian, _, site = find_fact(entry.facts, "custodian", entry.name).partition(" at ")
        shares.append(
            KeyShare(
                commitment=Digest(find_fact(entry.facts, "commitment", entry.name)),
                custodian=PartyId(custodian),
                number=int(find_fact(entry.facts, "share", entry.name)),
                salt=HexBytes(bytes.fromhex(find_fact(entry.facts, "salt", entry.name))),
                seal=find_fact(entry.facts, "seal", entry.name),
                site=site,
            )
        )
    return KeyShares(
        identifier=int(desk.fact("entropy", "set")),
        shares=tuple(shares),
        threshold=int(desk.fact("people", "threshold")),
    )
