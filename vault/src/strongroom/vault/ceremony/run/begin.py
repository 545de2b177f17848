"""The first steps of every ceremony: the room, the people, the program."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.ceremonies import CeremonyKind, CeremonyRole, Fact
from strongroom.core.checks.ceremony import NEW_KEY
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import PartyId
from strongroom.core.roster import Party, check_distinct_keys, check_party
from strongroom.core.statements import Environment
from strongroom.vault.ceremony.run.batches import batch_folder, blob_files, measure_batch
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.step import Answers, Ask, Facts, Question, Step, facts
from strongroom.vault.ceremony.share_set import check_placement, parse_custodian
from strongroom.vault.hsm.key_file import POOL_NAME
from strongroom.vault.hsm.module import serial_of, token_errors
from strongroom.vault.terminal.outside import LOOPBACK, interface_names

OFFICER, WITNESS = CeremonyRole.KEY_OFFICER, CeremonyRole.KEY_WITNESS
MIN_TEXT = 2


def check_said(text: str) -> None:
    """Refuse an answer that says nothing. Raises FIELD_INVALID."""
    if not MIN_TEXT <= len(text) <= 200 or not text.isprintable():
        raise malformed(Code.FIELD_INVALID, "answer", f"{MIN_TEXT} to 200 printable characters", f"{len(text)}")


def _room_questions(_desk: Desk) -> Sequence[Question]:
    return (
        Ask(name="place", words="Room and address", check=check_said),
        Ask(name="clock", words="Is the time above right? yes, or the right time in words", check=check_said),
        Ask(name="machine", words="Serial number of this machine, and of the seal it was in", check=check_said),
        Ask(name="medium", words="Serial number of the start medium, and of its sealed bag", check=check_said),
    )


def _enter_room(desk: Desk, answers: Answers) -> Facts:
    present = [name for name in interface_names() if name != LOOPBACK]
    if present and desk.options.context.environment is Environment.PRODUCTION:
        # A machine with a network is no ceremony room, whatever the people in it say (II.2, III.6).
        raise refused(Code.NETWORK_PRESENT, "network interfaces", f"none but {LOOPBACK}", ", ".join(present))
    network = f"PRESENT: {', '.join(present)}; development only" if present else "none but the loopback"
    return facts(**answers.shown, network=network)


ROOM = Step(
    name="room",
    title="The room",
    who=OFFICER,
    words=(
        "Close the room. Phones, watches and cameras that are not the witness's stay outside. The machine comes from "
        "its sealed bag and starts from the medium of its sealed bag; both seals are read aloud and compared with the "
        "last transcript. No cable and no radio: the program looks, and so do you."
    ),
    records=("place", "clock", "machine", "medium", "network"),
    questions=_room_questions,
    do=_enter_room,
)


def _people_questions(desk: Desk) -> Sequence[Question]:
    kind = desk.options.kind
    asked: list[Question] = [
        Ask(name=OFFICER.value, words="Who leads (person:name, role key-officer)", check=_person(desk, OFFICER)),
        Ask(name=WITNESS.value, words="Who witnesses (person:name, role key-witness)", check=_person(desk, WITNESS)),
    ]
    if kind not in (CeremonyKind.SUSPEND, CeremonyKind.COMPROMISE):
        asked.append(Ask(name="custodians", words=_CUSTODIANS[kind in NEW_KEY], check=check_said))
    if kind in NEW_KEY:
        asked.append(Ask(name="threshold", words="How many shares rebuild the key", check=_check_number))
    return asked


_CUSTODIANS = {
    True: "Custodians: person:name at Site; one who takes no share away: person:name",
    False: "Custodians in the room: person:name; person:name",
}


def _person(desk: Desk, role: CeremonyRole) -> _Checker:
    return _Checker(desk, role)


class _Checker:
    """Checks that the roster has somebody in a role at this moment."""

    def __init__(self, desk: Desk, role: CeremonyRole) -> None:
        self._desk, self._role = desk, role

    def __call__(self, text: str) -> None:
        check_party(self._desk.options.roster, PartyId(text), self._role.value, self._desk.clock(), "roster")


def _check_number(text: str) -> None:
    if not text.isascii() or not text.isdigit() or not 2 <= int(text) <= 16:
        raise malformed(Code.FIELD_INVALID, "threshold", "2 to 16", text[:20])


def _meet(desk: Desk, answers: Answers) -> Facts:
    rows = [row.strip() for row in answers.shown.get("custodians", "").split(";") if row.strip()]
    people = [PartyId(answers.shown[OFFICER.value]), PartyId(answers.shown[WITNESS.value])]
    for row in rows:
        person, at, site = (part.strip() for part in row.partition(" at "))
        _Checker(desk, CeremonyRole.CUSTODIAN)(person)
        people.append(parse_custodian(person, site, person).person if at else PartyId(person))
    _check_apart([desk.party(person) for person in people])
    _check_set(desk, rows, answers.shown.get("threshold", ""))
    found = [Fact(name=role.value, value=answers.shown[role.value]) for role in (OFFICER, WITNESS)]
    found += [Fact(name=f"custodian {number}", value=row) for number, row in enumerate(rows, start=1)]
    return (*found, *(Fact(name=name, value=answers.shown[name]) for name in ("threshold",) if name in answers.shown))


def _check_apart(parties: Sequence[Party]) -> None:
    check_distinct_keys([party.key for party in parties], "people")
    if len({party.staff for party in parties}) != len(parties):
        raise refused(Code.CEREMONY_PEOPLE, "people", "each human once", "one human in two roles")


def _check_set(desk: Desk, rows: Sequence[str], threshold: str) -> None:
    """The custodians suit the ceremony: enough who bring a share, and a set that keeps people and sites apart."""
    kind = desk.options.kind
    taking = [row.partition(" at ")[::2] for row in rows if " at " in row]
    if kind in NEW_KEY:
        check_placement(int(threshold), [parse_custodian(person.strip(), site, person) for person, site in taking])
    if kind is CeremonyKind.GENERATE and len(taking) != len(rows):
        raise refused(Code.CEREMONY_PEOPLE, "custodians", "a site for every custodian", "one without")
    if kind is CeremonyKind.GENERATE or kind in (CeremonyKind.SUSPEND, CeremonyKind.COMPROMISE):
        return
    held = {share.custodian for share in desk.old_shares().shares}
    present = {row.partition(" at ")[0].strip() for row in rows}
    needed = 1 if kind is CeremonyKind.BACK_UP else desk.old_shares().threshold
    if len(held & present) < needed:
        raise refused(Code.CEREMONY_PEOPLE, "custodians", f"{needed} who hold a share", str(len(held & present)))
    _check_change(kind, held, {person.strip() for person, _ in taking})


def _check_change(kind: CeremonyKind, held: set[PartyId], taking: set[str]) -> None:
    """An addition adds, a removal removes, a rotation keeps who is there: the kind says what the log is told."""
    wrong = {
        CeremonyKind.ADD_CUSTODIAN: not held < taking,
        CeremonyKind.REMOVE_CUSTODIAN: not held - taking,
        CeremonyKind.ROTATE: held != taking,
    }
    if wrong.get(kind, False):
        expected = {
            CeremonyKind.ADD_CUSTODIAN: "all custodians of before and at least one more",
            CeremonyKind.REMOVE_CUSTODIAN: "without at least one custodian of before",
        }.get(kind, "the custodians of before")
        raise refused(Code.CEREMONY_PEOPLE, "custodians", expected, ", ".join(sorted(taking)))


PEOPLE = Step(
    name="people",
    title="Who is here",
    who=OFFICER,
    words=(
        "Everybody shows a staff card to the witness. The officer leads and holds no share. One person has one role. "
        "Names are those of the roster; each key is proved at the end, when everybody signs."
    ),
    records=(OFFICER.value, WITNESS.value, "custodian 1, 2, ...", "threshold"),
    questions=_people_questions,
    do=_meet,
)


def _measure(desk: Desk, _answers: Answers) -> Facts:
    if desk.options.kind in NEW_KEY - {CeremonyKind.GENERATE}:
        _check_pools(desk)
    with token_errors("tokens"):
        serials = sorted(serial_of(token) for token in desk.module.library.get_tokens())
    return facts(
        version=desk.tool.version,
        digest=desk.tool.digest,
        memory=desk.tool.memory.render(),
        root=desk.options.fingerprint,
        roster=f"version {desk.options.roster.version}",
        tokens=", ".join(serial or "blank" for serial in serials) or "none",
    )


def _check_pools(desk: Desk) -> None:
    """Before a key is replaced: all its blobs are here, in pools, as the last transcript has them. Or CEREMONY_RESULT.

    A blob that is missed now would stay under a key that is about to go.
    """
    for wanted in desk.previous().body.key_lists:
        folder = batch_folder(desk.options.keys, wanted.wallet)
        if measure_batch(desk.options.keys, wanted.wallet) != wanted:
            raise refused(Code.CEREMONY_RESULT, f"keys {wanted.wallet}", wanted.blobs, "other files")
        if [path.name for path in blob_files(folder)] != [POOL_NAME]:
            raise refused(Code.CEREMONY_RESULT, str(folder), f"one {POOL_NAME}", "single key files")


TOOL = Step(
    name="tool",
    title="The program and what it trusts",
    who=WITNESS,
    words=(
        "The witness compares the digest of the program with the one that was printed when the start medium was made, "
        "and the root's fingerprint with the one in the binder, digit by digit."
    ),
    records=("version", "digest", "memory", "root", "roster", "tokens"),
    do=_measure,
)
