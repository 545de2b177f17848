"""What can be wrong with a key ceremony or its transcript."""

from __future__ import annotations

CEREMONIES: dict[str, tuple[str, str, str]] = {
    "CEREMONY_STEPS": (
        "The transcript's steps are not those of the run book, in its order",
        "Hold the ceremony again with strongroom-ceremony, which skips nothing; keep this transcript as evidence.",
        "II.1",
    ),
    "CEREMONY_PEOPLE": (
        "The ceremony needs a key officer, a key witness and enough custodians, all of them different people",
        "Hold it again with the people who are missing; nobody fills two roles.",
        "II.1",
    ),
    "CEREMONY_RESULT": (
        "What the transcript says came of the ceremony does not follow from its kind, its steps or the one before",
        "Compare it with the record in the ceremony's home; do not use keys or tokens that rest on it.",
        "II.1",
    ),
    "CEREMONY_RECORD": (
        "The record of this home is not the one that the program wrote, or is another ceremony's",
        "Stop the ceremony, seal the medium as evidence and begin in a new home; nothing half made is used.",
        "II.1",
    ),
}
