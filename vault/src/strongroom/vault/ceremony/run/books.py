"""The run books: for each kind of ceremony, its steps in order. This page is the table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from strongroom.core.ceremonies import CeremonyKind
from strongroom.vault.ceremony.run.assets import ASSET_KEYS, CHALLENGE, COPY, DRILL
from strongroom.vault.ceremony.run.begin import PEOPLE, ROOM, TOOL
from strongroom.vault.ceremony.run.ending import CLOSE
from strongroom.vault.ceremony.run.rewrap import OLD_PAPERS, REWRAP
from strongroom.vault.ceremony.run.shares_in import SEALS, TAKE_IN
from strongroom.vault.ceremony.run.shares_out import ENTROPY, HAND_OUT
from strongroom.vault.ceremony.run.step import RunBook, Step
from strongroom.vault.ceremony.run.stopping import COPIES, PAPERS, REASON, SWEEP, TAKE_OUT, TOLD, WIPE_FILES, WIPE_TOKEN
from strongroom.vault.ceremony.run.tokens import SECOND_TOKEN, TOKEN, build_wrapping_step

NEW_KEY = build_wrapping_step(
    "Every share is in its bag now, so the key goes into the token. From this step on it can be rebuilt only from "
    "shares. The program overwrites its copy and compares the token's check value.",
    is_new=True,
    needs_shares=False,
)
ROTATED_KEY = build_wrapping_step(
    "Every new share is in its bag now. The old shares are shown to rebuild the old key, then the new key goes into "
    "the token and the old one out of it. The program overwrites its copies and compares the check value.",
    is_new=True,
    needs_shares=True,
)
RESTORED_KEY = build_wrapping_step(
    "The key is rebuilt from the shares that were typed and goes into the second token; its check value must be the "
    "one of the last transcript. The program overwrites its copy.",
    is_new=False,
    needs_shares=True,
)
_BEGIN = (ROOM, PEOPLE, TOOL)
_ROTATION = (*_BEGIN, TAKE_IN, ENTROPY, HAND_OUT, ROTATED_KEY, REWRAP, OLD_PAPERS, CLOSE)
_BAGS = "empty bags with seals"
_OFFICER_TOKENS = "everybody's own token for the signatures"
_PRINTED = "the printed digest of the program and fingerprint of the root"
_LAST = "the last transcript of this wrapping key"


def _book(kind: CeremonyKind, purpose: str, bring: tuple[str, ...], steps: tuple[Step, ...]) -> RunBook:
    return RunBook(kind=kind, purpose=purpose, bring=(_PRINTED, _OFFICER_TOKENS, _BAGS, *bring), steps=steps)


RUN_BOOKS: Mapping[CeremonyKind, RunBook] = MappingProxyType(
    {
        book.kind: book
        for book in (
            _book(
                CeremonyKind.GENERATE,
                "A new token, a new wrapping key in shares, and new asset keys.",
                ("one blank token", "a die", "a pen and a form of 33 words for each custodian"),
                (*_BEGIN, TOKEN, ENTROPY, HAND_OUT, NEW_KEY, ASSET_KEYS, CLOSE),
            ),
            _book(
                CeremonyKind.BACK_UP,
                "Blobs are copied to media for other sites, and the seals of the shares are looked at.",
                (_LAST, "the custodians' sealed bags, closed", "a medium for each site"),
                (*_BEGIN, SEALS, COPY, CLOSE),
            ),
            _book(
                CeremonyKind.RESTORE,
                "A quorum of custodians restores the wrapping key into a second token, where restored keys sign the "
                "platform's challenge. A drill that fails is closed and signed as failed.",
                (_LAST, "one blank token", "a copy of the blobs", "the platform's challenge"),
                (*_BEGIN, SECOND_TOKEN, CHALLENGE, TAKE_IN, RESTORED_KEY, DRILL, CLOSE),
            ),
            _book(
                CeremonyKind.ROTATE,
                "A new wrapping key with the same custodians; every blob is wrapped anew inside the token.",
                (_LAST, "the token", "its blobs", "a die", "forms of 33 words"),
                _ROTATION,
            ),
            _book(
                CeremonyKind.ADD_CUSTODIAN,
                "One custodian more. A rotation, since new shares of the same key would leave the old quorum alive.",
                (_LAST, "the token", "its blobs", "a die", "forms of 33 words"),
                _ROTATION,
            ),
            _book(
                CeremonyKind.REMOVE_CUSTODIAN,
                "A custodian leaves. A rotation, since a share that somebody knows cannot be taken back.",
                (_LAST, "the token", "its blobs", "a die", "forms of 33 words"),
                _ROTATION,
            ),
            _book(
                CeremonyKind.SUSPEND,
                "A token and its keys are taken out of use for a time.",
                (_LAST, "the token"),
                (*_BEGIN, REASON, TAKE_OUT, CLOSE),
            ),
            _book(
                CeremonyKind.COMPROMISE,
                "Somebody else may have a key, a share or a PIN (10.9): the token stops, assets move, people are told.",
                (_LAST, "the token", "the incident runbook"),
                (*_BEGIN, REASON, TAKE_OUT, SWEEP, TOLD, CLOSE),
            ),
            _book(
                CeremonyKind.DESTROY,
                "The wrapping key, its shares and its blobs are made unusable for good.",
                (
                    _LAST,
                    "the token",
                    "every medium with blobs",
                    "a quorum of custodians with their papers",
                    "a shredder",
                ),
                (*_BEGIN, REASON, WIPE_TOKEN, WIPE_FILES, PAPERS, COPIES, CLOSE),
            ),
        )
    }
)
