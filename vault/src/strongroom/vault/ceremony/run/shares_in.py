"""Steps in which custodians bring what they keep: seals are read, shares are typed, old papers are destroyed."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.ceremonies import CeremonyRole, KeyShare
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.sets import share_set
from strongroom.vault.ceremony.run.shares_out import check_alone, read_words
from strongroom.vault.ceremony.run.step import Answers, Ask, Facts, Question, Step, facts
from strongroom.vault.ceremony.shares import BroughtShare, check_share


def _next_bringer(desk: Desk) -> PartyId:
    return desk.bringers()[len(desk.entries("take-in"))]


def _share_of(desk: Desk, person: PartyId) -> KeyShare:
    return next(share for share in desk.old_shares().shares if share.custodian == person)


def _take_in_questions(desk: Desk) -> Sequence[Question]:
    who = _next_bringer(desk)
    return (
        Ask(name="seal", words=f"{who}: serial number on the bag, still closed", check=check_said),
        Ask(name="alone", words=f"Type alone when only {who} can see the screen", check=check_alone),
    )


def _take_in(desk: Desk, answers: Answers) -> Facts:
    person = _next_bringer(desk)
    share = _share_of(desk, person)
    take_share(desk, person)
    found = answers.shown["seal"]
    return facts(
        custodian=f"{person} from {share.site}",
        share=str(share.number),
        seal=found if found == share.seal else f"{found}, NOT THE RECORDED {share.seal}",
        words="fit the commitment of the last transcript",
    )


def take_share(desk: Desk, person: PartyId) -> None:
    """Read one custodian's words, look whether they are that share, and keep them in memory. Raises SHARE_*."""
    desk.screen.clear()
    words = read_words(desk, f"{person}, your share")
    desk.screen.clear()
    check_share(BroughtShare(person=person, words=words), share_set(desk.old_shares()))
    desk.memory.shares[person] = words


TAKE_IN = Step(
    name="take-in",
    title="A custodian types a share",
    who=CeremonyRole.CUSTODIAN,
    words=(
        "One custodian after the other comes to the screen alone, shows the closed bag, opens it and types the words. "
        "The screen is cleared after each. A share that is wrong, of another set or of somebody else is named at once."
    ),
    records=("custodian", "share", "seal", "words"),
    questions=_take_in_questions,
    do=_take_in,
    repeat=lambda desk: len(desk.bringers()),
    actor=_next_bringer,
)


def _present_holders(desk: Desk) -> list[PartyId]:
    held = {share.custodian for share in desk.old_shares().shares}
    return [person for person, _ in desk.custodians() if person in held]


def _next_seal(desk: Desk) -> PartyId:
    return _present_holders(desk)[len(desk.entries("seals"))]


def _read_seal(desk: Desk, answers: Answers) -> Facts:
    person = _next_seal(desk)
    share = _share_of(desk, person)
    if answers.shown["seal"] != share.seal:
        # A bag that was opened is a share that was seen; the ceremony for that is `compromise`, not a backup.
        raise refused(Code.CEREMONY_RESULT, f"seal of {person}", share.seal, answers.shown["seal"])
    return facts(custodian=f"{person} from {share.site}", share=str(share.number), seal=share.seal, state="closed")


SEALS = Step(
    name="seals",
    title="A custodian shows the sealed share",
    who=CeremonyRole.CUSTODIAN,
    words=(
        "The bag stays closed. The witness looks at the seal and its number is typed; it must be the one of the last "
        "transcript. The words stay in the bag: a backup needs no share."
    ),
    records=("custodian", "share", "seal", "state"),
    questions=lambda desk: (Ask(name="seal", words=f"{_next_seal(desk)}: serial number on the bag", check=check_said),),
    do=_read_seal,
    repeat=lambda desk: len(_present_holders(desk)),
    actor=_next_seal,
)
