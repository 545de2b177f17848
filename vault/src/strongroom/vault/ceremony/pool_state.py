"""What is in a pool's folder, told without a token: for whoever must know in a hurry how many keys there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strongroom.core.attested import parse_line, split_batch
from strongroom.core.canonical import Json
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import EntryId
from strongroom.vault.ceremony.pool_writer import LIST_NAME, load_head
from strongroom.vault.hsm.key_file import load_key_files
from strongroom.vault.hsm.pool_file import INDEX_NAME
from strongroom.vault.terminal.files import load_file

MAX_BATCH_BYTES = 256 * 1024 * 1024


def build_pool_state(folder: Path, batches: Iterable[Path]) -> dict[str, Json]:
    """How many keys were ordered, are made, and stand in these batch files; whether the pool is finished.

    What is assigned to whom, only the platform knows. Raises FIELD_INVALID for a pool that holds more than was ordered
    or a batch that has a key of this pool with another point; as `load_key_files` and `parse_line`.
    """
    head = load_head(folder)
    keys = load_key_files(folder)
    if len(keys) > head.count:
        raise malformed(Code.FIELD_INVALID, str(folder), f"at most {head.count} keys", str(len(keys)))
    attested = _attested({name: file.key.public_key for name, file in keys.items()}, batches)
    is_finished = (folder / LIST_NAME).exists() and (folder / INDEX_NAME).exists()
    return {
        "attested": len(attested),
        "finished": is_finished,
        "made": len(keys),
        "ordered": head.count,
        "proving": head.proving.value,
        "token": head.token,
        "unused": len(keys) - len(attested),
        "wallet": head.wallet,
        "wrapping_check": head.check,
    }


def _attested(points: dict[EntryId, bytes], batches: Iterable[Path]) -> set[EntryId]:
    found: set[EntryId] = set()
    for path in batches:
        for number, text in enumerate(split_batch(load_file(path, MAX_BATCH_BYTES))):
            for key in parse_line(text, f"{path} line {number}").keys:
                if key.id not in points:
                    continue
                if points[key.id] != key.public:
                    raise malformed(Code.FIELD_INVALID, f"{path} {key.id}", points[key.id].hex(), key.public.hex())
                found.add(key.id)
    return found
