"""What can be wrong with wallets and with whose addresses are."""

from __future__ import annotations

WALLETS: dict[str, tuple[str, str, str]] = {
    "RETIRED_WALLET_ACTIVE": (
        "The wallet is retired, and a retired wallet never comes back",
        "Use an address of another wallet; find out who asked for this one, and from which record.",
        "II.1 II.3",
    ),
    "ALREADY_ASSIGNED": (
        "The address was given to an account before, and is given once",
        "Hand out another address; whoever asked for this one again has an old or a changed record.",
        "III.1 III.2",
    ),
    "DESCRIPTOR_INVALID": (
        "The text is not an output descriptor of ours, or its checksum is wrong",
        "Copy it again from where it was made; a checksum that stays wrong means that a key was changed.",
        "II.1",
    ),
    "COLD_ADDRESS_HAS_CODE": (
        "An address of a cold wallet has code, or delegates to code (EIP-7702)",
        "Pay nothing more to it, move what it holds by containment, and find out who signed the delegation.",
        "II.8 V.5",
    ),
    "ADDRESS_NOT_ASSIGNED": (
        "Coins arrived at an address of ours that no assignment in the log gives to anybody",
        "Find out who showed it to whom; nobody is credited until people say whose the coins are.",
        "III.1 V.4",
    ),
    "RETIRED_ADDRESS_ACTIVITY": (
        "Something moved at an address of a retired wallet, or of a key that signs nothing more",
        "Ask who still shows the address to clients; recover the coins while the key can still be restored.",
        "II.1 V.5",
    ),
    "ADDRESS_ABOVE_CEILING": (
        "An address holds more than its wallet's ceiling",
        "Move what is above it to other addresses of the wallet, or have the ceiling raised by its delegates.",
        "II.1 V.4",
    ),
    "ADDRESS_WITHOUT_SPEND_PROOF": (
        "Nobody has shown lately that coins at this address can be spent",
        "Hold a restore drill of the terminals that hold its keys, or use an address of keys that can be restored.",
        "II.1 II.3",
    ),
    "SWEEP_TO_UNPROVEN_ADDRESS": (
        "A payment or its change would go to an address of ours that nobody has shown to be spendable",
        "Have the vault attest the address first; until then coins stay where they can be moved from.",
        "II.1 III.1",
    ),
}
