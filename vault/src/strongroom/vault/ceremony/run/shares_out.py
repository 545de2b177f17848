"""Steps of a new wrapping key: drawn from several sources, split, and each share handed to its custodian alone."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.ceremonies import CeremonyRole, Fact
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, malformed
from strongroom.vault.ceremony.entropy import MIN_TYPED, check_typed_entropy, open_mixer
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.key_proof import build_key_proof
from strongroom.vault.ceremony.run.screen import render_words
from strongroom.vault.ceremony.run.step import Answers, Ask, AskSecret, Facts, Question, Step, facts
from strongroom.vault.ceremony.run.tokens import check_same_token, compute_check_value
from strongroom.vault.ceremony.share_set import Custodian, normalise_words
from strongroom.vault.ceremony.share_words import SHARE_WORDS
from strongroom.vault.ceremony.shares import SplitKey, split_wrapping_key
from strongroom.vault.entropy.attest import check_entropy_code, measure_entropy_code
from strongroom.vault.entropy.report import render_report
from strongroom.vault.hsm.secret import Secret


def _draw(desk: Desk, answers: Answers) -> Facts:
    """Draw and split at once: no step ever waits with a key that nobody could rebuild."""
    typed = answers.secret["dice"]
    check_typed_entropy(typed)
    measured, expected = measure_entropy_code(), desk.options.entropy_release
    check_entropy_code(measured, expected)
    check_same_token(desk)
    mixer = open_mixer(desk.module, desk.options.token, typed)
    holders = [Custodian(person=person, site=site) for person, site in desk.new_holders()]
    desk.memory.wipe_key()
    key = mixer.draw_key()
    desk.memory.key = key
    # The polynomial is as precious as the key: one bad generator there would give the key to a single share.
    desk.memory.split = split_wrapping_key(key, int(desk.fact("people", "threshold")), holders, mixer.draw)
    report = [Fact(name="entropy", value=line) for line in render_report(mixer.report(measured, expected))]
    made = facts(
        set=str(desk.memory.split.public.identifier),
        check_value=compute_check_value(bytes(key)).hex(),
        key_proof=build_key_proof(bytes(key)),
    )
    return (*report, *made)


ENTROPY = Step(
    name="entropy",
    title="The wrapping key is drawn",
    who=CeremonyRole.KEY_WITNESS,
    words=(
        "The key is mixed from this machine's generator, the token's generator, and dice that the witness throws now. "
        f"Throw a die at least {MIN_TYPED} times and type the numbers; nobody writes them down. The key exists from "
        "here on in this machine's memory only. If the machine stops before the token has it, it is gone: papers that "
        "were written by then are void and are destroyed."
    ),
    records=("entropy report", "set", "check value", "key proof"),
    questions=lambda _desk: (AskSecret(name="dice", words=f"Dice, at least {MIN_TYPED} throws"),),
    do=_draw,
)


def _split(desk: Desk) -> SplitKey:
    if desk.memory.split is None:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="memory", expected="a split key", got="none"))
    return desk.memory.split


def next_holder(desk: Desk) -> str:
    """The custodian whose turn it is."""
    return desk.new_holders()[len(desk.entries("hand-out"))][0]


def _hand_out_questions(desk: Desk) -> Sequence[Question]:
    who = next_holder(desk)
    return (
        Ask(name="seal", words=f"{who}: serial number of the bag that the paper goes into", check=check_said),
        Ask(name="alone", words=f"Type alone when only {who} can see the screen", check=check_alone),
    )


def check_alone(text: str) -> None:
    """Refuse every answer but the word alone. Raises FIELD_INVALID."""
    if text != "alone":
        raise malformed(Code.FIELD_INVALID, "answer", "the word alone", "another answer")


def _hand_out(desk: Desk, answers: Answers) -> Facts:
    number = len(desk.entries("hand-out"))
    held, words = _split(desk).public.shares[number], _split(desk).words[number]
    _show_until_copied(desk, words)
    return facts(
        share=str(held.number),
        custodian=f"{held.custodian.person} at {held.custodian.site}",
        commitment=held.digest,
        salt=held.salt.hex(),
        seal=answers.shown["seal"],
        read_back="typed back from paper, all words right",
    )


def _show_until_copied(desk: Desk, words: Secret) -> None:
    """Show the words, clear them, and have them typed back from the paper; places that differ are shown again."""
    screen = desk.screen
    while True:
        screen.clear()
        screen.say("Copy these words to your paper, with their numbers. Nobody else may see them.")
        screen.show(["", *render_words(words.reveal()), ""])
        screen.ask("Press Enter when they are on paper; the screen is cleared")
        screen.clear()
        typed = read_words(desk, "Now from your paper")
        screen.clear()
        wrong = _find_wrong(normalise_words(words).split(), normalise_words(typed).split())
        if not wrong:
            return
        screen.say(f"The paper differs at word {', '.join(wrong)}. Look at the words again and mend the paper.")
        screen.ask("Press Enter to see them")


def read_words(desk: Desk, purpose: str) -> Secret:
    """Read the words of a share, in one line or in several, until there are enough."""
    desk.screen.say(f"{purpose}: type the {SHARE_WORDS} words, in one line or in several.")
    found: list[str] = []
    while len(found) < SHARE_WORDS:
        found += desk.screen.ask(f"Words from {len(found) + 1}").split()
    return Secret(" ".join(found))


def _find_wrong(wanted: Sequence[str], typed: Sequence[str]) -> list[str]:
    if len(typed) != len(wanted):
        return [f"{min(len(typed), len(wanted)) + 1} and after"]
    return [str(place) for place, pair in enumerate(zip(wanted, typed, strict=True), start=1) if pair[0] != pair[1]]


HAND_OUT = Step(
    name="hand-out",
    title="A share for one custodian",
    who=CeremonyRole.CUSTODIAN,
    words=(
        "One custodian after the other comes to the screen alone. The words are shown once, copied by hand, cleared, "
        "and typed back. The paper goes into its bag, and the bag is sealed, before the next one comes. "
        "It is kept at the custodian's site; two shares never meet before a restore."
    ),
    records=("share", "custodian", "commitment", "salt", "seal", "read back"),
    questions=_hand_out_questions,
    do=_hand_out,
    repeat=lambda desk: len(desk.new_holders()),
    needs_new_key=True,
    actor=next_holder,
)
