"""In which language people read: a message id is an English sentence, and a catalogue says it in another one.

The catalogue only speaks. What was read from the bytes fills the gaps of either sentence, and a test of the house holds
the gaps of both to be the same. It is among the files that a start measures, so nobody changes a word unseen.
"""

from __future__ import annotations

import gettext
import struct
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.core.ids import PartyId, parse_own_id
from strongroom.devices.screens.layout import Translate

CATALOGUE: Final = Path(__file__).parent / "catalogue"
DOMAIN: Final = "strongroom"
CHOICES: Final = "languages"
"""The file of a device's home that says what people chose. It is no secret and decides nothing: whoever changes it
changes which words stand around values that stay the same, and a key of the screen changes them back.
"""
MAX_CHOICES_BYTES: Final = 64 * 1024


class Language(StrEnum):
    """What a person may choose; the names of gettext."""

    ENGLISH = "en"
    CHINESE = "zh_Hant"


NAMES: Final = MappingProxyType({Language.ENGLISH: "English", Language.CHINESE: "中文"})
"""Each by its own name, for whoever looks for it on a screen in another language."""


def english(message: str) -> str:
    """Message ids are English sentences already."""
    return message


def load_language(language: Language) -> Translate:
    """How to say a message id in a language; an id that the catalogue lacks is said in English.

    Raises UnavailableError FILE_UNAVAILABLE for a catalogue that is not there or is none.
    """
    match language:
        case Language.ENGLISH:
            return english
        case Language.CHINESE:
            return _load_catalogue(language)
        case _:
            assert_never(language)


def load_languages(*first: Language) -> Mapping[str, Translate]:
    """Every language by its own name. first: those of the people who read now; a screen begins with the first of all.

    Raises what `load_language` raises.
    """
    return {NAMES[each]: load_language(each) for each in dict.fromkeys((*first, *Language))}


def _load_catalogue(language: Language) -> Translate:
    try:
        found = gettext.translation(DOMAIN, CATALOGUE, [language.value])
    except (OSError, ValueError, struct.error) as error:
        raise UnavailableError(
            Refusal(
                code=Code.FILE_UNAVAILABLE,
                field=f"{CATALOGUE}/{language.value}",
                expected="a compiled catalogue",
                got=str(error),
            )
        ) from error

    def say(message: str) -> str:
        # gettext keeps the catalogue's own header under the empty id.
        return found.gettext(message) if message else ""

    return say


def language_named(name: str) -> Language:
    """The language that calls itself so, on a screen."""
    return next(language for language, own in NAMES.items() if own == name)


def languages_of(chosen: Mapping[PartyId, Language], people: Iterable[PartyId]) -> tuple[Language, ...]:
    """The languages of those who read together, each once, in the order of the people; English for who chose none.

    Two operators answer for what both of them read. Where they differ the screen begins with the first one's, and a key
    changes every page to the other's: what one of two people cannot read is controlled by the other alone.
    """
    return tuple(dict.fromkeys(chosen.get(person, Language.ENGLISH) for person in people))


def parse_languages(raw: bytes) -> dict[PartyId, Language]:
    """What people chose: lines of person and language, sorted. Raises FIELD_INVALID for any other spelling."""
    chosen: dict[PartyId, Language] = {}
    for line in raw.decode("ascii", errors="replace").splitlines():
        person, _, language = line.partition(" ")
        if language not in set(Language):
            raise malformed(Code.FIELD_INVALID, "languages", f"a person and {' or '.join(Language)}", line[:100])
        chosen[PartyId(parse_own_id(person, "person", "languages"))] = Language(language)
    if encode_languages(chosen) != raw:
        raise malformed(Code.FIELD_INVALID, "languages", "one line for each person, sorted", "another order")
    return chosen


def encode_languages(chosen: Mapping[PartyId, Language]) -> bytes:
    """As the file has it."""
    return "".join(f"{person} {chosen[person].value}\n" for person in sorted(chosen)).encode("ascii")
