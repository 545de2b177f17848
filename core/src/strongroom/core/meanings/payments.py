"""Codes of the client's instruction, of what a transaction pays, and of the policy.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

PAYMENTS: dict[str, tuple[str, str, str]] = {
    # Instruction and payment
    "INSTRUCTION_REPLAYED": (
        "The client's sequence number or instruction id has been used before",
        "Have the client sign a new instruction if a second payment is meant.",
        "III.2 III.16",
    ),
    "SEQUENCE_GAP": (
        "The client's sequence number skips one",
        "Ask the client for the missing instruction; a gap may be one that somebody held back.",
        "III.2 III.16",
    ),
    "INSTRUCTION_EXPIRED": (
        "The instruction's time to be signed is over",
        "Have the client sign a new instruction.",
        "III.2 III.5",
    ),
    "RELEASE_EXPIRED": (
        "The time to release this payment is over",
        "Keep what was signed committed until a conflicting transaction is final, then have the client instruct anew.",
        "III.2 III.5",
    ),
    "DEST_NOT_WHITELISTED": (
        "The destination is not the whitelist entry of this client",
        "Have the address enter the whitelist by its own procedure, or pay one that is in it.",
        "III.4 III.14 III.A6-GP III.A7-GP",
    ),
    "LOOKALIKE_ADDRESS": (
        "A new destination begins and ends like one that is listed, and is another",
        "Ask the client by a channel that is known, before the entry's delay is over; remove it if it is not theirs.",
        "III.4 III.14",
    ),
    "DEST_NOT_INSTRUCTED": (
        "The transaction pays another destination than the client signed",
        "Stop, keep the docket, tell security operations; only the client can change a destination, by a new order.",
        "III.4 III.5 III.16",
    ),
    "AMOUNT_NOT_INSTRUCTED": (
        "The transaction pays another amount or asset than the client signed",
        "Stop, keep the docket, and have the transaction built again from the instruction.",
        "III.5 III.16 III.17",
    ),
    "ASSET_UNKNOWN": (
        "The asset is not one that is registered for this account or chain",
        "Use a registered asset, or have it enter the asset register first.",
        "III.13 III.17",
    ),
    "SOURCE_NOT_OURS": (
        "The coins would not come from registered keys and addresses of the right wallet",
        "Have the transaction built from the wallet of the debit account.",
        "II.1 III.16 III.17",
    ),
    "CHANGE_NOT_OURS": (
        "Change would not return to a script that our own key register gives",
        "Stop, keep the docket, and have the transaction built again; change to a stranger is a theft.",
        "III.4 III.16 III.17",
    ),
    "FEE_CEILING": (
        "The fee is not within what the client allowed and the proposal states",
        "Have it built with a lower fee, or have the client sign a higher ceiling.",
        "III.16 III.17",
    ),
    "OUTPUT_UNEXPLAINED": (
        "An output is neither an instructed payment nor registered change",
        "Stop and have the transaction built again with nothing in it that nobody asked for.",
        "III.16 III.17",
    ),
    "SWEEP_NOT_JUSTIFIED": (
        "The sweep takes coins whose keys no statement that it names declares compromised or deactivated",
        "Have an officer declare the keys, or take the address out of the sweep.",
        "II.1 III.16",
    ),
    "SWEEP_NOT_OURS": (
        "A sweep pays an address that is not ours, not named by the officers, or not safe",
        "Stop: a sweep pays ourselves only. Tell security operations who built it, and have it built again.",
        "III.4 III.17",
    ),
    "SWEEP_REHEARSAL": (
        "The sweep is a rehearsal, which is proved to the end and never signed",
        "Nothing is wrong: write the drill's times down. For a real sweep have the officers sign one.",
        "II.1",
    ),
    "ALREADY_COMMITTED": (
        "The outpoint or the nonce is bound to another transaction",
        "If its result left and was lost, `again` hands it back. Or replace it by a proposal that conflicts on chain.",
        "III.1 III.16",
    ),
    "INSTRUCTION_ALREADY_PAID": (
        "The instruction is paid by another transaction that does not conflict with this one",
        "Look up the earlier docket; nothing is to be signed for this one.",
        "III.1 III.16",
    ),
    "VOID_MISMATCH": (
        "The void twin that the proposal names is not the one that follows from its transfer",
        "Stop, keep the docket, and have the transaction proposed anew; only the builder can have named another.",
        "III.5 III.16",
    ),
    "VOID_NOT_DUE": (
        "The void twin is not due: the transfer is neither rejected nor expired",
        "Reject the transfer if it must not go, or wait until its time to be signed is over.",
        "III.5 III.12 III.16",
    ),
    "VOIDED": (
        "The void twin of this transfer has been signed or released, so nothing else may use its nonce or instruction",
        "Have the client sign a new instruction; the voided one is over.",
        "III.1 III.16",
    ),
    "ALREADY_RELEASED": (
        "A transaction with this nonce has left, so its void twin is not released any more",
        "Wait until what left is final; a live transfer is cancelled under containment only.",
        "III.1 III.16",
    ),
    "STALE_APPROVAL": (
        "An approval has passed the time until which it was given",
        "Ask the approver to look at the transaction again and approve anew.",
        "III.16 VI.6",
    ),
    "REJECTED": (
        "Somebody whose word counts has rejected this transaction",
        "Settle the reason with the person named; a new attempt is a new proposal.",
        "III.16 VI.4 VI.6",
    ),
    "DISPLAY_MISMATCH": (
        "What was shown to the human is not what the bytes say",
        "Take the device out of use, keep it, and tell security operations.",
        "III.23 III.A5-GP VI.5",
    ),
    # Policy
    "POLICY_NO_RULE": (
        "No rule of the policy allows this transfer",
        "Have the policy's quorum add a rule if the transfer is wanted; the default is no.",
        "III.13",
    ),
    "POLICY_BLOCKED": (
        "The policy or the screening blocks this transfer",
        "Read the matched rules in the decision and take the matter to compliance.",
        "III.2 III.13",
    ),
    "POLICY_NOT_EVALUABLE": (
        "A rule of the policy cannot be evaluated with what is known here",
        "Supply the missing fact, such as a signed price; until then the rule blocks.",
        "III.13",
    ),
    "LIMIT_TRANSACTION": (
        "The amount is above the limit of one transaction",
        "Split the payment by new instructions, or have the policy's quorum raise the limit, which waits its delay.",
        "III.2 III.13",
    ),
    "LIMIT_WINDOW": (
        "The amounts within the time window would exceed its limit",
        "Wait until the window has room, or have the policy's quorum raise the limit, which waits its delay.",
        "III.2 III.13",
    ),
    "LIMIT_COUNT": (
        "There have been as many transfers in the time window as its limit allows",
        "Wait until the window has room, or have the policy's quorum raise the limit, which waits its delay.",
        "III.2 III.13",
    ),
    "LIMIT_FEES": (
        "The fees within the time window would exceed its limit",
        "Find out why so much is spent on fees; wait until the window has room, or have the policy's quorum raise it.",
        "III.2 III.13",
    ),
    "LIMIT_HKD": (
        "The value in Hong Kong dollars is above the policy's limit",
        "Split the payment by new instructions or wait, or have the policy's quorum raise the limit.",
        "III.2 III.13",
    ),
    "OUTSIDE_HOURS": (
        "The policy lets nothing be signed at this time",
        "Sign within the hours of the rule, or have the policy's quorum change them.",
        "III.2 III.13",
    ),
    "PRICE_ROLLBACK": (
        "The prices are older than prices by which this terminal has valued a payment before",
        "Send the docket again with the newest snapshot; find out who packed the older one.",
        "III.2 III.13",
    ),
    "QUORUM_OR_DELAY_LOWERED": (
        "A new policy asks for fewer people or a shorter delay than the one before",
        "Have an officer who did not sign it compare it with what was decided; freeze the vault if nobody decided it.",
        "III.12 III.13",
    ),
    "PRICE_STALE": (
        "The prices are too old, or from after the moment that is judged",
        "Have two signers of the prices publish a new snapshot, and send the docket again with it.",
        "III.2 III.13",
    ),
}
