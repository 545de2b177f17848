"""How long the platform takes to import attested addresses: every line verified, then copied, in real PostgreSQL.

The goal is 100,000 addresses of one key in less than 30 s. Keys are software's here, since only the import is measured.

    .venv/bin/python benchmarks/keys/imports.py [--lines 5000]      (100,000 take minutes to prepare)
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import coincurve
from figures import save_figures
from platform_side import open_platform

from batches import Batch, rooted
from strongroom.core.attested import (
    AddressAttestation,
    AttestedKey,
    AttestedLine,
    build_challenge_text,
    derive_address_id,
    join_batch,
)
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.records import HexBytes
from strongroom.core.registers import AddressPurpose
from wallets import ETH_COLD

GOAL_LINES, GOAL_S = 100_000, 30
TERMINAL = PartyId("device:terminal-1")


def main() -> None:
    """Import once and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5000, help="addresses")
    lines = parser.parse_args().lines
    batch = make_batch(lines)
    with open_platform() as bring_in:
        taken = bring_in(batch)
    print(f"{lines} addresses in {taken:.2f} s: {taken / lines * 1e6:.0f} us each, {os.cpu_count()} processors")
    print(f"goal: {GOAL_LINES} in {GOAL_S} s, {GOAL_S / GOAL_LINES * 1e6:.0f} us each")
    print(save_figures("keys-import", {"lines": lines, "seconds": taken}))


def make_batch(count: int) -> Batch:
    """Lines of one software key each."""
    challenge = HexBytes(os.urandom(32))
    body = AddressAttestation(
        batch=EntryId("entry:bench"),
        chain=ETH_COLD.chain,
        challenge=challenge,
        root=Digest("sha256:" + "0" * 64),
        size=1,
        terminals=(TERMINAL,),
        wallet=ETH_COLD.wallet,
    )
    return rooted(body, join_batch(make_line(challenge) for _ in range(count)))


def make_line(challenge: bytes) -> AttestedLine:
    """An address of a new key, with its proof."""
    private = coincurve.PrivateKey()
    public = private.public_key.format()
    address = derive_attested_address(ETH_COLD.chain, 1, [public], "line")
    digest = build_challenge_text(ETH_COLD.chain, address, challenge)
    key = AttestedKey(
        id=EntryId("key:" + hashlib.sha256(public).hexdigest()[:40]),
        proof=HexBytes(private.sign_recoverable(digest, hasher=None)[:64]),
        public=HexBytes(public),
        terminal=TERMINAL,
    )
    return AttestedLine(
        address=address,
        id=derive_address_id(ETH_COLD.chain, address),
        keys=(key,),
        purpose=AddressPurpose.DEPOSIT,
        threshold=1,
    )


if __name__ == "__main__":
    main()
