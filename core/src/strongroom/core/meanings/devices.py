"""Refusals between approval devices and the platform's two endpoints."""

from __future__ import annotations

DEVICES = {
    "ENDPOINT_UNKNOWN": (
        "The platform offers approval devices two endpoints, and this is neither",
        "Check the version of the device's program; whatever else asks here has no business here.",
        "III.18 VI.5",
    ),
    "REQUEST_NOT_FRESH": (
        "The request was signed at another time than now",
        "Set the device's clock right and ask again; if it is right, somebody kept this request and plays it again.",
        "III.18 VI.5",
    ),
    "REQUEST_REPLAYED": (
        "This very request was answered before",
        "Nothing was done again; find out who heard the first one, since TLS lets nobody listen.",
        "III.18 VI.5",
    ),
    "REQUEST_RATE": (
        "The device asks more often than any person could read",
        "Wait a minute; if nobody sits at the device, take it out of use.",
        "III.18 VI.5",
    ),
    "SERVER_KEY_MISMATCH": (
        "Who answered is not the platform that this device was enrolled with",
        "Nothing was sent. Keep the device offline until the key is compared with the paper of its enrolment.",
        "III.18 VI.5",
    ),
    "PLATFORM_UNAVAILABLE": (
        "The platform does not answer this device",
        "Nothing is lost: what was decided is kept here. Run the command again, or carry the files.",
        "III.18 VI.5",
    ),
}
