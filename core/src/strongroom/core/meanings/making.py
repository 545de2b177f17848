"""Codes of the making of keys: entropy, self-tests, weak keys, custodians' shares, and people's own keys.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

MAKING: dict[str, tuple[str, str, str]] = {
    "ENTROPY_HEALTH_FAIL": (
        "A source of randomness is missing, broken or not independent",
        "Stop the ceremony; use another machine or token, keep the refused one for examination, and begin again.",
        "II.1",
    ),
    "ENTROPY_NOT_ATTESTED": (
        "The code that makes randomness is not the code that was released",
        "Stop the ceremony; install the released programs anew from their medium and compare its digest by two people.",
        "II.1 IV.1",
    ),
    "SELF_TEST_FAILED": (
        "A curve or a hash gave another answer than the published one",
        "Take this machine or token out of use: nothing that it computes can be believed.",
        "II.1 II.3",
    ),
    "KNOWN_WEAK_KEY": (
        "The key is one that others know or can find",
        "Do not register it; find out how a random source could give it before any other key is made.",
        "II.1",
    ),
    "IMPORTED_KEY": (
        "The key was not born in this token",
        "Make a new key in a ceremony; there is no way to bring one in.",
        "II.1",
    ),
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
