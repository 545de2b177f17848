"""In which language each operator of this terminal reads: chosen once, kept in the terminal's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.core.ids import PartyId
from strongroom.devices.screens.language import (
    MAX_CHOICES_BYTES,
    Language,
    encode_languages,
    languages_of,
    parse_languages,
)
from strongroom.vault.terminal.config import Home, load_config
from strongroom.vault.terminal.files import load_file, save_durably


def choose_language(home: Home, person: PartyId, language: Language) -> None:
    """Keep what an operator chose. Raises OPERATORS_NOT_TWO for somebody who does not operate here."""
    load_config(home).token_of(person)
    save_durably(home.languages, encode_languages({**load_chosen(home), person: language}))


def load_chosen(home: Home) -> Mapping[PartyId, Language]:
    """What people chose; nothing before the first one did. Raises FIELD_INVALID for a spoiled file."""
    return parse_languages(load_file(home.languages, MAX_CHOICES_BYTES)) if home.languages.exists() else {}


def find_languages(home: Home, people: Sequence[PartyId] | None) -> tuple[Language, ...]:
    """The languages of those who are to operate, everybody enrolled for None; English where nothing is enrolled yet."""
    if not home.config.exists():
        return (Language.ENGLISH,)
    operators = people or [each.person for each in load_config(home).operators]
    return languages_of(load_chosen(home), sorted(operators))
