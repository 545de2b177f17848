"""Codes of the making of keys: entropy, self-tests, weak keys, custodians' shares, and people's own keys.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

MAKING: dict[str, tuple[str, str, str]] = {
    "SHARES_TOO_FEW": (
        "Too few custodians have brought their shares",
        "Bring as many further custodians as are missing; below the quorum nothing can be rebuilt.",
        "II.1",
    ),
    "SHARE_WRONG": (
        "A custodian's share is not the one that was made for them",
        "Have the named custodian read their words again with care; if it stays wrong, treat their share as lost.",
        "II.1",
    ),
    "SHARES_MIXED": (
        "Shares of two ceremonies were brought together",
        "Use the shares of one ceremony only: compare each sealed bag's number with that ceremony's transcript.",
        "II.1",
    ),
    "SHARE_REPEATED": (
        "The same share was brought twice",
        "Each custodian brings their own share; find out why two hold the same one.",
        "II.1",
    ),
}
