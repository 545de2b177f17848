"""Codes of a start: whether a program is made of the files that its release manifest names.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md. The runbook is docs/runbook/starting.md.
"""

from __future__ import annotations

RELEASES: dict[str, tuple[str, str, str]] = {
    "RELEASE_MISMATCH": (
        "The program's files are not those of its signed release manifest, or it was not started by its own command",
        "Sign nothing here. Measure the disk from another machine and find out who changed it; see starting.md.",
        "III.22 V.9d",
    ),
    "RELEASE_UNKNOWN": (
        "No release manifest of this program is in force, so nothing says of what files it should be",
        "Have the delegates of the key register sign one for what two people measured, and import the update.",
        "III.22 V.9d",
    ),
}
