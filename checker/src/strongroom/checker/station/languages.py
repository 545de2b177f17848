"""In which language people read at this station: chosen once by each, kept in the station's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.checker.beliefs import load_beliefs
from strongroom.checker.state.home import load_bytes, locked_home, save_bytes
from strongroom.core.ids import PartyId
from strongroom.devices.screens.language import (
    CHOICES,
    MAX_CHOICES_BYTES,
    Language,
    encode_languages,
    languages_of,
    parse_languages,
)


def choose_language(folder: Path, person: PartyId, language: Language) -> None:
    """Keep what somebody chose. Raises FILE_UNAVAILABLE where no station is enrolled."""
    load_beliefs(folder)
    with locked_home(folder):
        save_bytes(folder / CHOICES, encode_languages({**load_chosen(folder), person: language}))


def load_chosen(folder: Path) -> Mapping[PartyId, Language]:
    """What people chose; nothing before the first one did. Raises FIELD_INVALID for a spoiled file."""
    path = folder / CHOICES
    return parse_languages(load_bytes(path, MAX_CHOICES_BYTES)) if path.exists() else {}


def find_languages(folder: Path, reader: PartyId | None) -> tuple[Language, ...]:
    """The reader's language. The station asks nobody's name: where none is given, those of all who chose one here."""
    chosen = load_chosen(folder)
    people = sorted(chosen) if reader is None else [reader]
    return languages_of(chosen, people) or (Language.ENGLISH,)
