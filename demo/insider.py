"""Attack 7, carried out by an insider at the terminal: sign a transfer straight with the token, with no docket at all.

Run in the terminal's own environment with the token's PIN on standard input; prints the signed transaction as hex. It
uses the vault's key library as any program on that machine could: a stolen PIN is all that it takes, and no software
there can prevent it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.transactions import Transfer, encode_signed, encode_unsigned, signing_digest
from strongroom.core.ids import EntryId
from strongroom.vault.hsm.key_file import load_key_files
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import recovery_id, sign_digest


def main() -> None:
    """Arguments: module, token label, key folder, key id, destination, wei, nonce, fee per gas."""
    module, label, folder, key_id, destination, wei, nonce, fee = sys.argv[1:9]
    key = load_key_files(Path(folder))[EntryId(key_id)].key
    transfer = Transfer(
        chain_id=31337,
        nonce=int(nonce),
        max_priority_fee_per_gas_wei=10**9,
        max_fee_per_gas_wei=int(fee),
        gas_limit=21_000,
        to=parse_address(destination),
        value_wei=int(wei),
    )
    digest = signing_digest(encode_unsigned(transfer))
    with open_session(find_token(open_module(Path(module)), label), Secret(sys.stdin.readline().strip())) as session:
        r, s = sign_digest(session, key, digest)
    parity = recovery_id(digest, r, s, key.public_key)
    sys.stdout.write(encode_signed(transfer, parity, r, s).hex() + "\n")


if __name__ == "__main__":
    main()
