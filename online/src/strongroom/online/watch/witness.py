"""The witness: cosigns a checkpoint after it has seen that the log only grew since the last one it cosigned.

Its memory is a file of its own, not the platform's database: a database that is rolled back does not make it forget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from strongroom.core import log
from strongroom.core.assemble import SizedNote
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.roster import LogKey
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.memory import LogMemory, load_memory, save_memory
from strongroom.online.evidence.store import LogReader, load_unwitnessed, save_witnessed
from strongroom.online.keys import ServiceKey


def witness_checkpoints(
    connection: Connection,
    reader: LogReader,
    key: ServiceKey,
    origin: LogKey,
    memory: Path,
    clock: Callable[[], datetime],
) -> int:
    """Cosign every checkpoint that waits and extends the last one cosigned; returns how many.

    Raises LOG_NOT_CONSISTENT when the log was rewritten: nothing is cosigned from then on.
    """
    waiting = load_unwitnessed(connection)
    if not waiting:
        return 0
    # The memory is one file, and the order of what is cosigned is what it is for.
    with locked_file(memory.with_suffix(".lock")):
        _cosign_all(connection, reader, key, origin, memory, clock, waiting)
    return len(waiting)


def _cosign_all(
    connection: Connection,
    reader: LogReader,
    key: ServiceKey,
    origin: LogKey,
    memory: Path,
    clock: Callable[[], datetime],
    waiting: Sequence[SizedNote],
) -> None:
    reader.refresh(connection)
    for note in waiting:
        last = load_memory(memory)
        # The last one itself comes again when this program ended between its own memory and the database.
        if last is not None and note.size < last.size:
            continue
        _check_grown(note, last, reader, origin)
        cosigned = _cosign(note, key, int(clock().timestamp()))
        # The own memory first: cosigned and forgotten would be a second chance for another history.
        root = "sha256:" + reader.tree.root(note.size).hex()
        save_memory(memory, LogMemory(origin=origin.origin, root=Digest(root), size=note.size))
        save_witnessed(connection, cosigned)


def _check_grown(note: SizedNote, last: LogMemory | None, reader: LogReader, origin: LogKey) -> None:
    parsed = log.parse_note(note.note, "checkpoint")
    log.check_log_signature(parsed, origin.origin, origin.key.public)
    newer = log.parse_checkpoint_body(parsed.body)
    if newer.root != reader.tree.root(note.size):
        raise refused(Code.LOG_NOT_CONSISTENT, "checkpoint.root", reader.tree.root(note.size).hex(), newer.root.hex())
    if last is None:
        return
    older = log.Checkpoint(origin=last.origin, size=last.size, root=bytes.fromhex(last.root.removeprefix("sha256:")))
    log.check_extends(older=older, newer=newer, proof=reader.consistency(last.size, note.size))


def _cosign(note: SizedNote, key: ServiceKey, moment: int) -> SizedNote:
    parsed = log.parse_note(note.note, "checkpoint")
    name = log.NoteKey(name=key.party, public_key=key.key.public)
    cosignature = log.build_cosignature(body=parsed.body, key=name, timestamp_s=moment, sign=key.sign)
    whole = log.Note(body=parsed.body, signatures=(*parsed.signatures, cosignature))
    return SizedNote(size=note.size, note=log.encode_note(whole))
