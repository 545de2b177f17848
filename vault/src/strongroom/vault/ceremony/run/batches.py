"""Pools of asset keys: listed, copied and measured. A pool is a folder with `keys.pool` and its list `keys.json`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from strongroom.core.canonical import parse_canonical
from strongroom.core.ceremonies import Fact, KeyList
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, WalletId, parse_digest, parse_own_id
from strongroom.vault.ceremony.pool_writer import LIST_NAME
from strongroom.vault.ceremony.run.record import find_fact
from strongroom.vault.ceremony.run.step import Facts
from strongroom.vault.hsm.key_file import POOL_NAME, SUFFIX, KeyFile, load_key_files
from strongroom.vault.hsm.pool_file import INDEX_NAME
from strongroom.vault.terminal.files import load_file

MAX_LIST_BYTES = 64 * 1024 * 1024
MAX_POOL_BYTES = 1024 * 1024 * 1024


def batch_folder(keys: Path, wallet: WalletId) -> Path:
    """Where the batch of a wallet lies."""
    return keys / wallet.removeprefix("wallet:").replace(":", "_")


def measure_batch(keys: Path, wallet: WalletId) -> KeyList:
    """What a transcript says of a batch, from the files themselves. Raises CEREMONY_RESULT when they do not agree."""
    folder = batch_folder(keys, wallet)
    raw = load_file(folder / LIST_NAME, MAX_LIST_BYTES)
    hashed = hashlib.sha256()
    for path in blob_files(folder):
        digest = hashlib.sha256(load_file(path, MAX_POOL_BYTES)).hexdigest()
        hashed.update(f"{path.name} {digest}\n".encode())
    files = load_key_files(folder)
    if sorted((key_id, file.key.public_key.hex()) for key_id, file in files.items()) != _listed(raw):
        raise refused(Code.CEREMONY_RESULT, str(folder), "a key file for each key of the list", "another set")
    return KeyList(
        blobs=Digest(f"sha256:{hashed.hexdigest()}"),
        count=len(files),
        digest=Digest("sha256:" + hashlib.sha256(raw).hexdigest()),
        wallet=wallet,
    )


def blob_files(folder: Path) -> list[Path]:
    """The files of a folder that hold wrapped keys, sorted by name; the index only says where in them."""
    return sorted(path for path in folder.glob("*") if path.name == POOL_NAME or path.name.endswith(SUFFIX))


def remove_blobs(folder: Path) -> None:
    """Remove every wrapped key and the index; the list of public keys stays as evidence."""
    (folder / INDEX_NAME).unlink(missing_ok=True)
    for path in blob_files(folder):
        path.unlink()


def load_batch(keys: Path, wallet: WalletId) -> list[KeyFile]:
    """The key files of a wallet, by key id."""
    return [file for _, file in sorted(load_key_files(batch_folder(keys, wallet)).items())]


def render_key_list(found: KeyList) -> Fact:
    """A key list as one recorded fact."""
    return Fact(name=f"keys {found.wallet}", value=f"{found.count} keys, list {found.digest}, blobs {found.blobs}")


def parse_key_lists(facts: Facts) -> tuple[KeyList, ...]:
    """Key lists out of what `render_key_list` recorded, sorted by wallet."""
    lists = []
    for name in sorted(fact.name for fact in facts if fact.name.startswith("keys ")):
        words = find_fact(facts, name, "keys").replace(",", "").split()
        lists.append(
            KeyList(
                blobs=parse_digest(words[5], name),
                count=int(words[0]),
                digest=parse_digest(words[3], name),
                wallet=WalletId(parse_own_id(name.removeprefix("keys "), "wallet", name)),
            )
        )
    return tuple(lists)


def _listed(raw: bytes) -> list[tuple[str, str]]:
    value = parse_canonical(raw, limit=MAX_LIST_BYTES)
    rows = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise refused(Code.CEREMONY_RESULT, LIST_NAME, "a list of keys", "another document")
    return sorted((str(row["key"]), str(row["public"])) for row in rows if isinstance(row, dict))
