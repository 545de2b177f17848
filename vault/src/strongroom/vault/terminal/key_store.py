"""Which of our keys sign a transaction, and the 32 bytes that each signs; all from the bytes and the register."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.transactions import signing_digest
from strongroom.chains.ethereum.void import Void
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.spend import is_ethereum, keys_of
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.key_states import may_contain, may_pay
from strongroom.core.registers import AddressEntry, KeyEntry, KeyState
from strongroom.vault.hsm.key_file import MAX_BYTES, SUFFIX, parse_key_file
from strongroom.vault.hsm.pool_file import find_pool_key
from strongroom.vault.hsm.wrapped_keys import WrappedKey
from strongroom.vault.terminal.desk import KeyUse
from strongroom.vault.terminal.files import load_file
from strongroom.vault.terminal.key_folder import KeyFolder


def build_digests(proved: ProvedDocket) -> tuple[Digest, tuple[bytes, ...]]:
    """The digest of the unsigned transaction and, for each input, the 32 bytes that its keys sign."""
    unsigned = proved.unsigned
    if isinstance(proved.spend.decoded, Void):
        return sha256(unsigned), (keccak256(unsigned),)
    if is_ethereum(proved.spend.chain):
        return sha256(unsigned), (signing_digest(unsigned),)
    psbt = parse_psbt(unsigned)
    return sha256(psbt.unsigned_bytes), tuple(psbt.signature_hash(i) for i in range(len(psbt.inputs)))


def build_key_uses(
    proved: ProvedDocket, me: PartyId, folder: KeyFolder, states: Mapping[str, KeyState]
) -> tuple[KeyUse, ...]:
    """Every signature that this terminal is to make: for each input, each key of its address that lives here.

    An input whose keys are all elsewhere is another terminal's, as long as one input is ours: a transaction may spend
    coins of several keys beside coins of one; so is one whose key here is in no state to sign. states: what holds for
    each key on this terminal. Raises KEY_NOT_IN_TOKEN, with every key that is missing.
    """
    _, digests = build_digests(proved)
    sources = {str(source.id): source for source in proved.spend.sources}
    uses: list[KeyUse] = []
    found: list[Refusal] = []
    for index, (spent, digest) in enumerate(zip(proved.facts.inputs, digests, strict=True)):
        for entry in _keys_here(sources[spent.entry], proved, me, states):
            try:
                uses.append(KeyUse(input=index, key=load_key(folder, entry), digest=digest))
            except RefusedError as error:
                found += [r for r in error.refusals if r not in found]
    if found:
        raise RefusedError(*found)
    if not uses:
        raise refused(Code.KEY_NOT_IN_TOKEN, ", ".join(sorted(sources)), f"an active key of {me}", "none of their keys")
    return tuple(uses)


def _keys_here(
    source: AddressEntry, proved: ProvedDocket, me: PartyId, states: Mapping[str, KeyState]
) -> list[KeyEntry]:
    """Our keys of an address that may sign this; of an m-of-n address the others are enough without one."""
    may_sign = may_contain if is_sweep(proved.journey) else may_pay
    keys = [k for k in keys_of(source, proved.foundation.entries, source.id) if k.terminal == me]
    return [k for k in keys if may_sign(states.get(k.id, KeyState.DESTROYED)) and may_sign(k.state)]


def load_key(folder: KeyFolder, entry: KeyEntry) -> WrappedKey:
    """The wrapped key of a register entry, out of a file of its own or a pool.

    Raises KEY_NOT_IN_TOKEN when there is no such key, or more than one, or its public key is not the register's.
    """
    name = entry.id.removeprefix("key:") + SUFFIX
    found = [parse_key_file(load_file(path, MAX_BYTES)) for path in folder.files.get(name, ())]
    pools = [find_pool_key(path, entry.id) for path in folder.pools]
    found += [file for file in pools if file is not None]
    if len(found) != 1:
        raise refused(Code.KEY_NOT_IN_TOKEN, entry.id, f"one key {name}, alone or in a pool", f"{len(found)} keys")
    file = found[0]
    if (file.key.key_id, file.key.public_key, file.wallet) != (entry.id, bytes(entry.public), entry.wallet):
        got = f"{file.key.key_id} {file.key.public_key.hex()} of {file.wallet}"
        raise refused(Code.KEY_NOT_IN_TOKEN, entry.id, f"{entry.id} {entry.public.hex()} of {entry.wallet}", got)
    return file.key
