"""What can be wrong with addresses of ours before anybody pays to them."""

from __future__ import annotations

ADDRESSES: dict[str, tuple[str, str, str]] = {
    "ADDRESS_NOT_ATTESTED": (
        "The vault did not sign this address, this batch, or these keys",
        "Hand it to nobody; fetch the batch from the terminals again, and if it differs again, call security.",
        "II.1 II.2 III.14",
    ),
    "ADDRESS_NOT_DERIVED": (
        "The address does not follow from the keys that are said to hold it",
        "Hand it to nobody and call security: somebody or something wrote another address into the batch.",
        "II.1 III.14",
    ),
    "ATTESTED_TWICE": (
        "One address or one key stands twice in a batch",
        "Make the batch again from a pool in which each key is used once.",
        "II.1",
    ),
    "SPEND_PROOF_INVALID": (
        "A key of the address did not sign the challenge, so nobody has shown that coins there can be spent",
        "Hand the address to nobody; look whether the key can be restored, and retire it if it cannot.",
        "II.1 II.2 II.5",
    ),
}
