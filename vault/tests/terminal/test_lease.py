"""One active terminal: the machine is compared with its lease, and a clear is taken only for exactly this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pkcs11 import Attribute, ObjectClass

from strongroom.core.bodies import JournalPlace, SignatureRecord
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.notices import build_latches
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest
from strongroom.core.leases import Lease
from strongroom.core.records import parse_record
from strongroom.core.statements import expect, parse_statement
from strongroom.vault.hsm.module import find_token, open_storing_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.terminal.config import save_config
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.status import build_status

from .conftest import USER_PIN

Edit = Callable[[Any], Any]
OTHER = Digest("sha256:" + "11" * 32)


def refusals_of_run(stand: Any, turn: Any) -> tuple[set[Code], int]:
    """The codes with which a session is refused before it opens, and how many secrets were asked for until then."""
    asked = stand.screen.getvalue().count("PIN of")
    with pytest.raises(StrongroomError) as caught:
        stand.run(turn, "sign")
    return set(caught.value.codes), stand.screen.getvalue().count("PIN of") - asked


def take_news(firm: Any, stand: Any) -> None:
    """Import an update that brings notices and nothing else."""
    body = firm.world.update_body(stand.last_seen(), whole=False)
    stand.take(stand.update(replace(body, registers=())))


def test_without_a_lease_nothing_opens(firm: Any) -> None:
    """And no PIN is asked for. The same machine signs once it is leased."""
    stand = firm.stand()
    firm.world.notices.clear()
    stand.enroll(firm.world.fingerprint, firm.world.fingerprint)
    stand.take(stand.update(firm.world.update_body()))
    assert ({Code.LEASE_MISSING}, 0) == refusals_of_run(stand, None)
    stand.lease()
    take_news(firm, stand)
    stand.keep_codes()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_another_token_is_refused_before_its_pin(firm: Any, stand: Any) -> None:
    """The disk is carried to a machine with another token: here the second terminal's."""
    honest = stand.config
    save_config(stand.home, replace(honest, token="terminal-2"))
    assert ({Code.LEASE_OTHER_TOKEN}, 0) == refusals_of_run(stand, None)
    save_config(stand.home, honest)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_another_journal_is_refused(firm: Any, stand: Any) -> None:
    """The token is carried to a machine that was enrolled anew: it has forgotten what was signed."""
    second = replace(stand, folder=firm.folder / "second")
    second.enroll(firm.world.fingerprint, firm.world.fingerprint)
    second.take(second.update(firm.world.update_body()))
    assert ({Code.LEASE_OTHER_JOURNAL}, 0) == refusals_of_run(second, None)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_machine_that_was_replaced_signs_no_more(firm: Any, stand: Any) -> None:
    """The new lease comes with an update, or with the very package that it was to sign."""
    body = firm.world.build_lease(stand.name, journal=sha256(b"the new machine's journal"))
    turn = firm.turn(trips=[firm.trip()], before=lambda: firm.world.lease(body))
    assert Code.LEASE_REPLACED in stand.refusals(turn, "sign")
    assert ({Code.LEASE_OTHER_TOKEN}, 0) == refusals_of_run(stand, None)
    stand.lease()
    take_news(firm, stand)
    # Leased once more it is the one machine again; what the other one has counted meanwhile it does not know.
    firm.world.tick(86400)
    firm.world.change_prices(lambda prices: prices)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")


CLEARS: tuple[tuple[str, Edit, Code], ...] = (
    ("another head", lambda c: replace(c, journal=replace(c.journal, head=OTHER)), Code.CLEAR_NOT_FOR_SESSION),
    (
        "a lower number",
        lambda c: replace(c, journal=replace(c.journal, number=c.journal.number - 1)),
        Code.CLEAR_NOT_FOR_SESSION,
    ),
    ("another lease", lambda c: replace(c, lease=OTHER), Code.LEASE_REPLACED),
    ("other latches", lambda c: replace(c, latches=build_latches([OTHER], ())), Code.LATCHES_UNEQUAL),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in CLEARS], ids=[r[0].replace(" ", "_") for r in CLEARS])
def test_a_clear_is_for_exactly_this_machine(firm: Any, stand: Any, edit: Edit, code: Code) -> None:
    trip = firm.trip()
    assert {code} == stand.refusals(firm.turn(trips=[trip], clear=edit), "sign")
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_a_key_state_that_is_kept_back_costs_the_clear(firm: Any, stand: Any) -> None:
    """Reconciler and watcher quote it, the platform leaves it out of the package."""
    quoted = build_latches([sha256(b"a freeze that the platform hides")], ())
    turn = firm.turn(trips=[firm.trip()], clear=lambda c: replace(c, latches=quoted))
    assert {Code.LATCHES_UNEQUAL} == stand.refusals(turn, "sign")


def last_place(stand: Any) -> JournalPlace:
    """What the log knows of the terminal's journal after its last result."""
    return expect(parse_statement(stand.result().results[-1].record), SignatureRecord, "record").body.journal


def replace_token(firm: Any, stand: Any, place: JournalPlace) -> None:
    """The token is gone for good: another one, which knows no place, is leased at the place that the log knows.

    Here it is the same token with its memory wiped, so that it holds the same wrapping key.
    """
    token = find_token(stand.tokens.module, stand.config.token)
    with open_storing_session(token, Secret(USER_PIN)) as session:
        for each in session.get_objects({Attribute.CLASS: ObjectClass.DATA}):
            each.destroy()
    known = firm.world.leases_of(stand.name)[-1].body
    firm.world.lease(firm.world.build_lease(stand.name, known.token, known.journal, place))


def signs(firm: Any, stand: Any, number: int) -> set[Code]:
    """One session with one transfer; the codes that it was refused with."""
    codes: set[Code] = stand.refusals(firm.turn(trips=[firm.trip(nonce=6 + number, sequence=number)]), "sign")
    return codes


def put_back(stand: Any, backup: Path) -> None:
    """Another disk is in the machine."""
    shutil.rmtree(stand.home.path)
    shutil.copytree(backup, stand.home.path)


def test_an_older_disk_begins_nothing_with_a_new_token(firm: Any, stand: Any) -> None:
    """A backup is put back and the token is said to be lost; the lease is honest, and the new token has no memory.

    Its journal does not know the second transfer: its nonce, its limits and that it was paid.
    """
    assert set() == signs(firm, stand, 1)
    backup, newest = (shutil.copytree(stand.home.path, firm.folder / "backup"), firm.folder / "newest")
    assert set() == signs(firm, stand, 2)
    shutil.copytree(stand.home.path, newest)
    place = last_place(stand)
    put_back(stand, backup)
    replace_token(firm, stand, place)
    take_news(firm, stand)
    assert ({Code.JOURNAL_BEHIND}, 0) == refusals_of_run(stand, None)
    with stand.open() as terminal:
        while terminal.journal.head().number < place.number:
            terminal.journal.append(EntryKind.STARTED, b"{}")
    # Starting it often enough makes it long, and not the same.
    assert ({Code.JOURNAL_FORKED}, 0) == refusals_of_run(stand, None)
    put_back(stand, newest)
    take_news(firm, stand)
    assert set() == signs(firm, stand, 3)


def test_the_status_names_the_place_that_the_log_knows(firm: Any, stand: Any) -> None:
    """Before the first session the journal's first entry; then the last signature, or a later clear's request."""

    def proposed() -> JournalPlace:
        with stand.open() as terminal:
            status: Any = build_status(terminal)["lease"]
        return parse_record(Lease, status["next"]["body"], "lease").place

    first = firm.world.leases_of(stand.name)[-1].body.journal
    assert JournalPlace(head=first, number=1) == proposed()
    assert set() == signs(firm, stand, 1)
    assert last_place(stand) == proposed()
    refused = firm.turn(trips=[firm.trip(nonce=8, sequence=2)])
    assert {Code.OPERATOR_REFUSED} == stand.refusals(refused, "reject", "not on my paper")
    assert stand.request().journal == proposed()
    assert set() == signs(firm, stand, 3)
    assert last_place(stand) == proposed()


def test_the_status_says_what_the_next_lease_must_say(firm: Any, stand: Any) -> None:
    """The payload is signed as it stands: it names this token and this journal, under the next number."""
    with stand.open() as terminal:
        status = build_status(terminal)["lease"]
    known = firm.world.leases_of(stand.name)[-1]
    assert isinstance(status, dict)
    assert known.id == status["in_force"]
    payload = status["next"]
    assert isinstance(payload, dict)
    body = parse_record(Lease, payload["body"], "lease")
    assert (known.body.number + 1, known.id) == (body.number, body.previous)
    assert (known.body.token, known.body.journal) == (body.token, body.journal)
    assert payload["issuer"] in {h.id for h in parse_statement(firm.world.roots[0]).body.delegations.keys.keys}
    assert b'"type":"lease"' in encode_canonical(payload)


def test_the_status_is_there_without_the_token(stand: Any) -> None:
    save_config(stand.home, replace(stand.config, token="nowhere"))
    with stand.open() as terminal:
        status = build_status(terminal)
    assert isinstance(status["lease"], dict)
    assert "none" == status["lease"]["next"]
    assert "none" != status["lease"]["in_force"]
