"""The last step of every ceremony: what was opened is sealed again, and what was in memory is said."""

from __future__ import annotations

from strongroom.core.ceremonies import CeremonyRole
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.step import Answers, Ask, Facts, Step, facts

_SECRET_STEPS = {
    "entropy": "the new wrapping key and all its shares",
    "take-in": "the old wrapping key's shares, and the key itself while the token took it or keys were re-wrapped",
}


def _close(desk: Desk, answers: Answers) -> Facts:
    desk.memory.wipe()
    seen = [what for name, what in _SECRET_STEPS.items() if desk.entries(name)]
    return facts(**answers.shown, memory="; ".join(seen) or "no key and no share was in this machine's memory")


CLOSE = Step(
    name="close",
    title="Sealing up",
    who=CeremonyRole.KEY_OFFICER,
    words=(
        "Tokens and media go into bags, the bags are sealed, and their numbers are typed as the witness reads them. "
        "The machine is switched off after the signatures and goes into its bag: what was in its memory is gone then."
    ),
    records=("tokens", "media", "machine", "memory"),
    questions=lambda _desk: (
        Ask(name="tokens", words="Serial numbers of the tokens' bags", check=check_said),
        Ask(name="media", words="Serial numbers of the media's bags", check=check_said),
        Ask(name="machine", words="Serial number of the bag for this machine", check=check_said),
    ),
    do=_close,
)
