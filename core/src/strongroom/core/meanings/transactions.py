"""Codes of transactions, scripts, addresses and PSBTs: the closed grammar of what may be signed.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

_REBUILD = "Have the platform build the transaction again within the closed grammar of spec/facts.md."

TRANSACTIONS: dict[str, tuple[str, str, str]] = {
    "TX_TRUNCATED": (
        "The transaction ends before it is complete",
        "Copy the file again; if it is short at its source, have it built again.",
        "III.17",
    ),
    "TX_TRAILING_BYTES": (
        "There are bytes after the end of the transaction",
        "Stop and have the transaction built again: bytes that nobody reads are a hiding place.",
        "III.17",
    ),
    "TX_NOT_CANONICAL": ("The transaction's bytes are not the one spelling of what they say", _REBUILD, "III.17"),
    "TX_TYPE_REFUSED": ("Transactions of this type are not signed here", _REBUILD, "III.17"),
    "TX_CONTRACT_CALL": (
        "The transaction calls a function that is not signed here",
        _REBUILD,
        "II.8 III.17 P.W4",
    ),
    "TX_TOKEN_CALL": (
        "The call of a token's transfer is not the plain one of 68 bytes, of some units, to somebody",
        _REBUILD,
        "II.8 III.17 P.W4",
    ),
    "TX_CONTRACT_CREATION": ("The transaction would create a contract", _REBUILD, "II.8 III.17 P.W4"),
    "TX_ACCESS_LIST": ("The transaction carries an access list", _REBUILD, "III.17"),
    "TX_FIELD_INVALID": ("A field of the transaction holds what is not allowed", _REBUILD, "III.17"),
    "TX_WRONG_CHAIN": (
        "The transaction or its documents name another chain",
        "Check which chain the client instructed and have the transaction built for it.",
        "III.16 III.17",
    ),
    "TX_VERSION_REFUSED": ("The transaction has a version that is not signed here", _REBUILD, "III.17"),
    "TX_LOCKTIME_REFUSED": ("The transaction is locked to a later time or height", _REBUILD, "III.17"),
    "TX_SEQUENCE_REFUSED": ("An input carries a sequence number that is not signed here", _REBUILD, "III.17"),
    "TX_DUPLICATE_INPUT": ("The same coin is spent twice in one transaction", _REBUILD, "III.17"),
    "SCRIPT_OP_RETURN": ("An output carries data (OP_RETURN) instead of a payment", _REBUILD, "III.17"),
    "SCRIPT_BARE_MULTISIG": (
        "An output pays a bare multisig script",
        "Ask the client for an address of type P2WSH or P2SH that holds the same keys.",
        "III.17",
    ),
    "SCRIPT_P2PK": (
        "An output pays a bare public key",
        "Ask the client for an address; bare keys have none that a human could compare.",
        "III.17",
    ),
    "SCRIPT_MWEB": (
        "The transaction or the address uses Litecoin's extension blocks (MWEB)",
        "Ask the client for an ordinary Litecoin address; amounts that are hidden cannot be verified.",
        "III.17",
    ),
    "SCRIPT_UNKNOWN": (
        "A script is none of those that we can explain",
        "Use an address of type P2PKH, P2SH, P2WPKH, P2WSH or P2TR.",
        "III.17",
    ),
    "ADDRESS_INVALID": (
        "The address is not a correct address of this chain in its one spelling",
        "Ask the client for the address again and compare it character by character.",
        "III.14 III.17",
    ),
    "PSBT_INVALID": ("The PSBT is not one that we can read whole", _REBUILD, "III.17"),
    "PSBT_VERSION_REFUSED": ("The PSBT is not of version 0", "Have it built as BIP-174 version 0.", "III.17"),
    "PSBT_FIELD_UNKNOWN": ("The PSBT carries a field that we do not explain", _REBUILD, "III.17"),
    "PSBT_ALREADY_SIGNED": (
        "The PSBT already contains signatures",
        "Hand in the unsigned one; terminals sign side by side, never one after the other.",
        "III.17",
    ),
    "PSBT_PREVIOUS_MISSING": (
        "An input comes without its full previous transaction",
        "Have it built with every previous transaction; without it the fee can be a lie.",
        "III.17",
    ),
    "PSBT_PREVIOUS_MISMATCH": (
        "A previous transaction is not the one that the input spends",
        "Stop and have it built again from the node; exchanged previous transactions hide the true fee.",
        "III.16 III.17",
    ),
    "SIGHASH_REFUSED": (
        "An input asks for a signature that does not cover the whole transaction",
        "Have it built for SIGHASH_ALL; other kinds let somebody change it afterwards.",
        "III.5 III.17",
    ),
    "READINGS_DISAGREE": (
        "The two independent readings of the same bytes differ",
        "Halt, keep the package, and tell security operations and the developers of both readings.",
        "III.10 III.16 III.21",
    ),
}
