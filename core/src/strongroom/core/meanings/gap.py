"""Codes of what crosses the gap by sight: films of QR codes, the code of a halt, and the operators' paper.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md. The runbook is docs/runbook/lost-package.md.
"""

from __future__ import annotations

_AGAIN = "Empty the folder of pictures and film the other screen again; nothing was taken in."

GAP: dict[str, tuple[str, str, str]] = {
    "FRAME_INVALID": (
        "What the camera saw is no frame of a package, or a spoiled one",
        "Cover other codes in the camera's view, and film again; a film that stays spoiled is not ours.",
        "III.6",
    ),
    "FRAME_OF_OTHER_FILM": ("The camera saw frames of two different films", _AGAIN, "III.6"),
    "FRAME_CONFLICT": (
        "Two frames of one film contradict each other, so that nobody can say which is right",
        _AGAIN,
        "III.6",
    ),
    "FRAMES_MISSING": (
        "The film is not whole: not every frame was seen",
        "Let it run for another round, closer and steadier, or carry the file on a medium.",
        "III.6",
    ),
    "PICTURE_INVALID": (
        "The file is no picture that this device reads",
        "Let the camera's program write PGM of 8 bits, or PNG in grey or plain colour.",
        "III.6",
    ),
    "HALT_NOTICE_INVALID": (
        "The scanned text is not the code of a halt",
        "Scan the code on the terminal's screen again, whole; a code from anywhere else is kept as evidence.",
        "III.6 V.2 V.3",
    ),
    "CANNOT_BE_PRINTED": (
        "The instruction holds a character that the paper cannot show",
        "Do not sign it; have the client give an instruction in letters that can be read by everybody.",
        "III.23 III.A4-GP",
    ),
}
