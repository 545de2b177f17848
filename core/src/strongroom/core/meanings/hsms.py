"""Codes of the HSM register: what a token must be to hold keys.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

HSMS: dict[str, tuple[str, str, str]] = {
    "HSM_UNKNOWN": (
        "The token is not in the HSM register",
        "Find out how it came here; a token of ours is entered by the key register's delegates before it is used.",
        "II.3",
    ),
    "HSM_NOT_ACTIVE": (
        "The HSM register does not say that this module is active",
        "Finish its due diligence and sign the next version of the register, or use another token.",
        "II.3 II.4",
    ),
    "HSM_VENDOR_NOT_ACCEPTED": (
        "A module cannot be active before a due diligence accepted its vendor",
        "Record who looked at the vendor, when, by which document and with which decision.",
        "II.4",
    ),
    "HSM_NOT_CERTIFIED": (
        "The token's hardware or firmware is not what its certificate or the register names",
        "Compare with the certificate. After a patch, enter it with the certificate pending; otherwise take it away.",
        "II.3 II.7",
    ),
    "HSM_CERTIFICATE_HISTORICAL": (
        "The module's certificate is historical",
        "Plan the move to a module with an active one; until then the register's rule says if it may be used.",
        "II.3 II.7",
    ),
    "HSM_CERTIFICATE_REVOKED": (
        "The module's certificate was revoked",
        "Read why on the scheme's list, tell the overseers, and move its keys.",
        "II.3",
    ),
    "HSM_CERTIFICATE_LAPSED": (
        "The module's certificate, or its interim validation, is past its end",
        "Ask the vendor for the new certificate and enter it; without one move the keys.",
        "II.3 II.7",
    ),
    "HSM_PATCH_PENDING": (
        "The module was patched and its certificate does not name the new firmware yet",
        "Nothing to do before the deadline; enter the certificate when it is there.",
        "II.7",
    ),
    "HSM_PATCH_OVERDUE": (
        "The certificate of a patched module is past its deadline",
        "Ask the vendor; the people who took the risk decide again: a new deadline, or another module.",
        "II.6 II.7",
    ),
    "HSM_DEADLINE_NEAR": (
        "A certificate, a patch or a review of the HSM register comes to its end within 30 days",
        "Do what is due and sign the next version of the register; nothing is stopped yet.",
        "II.5 II.7",
    ),
    "HSM_REVIEW_OVERDUE": (
        "A review of a vendor or a module, or a look at its certificate, is overdue",
        "Do it and sign the next version of the register with its date.",
        "II.5",
    ),
}
