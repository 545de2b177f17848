"""A witnessed log in memory."""

from __future__ import annotations

from datetime import datetime

from strongroom.core import assemble, log
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.statements import (
    Envelope,
)
from world_keys import (
    ORIGIN,
    ed25519_signer,
    signer_of,
)


class MemoryLog:
    """A log in memory, witnessed after every append."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.envelopes: list[Envelope] = []
        self._places: dict[Digest, int] = {}
        self.notes: list[assemble.SizedNote] = []

    def append(self, envelope: Envelope) -> int:
        """Add a statement; returns its index."""
        self.envelopes.append(envelope)
        self._places.setdefault(envelope.id, len(self.envelopes) - 1)
        return self.tree.append(leaf_hash(envelope.encode()))

    def witness(self, moment: datetime) -> None:
        """Sign and cosign the present size."""
        checkpoint = log.Checkpoint(origin=ORIGIN, size=self.tree.size, root=self.tree.root(self.tree.size))
        body = log.encode_checkpoint_body(checkpoint)
        operator, watcher = ed25519_signer("log"), signer_of("service:watcher")
        signatures = (
            log.build_log_signature(
                body=body, key=log.NoteKey(name=ORIGIN, public_key=operator.key.public), sign=operator.sign
            ),
            log.build_cosignature(
                body=body,
                key=log.NoteKey(name="service:watcher", public_key=watcher.key.public),
                timestamp_s=int(moment.timestamp()),
                sign=watcher.sign,
            ),
        )
        text = log.encode_note(log.Note(body=body, signatures=signatures))
        self.notes.append(assemble.SizedNote(size=self.tree.size, note=text))

    def index_of(self, statement: Digest) -> int:
        """Leaf index of a statement."""
        if statement not in self._places:
            raise refused(Code.NOT_IN_LOG, "statement", statement, "not in the log")
        return self._places[statement]

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Inclusion proof."""
        return self.tree.inclusion(index, size)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Consistency proof."""
        return self.tree.consistency(old_size, new_size)

    def first_checkpoint(self, index: int) -> assemble.SizedNote:
        """Smallest checkpoint that covers a leaf."""
        return next(n for n in self.notes if index < n.size)

    def last_checkpoint(self) -> assemble.SizedNote:
        """Largest checkpoint."""
        return self.notes[-1]
