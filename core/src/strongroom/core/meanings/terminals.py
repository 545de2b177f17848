"""Codes of leases and copies: which machine is a terminal, and what happens to a second one.

Each row: the meaning (a sentence without its full stop, since the field follows it), the remedy (a whole sentence),
and the requirement ids. Source of the ids: docs/requirements.md. The runbook is docs/runbook/replaced-terminal.md.
"""

from __future__ import annotations

_FORENSIC = "Take the machine out of use as it is, and find out who copied or restored what; see replaced-terminal.md."

TERMINALS: dict[str, tuple[str, str, str]] = {
    "LEASE_MISSING": (
        "The terminal has no lease in force, so nothing says that this machine may use its keys",
        "Have the delegates of the key register sign the lease that its status shows, and import the update.",
        "II.1 II.3 III.6",
    ),
    "ACCESS_NOT_MATCHED": (
        "The vault's door does not say that this operator is inside, so their session is not cleared",
        "Ask who sits at the terminal; if it is they, have them pass the door anew and open another session.",
        "III.A2-GP V.9a",
    ),
    "ACCESS_FEED_BROKEN": (
        "What the vault's door says has gaps, is silent, or was not signed by the door",
        "No session is cleared until it is whole: look at the door's system, and at who could cut its line.",
        "III.A2-GP V.9a",
    ),
    "CODES_MISSING": (
        "This person has set no codes at this terminal, so nobody could tell if they were forced",
        "Let them sit down alone and set their codes with strongroom-terminal codes.",
        "III.3",
    ),
    "CODES_UNFIT": (
        "These codes are too short, of different lengths, or a slip of the hand would turn one into another",
        "Choose three codes of one length, eight letters or more, that have nothing to do with each other.",
        "III.3",
    ),
    "LEASE_REPLACED": (
        "What was cleared or signed rests on another lease than the one in force",
        "Import the newest update and open a new session; a machine that was replaced stays out of use.",
        "II.1 II.3 III.6",
    ),
    "LEASE_OTHER_TOKEN": (
        "The lease in force names another token than the one in this machine",
        "Insert the token that was leased, or have the delegates lease this one under a new number.",
        "II.1 II.3 III.6",
    ),
    "LEASE_OTHER_JOURNAL": ("The lease in force names another journal than this machine's", _FORENSIC, "II.1 III.11"),
    "RETIRED_CREDENTIAL_USED": (
        "A person, device or machine that was retired still acts: its key, or a copy of it, is in use",
        "Freeze, find the key, and rebuild nothing from an image that could hold it; see replaced-terminal.md.",
        "II.1 III.12 III.16 VI.3",
    ),
    "LATCHES_UNEQUAL": (
        "The clear-to-sign was given for other freezes and key states than this terminal holds",
        "Import the newest update and open a new session; when it stays, somebody keeps a freeze or a key state back.",
        "II.1 III.16 V.4",
    ),
    "LOGGED_UNSIGNED": (
        "The log holds what is no statement, or a freeze, lift or notice without its signatures; it counts for nothing",
        "Find which program's database login appended it, and change that login's secret: the program did not.",
        "V.4 VI.3",
    ),
    "JOURNAL_BEHIND": (
        "The journal is older than its mirror in the token, or than the place in its lease: an old disk, or a copy",
        _FORENSIC,
        "III.11",
    ),
    "JOURNAL_SUCCEEDED": (
        "The instruction is older than this journal's lease, and the journal before may have paid it already",
        "Look on chain whether it was paid; if it never was, and never can be, its client says it anew.",
        "II.1 III.11",
    ),
    "WINDOW_UNKNOWN": (
        "A window of the policy reaches back to before this journal was leased, to what another one has counted",
        "Wait until the time that is named, or have another terminal of the wallet sign.",
        "II.1 III.16",
    ),
    "TOKEN_BEHIND": (
        "The token is older than the journal by more than a power cut explains: an old token, or another one",
        _FORENSIC,
        "II.1 III.11",
    ),
    "JOURNAL_FORKED": (
        "A terminal's journal stands where it cannot, or where another copy of it stood: there may be two",
        _FORENSIC,
        "II.1 III.11 V.4",
    ),
}
