"""Writes the catalogue of what people at the devices read in Traditional Chinese, or checks it.

`python tools/catalogue.py` brings the ids in `strongroom.po` up to the sources, drops those that nobody says any more,
compiles `strongroom.mo`, and lists what still wants a translation. `--check` changes nothing and fails unless every id
is translated by the rules below. docs/devices/languages.md has the words that translations use.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polib

from messages import Found, Kind, MessageError, find_messages
from strongroom.devices.screens.layout import COLUMNS, LABEL
from strongroom.devices.screens.visible import render_visible, width_of

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "devices/src/strongroom/devices/screens/catalogue/zh_Hant/LC_MESSAGES/strongroom.po"
COMPILED = CATALOGUE.with_suffix(".mo")
MAX_LABEL = 4
"""Chinese characters, of two columns each, that stand in a label's column with a space behind them."""
_SIMPLIFIED = frozenset("万与么体价优厂听坏怜扰据机极柜气洁痒种筑网胜腊苹虫蜡蝎触踊离")
"""Simplified forms that Big5 has as well, as rare characters of another meaning. None of them is a word here."""
_OF_HONG_KONG = frozenset("着")
"""Beyond Big5, and everyday in Hong Kong."""
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_LETTER = re.compile(r"[A-Za-z]")
_METADATA = {
    "Project-Id-Version": "strongroom",
    "Language": "zh_Hant",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
# No dates: the file would differ at every run.


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An id with all its places. files: sorted."""

    text: str
    kinds: frozenset[Kind]
    files: tuple[str, ...]


def build_messages(found: tuple[Found, ...]) -> tuple[Message, ...]:
    """One for each id that has words, in the order of the sources. A line of values alone needs no translation."""
    grouped: dict[str, list[Found]] = {}
    for each in found:
        if _LETTER.search(_without_gaps(each.text)):
            grouped.setdefault(each.text, []).append(each)
    return tuple(
        Message(
            text=text,
            kinds=frozenset(each.kind for each in places),
            files=tuple(sorted({each.file for each in places})),
        )
        for text, places in grouped.items()
    )


def build_catalogue(messages: tuple[Message, ...], known: Mapping[str, str]) -> polib.POFile:
    """The catalogue of these ids, with what is known of them."""
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = dict(_METADATA)
    for message in messages:
        places = [(file, "") for file in message.files]
        entry = polib.POEntry(msgid=message.text, msgstr=known.get(message.text, ""), occurrences=places)
        catalogue.append(entry)
    return catalogue


def load_catalogue(path: Path = CATALOGUE) -> polib.POFile:
    """The catalogue as it is committed; an empty one before the first run.

    After a merge in conflict both sides are read: what either of them translated is translated.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [line for line in text.splitlines(keepends=True) if not _CONFLICT.match(line)]
    return polib.pofile("".join(kept), wrapwidth=0) if kept else polib.POFile()


def translations_of(catalogue: polib.POFile) -> dict[str, str]:
    """Id to translation. A fuzzy or obsolete one is none: somebody guessed it, or nobody says it."""
    entries = [each for each in catalogue if not each.obsolete and not each.fuzzy]
    # The second of two entries of one id counts, unless it is the empty one.
    return {each.msgid: each.msgstr for each in sorted(entries, key=lambda each: each.msgstr != "")}


def find_faults(message: Message, translation: str) -> Iterator[str]:
    """What is wrong with one translation, nothing for a good one."""
    if not translation:
        yield "is not translated"
        return
    if gaps_of(translation) != gaps_of(message.text):
        yield f"has gaps {gaps_of(translation)}, not {gaps_of(message.text)}"
    if not _HAN.search(translation):
        yield "has no Chinese character"
    if found := sorted({each for each in translation if not is_traditional(each)}):
        yield f"has simplified characters: {' '.join(found)}"
    if render_visible(translation) != translation:
        yield "has characters that a screen does not show"
    yield from _find_too_wide(message, translation)


def is_traditional(character: str) -> bool:
    """Whether Hong Kong writes it so: Big5 has the traditional characters, and next to no simplified ones."""
    if character in _SIMPLIFIED:
        return False
    return character in _OF_HONG_KONG or character.encode("cp950", errors="ignore") != b""


def _find_too_wide(message: Message, translation: str) -> Iterator[str]:
    if Kind.LABEL in message.kinds and (width_of(translation) >= LABEL or len(translation) > MAX_LABEL):
        yield f"is a label of more than {MAX_LABEL} characters"
    if Kind.TITLE in message.kinds and width_of(translation) > COLUMNS:
        yield f"is a title of more than {COLUMNS} columns"


def gaps_of(text: str) -> list[str]:
    """Names of the gaps, sorted. Anything but a plain name is a fault of the text itself, and shows as itself."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        return [f"<{error}>"]
    return sorted(
        f"{name}{'!' if form or conversion else ''}" for _, name, form, conversion in parts if name is not None
    )


def _without_gaps(text: str) -> str:
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(text))


def find_all_faults(messages: tuple[Message, ...], catalogue: polib.POFile) -> Iterator[str]:
    """Every fault of the catalogue, a line each."""
    for entry in catalogue:
        if entry.fuzzy or entry.obsolete:
            yield f"{entry.msgid!r} is fuzzy or obsolete"
    known = translations_of(catalogue)
    wanted = {message.text for message in messages}
    yield from (f"{text!r} is said nowhere" for text in known if text not in wanted)
    for message in messages:
        for fault in find_faults(message, known.get(message.text, "")):
            yield f"{message.text!r} {fault} ({message.files[0]})"


def save(messages: tuple[Message, ...]) -> None:
    """Write both files."""
    catalogue = build_catalogue(messages, translations_of(load_catalogue()))
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_text(f"{catalogue}\n", encoding="utf-8")
    COMPILED.write_bytes(compile_catalogue(catalogue))


def compile_catalogue(catalogue: polib.POFile) -> bytes:
    """The binary form that gettext reads; the same bytes for the same catalogue."""
    compiled: bytes = catalogue.to_binary()
    return compiled


def main(arguments: list[str]) -> int:
    """Write or check; 1 when something is wrong."""
    try:
        messages = build_messages(find_messages())
    except MessageError as error:
        print(error)
        return 1
    if "--check" not in arguments:
        save(messages)
    faults = list(find_all_faults(messages, load_catalogue()))
    print("\n".join(faults) if faults else f"{len(messages)} sentences, all of them in Traditional Chinese.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
