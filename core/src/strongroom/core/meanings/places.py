"""Codes of the places: signing session, terminal and token, release gate, connected platform, and of ourselves.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

_NEW_CLEAR = "Open a new session and ask for a clear-to-sign for its nonce."

PLACES: dict[str, tuple[str, str, str]] = {
    # Session, terminal, token
    "CLEAR_MISSING": ("There is no clear-to-sign for this session", _NEW_CLEAR, "III.16 V.4"),
    "CLEAR_NOT_FOR_SESSION": (
        "The clear-to-sign was given for another session, terminal or scope",
        _NEW_CLEAR,
        "III.16 V.4",
    ),
    "CLEAR_USED": ("The clear-to-sign has been used before", _NEW_CLEAR, "III.16 V.4"),
    "CLEAR_EXPIRED": ("The clear-to-sign's life, counted from the nonce, is over", _NEW_CLEAR, "III.16 V.4"),
    "CLEAR_BUDGET": (
        "The payment is above what is left of the clear-to-sign's count or value",
        _NEW_CLEAR,
        "III.13 III.16 V.4",
    ),
    "FROZEN": (
        "A freeze is in force",
        "Nothing is signed or released until a quorum of officers lifts the freeze; follow the incident runbook.",
        "V.5 V.6 V.16",
    ),
    "OPERATORS_NOT_TWO": (
        "The session needs two distinct operators, each with a token of their own",
        "Have a second operator come to the terminal.",
        "III.12 IV.16",
    ),
    "CLOCK_BEHIND": (
        "A time is earlier than one that was already proved",
        "Have two people set the clock forward; a clock that was moved back is reported.",
        "III.16 V.9b",
    ),
    "JOURNAL_BROKEN": (
        "The terminal's journal does not continue what was written before",
        "Take the terminal out of use; it signs again only after a quorum has reconciled journal, log and chain.",
        "III.11 V.9b",
    ),
    "JOURNAL_UNWRITABLE": (
        "The terminal's journal cannot be written durably",
        "Check the disk; nothing is signed that is not on record first.",
        "III.11 III.16",
    ),
    "TOKEN_UNAVAILABLE": (
        "The security module or its token does not answer",
        "Check that the token is inserted and initialised, then try again.",
        "II.3",
    ),
    "ALREADY_EXISTS": (
        "There is already something of this name, and it is never overwritten",
        "Choose another name or place, or find out who made the first.",
        "II.1 III.11",
    ),
    "FILE_UNAVAILABLE": (
        "A file or folder cannot be read or written",
        "Check the path, the medium and its permissions, then try again.",
        "III.1",
    ),
    "STATE_UNWRITABLE": (
        "The device's own memory cannot be written durably, so it does nothing that it could not remember",
        "Make room on the device's disk or mend it, then hand in the same file again.",
        "III.11 III.16",
    ),
    "STATE_BROKEN": (
        "The device's own memory cannot be read back whole",
        "Take the device out of use; enrol it anew only after its answers were compared with the log.",
        "III.11 V.9b",
    ),
    "PIN_WRONG": (
        "The token refused the PIN",
        "Let its owner type it again with care; wrong attempts are counted.",
        "II.1 IV.15",
    ),
    "KEY_NOT_IN_TOKEN": (
        "The token holds no such key, or more than one",
        "Insert the token that the key register names, and check the key's label.",
        "II.1 II.3",
    ),
    "NONCE_REUSED": (
        "A signature repeats a value (r) that was used before, which would give the key away",
        "Take the token out of use at once and start the key-compromise procedure.",
        "II.1 II.3 III.10",
    ),
    "NETWORK_PRESENT": (
        "This machine has a network interface, and the program works only without any",
        "Remove or disable the interface and start again.",
        "III.6 III.21",
    ),
    "OPERATOR_REFUSED": (
        "An operator did not confirm what was shown",
        "Settle the doubt first; the package stays on record, and a new attempt is a new session.",
        "III.23 VI.4 VI.6",
    ),
    "READING_MISMATCH": (
        "What a person typed from their own paper is not what the transaction pays",
        "Do not try again. Compare paper and screen with the security desk, by a number that you know.",
        "III.23 III.A4-GP VI.6",
    ),
    "UNRENDERABLE": (
        "A value cannot be drawn whole on a screen, so nobody could read what they sign",
        "Do not sign by other means. Give the code and the field to the security desk; such a value is no accident.",
        "III.23 III.A4-GP",
    ),
    "PACKAGE_STOPPED": (
        "The package was stopped by a refusal before this transaction was looked at",
        "Clear up the refusal that stopped it; then send this transaction in another package.",
        "III.14 VI.4",
    ),
    "SESSION_OVER": (
        "The session ended by itself: its clear-to-sign is over, or nobody answered",
        "Open a new session with every PIN; send what was not looked at in another package.",
        "III.16 III.23",
    ),
    "SITTING_FULL": (
        "So many decisions were made without a rest that the next one would not be read",
        "Rest for the time that the policy sets, or let another person decide; send packages of fewer dockets.",
        "III.23 VI.4",
    ),
    "PACKAGE_SEQUENCE": (
        "The package is not the next one in its sequence",
        "Find the package that is missing or was played again, and hand them in in order.",
        "III.11 III.16",
    ),
    "PACKAGE_NOT_FOR_US": (
        "The package is addressed to another device",
        "Carry it to the device that it names.",
        "III.16",
    ),
    # Gate
    "SEAL_INVALID": (
        "The sealed result cannot be opened with the gate's key for this docket",
        "Put it in quarantine and have the terminal hand the result back again.",
        "III.5 III.C1-GP III.C2-GP",
    ),
    "SEAL_DIGEST_MISMATCH": (
        "The sealed result is not the one that the terminal's signature record names",
        "Put it in quarantine, tell security operations: anybody can seal to the gate, only the terminal can name it.",
        "III.5 III.C1-GP III.C2-GP",
    ),
    "SIGNED_MISMATCH": (
        "The signed transaction without its signatures is not the approved unsigned one",
        "It is not broadcast; keep it in quarantine and tell security operations.",
        "III.5 III.16 III.C1-GP III.C2-GP",
    ),
    "SIGNER_KEY_MISMATCH": (
        "A signature was made by another key than the one approved",
        "It is not broadcast; keep it in quarantine and tell security operations.",
        "III.16 III.C1-GP III.C2-GP",
    ),
    "SIGNATURE_HIGH_S": (
        "A signature is in its high-S form, which a stranger can make from the low one",
        "Have the terminal sign again; signatures have one form here.",
        "III.16 III.17",
    ),
    "SIGNATURES_MISSING": (
        "There are fewer signatures than needed",
        "Wait for the others, or find out which of the signers refused.",
        "III.12 III.16",
    ),
    "CONSENSUS_REFUSED": (
        "The network's own rules refuse the transaction",
        "It is not broadcast; compare inputs, amounts and signatures with the node.",
        "III.10 III.16 III.C1-GP",
    ),
    "NODES_DISAGREE": (
        "Independent nodes give different answers",
        "Wait until they agree, or take the faulty node out of use.",
        "III.10 V.10",
    ),
    # Online
    "LEDGER_OVERDRAFT": (
        "The account does not hold enough",
        "Wait for a deposit, or have the client ask for less.",
        "III.1 V.4",
    ),
    "LEDGER_UNBALANCED": (
        "The legs of a ledger transfer do not sum to zero",
        "Nothing was booked; this is a fault of the caller that must be mended before it tries again.",
        "III.1 V.4",
    ),
    "LEDGER_UNPROVED": (
        "The ledger is not what the log's statements justify",
        "Signing stays closed; compare the named rows with the named statements, and keep the database as it is.",
        "III.1 III.11 V.4 V.5",
    ),
    "KEY_MATERIAL_ONLINE": (
        "Something that could sign lies on the connected side",
        "Treat the key as burnt: follow docs/runbook/key-material.md, and move its coins before deleting anything.",
        "II.1 II.3 III.6 V.9c",
    ),
    "LEDGER_CONFLICT": (
        "The ledger already holds another transfer under this id, or this one has ended",
        "Look up the first one; the same request again is harmless, another one under its name is not.",
        "III.1 V.4",
    ),
    "LEDGER_UNKNOWN": (
        "The ledger has no such account or transfer",
        "Open the account first, or check the name.",
        "III.1 V.4",
    ),
    "APPEND_ONLY": (
        "Rows here are only ever added",
        "Book a correction as a new entry; the attempt to change history is itself on record.",
        "III.11 V.9c",
    ),
    "MIGRATION_REFUSED": (
        "The database's schema is not one that this program can take further",
        "Run the program version that belongs to this database, or restore the changed migration file.",
        "IV.1 V.9d",
    ),
    "RECONCILIATION_BREAK": (
        "Ledger and chain do not hold the same amounts",
        "Signing stays closed until the difference is explained; follow the reconciliation runbook.",
        "V.4 V.5",
    ),
    "CHAIN_REORGANISED": (
        "The chain turned back below a block that was taken in",
        "What the lost blocks did is undone; let the reconciliation team look at what was credited or settled in them.",
        "V.4 V.5",
    ),
    "REORG_BELOW_CREDIT": (
        "A credited deposit left the chain and the client no longer has it",
        "The account takes no new orders until the shortfall is paid in; agree with the client and whoever mined.",
        "III.A7-GP V.4 V.5",
    ),
    "DEPOSIT_DISPUTED": (
        "A token's logs and the balances that it reports do not agree",
        "Nothing is credited; let the reconciliation team read the transaction and the contract.",
        "V.4 V.5",
    ),
    "CONTRACT_CHANGED": (
        "The code at a token's contract is not the registered one",
        "Its deposits are held and signing stays closed until the asset register names the new code, or drops it.",
        "III.10 V.4",
    ),
    "UNEXPLAINED_OUTFLOW": (
        "Coins left one of our addresses and no docket explains it",
        "The vault is frozen; security operations are told, and the incident runbook says what comes next.",
        "V.4 V.5 V.6",
    ),
    "CANNOT_FUND": (
        "The wallet's free coins do not cover amounts and fee",
        "Wait until committed coins are free again, or move coins into the wallet by a treasury instruction.",
        "III.1",
    ),
    "NODE_LAGGING": (
        "A node is behind the others",
        "Look at its disk, peers and version; nothing newer than its last block is credited or settled.",
        "V.10",
    ),
    "NODE_UNAVAILABLE": ("A node does not answer", "Check the node and its address, then try again.", "V.10"),
    "NODE_REFUSED": ("A node refused the request", "Read the node's own words and correct the request.", "V.10"),
    "DATABASE_UNAVAILABLE": (
        "The database does not answer",
        "Check that PostgreSQL runs and that its address and password are right, then try again.",
        "V.10",
    ),
    "DATABASE_HELD": (
        "Another platform works on this database",
        "Point this program at its own database; if the other is gone for good, use `strongroom take-over`.",
        "III.16 V.4",
    ),
    "HOLDER_ALIVE": (
        "The platform that holds this database is alive, so nobody takes over from it",
        "Stop its programs first, wait until their last sign of life is old enough, then take over.",
        "III.16 V.4",
    ),
    "FILE_BUSY": ("Another worker of this home has the files", "Nothing: it is tried again by itself.", "V.10"),
    "LOG_BEHIND": (
        "A device holds more of the log than this worker has read",
        "Nothing: the worker reads on and tries again by itself.",
        "III.16",
    ),
    "JOB_FAILED": (
        "A job ended with a fault of our own; the others go on",
        "Read the program's log for the fault; `strongroom jobs` shows the job, and a sweep tries it again.",
        "V.10",
    ),
    # Ourselves
    "INVARIANT": (
        "Something that must always hold does not, which is our own fault",
        "Stop this program, keep its data as they are, and call the developers on duty.",
        "III.16",
    ),
}
