"""Steps of suspend, compromise and destroy: why, what is taken out of use, and what is made unusable for good."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.ceremonies import CeremonyKind, CeremonyRole
from strongroom.core.ids import PartyId
from strongroom.vault.ceremony.run.batches import batch_folder, blob_files, remove_blobs, render_key_list
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.step import Answers, Ask, Confirm, Facts, Question, Step, facts
from strongroom.vault.ceremony.run.tokens import OFFICER_PIN, check_same_token
from strongroom.vault.hsm.wrapped_keys import destroy_wrapping_keys

OFFICER, WITNESS = CeremonyRole.KEY_OFFICER, CeremonyRole.KEY_WITNESS


def _typed(_desk: Desk, answers: Answers) -> Facts:
    return facts(**{name.replace(" ", "_"): text for name, text in answers.shown.items()})


def _asks(*asked: tuple[str, str]) -> Sequence[Question]:
    return tuple(Ask(name=name, words=words, check=check_said) for name, words in asked)


def _reason_questions(desk: Desk) -> Sequence[Question]:
    match desk.options.kind:
        case CeremonyKind.COMPROMISE:
            return _asks(
                ("suspected", "What is known or suspected, in one sentence"),
                ("noticed", "When it was noticed, and by whom"),
                ("evidence", "Evidence and where it is kept"),
            )
        case CeremonyKind.DESTROY:
            return _asks(
                ("reason", "Why the keys are destroyed"),
                ("empty", "Reconciliation that shows their addresses empty (its id), or why that does not matter"),
            )
        case _:
            return _asks(("reason", "Why the keys are suspended"), ("until", "Until when, or until what is known"))


def _state_reason(desk: Desk, answers: Answers) -> Facts:
    lists = [render_key_list(each) for each in desk.previous().body.key_lists]
    return (*_typed(desk, answers), *lists)


REASON = Step(
    name="reason",
    title="Why, and which keys",
    who=OFFICER,
    words=(
        "All keys under this wrapping key are meant: they were in the same token and behind the same shares. "
        "The keys stop at once by the officer's key-state statement, which needs no ceremony; if it is not out yet, "
        "one of you sends it now."
    ),
    records=("reason or what is suspected", "keys of each wallet"),
    questions=_reason_questions,
    do=_state_reason,
)


def _take_out(desk: Desk, answers: Answers) -> Facts:
    identity = check_same_token(desk)
    read = facts(label=identity.label, serial=identity.serial, check_value=identity.check_value)
    return (*read, *_typed(desk, answers))


TAKE_OUT = Step(
    name="take-out",
    title="The token leaves its terminal",
    who=WITNESS,
    words=(
        "The token is taken out of its terminal, plugged in here so that its serial number is read, and goes into a "
        "bag with a seal. While it is in the bag nothing is signed with it."
    ),
    records=("label", "serial", "check value", "bag", "terminal"),
    questions=lambda _desk: _asks(
        ("bag", "Serial number of the token's bag"), ("terminal", "Terminal from which it was taken")
    ),
    do=_take_out,
)

SWEEP = Step(
    name="sweep",
    title="The assets move",
    who=OFFICER,
    words=(
        "Value under a key that somebody else may have is safe only elsewhere. The emergency quorum instructs a sweep "
        "to addresses that were attested beforehand, under a wrapping key with other custodians. The token comes out "
        "of its bag only for that, before this witness."
    ),
    records=("to", "instructed", "value"),
    questions=lambda _desk: _asks(
        ("to", "Wallet and batch of the fresh addresses"),
        ("instructed", "Ids of the emergency instructions, or who gives them and by when"),
        ("value", "Value at risk, by asset, as the last reconciliation has it"),
    ),
    do=_typed,
)

TOLD = Step(
    name="told",
    title="Who was told",
    who=OFFICER,
    words="A compromise is an incident: the people below are told now, and the times are written down (10.9).",
    records=("soc", "officers", "regulator", "clients"),
    questions=lambda _desk: _asks(
        ("soc", "SOC: whom and when"),
        ("officers", "Managers-in-charge and responsible officers: whom and when"),
        ("regulator", "The SFC: by whom and when"),
        ("clients", "Clients: decision, and by whom"),
    ),
    do=_typed,
)


def _wipe_token(desk: Desk, answers: Answers) -> Facts:
    check_same_token(desk)
    destroy_wrapping_keys(desk.module, desk.options.token, answers.secret["officer"])
    return _wiped_facts(desk)


def _find_wiped(desk: Desk) -> Facts | None:
    return _wiped_facts(desk) if check_same_token(desk).check_value == "none" else None


def _wiped_facts(desk: Desk) -> Facts:
    identity = check_same_token(desk)
    return facts(serial=identity.serial, destroyed=str(desk.previous().body.check_value), now=identity.check_value)


WIPE_TOKEN = Step(
    name="wipe-token",
    title="The wrapping key in the token is destroyed",
    who=OFFICER,
    words="From here on this token opens no blob. There is no way back but a quorum of shares, which go next.",
    records=("serial", "destroyed", "now"),
    questions=lambda _desk: (OFFICER_PIN,),
    confirm=Confirm.BEFORE,
    do=_wipe_token,
    find_done=_find_wiped,
)


def _wipe_files(desk: Desk, _answers: Answers) -> Facts:
    for wanted in desk.previous().body.key_lists:
        remove_blobs(batch_folder(desk.options.keys, wanted.wallet))
    return _files_facts(desk)


def _find_files_gone(desk: Desk) -> Facts | None:
    lists = desk.previous().body.key_lists
    left = sum(len(blob_files(batch_folder(desk.options.keys, each.wallet))) for each in lists)
    return None if left else _files_facts(desk)


def _files_facts(desk: Desk) -> Facts:
    gone = [render_key_list(each) for each in desk.previous().body.key_lists]
    return (*facts(removed_from=str(desk.options.keys)), *gone)


WIPE_FILES = Step(
    name="wipe-files",
    title="The blobs on this medium are removed",
    who=WITNESS,
    words=(
        "The key files are removed; the list of public keys stays as evidence. A file that is removed can be found "
        "again by a laboratory: what makes a blob worthless is that no wrapping key is left, so the medium is "
        "destroyed with the others."
    ),
    records=("removed from", "keys of each wallet"),
    confirm=Confirm.BEFORE,
    do=_wipe_files,
    find_done=_find_files_gone,
)


def _present(desk: Desk) -> list[PartyId]:
    held = {share.custodian for shares in desk.previous().body.shares for share in shares.shares}
    return [person for person, _ in desk.custodians() if person in held]


def _next_paper(desk: Desk) -> PartyId:
    return _present(desk)[len(desk.entries("papers"))]


def _shred(desk: Desk, answers: Answers) -> Facts:
    return facts(custodian=_next_paper(desk), bag=answers.shown["bag"], state="shredded before the witness")


PAPERS = Step(
    name="papers",
    title="A custodian's paper is destroyed",
    who=CeremonyRole.CUSTODIAN,
    words="The custodian opens the bag and shreds the paper before the witness; nobody reads the words.",
    records=("custodian", "bag", "state"),
    questions=lambda desk: _asks(("bag", f"{_next_paper(desk)}: serial number of the bag")),
    do=_shred,
    repeat=lambda desk: len(_present(desk)),
    actor=_next_paper,
)

COPIES = Step(
    name="copies",
    title="Copies and papers elsewhere",
    who=WITNESS,
    words="Every other medium with these blobs and every other paper: where it is, who destroys it, and by when.",
    records=("media", "papers"),
    questions=lambda _desk: _asks(
        ("media", "Media destroyed here, and those still out"), ("papers", "Papers still out: who, where, by when")
    ),
    do=_typed,
)
