"""The journal's place, kept in the token beside the keys: a private data object that only a logged-in user reads.

A new object is made before the old one goes, so that a power cut leaves at least one of them whole; the highest counts.
Source: PKCS#11 v2.40, CKO_DATA.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pkcs11
from pkcs11 import Attribute, ObjectClass

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import encode_record, parse_record
from strongroom.vault.hsm.module import token_errors

LABEL = "strongroom journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A place of a journal. first: hash of its first entry, which tells it from every other journal."""

    first: Digest
    head: Digest
    number: int
    terminal: PartyId


class TokenMirror:
    """The mirror of one token, in a session of its own that may write; the token is logged in already."""

    def __init__(self, session: pkcs11.Session) -> None:
        self._session = session

    def load(self) -> Mirrored | None:
        """The highest place that is kept; None when there is none. Raises MalformedError, TOKEN_UNAVAILABLE."""
        with token_errors("journal mirror"):
            found = [bytes(each[Attribute.VALUE]) for each in self._objects()]
        places = [parse_record(Mirrored, parse_canonical(raw), "mirror") for raw in found]
        return max(places, key=lambda place: place.number, default=None)

    def save(self, place: Mirrored) -> None:
        """Keep a place, and nothing else. Raises UnavailableError TOKEN_UNAVAILABLE."""
        with token_errors("journal mirror"):
            before = self._objects()
            self._session.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.LABEL: LABEL,
                    Attribute.PRIVATE: True,
                    Attribute.TOKEN: True,
                    Attribute.VALUE: encode_canonical(encode_record(place)),
                }
            )
            for each in before:
                each.destroy()

    def _objects(self) -> list[pkcs11.Object]:
        wanted = {Attribute.CLASS: ObjectClass.DATA, Attribute.LABEL: LABEL}
        return list(self._session.get_objects(wanted))


@contextmanager
def open_mirror(session: pkcs11.Session) -> Iterator[TokenMirror]:
    """The mirror beside an open, logged-in session of a token."""
    with token_errors("journal mirror"), session.token.open(rw=True) as writing:
        yield TokenMirror(writing)
