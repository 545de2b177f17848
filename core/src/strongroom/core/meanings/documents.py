"""Codes of bytes and documents, of who says something, of root, roster and registers, of the log and the docket.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md.
"""

from __future__ import annotations

DOCUMENTS: dict[str, tuple[str, str, str]] = {
    # Bytes and documents
    "JSON_SYNTAX": (
        "The text is not JSON as the format allows it",
        "Have its maker write it again; never repair a signed document by hand.",
        "III.11 III.17",
    ),
    "JSON_NOT_CANONICAL": (
        "The bytes are not the one canonical spelling of what they say",
        "Have its maker encode it again by RFC 8785; a second spelling is how a signed text is made to read twice.",
        "III.11 III.17",
    ),
    "JSON_DUPLICATE_KEY": (
        "A name stands twice in one object",
        "Treat the file as tampered with, keep it, and ask its maker for a new one.",
        "III.11 III.17",
    ),
    "FIELD_UNKNOWN": (
        "There is a field that the format does not have",
        "Have its maker leave the field out; what we cannot explain we do not sign.",
        "III.17",
    ),
    "FIELD_MISSING": (
        "A field of the format is missing",
        "Have its maker complete the document and sign it again.",
        "III.17",
    ),
    "FIELD_INVALID": (
        "A field does not hold what the format allows",
        "Have its maker correct the field and sign the document again.",
        "III.17",
    ),
    "BASE64_INVALID": (
        "The text is not base64 in its one spelling",
        "Have its maker encode the bytes again, with padding and without spare bits.",
        "III.17",
    ),
    "TOO_LARGE": (
        "The document is larger than the format allows",
        "Split it into smaller ones, or ask its maker what it carries.",
        "III.17",
    ),
    "TYPE_MISMATCH": (
        "The document is of another type than its place or its envelope says",
        "Hand in the document of the type that belongs here.",
        "III.11 III.17",
    ),
    # Who says it
    "SIGNATURE_INVALID": (
        "A signature does not verify over the exact bytes received",
        "Keep the file, tell security operations, and ask the signer to sign the original again.",
        "III.4 III.11 III.16",
    ),
    "SIGNER_UNKNOWN": (
        "The signer is not one who may say this",
        "Check that the right person or device signed and that the newest roster is loaded.",
        "III.4 III.12 III.16",
    ),
    "SIGNER_NOT_VALID": (
        "The signer was not valid at the moment the statement entered the log",
        "Have a person whose term covers today sign, or have the roster renewed by its quorum.",
        "I.5 III.12 VI.3",
    ),
    "ROLE_MISSING": (
        "The signer does not hold the role that this statement needs",
        "Have somebody with the role sign; a new role comes by the roster's quorum only.",
        "III.12 IV.15",
    ),
    "WRONG_ORGANIZATION": (
        "The statement belongs to another organization",
        "Use statements of this organization only; find out how the other one came here.",
        "III.11 III.16",
    ),
    "KEY_SHARED": (
        "One key stands under two names",
        "Give each person and device a key of their own, then issue the roster again.",
        "III.12 IV.16",
    ),
    "DEVICE_FOR_OFFICE": (
        "The device stands in the roster for office work, and approves nothing",
        "Answer on a device that does approvals only; find out who enrolled this one as if it were.",
        "III.12 III.16 VI.5",
    ),
    "DEVICE_NOT_THEIRS": (
        "The approval device is another person's",
        "Let each person answer on the device that the roster gives to them; ask how this one came into other hands.",
        "III.12 VI.5",
    ),
    "CREDENTIAL_TOO_YOUNG": (
        "A new device or a new key has not yet stood in the roster as long as the policy asks",
        "Ask the person, on a way that you know, whether the change was theirs; then wait, or have others approve.",
        "III.12 III.16 VI.5",
    ),
    "QUORUM_NOT_MET": (
        "Not enough distinct people with distinct keys have agreed",
        "Collect the missing approvals from other people of the named groups.",
        "III.4 III.12 III.13",
    ),
    "SELF_APPROVAL": (
        "The person who asked is also one who approved",
        "Have somebody else approve; there is no exception for any role.",
        "III.4 III.12",
    ),
    "SEPARATION": (
        "One person or key fills two duties that must be apart",
        "Assign the duties to different people with different keys.",
        "III.12 IV.16",
    ),
    "OVERSEER_MISSING": (
        "A section of the circular has no designated overseer at this moment",
        "Have senior management designate a responsible officer or manager-in-charge; until then nothing is signed.",
        "I.4 I.5",
    ),
    # Root, roster, registers
    "ROOT_MISMATCH": (
        "The root of trust is not the one that was enrolled here",
        "Stop, compare the fingerprint on paper with two root holders, and treat the file as hostile until it agrees.",
        "II.1 III.16",
    ),
    "THRESHOLD_NOT_MET": (
        "Too few holders have signed",
        "Collect signatures of further holders named in the root or the delegation.",
        "III.12 III.15 IV.16",
    ),
    "EXPIRED": (
        "The document has expired",
        "Have its quorum issue the next version, and import it on every device; until then nothing is signed.",
        "III.15 III.16",
    ),
    "HEAD_ROLLBACK": (
        "A version is older than one that was already accepted",
        "Load the newest version; if somebody insists on the old one, tell security operations.",
        "III.14 III.15",
    ),
    "HEAD_UNEQUAL": (
        "Two places hold different contents for the same version",
        "Halt, keep both files, and tell security operations: one of the two has been forged.",
        "III.10 III.15 III.16",
    ),
    "HEAD_MISMATCH": (
        "The version or the contents are not those that the signed head names",
        "Load the register that belongs to the head, or have its quorum sign a head for it.",
        "III.14 III.15",
    ),
    "PROOF_INVALID": (
        "The proof does not lead from the entry to the signed root",
        "Ask for the entry with its proof again; if it fails again, the entry is not in the register.",
        "III.14 III.15 III.16",
    ),
    "NOT_IN_REGISTER": (
        "The signed register holds no such entry",
        "Register it through its quorum and its delay, or use one that is registered.",
        "II.1 III.14 III.17",
    ),
    "ENTRY_TOO_YOUNG": (
        "The entry's waiting period is not over",
        "Wait until the time named; a fresh destination cannot be paid early.",
        "III.2 III.15",
    ),
    "KEY_STATE_ILLEGAL": (
        "No key goes from that state to this one, and none leaves the register",
        "Keep the entry in its state; make a new key where one is needed, and sweep what the old one holds.",
        "II.1",
    ),
    "KEY_NOT_ACTIVE": (
        "Too few keys of the address may sign this by their state",
        "Find out who changed the state and why; a suspension ends by a quorum of officers, nothing else ends.",
        "II.1",
    ),
    "KEY_COMPROMISED": (
        "A key of the address is declared compromised: somebody else may hold it",
        "Follow docs/runbook/key-compromise.md: pay nobody from it, sweep it to an active wallet.",
        "II.1",
    ),
    # Log
    "CHECKPOINT_INVALID": (
        "The log's checkpoint is not a valid note of this log",
        "Fetch the checkpoint again; if it fails again, tell security operations.",
        "III.11 V.9c",
    ),
    "CHECKPOINT_NOT_WITNESSED": (
        "No witness of the roster vouches for this checkpoint",
        "Wait for a witness to cosign, or find out why it does not.",
        "III.10 III.11 V.9c",
    ),
    "LOG_NOT_CONSISTENT": (
        "The log does not extend what was seen of it before",
        "Stop, keep both checkpoints, and tell security operations: history has been rewritten.",
        "III.11 V.9c",
    ),
    "NOT_IN_LOG": (
        "The statement is not proved to be in the log",
        "Have it appended, then ask for its inclusion proof; what is not logged is not relied on.",
        "III.11 V.9c",
    ),
    "LOG_CONFLICT": (
        "The log already holds this statement under other signatures",
        "Find out who appended the other copy, then have all sign again: the new statement has a place of its own.",
        "III.11 V.9c",
    ),
    # Docket
    "DOCKET_ORDER": (
        "The docket's statements are not in the order of the journey",
        "Ask the platform to assemble the docket again; spliced or repeated statements are not accepted.",
        "III.10 III.11",
    ),
    "PREV_MISMATCH": (
        "A statement was made over other earlier statements than the docket shows",
        "Find the statement that was added, removed or exchanged; then assemble the docket again.",
        "III.5 III.11",
    ),
    "STAGE_MISSING": (
        "The docket lacks what this stage rests on",
        "Complete the earlier stage first; stages are not skipped.",
        "III.10 III.11 III.16",
    ),
    "DIGEST_MISMATCH": (
        "A digest is not that of the bytes at hand",
        "Discard the changed copy, keep it as evidence, and start again from the original.",
        "III.5 III.11 III.16",
    ),
    "ENVIRONMENT_MISMATCH": (
        "A statement of production and one of development have met",
        "Keep the two apart; development keys and files never enter production.",
        "III.16 IV.1",
    ),
}
